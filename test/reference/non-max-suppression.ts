/**
 * @module Reference kernels: choosing among boxes.
 */
import type { Kernel } from "./value.js";
import { at, build } from "./value.js";

type Corners = readonly [number, number, number, number];

/** Any two opposite corners, or middle and size, as least and greatest places. */
function cornersOf([a, b, c, d]: readonly number[], isMiddle: boolean): Corners {
  const [p, q, r, s] = [a, b, c, d] as [number, number, number, number];
  if (isMiddle) return [p - r / 2, q - s / 2, p + r / 2, q + s / 2];
  return [Math.min(p, r), Math.min(q, s), Math.max(p, r), Math.max(q, s)];
}

const area = (b: Corners): number => (b[2] - b[0]) * (b[3] - b[1]);

function overlapOf(a: Corners, b: Corners): number {
  const width = Math.max(0, Math.min(a[2], b[2]) - Math.max(a[0], b[0]));
  const height = Math.max(0, Math.min(a[3], b[3]) - Math.max(a[1], b[1]));
  const union = area(a) + area(b) - width * height;
  return union > 0 ? (width * height) / union : 0;
}

export const detection: Readonly<Record<string, Kernel>> = {
  NonMaxSuppression: (call) => {
    const [boxes, scores] = [call.x(0), call.x(1)];
    const isMiddle = call.number("center_point_box", 0) === 1;
    const [most, limit, least] = ["max_output_boxes_per_class", "iou_threshold", "score_threshold"].map(
      (name) => call.list(name)[0],
    ) as [number, number, number];
    const [images, classes, places] = scores.shape as [number, number, number];
    const rows: number[] = [];
    for (let n = 0; n < images; n++) {
      const corners = Array.from({ length: places }, (_, a) =>
        cornersOf(
          [0, 1, 2, 3].map((i) => at(boxes, [n, a, i])),
          isMiddle,
        ),
      );
      for (let k = 0; k < classes; k++) {
        const score = (a: number): number => at(scores, [n, k, a]);
        const order = [...corners.keys()].filter((a) => score(a) > least).sort((a, b) => score(b) - score(a) || a - b);
        const kept: number[] = [];
        for (const a of order) {
          if (kept.length >= most) break;
          if (kept.every((b) => overlapOf(corners[a] as Corners, corners[b] as Corners) <= limit)) kept.push(a);
        }
        for (const a of kept) rows.push(n, k, a);
      }
    }
    return [build("int64", [rows.length / 3, 3], (i) => rows[i] as number)];
  },
};
