/**
 * @module `convertLabels`: labels from files of one format into a folder of another.
 */
import { readFile, stat, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { entriesBelow, expectNewFolder, unreadable } from "../../data/files-node.js";
import { placeIn } from "../../data/clean/clean-images-node.js";
import { IMAGE_FILE } from "../../data/images/manifest.js";
import { imageHeader } from "../../vision/images-node.js";
import { DataError } from "../../util/errors.js";
import type { Kind } from "../scheme.js";
import { checkPlaces } from "../scheme.js";
import type { LabelFiles, LabelledItem } from "./index.js";
import { formatFor } from "./index.js";
import { makeFolders } from "../../util/folders-node.js";

export interface ConvertOptions {
  readonly kind: Kind;
  readonly from: string;
  readonly to: string;
  readonly out: string;
  /** The folder of the images, for formats that do not say their sizes. */
  readonly images?: string;
  /** Takes sentences on how the source was read. */
  readonly note?: (text: string) => void;
}

/** The files of a source by their names below it: a file, or all of a folder but images. */
async function filesOf(source: string): Promise<Map<string, string>> {
  const info = await stat(source).catch((cause: unknown) => {
    throw unreadable(source, cause);
  });
  const read = (path: string): Promise<string> =>
    readFile(path, "utf8").catch((cause: unknown) => {
      throw unreadable(path, cause);
    });
  if (!info.isDirectory()) return new Map([[basename(source), await read(source)]]);
  const files = new Map<string, string>();
  for (const entry of await entriesBelow(source)) {
    if (!entry.isFile() || IMAGE_FILE.test(entry.name) || entry.name.startsWith(".")) continue;
    const path = join(entry.parentPath, entry.name);
    files.set(path.slice(source.replace(/[/\\]+$/, "").length + 1).replaceAll("\\", "/"), await read(path));
  }
  return files;
}

/** Sizes of the images of a folder, by their names in it. */
async function sizesIn(folder: string): Promise<Map<string, { width: number; height: number }>> {
  const sizes = new Map<string, { width: number; height: number }>();
  for (const entry of await entriesBelow(folder)) {
    if (!entry.isFile() || !IMAGE_FILE.test(entry.name)) continue;
    const path = join(entry.parentPath, entry.name);
    const { width, height } = await imageHeader(path, { where: path });
    sizes.set(path.slice(folder.replace(/[/\\]+$/, "").length + 1).replaceAll("\\", "/"), { width, height });
  }
  return sizes;
}

/** The names of labels in the order of their first use. */
function labelsIn(items: readonly LabelledItem[]): string[] {
  const names = items.flatMap(({ value }) => {
    if ("classes" in value) return value.classes;
    if ("frames" in value) return value.frames.flatMap((frame) => frame.arguments.map(({ label }) => label));
    const regions: readonly { readonly label: string }[] =
      "spans" in value ? value.spans : "boxes" in value ? value.boxes : value.polygons;
    return regions.map(({ label }) => label);
  });
  return [...new Set(names)];
}

/** Writes files of labels into a folder that holds nothing yet. */
export async function writeLabelFiles(out: string, files: LabelFiles): Promise<void> {
  for (const [name, content] of files) {
    const path = placeIn(out, name);
    makeFolders(dirname(path));
    await writeFile(path, content, { flag: "wx" });
  }
}

/** Converts labels. Errors: DataError for what is not of the format; ConfigError for what the other cannot say, and for a folder that holds something. */
export async function convertLabels(
  source: string,
  { kind, from, to, out, images, note }: ConvertOptions,
): Promise<{ items: number; files: string[] }> {
  const [reader, writer] = [formatFor(from, kind), formatFor(to, kind)];
  await expectNewFolder(out);
  const sizes = images === undefined ? undefined : await sizesIn(images);
  const items = reader.read(await filesOf(source), { kind, sizes, note });
  if (items.length === 0) throw new DataError(`${source}: expected at least one item with labels, got none`);
  for (const [i, { payload, value }] of items.entries())
    if (payload.text !== undefined) checkPlaces(payload.text, value, `${source}, item ${i + 1}`);
  const files = writer.write(items, labelsIn(items));
  await writeLabelFiles(out, files);
  return { items: items.length, files: [...files.keys()] };
}
