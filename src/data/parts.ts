/**
 * @module The parts of a data set, by the names that folders, files and columns have for them.
 */
import type { Dataset } from "./dataset.js";

export const SPLITS = {
  train: ["train", "training"],
  validation: ["validation", "valid", "val", "dev"],
  test: ["test", "testing", "t10k"],
} as const;

/** Leftovers of file managers and archivers; hidden files are ignored as well. */
const LEFTOVERS = new Set(["__macosx", "thumbs.db", "ehthumbs.db", "desktop.ini", "$recycle.bin", "system volume information"]);

/** Tells whether no step of a path is hidden or a leftover. */
export const isOwn = (path: readonly string[]): boolean =>
  !path.some((step) => step.startsWith(".") || LEFTOVERS.has(step.toLowerCase()));

export type PartName = keyof typeof SPLITS;

/** Parts of a data set; what is left out is held out from the training part. */
export interface Parts {
  readonly train: Dataset;
  readonly validation?: Dataset;
  readonly test?: Dataset;
}

/** Returns the part that a name stands for, or undefined. */
export const partNamed = (name: string): PartName | undefined =>
  (Object.keys(SPLITS) as PartName[]).find((part) => (SPLITS[part] as readonly string[]).includes(name.toLowerCase()));

/** The parts that there are, each made into another. */
export function mapParts<T extends Parts>(parts: T, make: (part: Dataset, name: PartName) => Dataset): T {
  const made = { train: make(parts.train, "train") } as Record<PartName, Dataset>;
  for (const name of ["validation", "test"] as const) {
    const part = parts[name];
    if (part !== undefined) made[name] = make(part, name);
  }
  return made as T;
}
