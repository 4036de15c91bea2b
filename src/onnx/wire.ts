/**
 * @module Protocol Buffers' wire format, as far as ONNX files need it. Source: protobuf.dev, "Encoding".
 */
import { DataError } from "../util/errors.js";

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: false });

/** Writes one message; nested messages are written by writers of their own and joined without copying large bytes twice. */
export class WireWriter {
  readonly #chunks: Uint8Array[] = [];
  #buffer = new Uint8Array(256);
  #used = 0;
  #size = 0;

  get size(): number {
    return this.#size + this.#used;
  }

  #byte(value: number): void {
    if (this.#used === this.#buffer.length) this.#flush();
    this.#buffer[this.#used++] = value;
  }

  #flush(): void {
    if (this.#used === 0) return;
    this.#chunks.push(this.#buffer.subarray(0, this.#used));
    this.#size += this.#used;
    this.#buffer = new Uint8Array(1024);
    this.#used = 0;
  }

  /** An unsigned number of up to 53 bits, or a negative one as 64-bit two's complement. */
  varint(value: number | bigint): void {
    if (typeof value === "bigint" || value < 0 || value > Number.MAX_SAFE_INTEGER) {
      let rest = BigInt.asUintN(64, BigInt(value));
      while (rest > 0x7fn) {
        this.#byte(Number(rest & 0x7fn) | 0x80);
        rest >>= 7n;
      }
      this.#byte(Number(rest));
      return;
    }
    while (value > 0x7f) {
      this.#byte((value % 128) | 0x80);
      value = Math.floor(value / 128);
    }
    this.#byte(value);
  }

  int(field: number, value: number | bigint): void {
    this.varint(field * 8);
    this.varint(value);
  }

  float(field: number, value: number): void {
    this.varint(field * 8 + 5);
    this.raw(new Uint8Array(Float32Array.of(value).buffer));
  }

  bytes(field: number, value: Uint8Array): void {
    this.varint(field * 8 + 2);
    this.varint(value.length);
    this.raw(value);
  }

  string(field: number, value: string): void {
    this.bytes(field, encoder.encode(value));
  }

  message(field: number, write: (writer: WireWriter) => void): void {
    const inner = new WireWriter();
    write(inner);
    inner.#flush();
    this.varint(field * 8 + 2);
    this.varint(inner.#size);
    this.#flush();
    for (const chunk of inner.#chunks) this.#chunks.push(chunk);
    this.#size += inner.#size;
  }

  packedInts(field: number, values: readonly number[]): void {
    if (values.length > 0) this.message(field, (w) => values.forEach((value) => w.varint(value)));
  }

  raw(value: Uint8Array): void {
    if (value.length > 512) {
      this.#flush();
      this.#chunks.push(value);
      this.#size += value.length;
    } else for (const byte of value) this.#byte(byte);
  }

  finish(): Uint8Array {
    this.#flush();
    const result = new Uint8Array(this.#size);
    let offset = 0;
    for (const chunk of this.#chunks) {
      result.set(chunk, offset);
      offset += chunk.length;
    }
    return result;
  }
}

/** Wire types: a varint, 8 bytes, a length-delimited piece, 4 bytes. */
const VARINT = 0;
const FIXED64 = 1;
const PIECE = 2;
const FIXED32 = 5;

/** One field as it stands in a message. Reading it as another wire type than its own is a DataError. */
export class WireField {
  readonly field: number;
  readonly #type: number;
  readonly #varint: bigint;
  readonly #bytes: Uint8Array;
  readonly #where: string;

  constructor(field: number, type: number, varint: bigint, bytes: Uint8Array, where: string) {
    this.field = field;
    this.#type = type;
    this.#varint = varint;
    this.#bytes = bytes;
    this.#where = where;
  }

  #refuse(expected: string): never {
    throw new DataError(`${this.#where}: expected ${expected} in field ${this.field}, got wire type ${this.#type}`);
  }

  /** An unsigned number. */
  get varint(): bigint {
    return this.#type === VARINT ? this.#varint : this.#refuse("a number");
  }

  /** A string, bytes, a message or a packed list. */
  get bytes(): Uint8Array {
    return this.#type === PIECE ? this.#bytes : this.#refuse("text, bytes or a message");
  }

  get isVarint(): boolean {
    return this.#type === VARINT;
  }

  get float(): number {
    if (this.#type !== FIXED32) return this.#refuse("a 32-bit float");
    return new DataView(this.#bytes.buffer, this.#bytes.byteOffset, 4).getFloat32(0, true);
  }

  /** The bytes of floats of `width` bytes, packed or a single one. */
  floats(width: 4 | 8): Uint8Array {
    const single = width === 4 ? FIXED32 : FIXED64;
    if (this.#type !== single && this.#type !== PIECE) return this.#refuse(`${width * 8}-bit floats`);
    if (this.#bytes.length % width !== 0)
      throw new DataError(`${this.#where}: expected a whole list of ${width * 8}-bit floats, got ${this.#bytes.length} bytes`);
    return this.#bytes;
  }
}

/** Reads the fields of a message one after another; DataError where the bytes end early or make no sense. */
export function* readFields(bytes: Uint8Array, where: string): Generator<WireField> {
  let at = 0;
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = bytes[at++];
      if (byte === undefined) throw new DataError(`${where}: expected a whole file, got one that ends at byte ${at - 1}`);
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    throw new DataError(`${where}: expected a protocol buffer, got a number of more than 64 bits at byte ${at}`);
  };
  /** Most numbers are short: those of up to four bytes need no bigint. */
  const short = (): number => {
    let value = 0;
    for (let i = 0; i < 4; i++) {
      const byte = bytes[at + i];
      if (byte === undefined) break;
      value |= (byte & 0x7f) << (7 * i);
      if (byte < 0x80) {
        at += i + 1;
        return value;
      }
    }
    return Number(varint());
  };
  const take = (length: number): Uint8Array => {
    if (at + length > bytes.length)
      throw new DataError(`${where}: expected a whole file, got one that ends at byte ${bytes.length}`);
    const piece = bytes.subarray(at, at + length);
    at += length;
    return piece;
  };
  const none = new Uint8Array(0);
  while (at < bytes.length) {
    const key = short();
    const field = Math.floor(key / 8);
    const type = key % 8;
    if (type === VARINT) yield new WireField(field, type, varint(), none, where);
    else if (type === FIXED64) yield new WireField(field, type, 0n, take(8), where);
    else if (type === PIECE) yield new WireField(field, type, 0n, take(short()), where);
    else if (type === FIXED32) yield new WireField(field, type, 0n, take(4), where);
    else throw new DataError(`${where}: expected a protocol buffer, got wire type ${type} at byte ${at}`);
  }
}

/** A varint as a signed number. */
export const signed = (value: bigint): number => Number(BigInt.asIntN(64, value));
export const text = (bytes: Uint8Array): string => decoder.decode(bytes);

/** Repeated varints, packed or one by one, appended to `into`. */
export function readVarints(f: WireField, into: number[], where: string): void {
  if (f.isVarint) {
    into.push(signed(f.varint));
    return;
  }
  // A packed list is a message without keys: reuse the reader's checks by walking the bytes here.
  let value = 0n;
  let shift = 0n;
  for (const byte of f.bytes) {
    value |= BigInt(byte & 0x7f) << shift;
    if (byte >= 0x80) {
      shift += 7n;
      if (shift >= 70n) throw new DataError(`${where}: expected a list of numbers, got one of more than 64 bits`);
    } else {
      into.push(signed(value));
      value = 0n;
      shift = 0n;
    }
  }
  if (shift !== 0n) throw new DataError(`${where}: expected a whole list of numbers, got one that is cut off`);
}
