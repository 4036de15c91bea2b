/**
 * @module Files that can be read to an end: pipes, devices and sockets in place of a file are refused, since opening one waits for
 * somebody who may never come.
 */
import type { Stats } from "node:fs";
import { readFile, stat } from "node:fs/promises";

/** The file is there, and is none. */
export class IrregularFileError extends Error {
  /** As the system's errors have it, so that readers treat both alike. */
  readonly code = "EIRREGULAR";
}

const kindOf = (found: Stats): string => (found.isFIFO() ? "a pipe" : found.isSocket() ? "a socket" : "a device");

/** IrregularFileError for a pipe, a socket or a device; the system's own error where there is nothing. */
export async function checkRegular(path: string): Promise<void> {
  const found = await stat(path);
  // What a folder is, reading it says.
  if (!found.isFile() && !found.isDirectory()) throw new IrregularFileError(`it is ${kindOf(found)}`);
}

/** All bytes of a regular file. */
export async function readRegularFile(path: string): Promise<Buffer> {
  await checkRegular(path);
  return readFile(path);
}

/** Tells whether there is anything at a path. */
export const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );
