/**
 * @module Images that a model sees as the same: near duplicates by the cosine of what goes into its last layer, where perceptual hashes see crops, turns and
 * other exposures as different.
 */
import { readFile } from "node:fs/promises";
import type { ImagePair } from "../data/clean/perceptual-hash.js";
import type { CollectedImage } from "../data/inspect/image-collection-node.js";
import { isPixels } from "../data/inspect/image-collection-node.js";
import type { TensorData } from "../graph/index.js";
import { input, symbol, toNumbers } from "../graph/index.js";
import { matMul, transpose } from "../ops/index.js";
import { compile } from "../runtime/index.js";
import { givenInputs, inputKind } from "../tasks/use/given-inputs-node.js";
import { openModel } from "../tasks/use/open-node.js";
import { ConfigError } from "../util/errors.js";
import { MAX_MEGAPIXELS } from "../vision/images-node.js";

export interface SimilarImagesOptions {
  /** A run, a checkpoint or an ONNX file of a task on images. */
  readonly model: string;
  /** Cosine from which two images are near duplicates. */
  readonly threshold: number;
  readonly maxMegapixels?: number;
  readonly signal?: AbortSignal;
}

/** Images that are decoded at once, and rows whose similarities are in memory at once. */
const [BATCH, BLOCK] = [64, 512];

const bytesOf = async ({ image, name }: CollectedImage): Promise<Uint8Array> => {
  if (isPixels(image)) throw new ConfigError(`--model: expected images in files, got ${name}, which is decoded`);
  return typeof image === "string" ? readFile(image) : image;
};

/** Embeds images: rows [N, D] of length 1. */
async function embed(
  images: readonly CollectedImage[],
  { model: path, maxMegapixels = MAX_MEGAPIXELS, signal }: SimilarImagesOptions,
): Promise<Float32Array[]> {
  const { model } = await openModel(path, {});
  await using _ = model;
  if (inputKind(model) !== "image")
    throw new ConfigError(`--model ${path}: expected a model of images, got one of ${inputKind(model)}s`);
  const rows: Float32Array[] = [];
  for (let from = 0; from < images.length; from += BATCH) {
    signal?.throwIfAborted();
    const given = await Promise.all(images.slice(from, from + BATCH).map(bytesOf));
    const { examples } = await givenInputs(model, given, { maxMegapixels });
    await model.features(examples, (features, count) => {
      const values = toNumbers(features);
      const width = values.length / count;
      for (let i = 0; i < count; i++) {
        const row = Float32Array.from(values.subarray(i * width, (i + 1) * width));
        const length = Math.sqrt(row.reduce((sum, value) => sum + value * value, 0)) || 1;
        rows.push(row.map((value) => value / length));
      }
    });
  }
  return rows;
}

/** Finds the pairs of images whose embeddings have at least so large a cosine; all are compared with all. Places that are undefined are left out. */
export const findSimilarBy =
  (options: SimilarImagesOptions) =>
  async (images: readonly (CollectedImage | undefined)[]): Promise<ImagePair[]> => {
    const places = images.flatMap((image, i) => (image === undefined ? [] : [i]));
    const rows = await embed(
      places.map((i) => images[i] as CollectedImage),
      options,
    );
    const width = rows[0]?.length ?? 0;
    const all = new Float32Array(rows.length * width);
    rows.forEach((row, i) => all.set(row, i * width));
    const whole = { dtype: "float32", shape: [rows.length, width], data: all } as const;
    const [N, M] = [symbol("N"), symbol("M")];
    const [a, b] = [input("a", [N, width]), input("b", [M, width])];
    await using session = await compile({ cosine: matMul(a, transpose(b)) });
    const pairs: ImagePair[] = [];
    for (let from = 0; from < rows.length; from += BLOCK) {
      options.signal?.throwIfAborted();
      const count = Math.min(BLOCK, rows.length - from);
      const block = { dtype: "float32", shape: [count, width], data: all.slice(from * width, (from + count) * width) } as const;
      const { cosine } = await session.call({ a: block, b: whole });
      const values = toNumbers(cosine as TensorData);
      for (let i = 0; i < count; i++)
        for (let j = from + i + 1; j < rows.length; j++) {
          const similarity = values[i * rows.length + j] as number;
          if (similarity >= options.threshold)
            pairs.push({ a: places[from + i] as number, b: places[j] as number, similarity: Math.min(1, similarity) });
        }
    }
    return pairs;
  };
