/**
 * @module Folders made one by one. Node's own recursive `mkdir` spins for ever where a folder can be looked for and not be made, as
 * in `/proc`.
 */
import { existsSync, mkdirSync, statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { ConfigError } from "./errors.js";
import { fileReason } from "./file-reason.js";

/** Makes a folder and those around it that are missing. ConfigError where it cannot be made, or a file has its place. */
export function makeFolders(path: string): void {
  try {
    makeMissing(path);
  } catch (cause) {
    const isNowhere = (cause as NodeJS.ErrnoException).code === "ENOENT";
    const reason = isNowhere ? "a place where none can be made" : fileReason(cause);
    throw new ConfigError(`${path}: expected a folder to write to, got ${reason}`, { cause });
  }
}

function makeMissing(path: string): void {
  const missing: string[] = [];
  for (let place = resolve(path); !existsSync(place); place = dirname(place)) {
    if (dirname(place) === place) break;
    missing.push(place);
  }
  for (const place of missing.toReversed()) makeFolder(place);
  if (missing.length === 0 && !statSync(path).isDirectory())
    throw Object.assign(new Error(`EEXIST: file already exists, mkdir '${path}'`), { code: "EEXIST" });
}

function makeFolder(path: string): void {
  try {
    mkdirSync(path);
  } catch (error) {
    // Another process was quicker.
    if (!existsSync(path) || !statSync(path).isDirectory()) throw error;
  }
}
