/**
 * @module What is read is never what is written: a page or answers over the only copy of somebody's data cannot be taken back.
 */
import { statSync } from "node:fs";
import { ConfigError } from "./errors.js";

/** A file's identity, whatever it is called; undefined where there is no such file. */
function identityOf(path: string): string | undefined {
  try {
    const info = statSync(path, { bigint: true });
    return info.isFile() ? `${info.dev}:${info.ino}` : undefined;
  } catch {
    // A query, a name that no disk takes, a file to be made.
    return undefined;
  }
}

/** Refuses to write over a file that is read, whatever both are called. ConfigError, naming the option and the file. */
export function refuseSource(target: string, sources: readonly string[], option: string): void {
  const identity = identityOf(target);
  if (identity !== undefined && sources.some((source) => identityOf(source) === identity))
    throw new ConfigError(`${option}: expected a file that is not read, got ${target}; name another`);
}
