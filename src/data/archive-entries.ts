/**
 * @module The limit on the number of entries in an archive: an empty entry costs the archive a few bytes, and its reader thousands.
 */
import { DataError } from "../util/errors.js";

/** More than the large collections of pictures have in one archive (CelebA's 202,599). */
const MOST_ENTRIES = 250_000;

/** Refuses archives with too many entries. Errors: DataError, naming the archive. */
export function checkEntries(count: number, where: string): void {
  if (count > MOST_ENTRIES)
    throw new DataError(
      `${where}: expected at most ${MOST_ENTRIES.toLocaleString("en")} entries in an archive, got more; unpack it yourself if it is meant to have so many`,
    );
}
