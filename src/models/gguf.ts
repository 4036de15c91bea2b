/**
 * @module The GGUF format (llama.cpp's), read on bytes: metadata by name, then tensors in float32, float16 or blocks of 4 and 8 bits.
 *
 * Source: https://github.com/ggml-org/ggml, docs/gguf.md, versions 2 and 3; blocks after ggml-quants.c.
 * Differs from the source: other types of blocks (Q4_K, IQ2, …) are refused by name. Whatever a file says of lengths is held against its own length before
 * it is followed.
 */
import type { TensorData } from "../graph/index.js";
import { fromFloat16Bits } from "../graph/index.js";
import { DataError } from "../util/errors.js";

/** A value of the metadata. */
export type GgufValue = number | string | boolean | readonly GgufValue[];

/** A tensor as it lies in the file. */
export interface GgufTensor {
  readonly name: string;
  readonly type: GgufType;
  /** The slowest axis first, as everywhere else here. */
  readonly shape: readonly number[];
  readonly bytes: Uint8Array;
}

/** A file. */
export interface GgufFile {
  readonly version: number;
  readonly metadata: ReadonlyMap<string, GgufValue>;
  readonly tensors: ReadonlyMap<string, GgufTensor>;
}

/** The storage of a type of tensor: so many numbers in so many bytes. */
interface Storage {
  readonly numbers: number;
  readonly bytes: number;
}

/** Types of tensors that can be read. */
const STORAGE = {
  F32: { numbers: 1, bytes: 4 },
  F16: { numbers: 1, bytes: 2 },
  Q4_0: { numbers: 32, bytes: 18 },
  Q4_1: { numbers: 32, bytes: 20 },
  Q8_0: { numbers: 32, bytes: 34 },
} as const satisfies Record<string, Storage>;
export type GgufType = keyof typeof STORAGE;

/** Names of the format's types by their numbers. */
const TYPE_NAMES: ReadonlyMap<number, string> = new Map(
  "F32 F16 Q4_0 Q4_1 - - Q5_0 Q5_1 Q8_0 Q8_1 Q2_K Q3_K Q4_K Q5_K Q6_K Q8_K IQ2_XXS IQ2_XS IQ3_XXS IQ1_S IQ4_NL IQ3_S IQ2_S IQ4_XS I8 I16 I32 I64 F64 IQ1_M BF16"
    .split(" ")
    .map((name, code) => [code, name]),
);

const isReadable = (name: string): name is GgufType => Object.hasOwn(STORAGE, name);

const [MAGIC, VERSIONS] = [0x46554747, [2, 3]];
const DEFAULT_ALIGNMENT = 32;
/** Axes of a tensor, lists in lists, and the longest name: more than any real file has. */
const [MAX_AXES, MAX_DEPTH, MAX_NAME] = [4, 3, 1 << 16];
/** The fewest bytes that an entry takes: a name's length, a type, a value; a name's length, axes, a type, an offset. */
const [LEAST_ENTRY, LEAST_TENSOR] = [13, 32];

/** Reads little-endian values one after another, and never beyond the end. */
class Cursor {
  readonly #view: DataView;
  readonly #where: string;
  at = 0;

  constructor(bytes: Uint8Array, where: string) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#where = where;
  }

  /** Moves on, and returns where it was. */
  #take(bytes: number, what: string): number {
    const start = this.at;
    if (bytes > this.#view.byteLength - start)
      throw new DataError(`${this.#where}: expected ${what} at byte ${start}, got the end of the file; it is truncated`);
    this.at += bytes;
    return start;
  }

  u32(): number {
    return this.#view.getUint32(this.#take(4, "a number"), true);
  }

  /** A length or an offset. */
  u64(): number {
    const value = this.#view.getBigUint64(this.#take(8, "a length"), true);
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw new DataError(`${this.#where}: expected a length, got ${value}`);
    return Number(value);
  }

  /** A count of things that take at least so many bytes each. */
  count(leastBytes: number, what: string): number {
    const count = this.u64();
    const left = this.#view.byteLength - this.at;
    if (count * leastBytes > left)
      throw new DataError(
        `${this.#where}: expected at most ${Math.floor(left / leastBytes)} ${what} in what is left of it, got ${count}`,
      );
    return count;
  }

  text(most = Infinity): string {
    const length = this.count(1, "bytes of a text");
    if (length > most) throw new DataError(`${this.#where}: expected a name of at most ${most} bytes, got ${length}`);
    const start = this.#take(length, "a text");
    return new TextDecoder().decode(new Uint8Array(this.#view.buffer, this.#view.byteOffset + start, length));
  }

  value(type: number, depth = 0): GgufValue {
    const scalar = SCALARS.get(type);
    if (scalar !== undefined) return scalar.read(this.#view, this.#take(scalar.bytes, "a value"));
    if (type === TEXT) return this.text();
    if (type !== LIST) throw new DataError(`${this.#where}: expected one of 13 types of values at byte ${this.at}, got ${type}`);
    if (depth >= MAX_DEPTH) throw new DataError(`${this.#where}: expected at most ${MAX_DEPTH} lists in one another, got more`);
    const inner = this.u32();
    const count = this.count(SCALARS.get(inner)?.bytes ?? (inner === TEXT ? 8 : 12), "values of a list");
    return Array.from({ length: count }, () => this.value(inner, depth + 1));
  }
}

const [TEXT, LIST] = [8, 9];
const SCALARS: ReadonlyMap<number, { readonly bytes: number; readonly read: (view: DataView, at: number) => GgufValue }> =
  new Map([
    [0, { bytes: 1, read: (v, at): GgufValue => v.getUint8(at) }],
    [1, { bytes: 1, read: (v, at): GgufValue => v.getInt8(at) }],
    [2, { bytes: 2, read: (v, at): GgufValue => v.getUint16(at, true) }],
    [3, { bytes: 2, read: (v, at): GgufValue => v.getInt16(at, true) }],
    [4, { bytes: 4, read: (v, at): GgufValue => v.getUint32(at, true) }],
    [5, { bytes: 4, read: (v, at): GgufValue => v.getInt32(at, true) }],
    [6, { bytes: 4, read: (v, at): GgufValue => v.getFloat32(at, true) }],
    [7, { bytes: 1, read: (v, at): GgufValue => v.getUint8(at) !== 0 }],
    [10, { bytes: 8, read: (v, at): GgufValue => Number(v.getBigUint64(at, true)) }],
    [11, { bytes: 8, read: (v, at): GgufValue => Number(v.getBigInt64(at, true)) }],
    [12, { bytes: 8, read: (v, at): GgufValue => v.getFloat64(at, true) }],
  ]);

/** A tensor's entry in the header. */
interface Entry {
  readonly name: string;
  readonly type: string;
  readonly shape: readonly number[];
  readonly offset: number;
}

function readEntry(cursor: Cursor, where: string): Entry {
  const name = cursor.text(MAX_NAME);
  const axes = cursor.u32();
  if (axes > MAX_AXES) throw new DataError(`${where}: tensor "${name}": expected at most ${MAX_AXES} axes, got ${axes}`);
  const shape = Array.from({ length: axes }, () => cursor.u64()).reverse();
  const code = cursor.u32();
  return { name, type: TYPE_NAMES.get(code) ?? `type ${code}`, shape, offset: cursor.u64() };
}

/** The tensor of an entry. DataError for a type that is not read, and for numbers that are not in the file. */
function tensorOf(bytes: Uint8Array, { name, type, shape, offset }: Entry, start: number, where: string): GgufTensor {
  const place = `${where}: tensor "${name}"`;
  if (!isReadable(type))
    throw new DataError(`${place}: expected ${Object.keys(STORAGE).join(", ")}, got ${type}; convert the file to one of them`);
  // own key: `isReadable` asks for it.
  const storage: Storage = STORAGE[type];
  const row = shape.at(-1) ?? 1;
  if (row % storage.numbers !== 0)
    throw new DataError(`${place}: expected rows of whole blocks of ${storage.numbers}, got ${row}`);
  const size = shape.reduce((product, d) => product * d, 1);
  const length = (size / storage.numbers) * storage.bytes;
  const from = start + offset;
  if (!Number.isSafeInteger(length) || from + length > bytes.length)
    throw new DataError(`${place}: expected ${length} bytes at ${from}, got a file of ${bytes.length}; it is truncated`);
  return { name, type, shape, bytes: bytes.subarray(from, from + length) };
}

/** Reads a file. Errors: DataError, with the place, for what is none, is truncated, contradicts itself, or has a type that is not read. */
export function readGguf(bytes: Uint8Array, where = "GGUF"): GgufFile {
  const cursor = new Cursor(bytes, where);
  if (bytes.length < 4 || cursor.u32() !== MAGIC) throw new DataError(`${where}: expected a GGUF file, got another`);
  const version = cursor.u32();
  if (!VERSIONS.includes(version))
    throw new DataError(`${where}: expected GGUF version ${VERSIONS.join(" or ")}, got ${version}`);
  const tensorCount = cursor.count(LEAST_TENSOR, "tensors");
  const entryCount = cursor.count(LEAST_ENTRY, "entries of metadata");
  const metadata = new Map<string, GgufValue>();
  for (let i = 0; i < entryCount; i++) {
    const name = cursor.text(MAX_NAME);
    metadata.set(name, cursor.value(cursor.u32()));
  }
  const entries = Array.from({ length: tensorCount }, () => readEntry(cursor, where));
  const given = metadata.get("general.alignment") ?? DEFAULT_ALIGNMENT;
  if (typeof given !== "number" || !Number.isInteger(given) || given < 1 || given > 1 << 16)
    throw new DataError(`${where}: general.alignment: expected a whole number of bytes, got ${String(given)}`);
  const start = Math.ceil(cursor.at / given) * given;
  const tensors = new Map<string, GgufTensor>();
  for (const entry of entries) {
    if (tensors.has(entry.name)) throw new DataError(`${where}: expected each tensor once, got "${entry.name}" twice`);
    tensors.set(entry.name, tensorOf(bytes, entry, start, where));
  }
  return { version, metadata, tensors };
}

/** The numbers of a tensor as float32, exactly those that its blocks stand for. */
export function ggufNumbers({ type, shape, bytes }: GgufTensor): TensorData {
  // own key: `tensorOf` has checked the type.
  const { numbers, bytes: width }: Storage = STORAGE[type];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const data = new Float32Array((bytes.length / width) * numbers);
  const half = (at: number): number => fromFloat16Bits(view.getUint16(at, true));
  const read: Record<GgufType, (at: number, to: number) => void> = {
    F32: (at, to) => void (data[to] = view.getFloat32(at, true)),
    F16: (at, to) => void (data[to] = half(at)),
    Q4_0: (at, to) => nibbles(data, bytes, at + 2, to, half(at), -8 * half(at)),
    Q4_1: (at, to) => nibbles(data, bytes, at + 4, to, half(at), half(at + 2)),
    Q8_0: (at, to) => {
      const scale = half(at);
      for (let i = 0; i < numbers; i++) data[to + i] = view.getInt8(at + 2 + i) * scale;
    },
  };
  const block = read[type];
  for (let at = 0, to = 0; at < bytes.length; at += width, to += numbers) block(at, to);
  return { dtype: "float32", shape, data };
}

/** 32 numbers in 16 bytes: the lower halves are the first 16 of them. */
function nibbles(data: Float32Array, bytes: Uint8Array, at: number, to: number, scale: number, least: number): void {
  for (let i = 0; i < 16; i++) {
    const byte = bytes[at + i] as number;
    data[to + i] = (byte & 15) * scale + least;
    data[to + 16 + i] = (byte >> 4) * scale + least;
  }
}
