/** @module The key of a labelling in its database, so that one database holds several. */
import { createHash } from "node:crypto";
import type { Scheme } from "./scheme.js";

export interface ProjectKey {
  /** A file of texts, or a folder of images. */
  readonly data: string;
  readonly scheme: Scheme;
}

/** The key of the data and the kind of labelling. */
export const projectOf = ({ data, scheme }: ProjectKey): string =>
  createHash("sha256")
    .update(JSON.stringify([data.replace(/[\\/]+$/, ""), scheme.kind]))
    .digest("hex")
    .slice(0, 16);
