/**
 * @module The outline of a large ONNX file: its messages without the values of its large tensors, which stay in the file and are referenced there
 * as external data is. Reading a few kilobytes of a model of gigabytes is enough.
 */
import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { basename } from "node:path";
import { WireWriter } from "../onnx/index.js";

/** Files below this are read whole. */
const SMALL_FILE = 2 ** 22;
/** Tensors below this are read with the rest. */
const SMALL_TENSOR = 2 ** 15;
const BLOCK = 2 ** 12;

/** Places of fields in onnx.proto. */
const GRAPH = 7;
const INITIALIZER = 5;
const RAW_DATA = 9;
const EXTERNAL_DATA = 13;
const DATA_LOCATION = 14;

interface Field {
  readonly field: number;
  readonly type: number;
  /** Offsets of the field's key, of its contents, and of its end. */
  readonly start: number;
  readonly inside: number;
  readonly end: number;
}

/** Random access to a file, a block at a time. */
class FileReader {
  readonly #handle: number;
  readonly size: number;
  #block: Uint8Array = new Uint8Array(0);
  #at = 0;

  constructor(handle: number) {
    this.#handle = handle;
    this.size = fstatSync(handle).size;
  }

  bytes(start: number, end: number): Uint8Array {
    const inBlock = start >= this.#at && end <= this.#at + this.#block.length;
    if (inBlock) return this.#block.subarray(start - this.#at, end - this.#at);
    if (end - start > BLOCK) return this.#read(start, end - start);
    this.#block = this.#read(start, Math.min(BLOCK, this.size - start));
    this.#at = start;
    return this.#block.subarray(0, end - start);
  }

  #read(start: number, length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    let done = 0;
    while (done < length) {
      const count = readSync(this.#handle, bytes, done, length - done, start + done);
      if (count === 0) throw new RangeError("the file ends early");
      done += count;
    }
    return bytes;
  }

  /** A number of up to 53 bits, and where it ends. */
  #varint(at: number, end: number): readonly [value: number, after: number] {
    const bytes = this.bytes(at, Math.min(at + 10, end));
    let value = 0;
    for (let i = 0; i < bytes.length; i++) {
      const byte = bytes[i] as number;
      value += (byte & 0x7f) * 2 ** (7 * i);
      if (byte < 0x80) return [value, at + i + 1];
    }
    throw new RangeError("a number without an end");
  }

  /** The fields of a message, without their contents. Errors: RangeError where they make no sense. */
  *fields(start: number, end: number): Generator<Field> {
    for (let at = start; at < end;) {
      const [key, after] = this.#varint(at, end);
      const type = key % 8;
      let [inside, stop] = [after, after];
      if (type === 0) stop = this.#varint(after, end)[1];
      else if (type === 1) stop = after + 8;
      else if (type === 5) stop = after + 4;
      else if (type === 2) {
        const [length, begins] = this.#varint(after, end);
        [inside, stop] = [begins, begins + length];
      } else throw new RangeError(`wire type ${type}`);
      if (stop > end) throw new RangeError("a field longer than its message");
      yield { field: Math.floor(key / 8), type, start: at, inside, end: stop };
      at = stop;
    }
  }
}

/**
 * The bytes of a model's messages, in which large tensors say where in the file their numbers are; undefined where the file is small, or is no
 * protocol buffer as far as that can be told without reading it all: whoever reads it whole says what is wrong.
 */
export function outlineOf(path: string): Uint8Array | undefined {
  const handle = openSync(path, "r");
  try {
    const file = new FileReader(handle);
    if (file.size < SMALL_FILE) return undefined;
    const writer = new WireWriter();
    for (const f of file.fields(0, file.size)) {
      if (f.field === GRAPH && f.type === 2) writer.message(GRAPH, (graph) => copyGraph(file, f, graph, basename(path)));
      else if (f.end - f.start > SMALL_FILE) return undefined;
      else writer.raw(file.bytes(f.start, f.end).slice());
    }
    return writer.finish();
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  } finally {
    closeSync(handle);
  }
}

function copyGraph(file: FileReader, { inside, end }: Field, writer: WireWriter, name: string): void {
  for (const f of file.fields(inside, end)) {
    const isLarge = f.field === INITIALIZER && f.type === 2 && f.end - f.inside > SMALL_TENSOR;
    if (isLarge) writer.message(INITIALIZER, (tensor) => copyTensor(file, f, tensor, name));
    else writer.raw(file.bytes(f.start, f.end).slice());
  }
}

function copyTensor(file: FileReader, { inside, end }: Field, writer: WireWriter, name: string): void {
  for (const f of file.fields(inside, end)) {
    if (f.field !== RAW_DATA || f.type !== 2) {
      writer.raw(file.bytes(f.start, f.end).slice());
      continue;
    }
    const place = { location: name, offset: String(f.inside), length: String(f.end - f.inside) };
    for (const [key, value] of Object.entries(place)) {
      writer.message(EXTERNAL_DATA, (entry) => {
        entry.string(1, key);
        entry.string(2, value);
      });
    }
    writer.int(DATA_LOCATION, 1);
  }
}
