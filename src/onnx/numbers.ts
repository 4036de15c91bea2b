/**
 * @module The data of an ONNX file's tensors as typed arrays, wherever it is stored.
 */
import type { DType, TensorData, TypedArray } from "../graph/index.js";
import { DTYPES, sizeOf, toNumbers } from "../graph/index.js";
import { DataError } from "../util/errors.js";
import type { TensorProto } from "./messages.js";

/** Gives `length` bytes from `offset` of a file beside the model, by the name that the model has for it. */
export interface ExternalData {
  (location: string, offset: number, length: number): Uint8Array;
  /** A file's length, where it is known without opening it. */
  readonly sizeOf?: (location: string) => number | undefined;
}

const BY_CODE: ReadonlyMap<number, DType> = new Map((Object.keys(DTYPES) as DType[]).map((name) => [DTYPES[name].onnx, name]));

/** TensorProto.DataType of the types that Descent has none for, by name for messages. */
const OTHER_TYPES: Readonly<Record<number, string>> = {
  14: "complex64",
  15: "complex128",
  16: "bfloat16",
  17: "float8e4m3fn",
  18: "float8e4m3fnuz",
  19: "float8e5m2",
  20: "float8e5m2fnuz",
  21: "uint4",
  22: "int4",
  23: "float4e2m1",
};

/** The element type of an ONNX code; undefined for those that Descent does not have. */
export const dtypeNamed = (code: number): DType | undefined => BY_CODE.get(code);

/** The element type that stored numbers get; undefined for those that cannot be read. */
export const storedTypeNamed = (code: number): DType | undefined => STORED.get(code) ?? dtypeNamed(code);

/** The element type of an ONNX code; DataError for those that Descent does not have. */
export function dtypeOf(code: number, where: string): DType {
  const dtype = BY_CODE.get(code);
  if (dtype !== undefined) return dtype;
  throw new DataError(
    `${where}: expected one of ${Object.keys(DTYPES).join(", ")}, got ${OTHER_TYPES[code] ?? `element type ${code}`}; convert the model to float32 first`,
  );
}

/** Storage types that graphs do not have, and the types that they become, which hold every value exactly. */
const STORED: ReadonlyMap<number, DType> = new Map([
  [16, "float32"],
  [21, "uint8"],
  [22, "int8"],
]);

/** The element type that stored numbers get, by their ONNX code. */
export const storedTypeOf = (code: number, where: string): DType => STORED.get(code) ?? dtypeOf(code, where);

/** Whether stored numbers have four bits each. */
export const hasFourBits = (code: number): boolean => code === 21 || code === 22;

/** Widens stored numbers: bfloat16 is the upper half of float32, and of two with four bits the lower ones come first. */
function widened(code: number, bytes: Uint8Array, size: number): TypedArray {
  if (code === 16) {
    const wide = new Uint32Array(size);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    for (let i = 0; i < size; i++) wide[i] = view.getUint16(2 * i, true) << 16;
    return new Float32Array(wide.buffer);
  }
  const half = (i: number): number => ((bytes[i >> 1] as number) >> (4 * (i & 1))) & 15;
  return code === 21
    ? Uint8Array.from({ length: size }, (_, i) => half(i))
    : Int8Array.from({ length: size }, (_, i) => (half(i) << 28) >> 28);
}

const bytesStored = (code: number, dtype: DType, size: number): number =>
  hasFourBits(code) ? Math.ceil(size / 2) : size * (code === 16 ? 2 : DTYPES[dtype].bytes);

/** The values of a tensor. Errors: DataError where their count does not fit the shape, or a file beside the model is missing. */
export function numbersOfTensor(t: TensorProto, where: string, externalData?: ExternalData): TensorData {
  const place = `${where}: tensor "${t.name}"`;
  const dtype = storedTypeOf(t.dataType, place);
  if (dtype === "string") throw new DataError(`${place}: expected numbers, got text`);
  if (t.dims.some((d) => !Number.isInteger(d) || d < 0))
    throw new DataError(`${place}: expected lengths of at least 0, got [${t.dims.join(", ")}]`);
  const size = sizeOf(t.dims);
  const length = bytesStored(t.dataType, dtype, size);
  const bytes = t.external === undefined ? t.rawData : externalBytes(t.external, length, place, externalData);
  if (bytes.length !== length) {
    throw new DataError(`${place}: expected ${length} bytes for ${dtype} [${t.dims.join(", ")}], got ${bytes.length}`);
  }
  if (STORED.has(t.dataType)) return { dtype, shape: [...t.dims], data: widened(t.dataType, bytes, size) };
  return { dtype, shape: [...t.dims], data: arrayOver(dtype, bytes) };
}

/** The bytes as an array of the type: a view where they begin at a multiple of the element's size, and a copy otherwise. */
function arrayOver(dtype: DType, bytes: Uint8Array): TypedArray {
  const { create, bytes: width } = DTYPES[dtype];
  if (bytes.byteOffset % width === 0) return viewOf(create(0), bytes.buffer, bytes.byteOffset, bytes.byteLength / width);
  const data = create(bytes.byteLength / width);
  new Uint8Array(data.buffer).set(bytes);
  return data;
}

/** An array of the kind of `like` over memory. */
function viewOf(like: TypedArray, buffer: ArrayBufferLike, offset: number, length: number): TypedArray {
  const make = like.constructor as new (buffer: ArrayBufferLike, offset: number, length: number) => TypedArray;
  return new make(buffer, offset, length);
}

/** Checks that a tensor's values are there, as many as its shape says, without reading them. Errors: those of `numbersOfTensor`. */
export function checkNumbers(t: TensorProto, where: string, externalData?: ExternalData): void {
  const dtype = storedTypeOf(t.dataType, `${where}: tensor "${t.name}"`);
  if (dtype === "string") return;
  const length = bytesStored(t.dataType, dtype, sizeOf(t.dims));
  const external = t.external;
  const isNegative = t.dims.some((d) => d < 0);
  if (!isNegative && external !== undefined && externalData !== undefined && length > 0) {
    const [location = "", offset = "0", count = String(length)] = ["location", "offset", "length"].map((key) =>
      external.get(key),
    );
    const last = Number(offset) + length - 1;
    const size = externalData.sizeOf?.(location);
    const isThere = (): boolean => (size === undefined ? externalData(location, last, 1).length === 1 : last < size);
    if (Number(count) === length && Number.isSafeInteger(last) && isThere()) return;
  } else if (!isNegative && external === undefined && t.rawData.length === length) return;
  numbersOfTensor(t, where, externalData);
}

/** The values of a tensor, read when they are first accessed. */
export function lazyNumbers(t: TensorProto, where: string, externalData?: ExternalData): TensorData {
  let numbers: TensorData | undefined;
  return {
    dtype: storedTypeOf(t.dataType, where),
    shape: [...t.dims],
    get data() {
      return (numbers ??= numbersOfTensor(t, where, externalData)).data;
    },
  };
}

/** The first values of a tensor, up to `limit`. */
export function headOfTensor(t: TensorProto, limit: number, where: string, externalData?: ExternalData): ArrayLike<number> {
  const dtype = storedTypeOf(t.dataType, where);
  const count = Math.min(limit, sizeOf(t.dims));
  const length = bytesStored(t.dataType, dtype, count);
  const offset = Number(t.external?.get("offset") ?? 0);
  const bytes =
    t.external === undefined
      ? t.rawData.subarray(0, length)
      : (externalData?.(t.external.get("location") ?? "", offset, length) ?? new Uint8Array(0));
  // What is missing is said where the whole is read.
  if (bytes.length < length) return [];
  const data = STORED.has(t.dataType) ? widened(t.dataType, bytes, count) : arrayOver(dtype, bytes);
  return toNumbers({ dtype, shape: [count], data });
}

function externalBytes(
  entries: ReadonlyMap<string, string>,
  length: number,
  where: string,
  externalData: ExternalData | undefined,
): Uint8Array {
  const location = entries.get("location") ?? "";
  if (externalData === undefined)
    throw new DataError(`${where}: its numbers are in the file "${location}"; give externalData, or use loadOnnx`);
  const [offset, count] = [Number(entries.get("offset") ?? 0), Number(entries.get("length") ?? length)];
  if (!(Number.isSafeInteger(offset) && offset >= 0 && count === length))
    throw new DataError(`${where}: expected ${length} bytes in "${location}", got ${count} from ${offset} on`);
  const bytes = externalData(location, offset, length);
  if (bytes.length !== length)
    throw new DataError(`${where}: expected ${length} bytes from ${offset} of "${location}", got ${bytes.length}`);
  return bytes;
}
