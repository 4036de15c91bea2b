/**
 * @module Element types: their names, sizes, ONNX codes and the JavaScript arrays that hold them.
 */
import { DTypeError, ShapeError } from "../util/errors.js";
import { formatShape, sizeOf } from "./shape.js";

/** Every element type that a graph may carry, by its NumPy name. */
export type DType =
  | "float32"
  | "float16"
  | "float64"
  | "int8"
  | "uint8"
  | "int16"
  | "uint16"
  | "int32"
  | "uint32"
  | "int64"
  | "uint64"
  | "bool"
  | "string";

/** The arrays that hold elements on the JavaScript side. float16 travels as its bits in a Uint16Array. */
export type TypedArray =
  | Float32Array
  | Float64Array
  | Int8Array
  | Uint8Array
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | BigInt64Array
  | BigUint64Array;

interface DTypeInfo {
  readonly bytes: number;
  /** TensorProto.DataType. */
  readonly onnx: number;
  readonly kind: "float" | "int" | "uint" | "bool" | "string";
  readonly create: (length: number) => TypedArray;
}

/** Element types by name: bytes of an element, the typed array that holds them, the code in ONNX files. */
export const DTYPES: Readonly<Record<DType, DTypeInfo>> = {
  float32: { bytes: 4, onnx: 1, kind: "float", create: (n) => new Float32Array(n) },
  uint8: { bytes: 1, onnx: 2, kind: "uint", create: (n) => new Uint8Array(n) },
  int8: { bytes: 1, onnx: 3, kind: "int", create: (n) => new Int8Array(n) },
  uint16: { bytes: 2, onnx: 4, kind: "uint", create: (n) => new Uint16Array(n) },
  int16: { bytes: 2, onnx: 5, kind: "int", create: (n) => new Int16Array(n) },
  int32: { bytes: 4, onnx: 6, kind: "int", create: (n) => new Int32Array(n) },
  int64: { bytes: 8, onnx: 7, kind: "int", create: (n) => new BigInt64Array(n) },
  string: { bytes: 0, onnx: 8, kind: "string", create: () => new Uint8Array(0) },
  bool: { bytes: 1, onnx: 9, kind: "bool", create: (n) => new Uint8Array(n) },
  float16: { bytes: 2, onnx: 10, kind: "float", create: (n) => new Uint16Array(n) },
  float64: { bytes: 8, onnx: 11, kind: "float", create: (n) => new Float64Array(n) },
  uint32: { bytes: 4, onnx: 12, kind: "uint", create: (n) => new Uint32Array(n) },
  uint64: { bytes: 8, onnx: 13, kind: "uint", create: (n) => new BigUint64Array(n) },
};

/** True for the floating-point types: those that gradients have. */
export const isFloat = (dtype: DType): boolean => DTYPES[dtype].kind === "float";
/** The least and the greatest number of an integer type; of 64 bits, the greatest that a JavaScript number can be within it. */
export function integerRange(dtype: DType): readonly [least: number, greatest: number] {
  const { bytes, kind } = DTYPES[dtype];
  const [least, beyond] = kind === "int" ? [-(2 ** (8 * bytes - 1)), 2 ** (8 * bytes - 1)] : [0, 2 ** (8 * bytes)];
  return [least, beyond - Math.max(1, beyond * 2 ** -53)];
}
/** True for the integer types, signed and unsigned, but not for bool. */
export const isInteger = (dtype: DType): boolean => DTYPES[dtype].kind === "int" || DTYPES[dtype].kind === "uint";

/** Numbers outside a graph: what goes in and what comes out. Row-major; `data.length` is the product of `shape`. */
export interface TensorData {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly data: TypedArray;
}

/** Texts outside a graph: inputs and outputs of files that read categories or documents, which only the engine runs. Row-major. */
export interface StringData {
  readonly dtype: "string";
  readonly shape: readonly number[];
  readonly data: readonly string[];
}

/** Tells whether the elements are texts. Any shape. */
export const isStringData = (data: TensorData | StringData): data is StringData =>
  data.dtype === "string" && Array.isArray(data.data);

const scratch = new DataView(new ArrayBuffer(4));

/** The float16 bits nearest to `value` (round to nearest, ties to even; IEEE 754-2019, binary16). */
export function toFloat16Bits(value: number): number {
  scratch.setFloat32(0, value);
  const bits = scratch.getUint32(0);
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00;
  if (magnitude >= 0x477ff000) return sign | 0x7c00;
  if (magnitude < 0x38800000) {
    // Below the smallest normal number: the grid is 2^-24.
    const scaled = Math.abs(value) * 2 ** 24;
    const floor = Math.floor(scaled);
    const rest = scaled - floor;
    return sign | (rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? floor + 1 : floor);
  }
  const rounded = magnitude + 0xfff + ((magnitude >>> 13) & 1);
  return sign | ((rounded - 0x38000000) >>> 13);
}

/** The number that float16 bits stand for. */
export function fromFloat16Bits(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >>> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/**
 * Element i as a JavaScript number, whatever the element type (int64 beyond 2^53 loses its last bits). Elements are counted in row-major order of the
 * shape. RangeError for one that is not there.
 */
export function elementAt(values: TensorData, i: number): number {
  const element = values.data[i];
  if (element === undefined) throw new RangeError(`element ${i} of ${values.data.length}`);
  return values.dtype === "float16" ? fromFloat16Bits(Number(element)) : Number(element);
}

/** An empty array of each element type. */
const ARRAYS: ReadonlyMap<string, TypedArray> = new Map(Object.entries(DTYPES).map(([dtype, { create }]) => [dtype, create(0)]));

/** Names in a message a value that should have been numeric. */
const kindOf = (value: unknown): string =>
  value === null || typeof value !== "object" ? typeof value : Array.isArray(value) ? "an array" : value.constructor.name;

/**
 * Refuses anything but a tensor's data: other objects, a typed array of another element type, another count than the shape says.
 *
 * Errors: DTypeError or ShapeError, beginning with `where`.
 */
export function checkData(where: string, given: TensorData): void {
  const { dtype, shape, data } = given as Partial<TensorData>;
  const array = dtype === undefined ? undefined : ARRAYS.get(dtype);
  if (array === undefined || !Array.isArray(shape) || data === undefined) {
    throw new DTypeError(
      `${where}: expected { dtype, shape, data } with a typed array, got ${kindOf(given)}; wrap it, as in { dtype: "float32", shape: [2], data: Float32Array.of(1, 2) }`,
    );
  }
  if (!(data instanceof array.constructor)) {
    const { name } = array.constructor;
    throw new DTypeError(`${where}: expected a ${name} for ${dtype}, got ${kindOf(data)}; convert it, as in ${name}.from(…)`);
  }
  const count = sizeOf(shape);
  if (data.length !== count)
    throw new ShapeError(`${where}: expected ${count} numbers for ${formatShape(shape)}, got ${data.length}`);
}

/** All elements as JavaScript numbers. In row-major order of the shape. */
export function toNumbers(values: TensorData): Float64Array {
  const result = new Float64Array(values.data.length);
  for (let i = 0; i < result.length; i++) result[i] = elementAt(values, i);
  return result;
}

/**
 * Numbers as the elements of `dtype`: rounded for float16, truncated towards zero for integers, 0 or 1 for bool. Row-major; their count must be that of
 * the shape.
 */
export function fromNumbers(dtype: DType, shape: readonly number[], numbers: ArrayLike<number>): TensorData {
  const data = DTYPES[dtype].create(numbers.length);
  for (let i = 0; i < numbers.length; i++) {
    const value = numbers[i] as number;
    if (data instanceof BigInt64Array || data instanceof BigUint64Array) data[i] = BigInt(Math.trunc(value));
    else if (dtype === "float16") data[i] = toFloat16Bits(value);
    else if (dtype === "bool") data[i] = value === 0 ? 0 : 1;
    else data[i] = value;
  }
  return { dtype, shape: [...shape], data };
}
