/**
 * @module `cleanData`: cleaning of a table, of texts or of images, whichever DATA is.
 */
import { expectNewFolder } from "../files-node.js";
import { holdsImages } from "../inspect/inspect-node.js";
import type { CleanImagesOptions } from "./clean-images-node.js";
import { cleanImages } from "./clean-images-node.js";
import type { CleanTableOptions } from "./clean-table-node.js";
import { cleanTable } from "./clean-table-node.js";
import type { CleaningReport } from "./findings.js";

export type CleanOptions = CleanTableOptions & Pick<CleanImagesOptions, "mostBits" | "findSimilar">;

/** Finds what should not be in data, and with `out` writes them without it. Errors: ConfigError for a folder that holds something. */
export async function cleanData(spec: string, options: CleanOptions = {}): Promise<CleaningReport> {
  const { out } = options;
  if (out !== undefined) await expectNewFolder(out);
  return (await holdsImages(spec, options)) ? cleanImages(spec, options) : cleanTable(spec, options);
}
