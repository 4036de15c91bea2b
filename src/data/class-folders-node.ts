/**
 * @module Files in folders and archives that are called by their class: `CLASS/file`, or the same below `train`, `val` and `test`; or side by side, with the
 * class in their names.
 */
import type { ImageEntry } from "./images/encoded.js";
import { join, relative, sep } from "node:path";
import { entriesBelow } from "./files-node.js";
import { isOwn, partNamed } from "./parts.js";
import type { PartName } from "./parts.js";
import type { TarFile } from "./images/tar.js";
import { DataError } from "../util/errors.js";
import { defined } from "../util/record.js";
import { formatNames } from "../util/text.js";

/** The kind of files that examples are. */
export interface ExampleFiles {
  /** The files' name in messages: "images". */
  readonly what: string;
  readonly isExample: (file: string) => boolean;
  /** The class that a file's name begins with; left out, names tell none. */
  readonly classOf?: (file: string) => string | undefined;
}

export type FilesByPart = ReadonlyMap<PartName, readonly ImageEntry[]>;

/** The part and the class that a path below the root stands for; undefined for hidden files and those of another kind. */
function placeOf(
  path: readonly string[],
  { isExample }: ExampleFiles,
): { part: PartName | undefined; label: string } | undefined {
  if (!isOwn(path) || !isExample(path.at(-1) ?? "")) return undefined;
  const part = path.length >= 3 ? partNamed(path[0] as string) : undefined;
  const label = path[part === undefined ? 0 : 1];
  return label === undefined || path.length < 2 ? undefined : { part, label };
}

/** Counts the folders around all examples: they name no part, and below them there still are classes. */
function wrappers(paths: readonly (readonly string[])[], kind: ExampleFiles): number {
  const examples = paths.filter((path) => placeOf(path, kind) !== undefined);
  const [first] = examples;
  let depth = 0;
  for (;;) {
    const step = first?.[depth];
    if (step === undefined || partNamed(step) !== undefined) return depth;
    if (!examples.every((path) => path[depth] === step && path.length >= depth + 3)) return depth;
    depth++;
  }
}

interface FoundFile {
  readonly path: readonly string[];
  readonly file: Omit<ImageEntry, "label">;
}

/** The parts that examples side by side are of (`dog.1.jpg`, `train/dog.1.jpg`, `test1/1.jpg`); undefined where folders are classes. */
function sideBySide(found: readonly FoundFile[], { isExample }: ExampleFiles): (FoundFile & { part: PartName })[] | undefined {
  const examples = found.filter(({ path }) => isOwn(path) && isExample(path.at(-1) ?? ""));
  const isWrapped = new Set(examples.map(({ path }) => path[0])).size === 1;
  const placed = examples.flatMap(({ path, file }) => {
    const [step = ""] = path;
    const part = path.length === 1 ? "train" : (partNamed(step.replace(/\d+$/, "")) ?? (isWrapped ? "train" : undefined));
    return part === undefined || path.length > 2 ? [] : [{ part, path, file }];
  });
  return placed.length === examples.length && placed.some(({ part }) => part === "train") ? placed : undefined;
}

/** Examples side by side by the classes in their names, which several share; nothing where names tell no classes. */
function sortedByName(examples: readonly (FoundFile & { part: PartName })[], kind: ExampleFiles, notes: string[]): FilesByPart {
  const byPart = new Map<PartName, ImageEntry[]>();
  let left = 0;
  for (const { part, path, file } of examples) {
    const label = kind.classOf?.(path.at(-1) ?? "");
    if (label === undefined && part === "train") return new Map();
    if (label === undefined) left++;
    else {
      const files = byPart.get(part) ?? [];
      byPart.set(part, files);
      files.push({ ...file, label });
    }
  }
  const training = byPart.get("train") ?? [];
  const classes = [...new Set(training.map(({ label }) => label))].sort();
  if (classes.length < 2 || classes.length * 2 > training.length) return new Map();
  const shown = classes.length > 5 ? `${classes.slice(0, 4).join(", ")} and ${classes.length - 4} more` : classes.join(", ");
  notes.push(`classes are what the names of files begin with: ${shown}`);
  if (left > 0) notes.push(`${left} ${kind.what} without a class in their names were left out`);
  return byPart;
}

/** Files sorted into parts. Those beside folders named train and test are of no part, and are left alone. */
function sorted(found: readonly FoundFile[], kind: ExampleFiles, notes: string[]): FilesByPart {
  const examples = sideBySide(found, kind);
  const named = examples === undefined ? undefined : sortedByName(examples, kind, notes);
  // Folders that are called as parts are no classes.
  if (
    named !== undefined &&
    (named.size > 0 || examples?.some(({ path }) => path.length > 1 && partNamed(path[0] ?? "")) === true)
  )
    return named;
  const placed = found.flatMap(({ path, file }) => {
    const place = placeOf(path, kind);
    return place === undefined ? [] : [{ ...place, file }];
  });
  const hasParts = placed.some(({ part }) => part === "train");
  const byPart = new Map<PartName, ImageEntry[]>();
  for (const { part, label, file } of placed) {
    if (hasParts && part === undefined) continue;
    const name = hasParts ? (part as PartName) : "train";
    const files = byPart.get(name) ?? [];
    byPart.set(name, files);
    files.push({ ...file, label });
  }
  return byPart;
}

/**
 * The files below a folder by their parts, empty where there are none of the kind.
 *
 * Errors: DataError for a class without files.
 */
export async function readClassFolders(folder: string, kind: ExampleFiles, notes: string[] = []): Promise<FilesByPart> {
  const listed = await entriesBelow(folder);
  const files = listed
    .filter((entry) => entry.isFile() || entry.isSymbolicLink())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
  const stepsOf = (file: string): string[] => relative(folder, file).split(sep);
  const around = wrappers(files.map(stepsOf), kind);
  const pathOf = (file: string): string[] => stepsOf(file).slice(around);
  const found = files.map((file) => ({ path: pathOf(file), file: { source: file } }));
  const said = notes.length;
  const byPart = sorted(found, kind, notes);
  // Classes in names of files are said; folders are then none.
  if (byPart.size === 0 || notes.length > said) return byPart;
  const folders = listed
    .filter((entry) => entry.isDirectory())
    .map((entry) => stepsOf(join(entry.parentPath, entry.name)))
    .filter((steps) => isOwn(steps) && steps.length > around);
  const places = files.flatMap((file) => placeOf(pathOf(file), kind) ?? []);
  const hasParts = places.some(({ part }) => part === "train");
  const used = new Set(places.map(({ part, label }) => (hasParts ? `${part}/${label}` : label)));
  // A folder among those of the classes in which there is no example.
  const empty = folders.find((steps) => {
    const path = steps.slice(around);
    const [first = "", label = first] = path;
    const isClass = hasParts ? path.length === 2 && partNamed(first) !== undefined : path.length === 1;
    const name = hasParts ? `${partNamed(first)}/${label}` : first;
    return isClass && !used.has(name);
  });
  if (empty !== undefined) throw new DataError(`${join(folder, ...empty)}: expected ${kind.what} of a class, found none`);
  return byPart;
}

/** The files of an archive by their parts: each entry's path is its place, below folders around all or none. */
export function archivedClasses(files: readonly TarFile[], where: string, kind: ExampleFiles, notes: string[] = []): FilesByPart {
  const found = files.map(({ name, bytes }) => ({ path: name.split("/"), file: { source: bytes, file: `${where}: ${name}` } }));
  const around = wrappers(
    found.map(({ path }) => path),
    kind,
  );
  return sorted(
    found.map(({ path, file }) => ({ path: path.slice(around), file })),
    kind,
    notes,
  );
}

/**
 * The classes of the training part, in order.
 *
 * Errors: DataError if there is no such part, one class only, or a class of another part that training has not.
 */
export function checkClasses(byPart: FilesByPart, where: string): readonly string[] {
  const labelsOf = (part: PartName): string[] => [...new Set(byPart.get(part)?.map(({ label }) => label))].sort();
  if (!byPart.has("train")) throw new DataError(`${where}: expected a folder train with a folder for each class, found none`);
  const classes = labelsOf("train");
  if (classes.length < 2)
    throw new DataError(`${where}: expected at least two classes, one folder each, got one: ${classes.join(", ")}`);
  for (const part of byPart.keys()) {
    const unknown = labelsOf(part).filter((label) => !classes.includes(label));
    if (unknown.length > 0)
      throw new DataError(`${where}: expected the classes of train in ${part}, got ${formatNames(unknown)} as well`);
  }
  return classes;
}

/** Makes a data set of each part. */
export async function partsOf<T>(
  byPart: FilesByPart,
  read: (files: readonly ImageEntry[]) => T | Promise<T>,
): Promise<{ readonly train: T; readonly validation?: T; readonly test?: T }> {
  const part = async (name: PartName): Promise<T | undefined> => {
    const files = byPart.get(name);
    return files === undefined ? undefined : await read(files);
  };
  const [validation, test] = [await part("validation"), await part("test")];
  return {
    train: await read(byPart.get("train") ?? []),
    ...defined({ validation, test }),
  };
}
