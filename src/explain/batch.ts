/**
 * @module Rows of arrays: sliced, repeated and concatenated along axis 0.
 */
import type { TensorData } from "../graph/index.js";
import { DTYPES, sizeOf } from "../graph/index.js";
import type { ExplainInput } from "./explainable.js";

/** Rows from … to − 1; the last one is repeated until there are `count`. */
export function takeRows(data: TensorData, from: number, to: number, count = to - from): TensorData {
  const size = sizeOf(data.shape.slice(1));
  const shape = [count, ...data.shape.slice(1)];
  if (count === to - from) return { ...data, shape, data: data.data.subarray(from * size, to * size) };
  const result = DTYPES[data.dtype].create(count * size);
  for (let r = 0; r < count; r++) {
    const row = Math.min(from + r, to - 1);
    // Both arrays are of the type that the dtype has.
    (result as Float32Array).set(data.data.subarray(row * size, (row + 1) * size) as Float32Array, r * size);
  }
  return { ...data, shape, data: result };
}

/** Repeats one row `count` times. */
export const repeatRow = (data: TensorData, row: number, count: number): TensorData => takeRows(data, row, row + 1, count);

/** Takes the same rows of every array of an input. */
export const takeInput = ({ features, others }: ExplainInput, from: number, to: number, count = to - from): ExplainInput => ({
  features: takeRows(features, from, to, count),
  others: others && Object.fromEntries(Object.entries(others).map(([name, data]) => [name, takeRows(data, from, to, count)])),
});

/** Rows of several, joined; `count` of them are kept. */
export function joinRows(parts: readonly TensorData[], count: number): TensorData {
  const first = parts[0] as TensorData;
  const size = sizeOf(first.shape.slice(1));
  const data = DTYPES[first.dtype].create(count * size);
  let at = 0;
  for (const part of parts) {
    const kept = Math.min(part.data.length, data.length - at);
    (data as Float32Array).set(part.data.subarray(0, kept) as Float32Array, at);
    at += kept;
  }
  return { dtype: first.dtype, shape: [count, ...first.shape.slice(1)], data };
}

/** The first `count` rows of batches of several tensors, by their names. */
export const joinNamedRows = (
  parts: readonly Readonly<Record<string, TensorData>>[],
  count: number,
): Record<string, TensorData> =>
  Object.fromEntries(
    Object.keys(parts[0] ?? {}).map((name) => [
      name,
      joinRows(
        parts.map((part) => part[name] as TensorData),
        count,
      ),
    ]),
  );

/** The cost of a piece beside its samples, in samples: the linear prefix at both ends of a path and back, and copies. */
const PIECE = 0.15;

/** How many samples of `count` a piece takes, at most `most`: as many as fit, or fewer where the last piece would be filled up with samples that weigh nothing. */
export function pieceSize(count: number, most: number): number {
  const costOf = (size: number): number => Math.ceil(count / size) * (size + PIECE);
  const largest = Math.min(count, most);
  let best = largest;
  for (let size = largest - 1; 2 * size >= largest; size--) if (costOf(size) < costOf(best)) best = size;
  return best;
}
