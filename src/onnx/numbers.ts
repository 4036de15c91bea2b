/**
 * @module The numbers of an ONNX file's tensors as typed arrays, wherever they are stored.
 */
import type { DType, TensorData, TypedArray } from "../graph/index.js";
import { DTYPES, sizeOf } from "../graph/index.js";
import { DataError } from "../util/errors.js";
import type { TensorProto } from "./messages.js";

/** Gives `length` bytes from `offset` of a file beside the model, by the name that the model has for it. */
export type ExternalData = (location: string, offset: number, length: number) => Uint8Array;

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

/** The element type of an ONNX code; DataError for those that Descent does not have. */
export function dtypeOf(code: number, where: string): DType {
  const dtype = BY_CODE.get(code);
  if (dtype !== undefined) return dtype;
  throw new DataError(
    `${where}: expected one of ${Object.keys(DTYPES).join(", ")}, got ${OTHER_TYPES[code] ?? `element type ${code}`}; convert the model to float32 first`,
  );
}

/** The numbers of a tensor. Errors: DataError where their count does not fit the shape, or a file beside the model is missing. */
export function numbersOfTensor(t: TensorProto, where: string, externalData?: ExternalData): TensorData {
  const place = `${where}: tensor "${t.name}"`;
  const dtype = dtypeOf(t.dataType, place);
  if (dtype === "string") throw new DataError(`${place}: expected numbers, got text`);
  if (t.dims.some((d) => !Number.isInteger(d) || d < 0))
    throw new DataError(`${place}: expected lengths of at least 0, got [${t.dims.join(", ")}]`);
  const size = sizeOf(t.dims);
  const length = size * DTYPES[dtype].bytes;
  const bytes = t.external === undefined ? t.rawData : externalBytes(t.external, length, place, externalData);
  if (bytes.length !== length) {
    throw new DataError(`${place}: expected ${length} bytes for ${dtype} [${t.dims.join(", ")}], got ${bytes.length}`);
  }
  // A typed array starts at a multiple of its element's size; in the file it may stand anywhere.
  const data: TypedArray = DTYPES[dtype].create(size);
  new Uint8Array(data.buffer).set(bytes);
  return { dtype, shape: [...t.dims], data };
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
