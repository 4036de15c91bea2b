/**
 * @module `inspectImages`: sizes, formats, classes, brightness and faults of a collection of images.
 */
import type { LoadOptions } from "../load-node.js";
import { DataError } from "../../util/errors.js";
import { Random } from "../../util/random.js";
import type { Pixels } from "../../vision/index.js";
import { luminance, resize } from "../../vision/index.js";
import { decodeImage, encodeJpeg, endsWhole, imageHeader } from "../../vision/images-node.js";
import type { CollectedImage } from "./image-collection-node.js";
import { collectImages, isPixels, partsOf } from "./image-collection-node.js";
import type { ImageProfile, ImageSample } from "./profile.js";
import { countValues, histogramOf } from "./profile.js";

export interface InspectImagesOptions extends LoadOptions {
  readonly signal?: AbortSignal;
}

/** Brightness is measured on so many images, chosen by the seed. */
const MEASURED = 2000;
const THUMBNAIL = 112;
const SHOWN = 24;
const SHOWN_STRANGE = 6;
/** Means of brightness (of 255) below and above which an image is dark or bright; the standard deviations below which it shows nothing, or, neither dark nor bright, next to nothing. */
const DARK = 32;
const BRIGHT = 224;
const EMPTY = 1;
const FLAT = 4;
const AT_ONCE = 8;

/** An image's header, or why there is none. */
interface Looked {
  readonly entry: CollectedImage;
  readonly width: number;
  readonly height: number;
  readonly channels: number;
}

/** Calls `each` for every item, a few at a time; the results are in order. */
export async function inParallel<T, R>(items: readonly T[], each: (item: T, i: number) => Promise<R>): Promise<R[]> {
  const results = new Array<R>(items.length);
  let next = 0;
  const work = async (): Promise<void> => {
    while (next < items.length) {
      const i = next++;
      results[i] = await each(items[i] as T, i);
    }
  };
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, items.length) }, work));
  return results;
}

/** Looks at an image's header and end. DataError if it is none, cut off, or too large. */
export async function lookAt(entry: CollectedImage, maxMegapixels?: number): Promise<Looked> {
  const { image, name } = entry;
  if (isPixels(image)) return { entry, width: image.width, height: image.height, channels: image.channels };
  const header = await imageHeader(image, { where: name, maxMegapixels });
  if (!(await endsWhole(image))) throw new DataError(`${name}: expected a whole image, got a truncated one`);
  return { entry, ...header };
}

/** An image decoded so that its longer side is at most `side`. */
export async function smallImage({ entry, width, height, channels }: Looked, side: number): Promise<Pixels> {
  const { image, name } = entry;
  const scale = Math.min(1, side / Math.max(width, height));
  const [w, h] = [Math.max(1, Math.round(width * scale)), Math.max(1, Math.round(height * scale))];
  if (isPixels(image)) return scale < 1 ? resize(image, h, w) : image;
  const box = { top: 0, left: 0, height, width };
  return decodeImage(image, { where: name, channels: channels === 1 ? 1 : 3, height: h, width: w, box });
}

interface Measured {
  readonly entry: CollectedImage;
  readonly small: Pixels;
  readonly mean: number;
  readonly deviation: number;
}

function measure(entry: CollectedImage, small: Pixels): Measured {
  const grey = small.channels === 1 ? small.data : luminance(small);
  let [sum, squares] = [0, 0];
  for (const value of grey) {
    sum += value;
    squares += value * value;
  }
  const mean = sum / grey.length;
  return { entry, small, mean, deviation: Math.sqrt(Math.max(0, squares / grey.length - mean * mean)) };
}

function reasonFor({ mean, deviation }: Measured): ImageSample["reason"] {
  if (deviation < EMPTY) return "flat";
  if (mean < DARK) return "dark";
  if (mean > BRIGHT) return "bright";
  return deviation < FLAT ? "flat" : undefined;
}

async function samplesOf(measured: readonly Measured[]): Promise<ImageSample[]> {
  const strange = (["dark", "bright", "flat"] as const).flatMap((reason) =>
    measured.filter((one) => reasonFor(one) === reason).slice(0, SHOWN_STRANGE),
  );
  // One of each class in turn.
  const byClass = new Map<string, Measured[]>();
  for (const one of measured) {
    const label = one.entry.label ?? "";
    byClass.set(label, [...(byClass.get(label) ?? []), one]);
  }
  const usual: Measured[] = [];
  for (let k = 0; usual.length < SHOWN && k < measured.length; k++)
    for (const list of byClass.values()) if (list[k] !== undefined && usual.length < SHOWN) usual.push(list[k] as Measured);
  const sample = async (one: Measured, isStrange: boolean): Promise<ImageSample> => {
    const reason = isStrange ? reasonFor(one) : undefined;
    return {
      name: one.entry.name,
      thumbnail: await encodeJpeg(one.small),
      label: one.entry.label,
      reason,
    };
  };
  return Promise.all([...usual.map((one) => sample(one, false)), ...strange.map((one) => sample(one, true))]);
}

const formatOf = ({ name, image }: CollectedImage): string =>
  isPixels(image) ? "pixels" : (/\.([a-z0-9]+)$/i.exec(name)?.[1] ?? "unknown").toLowerCase().replace("jpeg", "jpg");

/** Describes a collection of images. Images that cannot be read are listed, not refused. */
export async function inspectImages(spec: string, options: InspectImagesOptions = {}): Promise<ImageProfile> {
  const { name, images, notes } = await collectImages(spec, options);
  const broken: { name: string; reason: string }[] = [];
  const kept = async <T>(entry: CollectedImage, work: () => Promise<T>): Promise<T | undefined> => {
    options.signal?.throwIfAborted();
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof DataError)) throw error;
      broken.push({ name: entry.name, reason: error.message.replace(`${entry.name}: `, "") });
      return undefined;
    }
  };
  const headers = await inParallel(images, (entry) => kept(entry, () => lookAt(entry, options.maxMegapixels)));
  const looked = headers.filter((found) => found !== undefined);
  const order = new Random(options.seed ?? 0, "inspect").permutation(looked.length);
  const chosen = Array.from(order.slice(0, MEASURED), (i) => looked[i] as Looked);
  const found = await inParallel(chosen, (one) =>
    kept(one.entry, async () => measure(one.entry, await smallImage(one, THUMBNAIL))),
  );
  const measured = found.filter((one) => one !== undefined);
  const boxes = images.flatMap((entry) => (entry.boxes === undefined ? [] : [entry.boxes]));
  const labels = boxes.length > 0 ? boxes.flat() : images.flatMap(({ label }) => (label === undefined ? [] : [label]));
  const count = (reason: ImageSample["reason"]): number => measured.filter((one) => reasonFor(one) === reason).length;
  return {
    kind: "images",
    name,
    images: images.length,
    parts: partsOf(images),
    sizes: countValues(looked.map(({ width, height }) => `${width}×${height}`)).slice(0, 20),
    formats: countValues(images.map(formatOf)),
    classes: countValues(labels),
    boxes:
      boxes.length === 0 ? undefined : { count: labels.length, imagesWithout: boxes.filter((list) => list.length === 0).length },
    grey: looked.filter(({ channels }) => channels === 1).length,
    widths: histogramOf(looked.map(({ width }) => width)),
    heights: histogramOf(looked.map(({ height }) => height)),
    brightness: histogramOf(
      measured.map(({ mean }) => mean),
      32,
      [0, 256],
    ),
    contrast: histogramOf(
      measured.map(({ deviation }) => deviation),
      32,
      [0, 128],
    ),
    measured: measured.length,
    dark: count("dark"),
    bright: count("bright"),
    flat: count("flat"),
    broken: broken.sort((a, b) => (a.name < b.name ? -1 : 1)),
    samples: await samplesOf(measured),
    notes,
  };
}
