/**
 * @module Files as bytes: what cannot be read is said in one line; gzip is undone and checked to its end.
 */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { readFile } from "node:fs/promises";
import { Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { promisify } from "node:util";
import { createGunzip, gunzip } from "node:zlib";
import { DataError } from "../util/errors.js";

const inflate = promisify(gunzip);

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: "no such file",
  EACCES: "no permission to read it",
  EISDIR: "it is a folder",
  ENOTDIR: "a part of its path is not a folder",
};

/** A DataError for a file that could not be read. */
export function unreadable(path: string, cause: unknown): DataError {
  const { code, message } = cause as NodeJS.ErrnoException;
  return new DataError(`${path}: expected a file that can be read, got an error: ${REASONS[code ?? ""] ?? message}`, { cause });
}

const brokenGzip = (path: string, cause: unknown): DataError =>
  new DataError(`${path}: expected a whole gzip file, got a truncated or altered one (${(cause as Error).message})`, { cause });

export const isGzip = (bytes: Uint8Array): boolean => bytes[0] === 0x1f && bytes[1] === 0x8b;

/** The bytes of a file as they are. */
export async function readFileBytes(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (cause) {
    throw unreadable(path, cause);
  }
}

/** Bytes without their gzip wrapper, if they have one. DataError if it is truncated or its checksum is wrong. */
export async function unwrapGzip(bytes: Uint8Array, path: string): Promise<Uint8Array> {
  if (!isGzip(bytes)) return bytes;
  try {
    return await inflate(bytes);
  } catch (cause) {
    throw brokenGzip(path, cause);
  }
}

/** Reads a gzip file to its end without keeping it; DataError if it is truncated or altered (some readers do not notice). */
export async function verifyGzip(path: string): Promise<void> {
  const sink = new Writable({ write: (_chunk, _encoding, done) => done() });
  try {
    await pipeline(createReadStream(path), createGunzip(), sink);
  } catch (cause) {
    const isFileError = (cause as NodeJS.ErrnoException).syscall !== undefined;
    throw isFileError ? unreadable(path, cause) : brokenGzip(path, cause);
  }
}

export const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");
