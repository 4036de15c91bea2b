/**
 * @module Files that are whole or not there: written aside, flushed to the disk, then renamed; and logs that are only
 * appended to, and cut.
 */
import { createHash } from "node:crypto";
import { accessSync, closeSync, constants, fdatasyncSync, fstatSync, ftruncateSync, openSync, writeSync } from "node:fs";
import { mkdir, open, rename, rm } from "node:fs/promises";
import { basename, dirname, join, sep } from "node:path";
import { ConfigError, DescentError } from "../util/errors.js";
import { checkRegular } from "../util/regular-file-node.js";
import { fileReason } from "../util/file-reason.js";
import { own } from "../util/record.js";

/** ConfigError, beginning with `where`, if a folder is not there, is none, or is not to be written to. */
export function checkWritable(folder: string, where: string): void {
  try {
    accessSync(`${folder}${sep}`, constants.W_OK);
  } catch (cause) {
    const reason = (cause as NodeJS.ErrnoException).code === "ENOENT" ? "nothing there" : fileReason(cause);
    throw new ConfigError(`${where}: expected a folder to write to, got ${reason}`, { cause });
  }
}

/** A file's bytes, whole or in pieces one after the other. */
export type FileContent = Uint8Array | readonly Uint8Array[];

const piecesOf = (content: FileContent): readonly Uint8Array[] => (content instanceof Uint8Array ? [content] : content);

/** Bytes of a file's content. */
export const sizeOfContent = (content: FileContent): number => piecesOf(content).reduce((sum, piece) => sum + piece.length, 0);

/** The writes that a run folder makes: a test replaces them to fill the disk or to stop half-way. */
export interface FileSystem {
  /** Writes a new file and flushes it to the disk. */
  writeFile(path: string, content: FileContent): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  /** Makes a folder in one that is there. */
  mkdir(path: string): Promise<void>;
  /** Removes a file or a folder with all in it; fine if there is none. */
  remove(path: string): Promise<void>;
}

// One write call takes at most 2 GiB − 1 on Linux, one read call in Node as well.
const CHUNK_BYTES = 2 ** 30;

export const nodeFileSystem: FileSystem = {
  async writeFile(path, content) {
    const file = await open(path, "wx");
    try {
      for (const bytes of piecesOf(content)) {
        for (let at = 0; at < bytes.length;) {
          at += (await file.write(bytes, at, Math.min(CHUNK_BYTES, bytes.length - at))).bytesWritten;
        }
      }
      await file.sync();
    } finally {
      await file.close();
    }
  },
  async rename(from, to) {
    await rename(from, to);
    await syncFolder(dirname(to));
  },
  // Its parent has to be there: a run that somebody removed is not made anew under the training.
  mkdir: (path) => mkdir(path),
  remove: (path) => rm(path, { recursive: true, force: true }),
};

/** Makes a rename last through a power cut. Windows cannot open a folder, and needs no such call. */
async function syncFolder(path: string): Promise<void> {
  if (process.platform === "win32") return;
  const folder = await open(path, "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

let asides = 0;
/** A name beside `path` that no other writer uses. */
export const asideOf = (path: string): string => join(dirname(path), `.${basename(path)}.${process.pid}-${asides++}.tmp`);
/** Names that a killed writer left behind. */
export const ASIDE = /^\..+\.\d+-\d+\.tmp$/;

/** Replaces a file in one stroke: whoever reads it sees the old bytes or the new ones. */
export async function writeWhole(files: FileSystem, path: string, content: FileContent | string): Promise<void> {
  const aside = asideOf(path);
  const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
  try {
    await files.writeFile(aside, bytes);
    await files.rename(aside, path);
  } catch (cause) {
    await files.remove(aside).catch(() => undefined);
    throw writeError(path, sizeOfContent(bytes), cause);
  }
}

/** Makes an error of a failed write: one line, with a remedy. */
export function writeError(path: string, sizeBytes: number, cause: unknown, remedy = ""): DescentError {
  const { code, message } = cause as NodeJS.ErrnoException;
  const got: Record<string, string> = {
    ENOSPC: "a full disk (ENOSPC)",
    EDQUOT: "an exhausted disk quota (EDQUOT)",
    EACCES: "no permission (EACCES)",
    EROFS: "a read-only file system (EROFS)",
    ENOENT: "a folder that is gone (ENOENT): somebody removed it",
  };
  const room = sizeBytes >= 2 ** 20 ? `${(sizeBytes / 2 ** 20).toFixed(0)} MiB` : `${sizeBytes} bytes`;
  return new DescentError(`${path}: expected to write ${room}, got ${own(got, code ?? "") ?? message}${remedy}`, { cause });
}

/** All bytes of a file, of more than 2 GiB too. */
export async function readWhole(path: string): Promise<Uint8Array> {
  await checkRegular(path);
  const file = await open(path, "r");
  try {
    const bytes = new Uint8Array((await file.stat()).size);
    let at = 0;
    while (at < bytes.length) {
      const { bytesRead } = await file.read(bytes, at, Math.min(CHUNK_BYTES, bytes.length - at));
      if (bytesRead === 0) break;
      at += bytesRead;
    }
    return bytes.subarray(0, at);
  } finally {
    await file.close();
  }
}

/** SHA-256 in hexadecimal. */
export function sha256(content: FileContent): string {
  const hash = createHash("sha256");
  for (const bytes of piecesOf(content))
    for (let at = 0; at < bytes.length; at += CHUNK_BYTES) hash.update(bytes.subarray(at, at + CHUNK_BYTES));
  return hash.digest("hex");
}

const READ_BYTES = 2 ** 22;

/** Size and SHA-256 of a file that is read piece by piece, and not kept. */
export async function digestOf(path: string): Promise<{ readonly sizeBytes: number; readonly sha256: string }> {
  await checkRegular(path);
  const file = await open(path, "r");
  try {
    const hash = createHash("sha256");
    const piece = new Uint8Array(READ_BYTES);
    for (let sizeBytes = 0; ;) {
      const { bytesRead } = await file.read(piece, 0, READ_BYTES);
      if (bytesRead === 0) return { sizeBytes, sha256: hash.digest("hex") };
      hash.update(piece.subarray(0, bytesRead));
      sizeBytes += bytesRead;
    }
  } finally {
    await file.close();
  }
}

/**
 * A file that is only appended to. Each append has reached the system when the call returns, so nothing is lost if the
 * process is killed, and a failed one leaves no half record behind.
 */
export class AppendOnlyFile {
  readonly path: string;
  #descriptor: number | undefined;
  #sizeBytes: number;

  constructor(path: string) {
    this.path = path;
    this.#descriptor = openSync(path, "a");
    this.#sizeBytes = fstatSync(this.#descriptor).size;
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  append(bytes: Uint8Array): void {
    const descriptor = this.#open();
    if (fstatSync(descriptor).nlink === 0)
      throw writeError(this.path, bytes.length, Object.assign(new Error("no such file"), { code: "ENOENT" }));
    try {
      for (let at = 0; at < bytes.length;) at += writeSync(descriptor, bytes, at);
    } catch (cause) {
      ftruncateSync(descriptor, this.#sizeBytes);
      throw writeError(this.path, bytes.length, cause);
    }
    this.#sizeBytes += bytes.length;
  }

  /** Cuts the file to `sizeBytes`; one that is shorter stays as it is. */
  cut(sizeBytes: number): void {
    if (sizeBytes >= this.#sizeBytes) return;
    ftruncateSync(this.#open(), sizeBytes);
    this.#sizeBytes = sizeBytes;
  }

  /** Flushes to the disk. */
  sync(): void {
    fdatasyncSync(this.#open());
  }

  [Symbol.dispose](): void {
    if (this.#descriptor !== undefined) closeSync(this.#descriptor);
    this.#descriptor = undefined;
  }

  #open(): number {
    if (this.#descriptor === undefined) throw new DescentError(`${this.path}: expected an open run, got one that is closed`);
    return this.#descriptor;
  }
}
