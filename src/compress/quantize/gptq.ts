/**
 * @module GPTQ: weights are rounded column by column, and later columns compensate the error of each rounding in a layer's outputs.
 *
 *     minimize ‖(W − Ŵ) X‖²,  H = X Xᵀ
 *
 * Source: Frantar, Ashkboos, Hoefler, Alistarh 2022, "GPTQ", algorithm 1, arXiv:2210.17323.
 * Differs from the source: inputs are those of the unquantized model, and there are no batches of columns, which serve the GPU.
 */
import { cholesky, inverseBy } from "../../util/cholesky.js";
import type { BlockedWeights, BlockOptions } from "./blocks.js";
import { blockwise, emptyBlocks, setCode, setRange } from "./blocks.js";
import type { Moments } from "./moments.js";

/** Damping: the share of the mean of H's diagonal that is added to it. */
const DAMPING = 0.01;

/** Returns the upper factor U of H⁻¹ = Uᵀ U; undefined where H has none. */
function upperFactor({ k, products }: Moments): Float64Array | undefined {
  const h = products.slice();
  let trace = 0;
  for (let i = 0; i < k; i++) trace += h[i * k + i] as number;
  const damping = (DAMPING * trace) / k || 1;
  for (let i = 0; i < k; i++) h[i * k + i] = (h[i * k + i] as number) + damping;
  const factor = cholesky(h, k);
  const lower = factor === undefined ? undefined : cholesky(inverseBy(factor, k), k);
  if (lower === undefined) return undefined;
  const upper = new Float64Array(k * k);
  for (let i = 0; i < k; i++) for (let j = 0; j <= i; j++) upper[j * k + i] = lower[i * k + j] as number;
  return upper;
}

/**
 * Quantizes rows of weights [N, K] by the second moments of their inputs.
 *
 * Cost: O(K³ + N·K²).
 */
export function gptq(rows: Float32Array, n: number, moments: Moments, options: BlockOptions): BlockedWeights {
  const { k } = moments;
  const upper = upperFactor(moments);
  if (upper === undefined) return blockwise(rows, n, k, options);
  const made = emptyBlocks(n, k, options);
  const left = rows.slice();
  for (let row = 0; row < n; row++) {
    const w = left.subarray(row * k, (row + 1) * k);
    for (let i = 0; i < k; i++) {
      // The range of a block covers its weights as compensated so far.
      if (i % made.blockSize === 0) setRange(made, left, row, i / made.blockSize, options.symmetric === true);
      const error = ((w[i] as number) - setCode(made, row, i, w[i] as number)) / (upper[i * k + i] as number);
      for (let j = i + 1; j < k; j++) w[j] = (w[j] as number) - error * (upper[i * k + j] as number);
    }
  }
  return made;
}
