/**
 * @module `inspectData`: a description of a table, of texts or of images, whichever DATA is.
 */
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

/** Describes data. Errors: DataError for what cannot be read. */
export async function inspectData(spec: string, options: SourceOptions = {}): Promise<DataProfile> {
  return (await holdsImages(spec, options)) ? inspectImages(spec, options) : inspectTable(spec, options);
}
