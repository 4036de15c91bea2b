/**
 * @module The bound on how many entries of an archive are followed: an empty one costs the archive a few bytes, and its reader some thousand.
 */
import { DataError } from "../util/errors.js";

/** More than the large collections of pictures have in one archive (CelebA's 202,599). */
const MOST_ENTRIES = 250_000;

/** Errors: DataError, naming the archive, where it has more entries than are followed. */
export function checkEntries(count: number, where: string): void {
  if (count > MOST_ENTRIES)
    throw new DataError(
      `${where}: expected at most ${MOST_ENTRIES.toLocaleString("en")} entries in an archive, got more; unpack it yourself if it is meant to have so many`,
    );
}
