/**
 * @module The common part of image tasks: images and labels as columns, pixels scaled and normalized inside the graph with the mean and deviation of the
 * training part (so that a saved model takes plain pixels), batches that are decoded and augmented.
 */
import type { LoadedData, LoadOptions, WorkerCollate } from "../../data/node.js";
import { Dataset, imageCollate, isEncoded, isText, refuseGaps } from "../../data/index.js";
import type { Dim, Tensor } from "../../graph/index.js";
import { constant, fromNumbers, sizeOf } from "../../graph/index.js";
import { DataError } from "../../util/errors.js";
import type { Augmentation } from "../../vision/index.js";
import { formatAugment, mixes, parseAugment } from "../../vision/index.js";
import { labelTypes } from "../shared/classification.js";
import type { ColumnTypes, Prepared, TaskContext, TaskInfo, TaskOptions, Tensors } from "../task.js";
import { formatNames } from "../../util/text.js";

export interface ImageInfo extends TaskInfo {
  readonly classes: readonly string[];
  /** [C, H, W]. */
  readonly imageShape: readonly number[];
  /** The pixel value that counts as 1. */
  readonly maximum: number;
  /** Mean of pixels divided by `maximum`, per channel. */
  readonly mean: readonly number[];
  readonly deviation: readonly number[];
}

/** Mean and deviation of each channel over all pixels, after division by `maximum`. */
export function channelStatistics(
  dataset: Dataset,
  shape: readonly number[],
  maximum: number,
): { mean: number[]; deviation: number[] } {
  const [channels = 1, ...size] = shape;
  const plane = sizeOf(size);
  const pixels = dataset.tensor("image").data as Uint8Array;
  // How often each value occurs: sums of whole numbers are exact, and one count a pixel is quick.
  const counts = Array.from({ length: channels }, () => new Float64Array(256));
  for (let start = 0, c = 0; start < pixels.length; start += plane, c = (c + 1) % channels) {
    const count = counts[c] as Float64Array;
    for (let i = start; i < start + plane; i++) count[pixels[i] as number] = (count[pixels[i] as number] as number) + 1;
  }
  const total = dataset.length * plane;
  const moments = counts.map((count) => {
    // About the mean, not as a difference of squares: of equal pixels that leaves the rounding, and a deviation of 1e-8.
    const mean = count.reduce((sum, n, value) => sum + n * value, 0) / total;
    return { mean, variance: count.reduce((sum, n, value) => sum + n * (value - mean) ** 2, 0) / total };
  });
  // A channel without any variation is divided by 1.
  return {
    mean: moments.map(({ mean }) => mean / maximum),
    deviation: moments.map(({ variance }) => Math.sqrt(variance) / maximum || 1),
  };
}

/** The changes that training images get. */
const augmentations = ({ info, options }: TaskContext<ImageInfo>): Augmentation[] => {
  const [, height = 1, width = 1] = info.imageShape;
  return parseAugment(options.augment ?? "none", { height, width });
};

/** Labelled images as columns `image` and `label`, with the statistics of the training part. DataError for data without images, or with boxes. */
export function prepareImages(data: LoadedData): Prepared<ImageInfo> {
  const { train, validation, test, roles } = data;
  if (roles.image === undefined)
    throw new DataError(`${data.name}: expected images, got a table with ${train.names.join(", ")}; use tabular-classification`);
  if (data.task === "object-detection")
    throw new DataError(`${data.name}: expected a label for each image, got boxes; use object-detection`);
  const image = train.column(roles.image);
  const label = train.tensor(roles.target as string);
  const imageShape = data.images?.shape ?? (isText(image) ? [] : image.shape.slice(1));
  const maximum = data.maximum ?? 255;
  refuseGaps(
    label.classes ?? [],
    [train, validation, test].map((part) => part.tensor(roles.target as string)),
    data.name,
  );
  const rename = (part: Dataset): Dataset =>
    part.with({ image: part.column(roles.image as string), label: part.tensor(roles.target as string) });
  const seen = data.images?.sample ?? rename(train);
  const info = { classes: label.classes ?? [], imageShape, maximum, ...channelStatistics(seen, imageShape, maximum) };
  return { info, train: rename(train), validation: rename(validation), test: rename(test), notes: [] };
}

export const imageTypes = ({ info }: { readonly info: ImageInfo }, batch: Dim): ColumnTypes => ({
  image: { shape: [batch, ...info.imageShape], dtype: "uint8" },
});

/** Class indices, or shares of the classes where training mixes images. */
export const imageTargets = (context: TaskContext<ImageInfo>, batch: Dim): ColumnTypes =>
  context.use === "train" && mixes(augmentations(context))
    ? { label: { shape: [batch, context.info.classes.length], dtype: "float32" } }
    : labelTypes(context, batch);

/** Describes how an image file becomes the pixels that the ONNX file takes. */
export const imagePreprocessing = ({ classes, imageShape, maximum, mean, deviation }: ImageInfo) => {
  const [channels = 3, height = 1, width = 1] = imageShape;
  return {
    input: "image",
    dtype: "uint8",
    layout: "NCHW",
    colors: channels === 1 ? "grey" : "RGB",
    height,
    width,
    // What is done before, to an image file:
    orientation: "upright, by EXIF",
    background: "white",
    resize: "cover: the shorter side fits, the middle is kept",
    filter: "triangle, antialiased",
    maximum,
    // What the graph does itself: (x / maximum − mean) / deviation.
    normalization: "in the graph",
    mean,
    deviation,
    classes,
  };
};

/** The size that images are loaded at. */
export const imageLoading = ({ imageShape }: ImageInfo): Pick<LoadOptions, "imageShape"> => ({ imageShape });

/** `--augment` spelled out. ConfigError for one that is not known. */
export function settleAugment(options: TaskOptions, info: ImageInfo, { known }: Pick<LoadedData, "known">): TaskOptions {
  const [, height = 1, width = 1] = info.imageShape;
  const list = parseAugment(options.augment ?? "none", { height, width, mirrors: known?.mirrors ?? true });
  return { ...options, augment: formatAugment(list) };
}

/** Decodes and augments images; undefined where the columns are a batch as they lie. */
export function collateImages(context: TaskContext<ImageInfo>, rows: Dataset): WorkerCollate | undefined {
  const { info, options, use } = context;
  const list = use === "train" ? augmentations(context) : [];
  if (list.length === 0 && !isEncoded(rows.column("image"))) return undefined;
  return imageCollate({
    shape: info.imageShape,
    classes: info.classes.length,
    mean: info.mean.map((m) => Math.round(m * info.maximum)),
    augment: use === "train" ? options.augment : undefined,
  });
}

/** Pixels [N, C, H, W] as (x / maximum − mean) / deviation. */
export function normalizedPixels(batch: Tensors, { info: { maximum, mean, deviation } }: { readonly info: ImageInfo }): Tensor {
  const perChannel = (values: readonly number[]): Tensor => constant(fromNumbers("float32", [values.length, 1, 1], values));
  // (x / maximum − mean) / deviation as one product and one sum.
  const scale = perChannel(deviation.map((d) => 1 / (maximum * d)));
  const shift = perChannel(mean.map((m, c) => -m / (deviation[c] as number)));
  return (batch["image"] as Tensor).cast("float32").mul(scale).add(shift);
}

/** Labelled images of other data, their labels numbered by the model's classes. DataError for a class that it does not have. */
export function labelledImages(data: LoadedData, part: Dataset, info: ImageInfo): Dataset {
  const { image = "image", target = "label" } = data.roles;
  const label = part.tensor(target);
  const classes = label.classes ?? [];
  const unknown = classes.filter((name) => !info.classes.includes(name));
  if (unknown.length > 0)
    throw new DataError(`${data.name}: expected classes ${formatNames(info.classes)}, got ${formatNames(unknown)} as well`);
  const index = Int32Array.from(label.data as Int32Array, (k) => info.classes.indexOf(classes[k] as string));
  return encodeImages(new Dataset({ image: part.column(image), label: { ...label, data: index, classes: info.classes } }), info);
}

/** Checks that images are of the model's size; files are decoded to it later. DataError. */
export function encodeImages(rows: Dataset, info: ImageInfo): Dataset {
  const image = rows.column("image");
  if (isText(image) || isEncoded(image)) return rows;
  const shape = image.shape.slice(1);
  if (shape.join() !== info.imageShape.join())
    throw new DataError(`input: expected images of ${info.imageShape.join("×")}, got ${shape.join("×")}`);
  return rows;
}
