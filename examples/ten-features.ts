/**
 * @module Ten numbers for each bundled handwritten digit of 8×8 pixels, so that the examples' network is small enough to follow by hand.
 *
 * 每张 8×8 的手写数字取十个特征，让示例中的网络小到可以手算。
 */
import { loadData } from "descentjs/data/node";

/** Rows of ten features in 0…1, and the digit of each row. */
export interface TenFeatures {
  readonly x: number[][];
  readonly label: number[];
}

/** Mean ink, 0…1, of the square of `size` pixels whose upper left corner is at (row, column). */
function ink(pixels: ArrayLike<number | bigint>, start: number, row: number, column: number, size: number): number {
  let sum = 0;
  for (let r = row; r < row + size; r++) for (let c = column; c < column + size; c++) sum += Number(pixels[start + 8 * r + c]);
  return sum / (16 * size * size);
}

/** Nine overlapping windows of 4×4 pixels, and the 2×2 in the middle, where a 0 has no ink. */
export async function tenFeatures(): Promise<{ train: TenFeatures; test: TenFeatures }> {
  const { train, test } = await loadData("digits", { seed: 1, validationFraction: 0 });
  const [trained, held] = [train, test].map((part): TenFeatures => {
    const pixels = part.tensor("image").data; // [N, 1, 8, 8], 0…16
    const x = Array.from({ length: part.length }, (_, n) => {
      const windows = [0, 2, 4].flatMap((row) => [0, 2, 4].map((column) => ink(pixels, 64 * n, row, column, 4)));
      return [...windows, ink(pixels, 64 * n, 3, 3, 2)];
    });
    return { x, label: Array.from(part.tensor("label").data, Number) };
  }) as [TenFeatures, TenFeatures];
  return { train: trained, test: held };
}
