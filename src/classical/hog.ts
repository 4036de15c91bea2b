/**
 * @module Histograms of oriented gradients: how much of an image's edges runs in which direction, cell by cell.
 */
import type { Tensor } from "../graph/index.js";
import { constant, fromNumbers } from "../graph/index.js";
import { averagePool, concat, conv, slice } from "../ops/index.js";

const BINS = 9;
/** Cells of a block, along a side; blocks overlap by all but one. */
const BLOCK = 2;
/** Added to a block's norm. */
const EPSILON = 1e-5;

/** Side of a cell for images of a size: about 4 cells along a small image, 8 along a larger one. */
export function cellSide(height: number, width: number): number {
  const side = Math.min(height, width);
  return Math.max(2, Math.round(side / (side < 48 ? 4 : 8)));
}

const kernel = (values: readonly number[], shape: readonly number[], channels: number): Tensor =>
  constant(
    fromNumbers(
      "float32",
      [channels, 1, ...shape],
      Array.from({ length: channels * values.length }, (_, i) => values[i % values.length] as number),
    ),
  );

/**
 * Directions of edges without their sign in 9 bins, each edge's strength shared between the two nearest bins, summed over cells, and blocks of 2×2 cells
 * brought to length 1.
 *
 * Shapes: x [N, C, H, W] → [N, F].
 * Source: Dalal and Triggs, Histograms of oriented gradients for human detection, 2005.
 * Differs from the source: edges of all channels are summed; no interpolation between cells, no Gaussian window, no clipping of blocks.
 */
export function hog(x: Tensor): Tensor {
  const [, channels = 1, height = 1, width = 1] = x.shape as readonly number[];
  const side = cellSide(height, width);
  const rowwise = conv(x, kernel([-1, 0, 1], [1, 3], channels), { groups: channels, padding: [0, 1] });
  const columnwise = conv(x, kernel([-1, 0, 1], [3, 1], channels), { groups: channels, padding: [1, 0] });
  const magnitude = rowwise.square().add(columnwise.square()).sqrt();
  // atan of the quotient is the direction up to its sign; a quotient by 0 is one by very little.
  const isZero = rowwise.abs().less(1e-9);
  const angle = columnwise.div(isZero.where(1e-9, rowwise)).atan();
  const place = angle.mul(BINS / Math.PI).add(BINS / 2);
  const bins = Array.from({ length: BINS }, (_, b) => {
    // The distance around the circle of bins.
    const away = place.sub(b).abs();
    const distance = away.min(away.mul(-1).add(BINS));
    return magnitude.mul(distance.mul(-1).add(1).clip(0, null)).sum(1, true);
  });
  const cells = averagePool(concat(bins, 1), side);
  return blocks(cells, Math.floor(height / side), Math.floor(width / side));
}

/** Blocks of cells [N, 9, h, w] as [N, F]. */
function blocks(cells: Tensor, height: number, width: number): Tensor {
  const [rows, columns] = [Math.max(1, height - BLOCK + 1), Math.max(1, width - BLOCK + 1)];
  const shifted: Tensor[] = [];
  for (let y = 0; y < Math.min(BLOCK, height); y++)
    for (let x = 0; x < Math.min(BLOCK, width); x++) shifted.push(slice(slice(cells, 2, y, y + rows), 3, x, x + columns));
  const together = concat(shifted, 1);
  const norm = together
    .square()
    .sum(1, true)
    .add(EPSILON ** 2)
    .sqrt();
  return together.div(norm).flatten();
}
