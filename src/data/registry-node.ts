/**
 * @module Finds the files of known data sets: in `$DESCENT_DATA`, in the package, in the user's cache, or at their source
 * address. Whatever was found is checked; a wrong checksum is refused.
 */
import { rename, rm, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { isGzip, readFileBytes, sha256, unwrapGzip } from "./files-node.js";
import type { KnownDataset, KnownFile } from "./registry.js";
import { makeFolders } from "../util/folders-node.js";
import { DataError } from "../util/errors.js";
import { exists } from "../util/regular-file-node.js";

/** Folders in which known data sets are looked for, and whether they may be downloaded. */
export interface FindOptions {
  /** In place of the environment's `DESCENT_DATA`. */
  readonly dataFolder?: string;
  /** In place of `$XDG_CACHE_HOME/descent`, or `~/.cache/descent`. */
  readonly cacheFolder?: string;
  /** Set to false to stay off the network. */
  readonly download?: boolean;
  /** In place of the global `fetch`. */
  readonly fetch?: typeof fetch;
  readonly onProgress?: (progress: DownloadProgress) => void;
  readonly signal?: AbortSignal;
}

/** Bytes of a download so far. */
export interface DownloadProgress {
  readonly file: string;
  readonly receivedBytes: number;
  /** Undefined where the server does not state it. */
  readonly totalBytes?: number;
}

/** A file that was found, and its checked content without gzip. */
export interface FoundFile {
  readonly path: string;
  readonly content: Uint8Array;
}

const BUNDLED = fileURLToPath(new URL("../../../datasets/", import.meta.url));

/** The folder of downloads. */
export const cacheFolder = (): string => join(process.env["XDG_CACHE_HOME"] || join(homedir(), ".cache"), "descent");

/** The content of a known data set's file, from wherever it is first found. DataError if it is nowhere, or has another checksum. */
export async function findKnownFile(known: KnownDataset, file: KnownFile, options: FindOptions = {}): Promise<FoundFile> {
  const { dataFolder = process.env["DESCENT_DATA"], download = true } = options;
  const cache = options.cacheFolder ?? cacheFolder();
  for (const root of [dataFolder, BUNDLED, cache]) {
    if (root === undefined || root === "") continue;
    const path = join(root, known.folder, file.name);
    if (await exists(path))
      return { path, content: await checked(await readFileBytes(path), file, path, "delete it to fetch it anew") };
  }
  const path = join(cache, known.folder, file.name);
  if (!download || file.url === undefined)
    throw new DataError(
      `${known.name}: expected ${file.name} in $DESCENT_DATA/${known.folder} or ${join(cache, known.folder)}, found neither`,
    );
  const received = await fetchBytes(file, file.url, join(cache, known.folder), options);
  const content = await checked(received, file, file.url, "the source has changed, or the transfer was altered");
  await keep(path, file.name.endsWith(".gz") && !isGzip(received) ? gzipSync(received) : received);
  return { path, content };
}

/** The content, if its checksum is the known one. */
async function checked(bytes: Uint8Array, file: KnownFile, where: string, remedy: string): Promise<Uint8Array> {
  const outer = sha256(bytes);
  const trusted = outer === file.gzipSha256 || outer === file.sha256;
  let content: Uint8Array;
  try {
    content = await unwrapGzip(bytes, where);
  } catch (error) {
    throw new DataError(`${(error as Error).message}; ${remedy}`, { cause: error });
  }
  if (trusted) return content;
  const inner = sha256(content);
  if (inner !== file.sha256)
    throw new DataError(
      `${where}: expected sha256 ${file.sha256.slice(0, 16)}… (content), got ${inner.slice(0, 16)}…; ${remedy}`,
    );
  return content;
}

async function fetchBytes(file: KnownFile, url: string, folder: string, options: FindOptions): Promise<Uint8Array> {
  const { onProgress, signal, fetch: get = fetch } = options;
  const remedy = `put ${file.name} into ${folder} by hand, or set DESCENT_DATA`;
  try {
    const response = await get(url, signal === undefined ? {} : { signal });
    if (!response.ok || response.body === null)
      throw new DataError(`${url}: expected the file, got HTTP ${response.status}; ${remedy}`);
    const total = Number(response.headers.get("content-length") ?? Number.NaN);
    const pieces: Uint8Array[] = [];
    let receivedBytes = 0;
    for await (const piece of response.body as AsyncIterable<Uint8Array>) {
      pieces.push(piece);
      receivedBytes += piece.length;
      onProgress?.({ file: file.name, receivedBytes, ...(Number.isNaN(total) ? {} : { totalBytes: total }) });
    }
    return Buffer.concat(pieces);
  } catch (cause) {
    if (cause instanceof DataError || signal?.aborted === true) throw cause;
    const { message, cause: inner } = cause as Error;
    const reason = inner instanceof Error && inner.message !== "" ? inner.message : message;
    throw new DataError(`${url}: expected to download ${file.name}, got an error: ${reason}; ${remedy}`, { cause });
  }
}

/** Writes aside, then renames, so that a file in the cache is whole. A cache that cannot be written is no failure. */
async function keep(path: string, bytes: Uint8Array): Promise<void> {
  const aside = `${path}.${process.pid}.tmp`;
  try {
    makeFolders(join(path, ".."));
    await writeFile(aside, bytes);
    await rename(aside, path);
  } catch {
    await rm(aside, { force: true });
  }
}
