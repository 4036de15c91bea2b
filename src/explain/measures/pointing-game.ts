/**
 * @module The pointing game: whether an attribution's highest place lies in a box.
 */
import type { TensorData } from "../../graph/index.js";
import { toNumbers } from "../../graph/index.js";
import { argMax } from "../../util/vectors.js";

/** A box in pixels: left and top inclusive, right and bottom exclusive. */
export interface PixelBox {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

/**
 * Tells if the highest value of a map [rows, columns] lies in one of the boxes, within `tolerance` pixels; the first of equal ones counts.
 *
 * Source: Zhang et al., Top-down neural attention by excitation backprop, 2016, section 4.1, arXiv:1608.00507 (15 pixels of tolerance there).
 * Checked against: Quantus 0.6, PointingGame.
 */
export function pointingGame(map: TensorData, boxes: readonly PixelBox[], tolerance = 0): boolean {
  const [, columns = 1] = map.shape.slice(-2);
  const best = argMax(toNumbers(map));
  const [row, column] = [Math.floor(best / columns), best % columns];
  return boxes.some(
    ({ left, top, right, bottom }) =>
      column >= left - tolerance && column < right + tolerance && row >= top - tolerance && row < bottom + tolerance,
  );
}

/** The share of a map's positive values that lies within the boxes: 0…1. Checked against: Quantus 0.6, RelevanceMassAccuracy. The map is [H, W]. */
export function energyInside(map: TensorData, boxes: readonly PixelBox[]): number {
  const [, columns = 1] = map.shape.slice(-2);
  let [inside, total] = [0, 0];
  for (let p = 0; p < map.data.length; p++) {
    const v = Math.max(Number(map.data[p]), 0);
    const [row, column] = [Math.floor(p / columns), p % columns];
    total += v;
    if (boxes.some((b) => column >= b.left && column < b.right && row >= b.top && row < b.bottom)) inside += v;
  }
  return total === 0 ? 0 : inside / total;
}
