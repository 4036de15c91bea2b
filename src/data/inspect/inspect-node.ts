/**
 * @module `inspectData`: a description of a table, of texts or of images, whichever DATA is.
 */
import { stat } from "node:fs/promises";
import { describedTable } from "../card-node.js";
import { loadData } from "../load-node.js";
import { KNOWN_DATASETS } from "../registry.js";
import { holdsImageFiles } from "./image-collection-node.js";
import { inspectImages } from "./image-profile-node.js";
import type { DataProfile } from "./profile.js";
import type { SourceOptions } from "./source-node.js";
import { inspectTable } from "./table-profile-node.js";

const isKnownImages = (spec: string): boolean =>
  KNOWN_DATASETS.some(({ name, task }) => name === spec && (task.startsWith("image") || task === "object-detection"));

/** Tells whether DATA is images: files of them, IDX files, or a known data set of images. */
export async function holdsImages(spec: string, options: SourceOptions = {}): Promise<boolean> {
  if (isKnownImages(spec) || /idx\d/.test(spec)) return true;
  if (await holdsImageFiles(spec)) return true;
  if (!/\.json$/i.test(spec)) return false;
  return (await loadData(spec, options)).roles.image !== undefined;
}

/** Options that say nothing of how a table is read. */
const APART: ReadonlySet<string> = new Set(["memoryMiB", "signal", "seed", "maxMegapixels"]);

/** The description that importing has left in a folder's card, where it was read as it is now asked for. */
async function imported(spec: string, options: SourceOptions): Promise<DataProfile | undefined> {
  const isAsked = Object.entries(options).some(([name, value]) => value !== undefined && !APART.has(name));
  const isName = KNOWN_DATASETS.some(({ name }) => name === spec);
  if (isAsked || isName || (await stat(spec).catch(() => undefined))?.isDirectory() !== true) return undefined;
  return describedTable(spec);
}

/** Describes data; an imported table by its card, if it is as it was. Errors: DataError for what cannot be read. */
export async function inspectData(spec: string, options: SourceOptions = {}): Promise<DataProfile> {
  if (isKnownImages(spec)) return inspectImages(spec, options);
  const known = await imported(spec, options);
  if (known !== undefined) return known;
  return (await holdsImages(spec, options)) ? inspectImages(spec, options) : inspectTable(spec, options);
}
