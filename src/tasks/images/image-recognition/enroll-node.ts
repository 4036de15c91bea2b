/**
 * @module Images to enroll, from what a user names: files, folders of files, folders of folders.
 */
import { readdir, stat } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { ConfigError, DataError } from "../../../util/errors.js";
import { readImageInputs } from "../image-inputs-node.js";
import type { TrainedModel } from "../../trained-model.js";

const IMAGE = /\.(jpe?g|png|webp|tiff?|gif)$/i;

export interface ToEnroll {
  readonly name: string;
  readonly source: string;
}

/** Image files below a folder, in the order of their names; hidden ones do not count. */
async function imagesBelow(folder: string): Promise<string[]> {
  const entries = (await readdir(folder, { withFileTypes: true })).sort((a, b) => (a.name < b.name ? -1 : 1));
  const found = await Promise.all(
    entries
      .filter(({ name }) => !name.startsWith("."))
      .map(async (entry) => {
        const path = join(folder, entry.name);
        return entry.isDirectory() ? imagesBelow(path) : IMAGE.test(entry.name) ? [path] : [];
      }),
  );
  return found.flat();
}

/**
 * Every image with its name: the given one, or that of the folder in which the image lies.
 *
 * Errors: DataError for a path that is not there, and for a folder without images; ConfigError for a file that no folder names.
 */
export async function imagesToEnroll(inputs: readonly string[], name: string | undefined): Promise<ToEnroll[]> {
  const images: ToEnroll[] = [];
  for (const input of inputs) {
    const info = await stat(input).catch(() => undefined);
    if (info === undefined) throw new DataError(`${input}: expected an image or a folder of images, got no such file`);
    if (!info.isDirectory()) {
      if (name === undefined && dirname(input) === ".")
        throw new ConfigError(`${input}: expected --name, or an image in a folder of that name`);
      images.push({ name: name ?? basename(dirname(input)), source: input });
      continue;
    }
    const found = await imagesBelow(input);
    if (found.length === 0)
      throw new DataError(`${input}: expected images (.jpg, .png, .webp, .tiff, …) in this folder, got none`);
    for (const source of found) images.push({ name: name ?? basename(dirname(resolve(source))), source });
  }
  return images;
}

/** The embedding of each image file. */
export async function embeddingsOf(model: TrainedModel, paths: readonly string[]): Promise<Float32Array[]> {
  const { examples } = await readImageInputs(model, paths, {});
  const answers = await model.answers(examples);
  return answers.map(({ embedding }) => Float32Array.from(embedding as readonly number[]));
}
