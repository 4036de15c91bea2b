/**
 * @module safetensors files on disk: written piece by piece, aside and then renamed, so that a file that exists is whole;
 * read at once, or tensor by tensor.
 */
import type { FileHandle } from "node:fs/promises";
import { open, rename, rm } from "node:fs/promises";
import { readFileBytes, unreadable } from "./files-node.js";
import type { SafetensorsEntry, SafetensorsFile, SafetensorsHeader } from "./safetensors.js";
import { decodeTensor, headerLength, parseSafetensorsHeader, readSafetensors, safetensorsPieces } from "./safetensors.js";
import type { TensorData } from "../graph/index.js";
import type { MappedFile } from "./mapped-file-node.js";
import { fileMapper } from "./mapped-file-node.js";
import { afterDispose, DataError } from "../util/errors.js";
import { checkRegular } from "../util/regular-file-node.js";
import { unknownName } from "../util/nearest.js";

/** Reads a whole file into memory. */
export const loadSafetensors = async (path: string): Promise<SafetensorsFile> => readSafetensors(await readFileBytes(path), path);

/**
 * Writes beside `path`, flushes to disk, and renames: readers see the old file or the new one, never a part.
 *
 * @example
 * import { toTensorData } from "descentjs";
 * import { loadSafetensors, saveSafetensors } from "descentjs/data/node";
 * await saveSafetensors("weights.safetensors", [["weight", toTensorData([[1, 2], [3, 4]])]]);
 * const { tensors } = await loadSafetensors("weights.safetensors");
 * console.log(tensors.get("weight")?.shape); // [ 2, 2 ]
 */
export async function saveSafetensors(
  path: string,
  tensors: Iterable<readonly [string, TensorData]>,
  metadata: Readonly<Record<string, string>> = {},
): Promise<void> {
  const aside = `${path}.${process.pid}.tmp`;
  try {
    const file = await open(aside, "w");
    try {
      for (const piece of safetensorsPieces(tensors, metadata)) await writeAll(file, piece);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(aside, path);
  } catch (error) {
    await rm(aside, { force: true });
    throw error;
  }
}

/** `FileHandle.write` may write less than it is given, and takes at most 2 GiB at once. */
async function writeAll(file: FileHandle, piece: Uint8Array): Promise<void> {
  for (let at = 0; at < piece.length;) {
    const { bytesWritten } = await file.write(piece, at, Math.min(piece.length - at, 2 ** 30));
    at += bytesWritten;
  }
}

/** An open file from which single tensors are read: for models of which only a part is needed, or larger than memory. */
export class SafetensorsReader implements AsyncDisposable {
  readonly header: SafetensorsHeader;
  readonly #file: FileHandle;
  readonly #path: string;
  readonly #entries: ReadonlyMap<string, SafetensorsEntry>;
  #isClosed = false;
  #mapped: Promise<MappedFile | undefined> | undefined;

  private constructor(file: FileHandle, path: string, header: SafetensorsHeader) {
    this.#file = file;
    this.#path = path;
    this.header = header;
    this.#entries = new Map(header.entries.map((entry) => [entry.name, entry]));
  }

  static async open(path: string): Promise<SafetensorsReader> {
    let file: FileHandle;
    try {
      await checkRegular(path);
      file = await open(path, "r");
    } catch (cause) {
      throw unreadable(path, cause);
    }
    try {
      const { size } = await file.stat();
      const length = headerLength(await readAt(file, 0, Math.min(8, size)), path);
      if (8 + length > size)
        throw new DataError(`${path}: expected a header of ${length} bytes, got ${size - 8}; the file is truncated`);
      return new SafetensorsReader(file, path, parseSafetensorsHeader(await readAt(file, 8, length), size, path));
    } catch (error) {
      await file.close();
      throw error instanceof DataError ? error : unreadable(path, error);
    }
  }

  get names(): string[] {
    return [...this.#entries.keys()];
  }

  has(name: string): boolean {
    return this.#entries.has(name);
  }

  /** One tensor. Errors: DataError for a name that is not there; SessionError once the file has been closed. */
  async read(name: string): Promise<TensorData> {
    if (this.#isClosed) throw afterDispose(this.#path);
    const entry = this.#entries.get(name);
    if (entry === undefined) throw new DataError(`${this.#path}: ${unknownName("tensor", name, this.names)}`);
    return decodeTensor(entry, await readAt(this.#file, this.header.dataStart + entry.begin, entry.end - entry.begin));
  }

  /** One tensor where it lies in the file, which may be closed meanwhile; undefined for numbers that are not stored as they are used, or cannot be mapped. */
  async map(name: string): Promise<TensorData | undefined> {
    const entry = this.#entries.get(name);
    if (entry?.type !== "F32" || entry.begin === entry.end) return undefined;
    this.#mapped ??= fileMapper().then((mapper) => mapper?.(this.#path));
    const bytes = (await this.#mapped)?.(this.header.dataStart + entry.begin, entry.end - entry.begin);
    if (bytes === undefined || bytes.byteOffset % 4 !== 0) return undefined;
    return { dtype: "float32", shape: entry.shape, data: new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4) };
  }

  close(): Promise<void> {
    this.#isClosed = true;
    return this.#file.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

async function readAt(file: FileHandle, position: number, length: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length;) {
    const { bytesRead } = await file.read(bytes, at, Math.min(length - at, 2 ** 30), position + at);
    if (bytesRead === 0)
      throw new DataError(`safetensors: expected ${length} bytes at ${position}, got ${at}; the file is truncated`);
    at += bytesRead;
  }
  return bytes;
}
