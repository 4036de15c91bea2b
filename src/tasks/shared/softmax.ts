/**
 * @module Probabilities from logits, row by row.
 */
import type { TensorData } from "../../graph/index.js";
import { toNumbers } from "../../graph/index.js";

/** Softmax of one row of logits. */
export function softmaxRow(logits: Float64Array): Float64Array {
  const largest = logits.reduce((a, b) => Math.max(a, b), -Infinity);
  const exponentials = logits.map((x) => Math.exp(x - largest));
  const sum = exponentials.reduce((a, b) => a + b, 0);
  return exponentials.map((x) => x / sum);
}

/** Rows of a matrix [N, K], or of N numbers. */
export function rowsOf(matrix: TensorData): Float64Array[] {
  const [rows = 0, columns = 1] = matrix.shape;
  const numbers = toNumbers(matrix);
  return Array.from({ length: rows }, (_, i) => numbers.subarray(i * columns, (i + 1) * columns));
}
