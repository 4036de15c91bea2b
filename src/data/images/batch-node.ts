/**
 * @module A batch of images from rows of a data set: decoded where they are not yet, changed at random, mixed. Runs in the loader's
 * threads; what is drawn is keyed by (seed, epoch, row).
 */
import type { Batch, Dataset } from "../dataset.js";
import type { BatchRequest } from "../loader.js";
import { Random } from "../../util/random.js";
import type { Augmentation, AugmentSettings, Box, Pixels } from "../../vision/index.js";
import { augment, mixBatch, mixes, parseAugment, pixelsOf, randomBox } from "../../vision/index.js";
import type { ImageHeader } from "../../vision/images-node.js";
import { decodeImage } from "../../vision/images-node.js";
import type { ImageBatchOptions } from "./encoded.js";
import { EVIDENCE, imageName, imageSource, isEncoded } from "./encoded.js";

/** Makes an image of the batch from one of the data set. */
type Draw = (row: number, random: Random) => Pixels | Promise<Pixels>;

function drawing(dataset: Dataset, list: readonly Augmentation[], options: ImageBatchOptions): Draw {
  const [channels = 3, height = 1, width = 1] = options.shape;
  const settings: AugmentSettings = { height, width, mean: options.mean };
  const image = dataset.column("image");
  if (!isEncoded(image)) {
    const pixels = dataset.tensor("image");
    return (row, random) => augment(pixelsOf(pixels, row), list, random, settings);
  }
  // Every image was looked at when the data were loaded.
  const limit = { maxMegapixels: Infinity };
  // A crop that comes first is cut from the image as it is, so that its detail is kept.
  const first = list[0]?.name === "resized-crop" ? list[0] : undefined;
  const rest = first === undefined ? list : list.slice(1);
  return async (row, random) => {
    const [source, where] = [imageSource(image, row), imageName(dataset, row)];
    const common = { channels, height, width, where, ...limit };
    if (first === undefined) return augment(await decodeImage(source, common), rest, random, settings);
    const box = (header: ImageHeader): Box => randomBox(random, header.height, header.width, first.values[0] as number);
    return augment(await decodeImage(source, { ...common, box }), rest, random, settings);
  };
}

/** Masks of the rows, moved as their images are: what is drawn is the same, so that changes of place are as well. */
function evidenceOf(dataset: Dataset, request: BatchRequest, list: readonly Augmentation[], { shape }: ImageBatchOptions): Batch {
  if (!dataset.has(EVIDENCE)) return {};
  const masks = dataset.tensor(EVIDENCE);
  const [, height = 1, width = 1] = shape;
  const data = new Uint8Array(request.indices.length * height * width);
  request.indices.forEach((row, i) => {
    const random = new Random(request.seed, "augment", request.epoch, row);
    data.set(augment(pixelsOf(masks, row), list, random, { height, width }).data, i * height * width);
  });
  return { [EVIDENCE]: { dtype: "uint8", shape: [request.indices.length, 1, height, width], data } };
}

/** The rows of a request: `image` uint8 [N, C, H, W], `label` int32 [N], or float32 [N, K] where images are mixed. */
export async function imageBatch(dataset: Dataset, request: BatchRequest, options: ImageBatchOptions): Promise<Batch> {
  const [channels = 3, height = 1, width = 1] = options.shape;
  const { indices, seed, epoch } = request;
  const list = options.augment === undefined ? [] : parseAugment(options.augment, { height, width });
  const size = channels * height * width;
  const images = new Uint8Array(indices.length * size);
  const draw = drawing(dataset, list, options);
  const place = (i: number): void | Promise<void> => {
    const row = indices[i] as number;
    const pixels = draw(row, new Random(seed, "augment", epoch, row));
    if (!(pixels instanceof Promise)) return images.set(pixels.data, i * size);
    return pixels.then(({ data }) => images.set(data, i * size));
  };
  const evidence = evidenceOf(dataset, request, list, options);
  const pending = Array.from(indices, (_, i) => place(i)).filter((done) => done instanceof Promise);
  if (pending.length > 0) await Promise.all(pending);
  const shape = [indices.length, channels, height, width];
  const label = dataset.has("label") ? dataset.pick("label").gather(indices)["label"] : undefined;
  if (label === undefined || !mixes(list))
    return { image: { dtype: "uint8", shape, data: images }, ...(label === undefined ? {} : { label }), ...evidence };
  const mixed = mixBatch(
    { images, labels: Array.from(label.data, Number), channels, height, width, classes: options.classes },
    list,
    (i) => new Random(seed, "mix", epoch, indices[i] as number),
  );
  return {
    image: { dtype: "uint8", shape, data: mixed.images },
    label: { dtype: "float32", shape: [indices.length, options.classes], data: mixed.labels },
  };
}
