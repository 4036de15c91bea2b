/**
 * @module Operating points of a classifier of two classes: thresholds worth choosing, with their precision and recall.
 */
import { precisionRecallCurve } from "../../metrics/index.js";
import type { OperatingPoint } from "../../run/run-folder.js";

const WISHED = 0.9;
const f1Of = (precision: number, recall: number): number =>
  precision + recall === 0 ? 0 : (2 * precision * recall) / (precision + recall);

/**
 * Operating points of a class's scores: the best F1, the most recall with a precision of at least 0.9, the most precision with a recall of
 * at least 0.9; those that there are.
 */
export function operatingPoints(scores: ArrayLike<number>, positive: ArrayLike<boolean>): OperatingPoint[] {
  const { scores: thresholds, precision, recall } = precisionRecallCurve(scores, positive);
  const points = thresholds.map((threshold, i) => {
    const [p, r] = [precision[i] as number, recall[i] as number];
    return { threshold, precision: p, recall: r, f1: f1Of(p, r) };
  });
  const best = (name: string, of: (point: Omit<OperatingPoint, "name">) => number): OperatingPoint[] => {
    const found = points.reduce<(typeof points)[number] | undefined>(
      (top, point) => (of(point) > (top === undefined ? -Infinity : of(top)) ? point : top),
      undefined,
    );
    return found === undefined ? [] : [{ name, ...found }];
  };
  return [
    ...best("best F1", ({ f1 }) => f1),
    ...best(`precision ≥ ${WISHED}`, (point) => (point.precision >= WISHED ? point.recall : -Infinity)),
    ...best(`recall ≥ ${WISHED}`, (point) => (point.recall >= WISHED ? point.precision : -Infinity)),
  ];
}
