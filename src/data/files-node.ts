/**
 * @module Files as bytes: read errors become one line; gzip is decompressed and checked to its end.
 */
import { createHash } from "node:crypto";
import type { Dirent } from "node:fs";
import { createReadStream } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { promisify } from "node:util";
import { createGunzip, gunzip } from "node:zlib";
import { ConfigError, DataError } from "../util/errors.js";
import { fileReason } from "../util/file-reason.js";
import { checkRegular, IrregularFileError, readRegularFile } from "../util/regular-file-node.js";

const inflate = promisify(gunzip);

/** A DataError for a file that could not be read. */
export function unreadable(path: string, cause: unknown, what = "file"): DataError {
  return new DataError(`${path}: expected a ${what} that can be read, got an error: ${fileReason(cause)}`, { cause });
}

/** All entries of a folder and of those in it. DataError that names the folder which cannot be read. */
export async function entriesBelow(folder: string): Promise<Dirent[]> {
  try {
    return await readdir(folder, { withFileTypes: true, recursive: true });
  } catch (cause) {
    throw unreadable((cause as NodeJS.ErrnoException).path ?? folder, cause, "folder");
  }
}

/** The names in a folder, sorted. DataError if it cannot be read. */
export async function namesIn(folder: string): Promise<string[]> {
  try {
    return (await readdir(folder)).sort();
  } catch (cause) {
    throw unreadable(folder, cause, "folder");
  }
}

/** Refuses a folder that holds something, or a file in its place. ConfigError, naming the option. */
export async function expectNewFolder(folder: string, option = "--out"): Promise<void> {
  const info = await stat(folder).catch(() => undefined);
  if (info !== undefined && (!info.isDirectory() || (await namesIn(folder)).length > 0))
    throw new ConfigError(`${option}: expected a folder that is new or empty, got ${folder}, which holds something`);
}

/** A DataError for a gzip file that is truncated or altered. */
export const brokenGzip = (path: string, cause: unknown): DataError =>
  new DataError(`${path}: expected a whole gzip file, got a truncated or altered one (${(cause as Error).message})`, { cause });

const MIB = 2 ** 20;

/**
 * The largest size of a packed file's contents: real data shrink to a fifth, seldom to a fiftieth; only zeros shrink to a thousandth, and files
 * that are made to fill a memory.
 */
export const mostUnpackedBytes = (packedBytes: number): number => Math.max(256 * MIB, 100 * packedBytes);

export function unpacksTooMuch(path: string, packedBytes: number): DataError {
  const most = Math.round(mostUnpackedBytes(packedBytes) / MIB);
  return new DataError(
    `${path}: expected at most ${most} MiB out of ${packedBytes} packed bytes, got more; unpack it yourself if it is meant to be so large`,
  );
}

export const isGzip = (bytes: Uint8Array): boolean => bytes[0] === 0x1f && bytes[1] === 0x8b;

/** The bytes of a file as they are. */
export async function readFileBytes(path: string): Promise<Uint8Array> {
  try {
    return await readRegularFile(path);
  } catch (cause) {
    throw unreadable(path, cause);
  }
}

/** Bytes without their gzip wrapper, if they have one. DataError if it is truncated or its checksum is wrong. */
export async function unwrapGzip(bytes: Uint8Array, path: string): Promise<Uint8Array> {
  if (!isGzip(bytes)) return bytes;
  try {
    return await inflate(bytes, { maxOutputLength: mostUnpackedBytes(bytes.length) });
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ERR_BUFFER_TOO_LARGE") throw unpacksTooMuch(path, bytes.length);
    throw brokenGzip(path, cause);
  }
}

/** Reads a gzip file to its end without keeping it; DataError if it is truncated or altered (some readers do not notice). */
export async function verifyGzip(path: string): Promise<void> {
  let unpackedBytes = 0;
  let limit = Infinity;
  const sink = new Writable({
    write(chunk: Uint8Array, _encoding, done) {
      unpackedBytes += chunk.length;
      done(unpackedBytes > limit ? unpacksTooMuch(path, sizeBytes) : null);
    },
  });
  let sizeBytes = 0;
  try {
    await checkRegular(path);
    sizeBytes = (await stat(path)).size;
    limit = mostUnpackedBytes(sizeBytes);
    await pipeline(createReadStream(path), createGunzip(), sink);
  } catch (cause) {
    if (cause instanceof DataError) throw cause;
    const isFileError = cause instanceof IrregularFileError || (cause as NodeJS.ErrnoException).syscall !== undefined;
    throw isFileError ? unreadable(path, cause) : brokenGzip(path, cause);
  }
}

export const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");
