/**
 * @module Image files in folders and archives: `CLASS/*.jpg`, or the same below `train`, `val` and `test`.
 */
import { join, relative, sep } from "node:path";
import type { Dataset } from "../dataset.js";
import { encodeLabels } from "../labels.js";
import { DataError } from "../../util/errors.js";
import { entriesBelow } from "../files-node.js";
import type { ImageEntry } from "./encoded.js";
import { entriesDataset } from "./encoded.js";
import { IMAGE_FILE } from "./manifest.js";
import { isOwn, partNamed } from "./parts.js";
import type { ImageParts, PartName } from "./parts.js";
import type { TarFile } from "./tar.js";

/** A file's place below the root, as [part, class], and whether it is an image; hidden files are none. */
function placeOf(path: readonly string[]): { part: PartName | undefined; label: string } | undefined {
  const file = path.at(-1) ?? "";
  if (!isOwn(path) || !IMAGE_FILE.test(file)) return undefined;
  const part = path.length >= 3 ? partNamed(path[0] as string) : undefined;
  const label = path[part === undefined ? 0 : 1];
  return label === undefined || path.length < 2 ? undefined : { part, label };
}

/** Parts from entries by part; labels become indices of the training part's classes. */
function partsOf(byPart: ReadonlyMap<PartName, readonly ImageEntry[]>, where: string): ImageParts {
  const train = byPart.get("train");
  if (train === undefined) throw new DataError(`${where}: expected a folder train with a folder for each class, found none`);
  const classes = [...new Set(train.map(({ label }) => label))].sort();
  if (classes.length < 2)
    throw new DataError(`${where}: expected at least two classes, one folder each, got one: ${classes.join(", ")}`);
  const dataset = (part: PartName, entries: readonly ImageEntry[]): Dataset => {
    const unknown = [...new Set(entries.map(({ label }) => label))].filter((label) => !classes.includes(label));
    if (unknown.length > 0)
      throw new DataError(`${where}: expected the classes of train in ${part}, got ${unknown.join(", ")} as well`);
    const rows = entriesDataset(entries);
    return rows.with({ label: encodeLabels(rows.column("label"), classes, where) });
  };
  const part = (name: PartName): Dataset | undefined => {
    const entries = byPart.get(name);
    return entries === undefined ? undefined : dataset(name, entries);
  };
  const [validation, test] = [part("validation"), part("test")];
  return {
    train: dataset("train", train),
    ...(validation === undefined ? {} : { validation }),
    ...(test === undefined ? {} : { test }),
  };
}

/** Entries sorted into parts. Files beside folders named train and test are of no part, and are left alone. */
function sortEntries(
  found: readonly { readonly path: readonly string[]; readonly entry: Omit<ImageEntry, "label"> }[],
): Map<PartName, ImageEntry[]> {
  const placed = found.flatMap(({ path, entry }) => {
    const place = placeOf(path);
    return place === undefined ? [] : [{ ...place, entry }];
  });
  const hasParts = placed.some(({ part }) => part === "train");
  const byPart = new Map<PartName, ImageEntry[]>();
  for (const { part, label, entry } of placed) {
    if (hasParts && part === undefined) continue;
    const name = hasParts ? (part as PartName) : "train";
    const entries = byPart.get(name) ?? [];
    byPart.set(name, entries);
    entries.push({ ...entry, label });
  }
  return byPart;
}

/** Counts the folders around all images: they name no part, and below them there still are classes. */
function wrappers(paths: readonly (readonly string[])[]): number {
  const images = paths.filter((path) => placeOf(path) !== undefined);
  const [first] = images;
  let depth = 0;
  for (;;) {
    const step = first?.[depth];
    if (step === undefined || partNamed(step) !== undefined) return depth;
    if (!images.every((path) => path[depth] === step && path.length >= depth + 3)) return depth;
    depth++;
  }
}

/**
 * The parts of a folder of images, or undefined where it is none.
 *
 * Errors: DataError if there is one class only, a class without images, or a class that training has not.
 */
export async function readImageFolder(folder: string): Promise<ImageParts | undefined> {
  const listed = await entriesBelow(folder);
  const files = listed
    .filter((entry) => entry.isFile() || entry.isSymbolicLink())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
  const stepsOf = (file: string): string[] => relative(folder, file).split(sep);
  const around = wrappers(files.map(stepsOf));
  const pathOf = (file: string): string[] => stepsOf(file).slice(around);
  const byPart = sortEntries(files.map((file) => ({ path: pathOf(file), entry: { source: file } })));
  if (byPart.size === 0) return undefined;
  const folders = listed
    .filter((entry) => entry.isDirectory())
    .map((entry) => stepsOf(join(entry.parentPath, entry.name)))
    .filter((steps) => isOwn(steps) && steps.length > around);
  const places = files.flatMap((file) => placeOf(pathOf(file)) ?? []);
  const hasParts = places.some(({ part }) => part === "train");
  const used = new Set(places.map(({ part, label }) => (hasParts ? `${part}/${label}` : label)));
  // A folder among those of the classes in which there is no image.
  const empty = folders.find((steps) => {
    const path = steps.slice(around);
    const [first = "", label = first] = path;
    const isClass = hasParts ? path.length === 2 && partNamed(first) !== undefined : path.length === 1;
    const name = hasParts ? `${partNamed(first)}/${label}` : first;
    return isClass && !used.has(name);
  });
  if (empty !== undefined) throw new DataError(`${join(folder, ...empty)}: expected images of a class, found none`);
  return partsOf(byPart, folder);
}

/** The parts of archives of images: each entry's path is its place, below folders around all or none. */
export function imageArchive(files: readonly TarFile[], where: string): ImageParts | undefined {
  const found = files.map(({ name, bytes }) => ({ path: name.split("/"), entry: { source: bytes, file: `${where}: ${name}` } }));
  const around = wrappers(found.map(({ path }) => path));
  const byPart = sortEntries(found.map(({ path, entry }) => ({ path: path.slice(around), entry })));
  return byPart.size === 0 ? undefined : partsOf(byPart, where);
}
