/**
 * @module The IDX format of MNIST and its relatives: two zero bytes, an element type, the number of dimensions, the
 * dimensions as big-endian 32-bit numbers, then the elements, big-endian.
 *
 * Source: Y. LeCun, C. Cortes, C. J. C. Burges, "The MNIST database of handwritten digits", section "File formats".
 */
import type { DType, TensorData } from "../../graph/index.js";
import { DTYPES, sizeOf } from "../../graph/index.js";
import { DataError } from "../../util/errors.js";

const TYPES: ReadonlyMap<number, DType> = new Map<number, DType>([
  [0x08, "uint8"],
  [0x09, "int8"],
  [0x0b, "int16"],
  [0x0c, "int32"],
  [0x0d, "float32"],
  [0x0e, "float64"],
]);

/**
 * Reads a whole IDX file (without gzip). Elements of one byte share its memory.
 *
 * Errors: DataError, naming `where`, if the magic number, the dimensions or the number of bytes are not as they must be.
 * The file says shape and type; data are row-major.
 */
export function parseIdx(bytes: Uint8Array, where: string): TensorData {
  if (bytes.length < 4) throw new DataError(`${where}: expected an IDX file, got ${bytes.length} bytes`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const dtype = TYPES.get(view.getUint8(2));
  const rank = view.getUint8(3);
  if (view.getUint16(0) !== 0 || dtype === undefined || rank === 0) {
    const magic = view.getUint32(0).toString(16).padStart(8, "0");
    throw new DataError(`${where}: expected an IDX file (magic 0000, type 08 … 0e, rank ≥ 1), got magic ${magic}`);
  }
  const start = 4 + 4 * rank;
  if (bytes.length < start)
    throw new DataError(`${where}: expected ${rank} dimensions, got ${bytes.length} bytes; it is truncated`);
  const shape = Array.from({ length: rank }, (_, i) => view.getUint32(4 + 4 * i));
  const { bytes: width, create } = DTYPES[dtype];
  const count = sizeOf(shape);
  if (bytes.length !== start + count * width) {
    const what = bytes.length < start + count * width ? "it is truncated" : "it has bytes after its end";
    throw new DataError(
      `${where}: expected ${start + count * width} bytes for ${dtype} [${shape.join(", ")}], got ${bytes.length}; ${what}`,
    );
  }
  const at = bytes.byteOffset + start;
  if (dtype === "uint8") return { dtype, shape, data: new Uint8Array(bytes.buffer, at, count) };
  if (dtype === "int8") return { dtype, shape, data: new Int8Array(bytes.buffer, at, count) };
  const data = create(count) as Float64Array;
  const read = {
    int16: (at: number) => view.getInt16(at),
    int32: (at: number) => view.getInt32(at),
    float32: (at: number) => view.getFloat32(at),
    float64: (at: number) => view.getFloat64(at),
  }[dtype as "int16" | "int32" | "float32" | "float64"];
  for (let i = 0; i < count; i++) data[i] = read(start + i * width);
  return { dtype, shape, data };
}
