/**
 * @module The files in an archive, a tar or a zip, without what archivers and file managers leave behind.
 */
import { basename } from "node:path";
import { DataError } from "../../util/errors.js";
import { isEmptyZip, isZip, zipFiles } from "../zip-node.js";
import { mostUnpackedBytes, unpacksTooMuch } from "../files-node.js";
import { isOwn } from "../parts.js";
import type { TarFile } from "./tar.js";
import { isTar, tarFiles } from "./tar.js";

/** Tells whether a file has an archive's name. */
export const isArchiveName = (path: string): boolean => /\.(tar|tar\.gz|tgz|zip)$/i.test(path);

/** An entry's path, step by step; some writers begin with `./`, some of Windows have backslashes. */
const stepsOf = (name: string): string[] =>
  (name.includes("/") ? name : name.replaceAll("\\", "/")).replace(/^(\.?\/)+/, "").split("/");

/**
 * The files of an archive (without gzip around it), by their paths; `notes` gets a line if links and the like were left out.
 *
 * Errors: DataError, naming `where`, for one that is damaged.
 */
export async function archiveFiles(archive: Uint8Array, where: string, notes: string[] = []): Promise<TarFile[]> {
  const isWanted = (name: string): boolean => {
    const steps = stepsOf(name);
    if (steps.includes(".."))
      throw new DataError(
        `${where}: expected names inside the archive, got ${JSON.stringify(name.slice(0, 80))}, which leads out of it`,
      );
    return isOwn(steps);
  };
  if (isEmptyZip(archive)) throw new DataError(`${where}: expected files in the archive, got none`);
  // A tar whose name is another archive's is read all the same; what is neither is said to be so.
  if (/\.zip$/i.test(where) && !isZip(archive) && !isTar(archive))
    throw new DataError(`${where}: expected a ZIP archive, got another file`);
  const left: string[] = [];
  const files = isZip(archive)
    ? await zipFiles(archive, where, isWanted, left)
    : [...tarFiles(archive, where, left)].filter(({ name }) => isWanted(name));
  // Links to one file many times over share its bytes here, and are files of their own where they are written or decoded.
  const total = files.reduce((sum, { bytes }) => sum + bytes.length, 0);
  if (total > mostUnpackedBytes(archive.length)) throw unpacksTooMuch(where, archive.length);
  const links = left.map(stepsOf).filter(isOwn);
  if (links.length > 0)
    notes.push(
      `${basename(where)}: ${links.length === 1 ? "a link was" : `${links.length} links were`} left out: ${links
        .slice(0, 5)
        .map((steps) => JSON.stringify(steps.join("/")))
        .join(", ")}${links.length > 5 ? ", …" : ""}`,
    );
  return files.map(({ name, bytes }) => ({ name: stepsOf(name).join("/"), bytes }));
}
