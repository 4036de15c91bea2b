/**
 * @module Encoded images made ready for training: every file looked at, one shape chosen for all, and decoded into memory where
 * they fit and nothing is lost by it.
 */
import type { Column } from "../column.js";
import { isText } from "../column.js";
import type { Dataset } from "../dataset.js";
import type { Pixels } from "../../vision/index.js";
import { luminance, pixelsOf, resizeToCover } from "../../vision/index.js";
import { DataError } from "../../util/errors.js";
import type { ImageHeader } from "../../vision/images-node.js";
import { decodeImage, endsWhole, imageHeader } from "../../vision/images-node.js";
import { imageName, imageSource } from "./encoded.js";
import type { Parts } from "../parts.js";
import { median } from "../../util/median.js";
import { formatInteger } from "../../util/text.js";

export interface ImageOptions {
  /** Height and width that all images get; chosen from what there is where it is left out. */
  readonly imageSize?: readonly [height: number, width: number];
  /** A larger image is refused before it is decoded. */
  readonly maxMegapixels?: number;
  /** Channels, height and width, for a model that is there already; in place of `imageSize`. */
  readonly imageShape?: readonly number[];
  /**
   * Whether training cuts crops from the images as they are, where they get this size: large ones then stay files, since decoded
   * small they have no detail to crop.
   */
  readonly keepOriginals?: (height: number, width: number) => boolean;
  /** Decoded images in memory, at most. */
  readonly imageMemoryMiB?: number;
  /** Leave out images that cannot be read, and count them. */
  readonly skipBadRows?: boolean;
  /** Called before a step that takes long. */
  readonly note?: (text: string) => void;
}

/** The common shape and type of a data set's images, from `inspectImages`. */
export interface ImageForm {
  /** [C, H, W] of each decoded image. */
  readonly shape: readonly number[];
  /** Median number of pixels of the original images. */
  readonly medianPixels: number;
}

/** The number of images decoded concurrently: sharp decodes each in a thread of its pool. */
const AT_ONCE = 8;
/** Decoding so many takes long enough to be mentioned. */
const MANY = 5000;
/** More decoded images than this stay files. */
const MEMORY_MIB = 1024;
/** Sides that a common size is chosen from, where images differ. */
const SIDES = [224, 192, 160, 128, 112, 96, 80, 64, 48, 32];

/** Calls `each` for 0 … count − 1, a few at a time. The first failure ends it. */
async function concurrently(count: number, each: (i: number) => Promise<void>): Promise<void> {
  let next = 0;
  const work = async (): Promise<void> => {
    while (next < count) await each(next++);
  };
  try {
    await Promise.all(Array.from({ length: Math.min(AT_ONCE, count) }, work));
  } finally {
    next = count;
  }
}

/** Drops the rows whose images are bad, or raises the first complaint, in the order of the rows. */
function withoutBad(rows: Dataset, bad: ReadonlyMap<number, DataError>, skip: boolean): Dataset {
  if (bad.size === 0) return rows;
  const first = Math.min(...bad.keys());
  if (!skip) throw bad.get(first) as DataError;
  const kept = Uint32Array.from({ length: rows.length }, (_, i) => i).filter((i) => !bad.has(i));
  if (kept.length === 0) throw new DataError(`${(bad.get(first) as DataError).message}; and no other image can be read`);
  return rows.select(kept);
}

/** Runs `each` on every row; what it refuses is collected, so that it can be left out. */
async function collectBad(rows: Dataset, each: (i: number) => Promise<void>, skip: boolean): Promise<Map<number, DataError>> {
  const bad = new Map<number, DataError>();
  await concurrently(rows.length, async (i) => {
    if (bad.size > 0 && !skip) return;
    try {
      await each(i);
    } catch (error) {
      if (!(error instanceof DataError)) throw error;
      bad.set(i, error);
    }
  });
  return bad;
}

function chooseShape(headers: readonly ImageHeader[], { imageSize, imageShape }: ImageOptions): readonly number[] {
  if (imageShape !== undefined) return imageShape;
  const channels = headers.every((header) => header.channels === 1) ? 1 : 3;
  if (imageSize !== undefined) return [channels, ...imageSize];
  const [first] = headers as [ImageHeader];
  const isUniform = headers.every(({ height, width }) => height === first.height && width === first.width);
  // Small images of one size are a data set's own choice.
  if (isUniform && Math.max(first.height, first.width) <= 96) return [channels, first.height, first.width];
  const short = median(headers.map(({ height, width }) => Math.min(height, width)));
  const side = SIDES.find((s) => s <= short) ?? short;
  return [channels, side, side];
}

/**
 * Looks at the beginning and the end of every image: what is none, is cut off or is too large is refused, or left out.
 *
 * Errors: DataError, naming the first image that cannot be read.
 */
async function inspectImages(
  rows: Dataset,
  options: ImageOptions,
): Promise<{ rows: Dataset; form: ImageForm; bad: readonly string[] }> {
  const image = rows.column("image");
  const headers = new Array<ImageHeader | undefined>(rows.length);
  const { maxMegapixels } = options;
  const look = async (i: number): Promise<void> => {
    const [source, where] = [imageSource(image, i), imageName(rows, i)];
    headers[i] = await imageHeader(source, { where, maxMegapixels });
    if (!(await endsWhole(source))) throw new DataError(`${where}: expected a whole image, got a truncated one`);
  };
  const bad = await collectBad(rows, look, options.skipBadRows === true);
  const kept = withoutBad(rows, bad, options.skipBadRows === true);
  const good = headers.filter((header, i) => header !== undefined && !bad.has(i)) as ImageHeader[];
  const form = {
    shape: chooseShape(good, options),
    medianPixels: median(good.map(({ width, height }) => width * height)),
  };
  return { rows: kept, form, bad: [...bad.values()].map(({ message }) => message) };
}

/** Number of those left out that are named. */
const MOST_NAMED = 5;

/** Makes the notes on what was left out, each with its reason; of many only the first. */
export const leftOutNotes = (bad: readonly string[]): string[] => [
  ...bad.slice(0, MOST_NAMED).map((message) => `left out: ${message}`),
  ...(bad.length > MOST_NAMED ? [`left out: ${bad.length - MOST_NAMED} more`] : []),
];

/** Tells whether so many decoded images fit into memory. */
function fits(count: number, { shape }: ImageForm, { imageMemoryMiB = MEMORY_MIB }: ImageOptions): boolean {
  const bytes = shape.reduce((product, d) => product * d, count);
  return bytes <= Math.min(imageMemoryMiB * 2 ** 20, process.availableMemory() / 4);
}

/** Tells whether crops of the original images show more detail than crops of the decoded, resized ones. */
function losesDetail({ shape, medianPixels }: ImageForm, { keepOriginals }: ImageOptions): boolean {
  const [, height = 1, width = 1] = shape;
  return keepOriginals?.(height, width) === true && medianPixels > 1.5 * height * width;
}

/**
 * The rows with their images decoded, resized to cover the form's shape and cut to the middle: `image` becomes uint8 [N, C, H, W].
 * `header` is that of every image, where all are known to be alike.
 */
export async function decodeRows(
  rows: Dataset,
  { shape }: ImageForm,
  options: ImageOptions,
  header?: ImageHeader,
): Promise<{ rows: Dataset; badRows: number }> {
  const [channels = 3, height = 1, width = 1] = shape;
  const size = channels * height * width;
  const image = rows.column("image");
  const data = new Uint8Array(new SharedArrayBuffer(rows.length * size));
  const { maxMegapixels } = options;
  const known = { maxMegapixels, header };
  if (rows.length >= MANY) options.note?.(`decoding ${rows.length} images`);
  const decode = async (i: number): Promise<void> => {
    const pixels = await decodeImage(imageSource(image, i), { channels, height, width, where: imageName(rows, i), ...known });
    data.set(pixels.data, i * size);
  };
  const bad = await collectBad(rows, decode, options.skipBadRows === true);
  const decoded: Column = { dtype: "uint8", shape: [rows.length, ...shape], data };
  // Which file an image was is of use to a person who looks at mistakes.
  const named: Record<string, Column> = isText(image) && !rows.has("file") ? { file: image } : {};
  return { rows: withoutBad(rows.with({ image: decoded, ...named }), bad, options.skipBadRows === true), badRows: bad.size };
}

/** At most `most` rows from all over, decoded: what statistics are taken from where the images stay files. */
async function sampleRows(rows: Dataset, form: ImageForm, options: ImageOptions, most: number): Promise<Dataset> {
  const count = Math.min(most, rows.length);
  const chosen = rows.select(Uint32Array.from({ length: count }, (_, i) => Math.floor((i * rows.length) / count)));
  return (await decodeRows(chosen, form, options)).rows;
}

/** Every part looked at, without the images that cannot be read; the training part decides on the form of all. */
export async function inspectParts(
  parts: Parts,
  options: ImageOptions,
): Promise<{ parts: Parts; form: ImageForm; badRows: number; notes: readonly string[] }> {
  const train = await inspectImages(parts.train, options);
  const others = { ...options, imageShape: train.form.shape };
  const bad = [...train.bad];
  const look = async (part: Dataset): Promise<Dataset> => {
    const seen = await inspectImages(part, others);
    bad.push(...seen.bad);
    return seen.rows;
  };
  const seen: Parts = {
    train: train.rows,
    ...(parts.validation === undefined ? {} : { validation: await look(parts.validation) }),
    ...(parts.test === undefined ? {} : { test: await look(parts.test) }),
  };
  return { parts: seen, form: train.form, badRows: bad.length, notes: leftOutNotes(bad) };
}

/** From how many images, at most, statistics are taken where the images stay files. */
const SAMPLE = 512;

/** Parts whose images lie decoded in memory, where they fit and crops lose nothing; `sample` where those for training do not. */
export async function decodeParts(
  { train, validation, test }: Required<Parts>,
  form: ImageForm,
  options: ImageOptions,
): Promise<{ parts: Required<Parts>; badRows: number; sample?: Dataset; notes: string[] }> {
  let badRows = 0;
  const decode = async (part: Dataset): Promise<Dataset> => {
    const done = await decodeRows(part, form, options);
    badRows += done.badRows;
    return done.rows;
  };
  const isCropped = losesDetail(form, options);
  const isHeld = !isCropped && fits(train.length + validation.length + test.length, form, options);
  // What is measured on is never cropped at random.
  const isMeasuredHeld = isCropped ? fits(validation.length + test.length, form, options) : isHeld;
  const parts = {
    train: isHeld ? await decode(train) : train,
    validation: isMeasuredHeld ? await decode(validation) : validation,
    test: isMeasuredHeld ? await decode(test) : test,
  };
  const size = form.shape.slice(1).toReversed().join("×");
  const notes = [isHeld ? `images: decoded once, ${size}` : `images: decoded from their files for each batch, ${size}`];
  return { parts, badRows, notes, sample: isHeld ? undefined : await sampleRows(train, form, options, SAMPLE) };
}

/** A decoded image with as many channels as asked for: grey from colours, or grey in each. */
function withChannels(image: Pixels, channels: number): Pixels {
  if (image.channels === channels) return image;
  const grey = luminance(image);
  const data = new Uint8Array(channels * grey.length);
  for (let c = 0; c < channels; c++) data.set(grey, c * grey.length);
  return { ...image, channels, data };
}

/** The largest number of bytes of an array. */
const MOST_BYTES = 2 ** 32 - 1;

/** Refuses images that memory does not hold. */
function expectRoom(count: number, [channels = 1, height = 1, width = 1]: readonly number[]): void {
  const bytes = count * channels * height * width;
  const free = process.availableMemory();
  if (bytes <= Math.min(MOST_BYTES, free)) return;
  const mib = (n: number): string => formatInteger(Math.ceil(n / 2 ** 20));
  throw new DataError(
    `images: expected room for ${formatInteger(count)} of ${width}×${height} in ${channels} channels, ${mib(bytes)} MiB, got ${mib(Math.min(MOST_BYTES, free))}; take fewer, or a folder of image files, which are decoded as they are needed`,
  );
}

/** Parts whose decoded images get another size or number of channels, where one is asked for. */
export function resizeParts(
  parts: Required<Parts>,
  image: string | undefined,
  { imageSize, imageShape }: ImageOptions,
): Required<Parts> {
  if (image === undefined || (imageSize === undefined && imageShape === undefined)) return parts;
  const resized = (part: Dataset): Dataset => {
    const column = part.tensor(image);
    const [count = 0, given = 1, h = 1, w = 1] = column.shape;
    const [channels = given, height = h, width = w] = imageShape ?? [given, ...(imageSize ?? [])];
    if (given === channels && h === height && w === width) return part;
    expectRoom(count, [channels, height, width]);
    const size = channels * height * width;
    const data = new Uint8Array(new SharedArrayBuffer(count * size));
    for (let i = 0; i < count; i++)
      data.set(withChannels(resizeToCover(pixelsOf(column, i), height, width), channels).data, i * size);
    return part.with({ [image]: { dtype: "uint8", shape: [count, channels, height, width], data } });
  };
  return { train: resized(parts.train), validation: resized(parts.validation), test: resized(parts.test) };
}
