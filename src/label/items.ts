/** @module The items of a labelling, from the data that people name: texts of a file, a table's column, images of a folder. */
import { realpath, stat } from "node:fs/promises";
import { relative, sep } from "node:path";
import { folderTree } from "../data/images/file-tree-node.js";
import { IMAGE_FILE } from "../data/images/manifest.js";
import type { TableReading } from "../data/node.js";
import { readTexts } from "../tasks/texts/texts-node.js";
import { DataError } from "../util/errors.js";
import { imageHeader } from "../vision/images-node.js";
import type { Payload } from "./scheme.js";

export interface ItemOptions extends TableReading {
  readonly textColumn?: string;
  readonly skipBadRows?: boolean;
}

export interface ReadItems {
  readonly items: readonly Payload[];
  /** The folder that images lie in. */
  readonly folder: string;
  /** Rows and files that were left out. */
  readonly left: number;
}

/** Reads texts: a `.txt` with one in each line, a CSV, TSV, JSON lines or Parquet file with a column of them. */
async function readTextItems(path: string, options: ItemOptions): Promise<ReadItems> {
  const { texts, badRows } = await readTexts([path], options);
  const kept = texts.filter((text) => text.trim() !== "");
  return { items: kept.map((text) => ({ text })), folder: "", left: badRows + texts.length - kept.length };
}

/** Reads the images in and below a folder. A link that leads out of it, and a file that is not an image, is left out or refused. */
async function readImageItems(path: string, { skipBadRows = false }: ItemOptions): Promise<ReadItems> {
  const folder = await realpath(path);
  const { names } = await folderTree(folder);
  const items: Payload[] = [];
  let left = 0;
  for (const name of names.filter((file) => IMAGE_FILE.test(file))) {
    try {
      const real = await realpath(`${folder}${sep}${name}`);
      if (relative(folder, real).startsWith(".."))
        throw new DataError(`${name}: expected a file of the folder, got a link out of it`);
      const { width, height } = await imageHeader(real);
      items.push({ image: { file: name, width, height }, name });
    } catch (error) {
      if (!skipBadRows) throw error;
      left++;
    }
  }
  return { items, folder, left };
}

/** Whether a path is a folder; DataError for one that is nothing. */
export async function isDirectory(path: string): Promise<boolean> {
  const found = await stat(path).catch(() => undefined);
  if (found === undefined) throw new DataError(`${path}: expected a file or a folder, got none`);
  return found.isDirectory();
}

/** Reads the items of a labelling. DataError for data that has none. */
export async function readItems(path: string, data: "text" | "image", options: ItemOptions = {}): Promise<ReadItems> {
  const isFolder = await isDirectory(path);
  if (data === "image" && !isFolder) throw new DataError(`${path}: expected a folder of images, got a file`);
  if (data === "text" && isFolder)
    throw new DataError(
      `${path}: expected a file of texts, got a folder; for images give --kind image-classes, boxes or polygons`,
    );
  const read = await (data === "text" ? readTextItems(path, options) : readImageItems(path, options));
  if (read.items.length === 0) throw new DataError(`${path}: expected ${data === "text" ? "texts" : "images"}, got none`);
  return read;
}
