/**
 * @module Images from a command line: files, folders of them, IDX files.
 */
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { concatenate, Dataset, parseIdx } from "../../data/node.js";
import { readFileBytes, unwrapGzip } from "../../data/files-node.js";
import { decodeRows } from "../../data/images/decode-node.js";
import { IMAGE_FILE } from "../../data/images/manifest.js";
import { isOwn } from "../../data/parts.js";
import { DataError } from "../../util/errors.js";
import { expectInputs } from "../shared/inputs.js";
import type { ImageInfo } from "./images.js";
import type { InputOptions, NamedInputs } from "../task-node.js";
import type { TrainedModel } from "../trained-model.js";
import { sizeOf } from "../../graph/index.js";
import type { TensorData } from "../../graph/index.js";

/** Pixels of files, 0…255, in the shades of the model, which may have been trained on fewer: [N, C, H, W]. */
export function inShades(image: TensorData, { maximum }: Pick<ImageInfo, "maximum">): TensorData {
  if (maximum === 255) return image;
  return { ...image, data: Uint8Array.from(image.data as Uint8Array, (v) => Math.round((v / 255) * maximum)) };
}

/** The image files that are meant: a folder stands for those in it. */
export async function imageFiles(path: string): Promise<string[]> {
  const info = await stat(path).catch(() => undefined);
  if (info?.isDirectory() !== true) return [path];
  const files = (await readdir(path)).filter((name) => IMAGE_FILE.test(name) && isOwn([name])).sort();
  if (files.length === 0) throw new DataError(`${path}: expected image files in it, found none`);
  return files.map((name) => join(path, name));
}

/** The images of an IDX file, which must be of the model's size. */
async function idxImages(path: string, { imageShape }: ImageInfo): Promise<Dataset> {
  const image = parseIdx(await unwrapGzip(await readFileBytes(path), path), path);
  const [count = 0, ...rest] = image.shape;

  if (sizeOf(rest) !== sizeOf(imageShape))
    throw new DataError(`${path}: expected images of ${imageShape.join("×")}, got ${rest.join("×")}`);
  const names = Array.from({ length: count }, (_, i) => `${path}#${i}`);
  return new Dataset({ image: { ...image, shape: [count, ...imageShape] }, file: names });
}

/** Image files, folders and IDX files as pixels of the size that the model was trained on. */
export async function readImageInputs(
  model: TrainedModel,
  inputs: readonly string[],
  options: InputOptions,
): Promise<NamedInputs> {
  expectInputs(inputs);
  const info = model.info as ImageInfo;
  const parts: Dataset[] = [];
  let badRows = 0;
  const files = (await Promise.all(inputs.filter((path) => !/idx\d/.test(path)).map(imageFiles))).flat();
  if (files.length > 0) {
    const listed = new Dataset({ image: files, file: files });
    const decoded = await decodeRows(listed, { shape: info.imageShape, medianPixels: 0 }, options);
    badRows = decoded.badRows;
    parts.push(decoded.rows.with({ image: inShades(decoded.rows.tensor("image"), info) }));
  }
  for (const path of inputs.filter((name) => /idx\d/.test(name))) parts.push(await idxImages(path, info));
  const all = concatenate(parts);
  return { examples: await model.task.encode(all.pick("image"), info), names: all.texts("file") as string[], badRows };
}
