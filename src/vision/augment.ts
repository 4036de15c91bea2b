/**
 * @module Random changes of an image that keep its meaning: named, with few numbers each, so that one line of text describes them all
 * (`crop:4,flip,color:0.3`). What is drawn depends on the generator alone, which the caller keys by (seed, epoch, sample).
 */
import type { Random } from "../util/random.js";
import { type Augmentation, type ListParameter, parseAugmentList } from "./augment-list.js";
import { changeColors } from "./color.js";
import type { Fill } from "./geometry.js";
import { affine, crop, erase } from "./geometry.js";
import type { Box, Pixels } from "./pixels.js";
import { randAugment } from "./rand-augment.js";
import { resizeBox } from "./resize.js";
import { own } from "../util/record.js";

/** Size of the images that are changed, and what lies outside them. */
export interface AugmentSettings {
  readonly height: number;
  readonly width: number;
  /** The colour of an erased part: the mean colour, which a network sees as nothing. */
  readonly mean?: Fill;
}

interface Parameter extends Omit<ListParameter, "default"> {
  /** Its value where it is left out. */
  readonly default: (size: { readonly height: number; readonly width: number }) => number;
}

interface Operation {
  readonly parameters: readonly Parameter[];
  /** Absent where the change is one of a whole batch. */
  readonly apply?: (image: Pixels, random: Random, values: readonly number[], settings: AugmentSettings) => Pixels;
}

const parameter = (name: string, fallback: number | Parameter["default"], minimum: number, maximum: number): Parameter => ({
  name,
  minimum,
  maximum,
  default: typeof fallback === "number" ? () => fallback : fallback,
});

/**
 * A rectangle of a random share of an image's area, of proportions between 3 : 4 and 4 : 3.
 *
 * Source: Szegedy et al. 2015, arXiv:1409.4842, section 6, as in torchvision's `RandomResizedCrop`.
 */
export function randomBox(random: Random, height: number, width: number, least: number): Box {
  for (let attempt = 0; attempt < 10; attempt++) {
    const area = height * width * random.uniform(least, 1);
    const ratio = Math.exp(random.uniform(Math.log(3 / 4), Math.log(4 / 3)));
    const [w, h] = [Math.round(Math.sqrt(area * ratio)), Math.round(Math.sqrt(area / ratio))];
    if (w > 0 && h > 0 && w <= width && h <= height)
      return { top: random.integer(height - h + 1), left: random.integer(width - w + 1), height: h, width: w };
  }
  const side = Math.min(height, width);
  return { top: Math.floor((height - side) / 2), left: Math.floor((width - side) / 2), height: side, width: side };
}

/** Crops at a random position after `padding` rows and columns of black on each side. He et al. 2016, arXiv:1512.03385, section 4.2. */
function paddedCrop(image: Pixels, random: Random, padding: number): Pixels {
  const offset = (): number => random.integer(2 * padding + 1) - padding;
  return crop(image, { top: offset(), left: offset(), height: image.height, width: image.width });
}

/** A rectangle of 2 to 33 % of the area painted over. Zhong et al. 2017, arXiv:1708.04896; torchvision's `RandomErasing`. */
function randomErase(image: Pixels, random: Random, chance: number, fill: Fill | undefined): Pixels {
  if (random.uniform() >= chance) return image;
  const area = image.height * image.width;
  for (let attempt = 0; attempt < 10; attempt++) {
    const part = area * random.uniform(0.02, 0.33);
    const ratio = Math.exp(random.uniform(Math.log(0.3), Math.log(3.3)));
    const [h, w] = [Math.round(Math.sqrt(part * ratio)), Math.round(Math.sqrt(part / ratio))];
    if (h < image.height && w < image.width)
      return erase(
        image,
        { top: random.integer(image.height - h + 1), left: random.integer(image.width - w + 1), height: h, width: w },
        fill,
      );
  }
  return image;
}

/** Brightness, contrast, saturation by a factor of 1 ± strength, hue by a quarter of it: the ranges of torchvision's `ColorJitter`. */
function colorJitter(image: Pixels, random: Random, strength: number): Pixels {
  const factor = (): number => random.uniform(1 - strength, 1 + strength);
  const [brightness, contrast, saturation] = [factor(), factor(), factor()];
  return changeColors(image, { brightness, contrast, saturation, hue: random.uniform(-strength / 4, strength / 4) });
}

const eighth = ({ height, width }: { readonly height: number; readonly width: number }): number =>
  Math.round(Math.min(height, width) / 8);

/** Every change by name. */
export const AUGMENTATIONS: Readonly<Record<string, Operation>> = {
  crop: {
    parameters: [parameter("P", eighth, 0, 512)],
    apply: (image, random, [padding = 0]) => paddedCrop(image, random, padding),
  },
  "resized-crop": {
    parameters: [parameter("S", 0.25, 0.01, 1)],
    apply: (image, random, [least = 1], { height, width }) =>
      resizeBox(image, randomBox(random, image.height, image.width, least), height, width),
  },
  flip: {
    parameters: [parameter("P", 0.5, 0, 1)],
    apply: (image, random, [chance = 0]) =>
      random.uniform() < chance
        ? crop(image, { top: 0, left: 0, height: image.height, width: image.width }, { mirror: true })
        : image,
  },
  rotate: {
    parameters: [parameter("D", 15, 0, 180)],
    apply: (image, random, [most = 0]) => affine(image, { degrees: random.uniform(-most, most) }),
  },
  color: {
    parameters: [parameter("S", 0.3, 0, 1)],
    apply: (image, random, [strength = 0]) => colorJitter(image, random, strength),
  },
  erase: {
    parameters: [parameter("P", 0.25, 0, 1)],
    apply: (image, random, [chance = 0], { mean }) => randomErase(image, random, chance, mean),
  },
  "rand-augment": {
    parameters: [parameter("N", 2, 0, 16), parameter("M", 9, 0, 30)],
    apply: (image, random, [count = 0, magnitude = 0]) => randAugment(image, random, count, magnitude),
  },
  mixup: {
    parameters: [parameter("A", 0.2, 0.01, 32)],
  },
  cutmix: {
    parameters: [parameter("A", 1, 0.01, 32)],
  },
};

/** Lists of changes that have a name; they depend on how large the images are. */
export const AUGMENT_PRESETS: Readonly<Record<string, (isSmall: boolean) => string>> = {
  none: () => "",
  auto: (isSmall) => (isSmall ? "crop,flip" : "resized-crop,flip,color"),
  "flip-crop": () => "crop,flip",
  strong: (isSmall) => `${isSmall ? "crop" : "resized-crop"},flip,rand-augment,erase`,
};

/** Images up to this side are cropped after padding; larger ones have detail that a crop of a part can show. */
const SMALL_SIDE = 96;

/**
 * Reads a list of changes, `NAME[:NUMBER[:NUMBER]],…`, of which presets are short forms. `mirrors: false` leaves flips out of presets,
 * where a mirrored image means something else (digits).
 *
 * Errors: ConfigError, beginning with `where`, for an unknown name or a number out of range.
 */
export function parseAugment(
  text: string,
  size: { readonly height: number; readonly width: number; readonly mirrors?: boolean },
  where = "--augment",
): Augmentation[] {
  const isSmall = Math.max(size.height, size.width) <= SMALL_SIDE;
  const withoutFlips = (list: string): string =>
    list
      .split(",")
      .filter((name) => name !== "flip")
      .join(",");
  const presetList = (list: (isSmall: boolean) => string): string =>
    size.mirrors === false ? withoutFlips(list(isSmall)) : list(isSmall);
  const changes = Object.entries(AUGMENTATIONS).map(([name, { parameters }]): [string, readonly ListParameter[]] => [
    name,
    parameters.map((p) => ({ ...p, default: p.default(size) })),
  ]);
  const presets = Object.entries(AUGMENT_PRESETS).map(([name, preset]): [string, string] => [name, presetList(preset)]);
  return parseAugmentList(text, { changes: new Map(changes), presets: new Map(presets) }, where);
}

/** Applies the changes of single images, one after another. */
export function augment(image: Pixels, list: readonly Augmentation[], random: Random, settings: AugmentSettings): Pixels {
  let changed = image;
  for (const { name, values } of list) changed = own(AUGMENTATIONS, name)?.apply?.(changed, random, values, settings) ?? changed;
  return changed;
}

/** Tells whether a list crops parts of images that would lose detail if the images were resized first. */
export const cropsParts = (text: string, size: { readonly height: number; readonly width: number }): boolean =>
  parseAugment(text, size).some(({ name }) => name === "resized-crop");
