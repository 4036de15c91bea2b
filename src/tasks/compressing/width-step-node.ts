/**
 * @module Widths that run efficiently on this machine: measures how the time of a layer grows with its width, and where it steps.
 */
import { speedupInTurns } from "../../compress/timing.js";
import type { Graph, Tensor } from "../../graph/index.js";
import { fromNumbers, input, sizeOf } from "../../graph/index.js";
import { conv } from "../../ops/index.js";
import { compile } from "../../runtime/index.js";

const WIDE = 48;
/** Candidate step sizes, the finest first. */
const STEPS = [4, 8] as const;
const COARSEST = 16;
/** The largest ratio of a channel's time to the best at which a width still counts as efficient. */
const TOLERANCE = 1.12;

interface Probe {
  readonly run: () => Promise<unknown>;
  readonly dispose: () => Promise<void>;
}

/** A layer from `width` to `width` units, of the kind that the graph is made of. */
async function probe(width: number, isConvolution: boolean): Promise<Probe> {
  const shape = isConvolution ? [1, width, 28, 28] : [64, width];
  const weights = isConvolution ? [width, width, 3, 3] : [width, width];
  const x = input("x", shape);
  const w = input("w", weights);
  const y: Tensor = isConvolution ? convolved(x, w) : x.matMul(w);
  const zeros = (dims: readonly number[]) => fromNumbers("float32", dims, new Float64Array(sizeOf(dims)).fill(0.01));
  const executable = await compile({ y }, { device: "cpu", threads: 1 });
  return { run: () => executable.call({ x: zeros(shape), w: zeros(weights) }), dispose: () => executable.dispose() };
}

const convolved = (x: Tensor, w: Tensor): Tensor => conv(x, w, { padding: 1 });

/**
 * The number that widths should be multiples of: the finest one at which a unit for certain (99 %) costs about what it costs at 48, by pairs of turns.
 *
 * Tells the user what was measured.
 */
export async function widthStep(graph: Graph, note: (text: string) => void): Promise<number> {
  const isConvolution = graph.nodes.some(({ op }) => op === "Conv");
  const widths = [...STEPS.map((step) => WIDE - COARSEST + step), WIDE];
  const probes = await Promise.all(widths.map((width) => probe(width, isConvolution)));
  const widest = probes.at(-1) as Probe;
  const shown = new Map<number, number>();
  let step = COARSEST;
  for (const [i, candidate] of STEPS.entries()) {
    const width = widths[i] as number;
    // The work grows with the square of the width, and so should the time.
    const least = (WIDE / width) ** 2 / TOLERANCE;
    const { low, ms } = await speedupInTurns(widest.run, (probes[i] as Probe).run, { budgetMs: 300, least });
    shown.set(WIDE, ms[0]).set(width, ms[1]);
    if (low < least) continue;
    step = candidate;
    break;
  }
  for (const { dispose } of probes) await dispose();
  const measured = [...shown].sort(([a], [b]) => a - b).map(([width, ms]) => `${width}: ${ms.toFixed(3)} ms`).join(", "); // prettier-ignore
  note(
    `widths are multiples of ${step}, by the times of a ${isConvolution ? "convolution" : "product"} of so many units here (${measured}); --multiple-of N says otherwise`,
  );
  return step;
}
