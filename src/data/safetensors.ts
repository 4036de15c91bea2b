/**
 * @module The safetensors format, read and written on bytes: 8 bytes of header length (little-endian), a JSON header
 * `{ name: { dtype, shape, data_offsets } }`, then the tensors' bytes without gaps.
 *
 * Source: https://github.com/huggingface/safetensors, README, "Format" (version 0.4 and later).
 * Differs from the source: bfloat16 is widened to float32 on reading (no such type here), 8-bit floats are refused by name.
 */
import type { DType, TensorData, TypedArray } from "../graph/index.js";
import { DTYPES, sizeOf } from "../graph/index.js";
import { DataError } from "../util/errors.js";
import { own, setOwn } from "../util/record.js";
import { bytesOf } from "../util/join-arrays.js";

const TYPES: Readonly<Record<string, DType>> = {
  F64: "float64",
  F32: "float32",
  F16: "float16",
  I64: "int64",
  I32: "int32",
  I16: "int16",
  I8: "int8",
  U64: "uint64",
  U32: "uint32",
  U16: "uint16",
  U8: "uint8",
  BOOL: "bool",
};
const NAMES = new Map(Object.entries(TYPES).map(([name, dtype]) => [dtype, name]));

/** The format's own limit: a longer header is an attack or not a header. */
const MAX_HEADER_BYTES = 100_000_000;

const METADATA = "__metadata__";

/** Contents of a safetensors file. */
export interface SafetensorsFile {
  readonly tensors: Map<string, TensorData>;
  /** Texts by any name. */
  readonly metadata: Readonly<Record<string, string>>;
}

/** The place of one tensor: byte offsets count from the end of the header. */
export interface SafetensorsEntry {
  readonly name: string;
  readonly type: string;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

/** Header of a safetensors file: where each tensor lies, in bytes. */
export interface SafetensorsHeader {
  /** In the order in which they lie in the file. */
  readonly entries: readonly SafetensorsEntry[];
  readonly metadata: Readonly<Record<string, string>>;
  /** The offset of the first tensor in the file. */
  readonly dataStart: number;
}

/** Length of the JSON header, from the first 8 bytes. DataError if that cannot be one. */
export function headerLength(bytes: Uint8Array, where = "safetensors"): number {
  if (bytes.length < 8) throw new DataError(`${where}: expected at least 8 bytes, got ${bytes.length}; the file is truncated`);
  const length = Number(new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0, true));
  if (length > MAX_HEADER_BYTES || length < 2)
    throw new DataError(`${where}: expected a header of 2 … ${MAX_HEADER_BYTES} bytes, got ${length}; not a safetensors file`);
  return length;
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;
const isCounts = (value: unknown): value is number[] => Array.isArray(value) && value.every(isCount);

/**
 * Parses and checks a header: every tensor's bytes are where its shape says, without gaps or overlaps, within `fileBytes`. DataError if it is no whole
 * header.
 */
export function parseSafetensorsHeader(json: Uint8Array, fileBytes: number, where = "safetensors"): SafetensorsHeader {
  let header: unknown;
  try {
    header = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(json));
  } catch (cause) {
    throw new DataError(`${where}: expected a JSON header, got text that does not parse (${(cause as Error).message})`, {
      cause,
    });
  }
  if (typeof header !== "object" || header === null || Array.isArray(header))
    throw new DataError(`${where}: expected a JSON object as header, got ${Array.isArray(header) ? "a list" : typeof header}`);
  const metadata: Record<string, string> = {};
  const entries: SafetensorsEntry[] = [];
  for (const [name, value] of Object.entries(header as Record<string, unknown>)) {
    if (name === METADATA) {
      for (const [key, text] of Object.entries((value ?? {}) as Record<string, unknown>)) {
        if (typeof text !== "string") throw new DataError(`${where}: metadata "${key}": expected text, got ${typeof text}`);
        setOwn(metadata, key, text);
      }
      continue;
    }
    const { dtype, shape, data_offsets: offsets } = (value ?? {}) as Record<string, unknown>;
    const place = `${where}: tensor "${name}"`;
    if (typeof dtype !== "string") throw new DataError(`${place}: expected a dtype, got ${typeof dtype}`);
    if (!isCounts(shape)) throw new DataError(`${place}: expected a shape of whole numbers ≥ 0, got ${JSON.stringify(shape)}`);
    if (!isCounts(offsets) || offsets.length !== 2)
      throw new DataError(`${place}: expected data_offsets [begin, end], got ${JSON.stringify(offsets)}`);
    const [begin, end] = offsets as [number, number];
    const width = dtype === "BF16" ? 2 : DTYPES[own(TYPES, dtype) ?? "string"].bytes;
    if (width === 0) throw new DataError(`${place}: expected one of ${Object.keys(TYPES).join(", ")}, BF16, got dtype ${dtype}`);
    const bytes = shape.reduce((product, d) => product * d, width);
    if (end - begin !== bytes)
      throw new DataError(`${place}: expected ${bytes} bytes for ${dtype} [${shape.join(", ")}], got offsets ${begin} … ${end}`);
    entries.push({ name, type: dtype, shape, begin, end });
  }
  entries.sort((a, b) => a.begin - b.begin || a.end - b.end);
  const dataStart = 8 + json.length;
  let next = 0;
  for (const { name, begin, end } of entries) {
    if (begin !== next) {
      const what = begin < next ? "overlaps the one before" : "leaves a gap";
      throw new DataError(`${where}: tensor "${name}": expected to begin at byte ${next}, got ${begin}; it ${what}`);
    }
    if (dataStart + end > fileBytes)
      throw new DataError(
        `${where}: tensor "${name}": expected ${dataStart + end} bytes in the file, got ${fileBytes}; it is truncated`,
      );
    next = end;
  }
  if (dataStart + next !== fileBytes)
    throw new DataError(`${where}: expected ${dataStart + next} bytes, got ${fileBytes}; bytes after the last tensor`);
  return { entries, metadata, dataStart };
}

/** Bytes of one tensor as numbers; copied only where they are not aligned, or are bfloat16. The entry says shape and type. */
export function decodeTensor(entry: Pick<SafetensorsEntry, "type" | "shape">, bytes: Uint8Array): TensorData {
  const { type, shape } = entry;
  if (type === "BF16") {
    // bfloat16 is the upper half of a float32.
    const data = new Float32Array(bytes.length / 2);
    const bits = new Uint32Array(data.buffer);
    for (let i = 0; i < data.length; i++)
      bits[i] = (((bytes[2 * i + 1] as number) << 24) | ((bytes[2 * i] as number) << 16)) >>> 0;
    return { dtype: "float32", shape, data };
  }
  const dtype = own(TYPES, type) as DType;
  const { bytes: width, create } = DTYPES[dtype];
  // Not `slice`, which does not copy where the bytes are a Node Buffer.
  const aligned = bytes.byteOffset % width === 0 ? bytes : new Uint8Array(bytes);
  const Kind = create(0).constructor as new (buffer: ArrayBufferLike, offset: number, length: number) => TypedArray;
  return { dtype, shape, data: new Kind(aligned.buffer, aligned.byteOffset, aligned.length / width) };
}

/**
 * Reads a whole file. Tensors share its memory where alignment allows.
 *
 * Errors: DataError, naming the tensor, if the file is truncated, or offsets overlap, leave gaps or contradict a shape.
 */
export function readSafetensors(bytes: Uint8Array, where = "safetensors"): SafetensorsFile {
  const length = headerLength(bytes, where);
  if (8 + length > bytes.length)
    throw new DataError(`${where}: expected a header of ${length} bytes, got ${bytes.length - 8}; the file is truncated`);
  const header = parseSafetensorsHeader(bytes.subarray(8, 8 + length), bytes.length, where);
  const tensors = new Map<string, TensorData>();
  for (const entry of header.entries) {
    tensors.set(entry.name, decodeTensor(entry, bytes.subarray(header.dataStart + entry.begin, header.dataStart + entry.end)));
  }
  return { tensors, metadata: header.metadata };
}

/**
 * The file in pieces, to be written one after another: no second copy of the numbers is made. DataError for a name that stands twice, or data that do
 * not fill the shape.
 */
export function* safetensorsPieces(
  tensors: Iterable<readonly [string, TensorData]>,
  metadata: Readonly<Record<string, string>> = {},
): Generator<Uint8Array> {
  // Widest type first, as the reference implementation does, so that every tensor is aligned to its own width.
  const sorted = [...tensors].sort(([a, x], [b, y]) => DTYPES[y.dtype].bytes - DTYPES[x.dtype].bytes || (a < b ? -1 : 1));
  const header: Record<string, unknown> = Object.keys(metadata).length === 0 ? {} : { [METADATA]: metadata };
  let offset = 0;
  for (const [name, { dtype, shape, data }] of sorted) {
    const type = NAMES.get(dtype);
    if (type === undefined) throw new DataError(`safetensors: tensor "${name}": expected numbers, got ${dtype}`);
    const expected = sizeOf(shape);
    if (data.length !== expected)
      throw new DataError(`safetensors: tensor "${name}": expected ${expected} numbers, got ${data.length}`);
    if (name === METADATA) throw new DataError(`safetensors: expected names of tensors, got ${METADATA}, which the format keeps`);
    if (Object.hasOwn(header, name)) throw new DataError(`safetensors: tensor "${name}": expected one of that name, got two`);
    setOwn(header, name, { dtype: type, shape, data_offsets: [offset, offset + data.byteLength] });
    offset += data.byteLength;
  }
  const json = new TextEncoder().encode(JSON.stringify(header));
  const start = new Uint8Array(Math.ceil((8 + json.length) / 8) * 8).fill(0x20);
  new DataView(start.buffer).setBigUint64(0, BigInt(start.length - 8), true);
  start.set(json, 8);
  yield start;
  for (const [, { data }] of sorted) yield bytesOf(data);
}

/** A whole file as bytes. Equal tensors give equal bytes. */
export function writeSafetensors(
  tensors: Iterable<readonly [string, TensorData]>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array {
  const pieces = [...safetensorsPieces(tensors, metadata)];
  const bytes = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let offset = 0;
  for (const piece of pieces) {
    bytes.set(piece, offset);
    offset += piece.length;
  }
  return bytes;
}
