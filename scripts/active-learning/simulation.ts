/**
 * @module A labelling played through with labels that are known: how accurate the head becomes with how many labels, by the strategy that chooses them.
 */
import type { Matrix } from "../../src/classical/matrix.js";
import { selectRows } from "../../src/classical/matrix.js";
import { Random } from "../../src/util/random.js";
import type { Strategy } from "./strategies.js";
import { chooseBatch } from "./strategies.js";
import { fitHead, likeliest, probabilities } from "../../src/label/head.js";

export interface SimulationOptions {
  readonly x: Matrix;
  readonly labels: ArrayLike<number>;
  readonly classes: number;
  /** Rows to choose from, and rows to measure on. */
  readonly pool: readonly number[];
  readonly test: readonly number[];
  readonly strategy: Strategy;
  /** Labels in all, and those that are given before the head is trained again. The first batch is random. */
  readonly budget: number;
  readonly batch: number;
  readonly seed: number;
}

/** Accuracy on the test rows after so many labels. */
export interface CurvePoint {
  readonly labels: number;
  readonly accuracy: number;
}

/** Plays a labelling through. Equal seeds begin with the same labels, whatever the strategy. */
export function simulateLabelling(options: SimulationOptions): CurvePoint[] {
  const { x, labels, classes, pool, test, strategy, budget, batch, seed } = options;
  const first = new Random(seed, "first labels").permutation(pool.length).subarray(0, batch);
  const labelled = Array.from(first, (i) => pool[i] as number);
  const measured = selectRows(x, test);
  const random = new Random(seed, "choice");
  const curve: CurvePoint[] = [];
  for (;;) {
    const head = fitHead(
      x,
      labelled.map((row) => ({ row, classes: [labels[row] as number] })),
      { classes, several: false },
    );
    const known = new Set(labelled);
    const candidates = pool.filter((row) => !known.has(row));
    const equal = 1 / classes;
    const p =
      head === undefined
        ? new Float64Array(candidates.length * classes).fill(equal)
        : probabilities(head, selectRows(x, candidates));
    if (head !== undefined) {
      const answers = probabilities(head, measured);
      let right = 0;
      for (const [i, row] of test.entries())
        if (likeliest(answers.subarray(i * classes, (i + 1) * classes), false).classes[0] === labels[row]) right++;
      curve.push({ labels: labelled.length, accuracy: right / test.length });
    }
    const count = Math.min(batch, budget - labelled.length, candidates.length);
    if (count <= 0) return curve;
    labelled.push(...chooseBatch(strategy, { x, candidates, probabilities: p, classes, labelled, random }, count));
  }
}

/** The least labels with which a curve is at an accuracy for good, between its points linearly; Infinity where it never is. */
export function labelsFor(curve: readonly CurvePoint[], accuracy: number): number {
  const last = curve.findLastIndex((point) => point.accuracy < accuracy);
  if (last === curve.length - 1) return Infinity;
  const after = curve[last + 1] as CurvePoint;
  if (last < 0) return after.labels;
  const before = curve[last] as CurvePoint;
  const share = (accuracy - before.accuracy) / (after.accuracy - before.accuracy);
  return before.labels + share * (after.labels - before.labels);
}
