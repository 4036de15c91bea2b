/**
 * @module Masks of images: for each image of a data set, where its evidence lies.
 */
import { stat } from "node:fs/promises";
import { basename, join, relative, sep } from "node:path";
import { entriesBelow, readFileBytes, unwrapGzip } from "../files-node.js";
import { DataError } from "../../util/errors.js";
import { decodeImage, imageHeader } from "../../vision/images-node.js";
import type { TensorColumn } from "../column.js";
import type { Dataset } from "../dataset.js";
import { parseIdx } from "../readers/idx.js";
import { EVIDENCE, imageName, imageSource, isEncoded } from "./encoded.js";
import { IMAGE_FILE } from "./manifest.js";
import type { Parts } from "../parts.js";
import { isOwn } from "../parts.js";

const WHITE = 255;
const HALF = 128;

interface Masks {
  readonly column: TensorColumn;
  /** Images that have one. */
  readonly found: number;
}

/** A path without its extension, in steps. */
const stemOf = (path: string): string[] =>
  path
    .replace(/\.[^./\\]*$/, "")
    .split(/[/\\]|: /)
    .filter((step) => step !== "" && step !== ".");

/** The masks of a folder by their stems below it, `shoes/a` of `shoes/a.png`. */
async function masksBelow(folder: string): Promise<ReadonlyMap<string, string>> {
  const files = (await entriesBelow(folder))
    .filter((entry) => entry.isFile() || entry.isSymbolicLink())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
    .filter((file) => IMAGE_FILE.test(file) && isOwn(file.split(sep)))
    .sort();
  if (files.length === 0) throw new DataError(`--evidence ${folder}: expected masks (image files) in it, found none`);
  const masks = new Map<string, string>();
  for (const file of files) {
    const stem = stemOf(file).join("/");
    const other = masks.get(stem);
    if (other !== undefined)
      throw new DataError(`--evidence ${folder}: expected one mask for each image, got ${basename(other)} and ${basename(file)}`);
    masks.set(stem, join(folder, file));
  }
  return masks;
}

/** The mask of each image of a part, by the longest end of its path that a mask is named after. */
function matched(part: Dataset, masks: ReadonlyMap<string, string>): (string | undefined)[] {
  return Array.from({ length: part.length }, (_, i) => {
    const steps = stemOf(imageName(part, i));
    for (let from = 0; from < steps.length; from++) {
      const stem = steps.slice(from).join("/");
      if (masks.has(stem)) return stem;
    }
    return undefined;
  });
}

/** Binary pixels of one mask, resized as its image is. Errors: DataError for a mask of another size than its image. */
async function maskPixels(part: Dataset, i: number, mask: string, shape: readonly number[]): Promise<Uint8Array> {
  const [, height = 1, width = 1] = shape;
  const image = part.column("image");
  const [own, header] = await Promise.all([imageHeader(mask), imageHeader(imageSource(image, i), { where: imageName(part, i) })]);
  if (own.width !== header.width || own.height !== header.height)
    throw new DataError(
      `${mask}: expected a mask of ${header.width}×${header.height} pixels, as ${imageName(part, i)} has, got ${own.width}×${own.height}`,
    );
  const { data } = await decodeImage(mask, { channels: 1, height, width, header: own });
  return data.map((v) => (v >= HALF ? WHITE : 0));
}

/** Masks of image files, by name. */
async function fileMasks(parts: Parts, folder: string, shape: readonly number[]): Promise<Masks> {
  const masks = await masksBelow(folder);
  const { train } = parts;
  const stems = matched(train, masks);
  const used = new Map<string, number>();
  for (const [i, stem] of stems.entries()) {
    if (stem === undefined) continue;
    const other = used.get(stem);
    if (other !== undefined)
      throw new DataError(
        `${masks.get(stem)}: expected a name that one image has, got one of ${imageName(train, other)} and ${imageName(train, i)}`,
      );
    used.set(stem, i);
  }
  const elsewhere = new Set([parts.validation, parts.test].flatMap((part) => (part === undefined ? [] : matched(part, masks))));
  const stray = [...masks].find(([stem]) => !used.has(stem) && !elsewhere.has(stem));
  if (stray !== undefined)
    throw new DataError(`${stray[1]}: expected a mask named after an image of the data, found no image called ${stray[0]}`);
  const [, height = 1, width = 1] = shape;
  const data = new Uint8Array(new SharedArrayBuffer(train.length * height * width)).fill(WHITE);
  for (const [i, stem] of stems.entries())
    if (stem !== undefined) data.set(await maskPixels(train, i, masks.get(stem) as string, shape), i * height * width);
  return { column: { dtype: "uint8", shape: [train.length, 1, height, width], data }, found: used.size };
}

/** Masks of an IDX file, in the order of the training images. */
async function idxMasks({ train }: Parts, path: string): Promise<Masks> {
  const image = train.tensor("image");
  const [n = 0, , height = 1, width = 1] = image.shape;
  const masks = parseIdx(await unwrapGzip(await readFileBytes(path), path), path);
  const [count = 0, ...size] = masks.shape;
  if (masks.dtype !== "uint8" || size.join("×") !== `${height}×${width}`)
    throw new DataError(
      `${path}: expected masks of ${width}×${height} pixels, as the images are, got ${masks.dtype} of ${[...size].reverse().join("×")}`,
    );
  if (count !== n) throw new DataError(`${path}: expected a mask for each of the ${n} training images, got ${count}`);
  const data = Uint8Array.from(masks.data as Uint8Array, (v) => (v > 0 ? WHITE : 0));
  return { column: { dtype: "uint8", shape: [n, 1, height, width], data }, found: n };
}

/**
 * The training part with a column of masks. `path` is a folder of image files that are named after the images (`shoes/a.png` for `…/shoes/a.jpg`), or, where
 * images come as numbers, an IDX file with one mask for each training image.
 *
 * Errors: DataError for masks of another size, a mask that no image has, a path without masks.
 */
export async function withMasks(
  parts: Parts,
  path: string,
  shape: readonly number[] | undefined,
): Promise<{ readonly train: Dataset; readonly note: string }> {
  const info = await stat(path).catch(() => undefined);
  if (info === undefined) throw new DataError(`--evidence ${path}: expected a folder of masks, got no such folder`);
  const isFolder = info.isDirectory();
  const areFiles = isEncoded(parts.train.column("image"));
  if (isFolder !== areFiles)
    throw new DataError(
      `--evidence ${path}: expected ${areFiles ? "a folder of masks that are named after the images" : "an IDX file of masks, since these images have no names"}, got ${isFolder ? "a folder" : "a file"}`,
    );
  const { column, found } = isFolder ? await fileMasks(parts, path, shape ?? []) : await idxMasks(parts, path);
  const n = parts.train.length;
  const rest = found === n ? "" : "; those without one have no evidence penalty";
  return { train: parts.train.with({ [EVIDENCE]: column }), note: `evidence: masks for ${found} of ${n} images${rest}` };
}
