/**
 * @module Sparse tensors of a file as dense ones: values, and where each of them stands among zeros.
 */
import { DTYPES } from "../graph/index.js";
import { DataError } from "../util/errors.js";
import type { TensorProto } from "./messages.js";
import { dtypeNamed } from "./numbers.js";

/** Bytes of a dense tensor for each of a sparse one, at most: a file of a few bytes can name any shape. */
const MOST_TIMES = 1024;

/** Whole numbers of an int64 tensor. */
function wholeNumbers({ rawData }: TensorProto): number[] {
  const view = new DataView(rawData.buffer, rawData.byteOffset, rawData.byteLength);
  return Array.from({ length: Math.floor(rawData.byteLength / 8) }, (_, i) => Number(view.getBigInt64(8 * i, true)));
}

/**
 * A sparse tensor, dense. `indices` are [n] positions in row-major order, or [n, rank] coordinates.
 *
 * Errors: DataError for a shape that is too large, values of a type that Descent does not have, and positions outside the shape.
 */
export function dense(values: TensorProto, indices: TensorProto, dims: readonly number[], where: string): TensorProto {
  const named = `${where}: sparse tensor "${values.name}"`;
  const dtype = dtypeNamed(values.dataType);
  if (dtype === undefined) throw new DataError(`${named}: expected numbers of a known type, got type ${values.dataType}`);
  const { bytes } = DTYPES[dtype];
  const size = dims.reduce((product, d) => product * d, 1);
  const most = MOST_TIMES * (values.rawData.byteLength + indices.rawData.byteLength);
  if (!dims.every((d) => Number.isInteger(d) && d >= 0) || size * bytes > most)
    throw new DataError(
      `${named}: expected at most ${MOST_TIMES} times the bytes of its values, got a shape [${dims.join(", ")}]`,
    );
  const positions = wholeNumbers(indices);
  const count = Math.floor(values.rawData.byteLength / bytes);
  const rank = indices.dims.length === 2 ? (indices.dims[1] ?? 1) : 1;
  const rawData = new Uint8Array(size * bytes);
  for (let i = 0; i < count; i++) {
    const own = positions.slice(i * rank, (i + 1) * rank);
    const isInside =
      own.length === rank && (indices.dims.length !== 2 || own.every((p, axis) => p >= 0 && p < (dims[axis] ?? 0)));
    const at = indices.dims.length === 2 ? own.reduce((offset, p, axis) => offset * (dims[axis] ?? 0) + p, 0) : (own[0] ?? -1);
    if (!isInside || at < 0 || at >= size)
      throw new DataError(`${named}: expected positions inside [${dims.join(", ")}], got ${own.join(", ") || "too few"}`);
    rawData.set(values.rawData.subarray(i * bytes, (i + 1) * bytes), at * bytes);
  }
  return { name: values.name, dims: [...dims], dataType: values.dataType, rawData };
}
