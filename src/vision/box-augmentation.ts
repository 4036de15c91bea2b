/**
 * @module Images with boxes made to fit a model, and changed at random: mirrored, enlarged or shrunk about a random point, recoloured.
 * Pure functions of pixels and a random stream; boxes go where their pixels go.
 */
import type { Random } from "../util/random.js";
import { type Augmentation, formatAugment, type ListParameter, parseAugmentList } from "./augment-list.js";
import { adjustBrightness, adjustContrast, adjustSaturation } from "./color.js";
import { crop, flipVertical } from "./geometry.js";
import type { Box, Pixels } from "./pixels.js";
import { resizeBox } from "./resize.js";

/** Corners in pixels (x₁, y₁, x₂, y₂), and what else belongs to the box. */
export type BoxRow = readonly [x1: number, y1: number, x2: number, y2: number, ...rest: number[]];

/** Changes of images with boxes: mirroring, scale and shift as fractions, color. */
export interface BoxAugmentation {
  /** Mirror left and right, half of the time. */
  readonly flipHorizontal: boolean;
  /** Mirror top and bottom, half of the time: where up has no meaning, as under a microscope. */
  readonly flipVertical: boolean;
  /** s: the image is enlarged by a factor between 1/(1 + s) and 1 + s. */
  readonly scale: number;
  /** Share of its height and width that the image is moved by, at most. */
  readonly translate: number;
  /** The largest change of brightness, contrast and saturation from 1. */
  readonly color: number;
}

/** Nothing is changed. */
const UNCHANGED: BoxAugmentation = { flipHorizontal: false, flipVertical: false, scale: 0, translate: 0, color: 0 };

/** Changes by the name that a command line has for them: the field, and its number where it has one. */
const CHANGES: readonly {
  readonly name: string;
  readonly field: keyof BoxAugmentation;
  readonly parameters: readonly ListParameter[];
}[] = [
  { name: "flip", field: "flipHorizontal", parameters: [] },
  { name: "vertical-flip", field: "flipVertical", parameters: [] },
  { name: "scale", field: "scale", parameters: [{ name: "S", default: 0.3, minimum: 0, maximum: 3 }] },
  { name: "translate", field: "translate", parameters: [{ name: "T", default: 0.1, minimum: 0, maximum: 0.5 }] },
  { name: "color", field: "color", parameters: [{ name: "S", default: 0.2, minimum: 0, maximum: 1 }] },
];

/**
 * Reads a list of changes, `NAME[:NUMBER],…`: flip, vertical-flip, scale, translate, color; `auto` is all but vertical-flip, which it
 * has where `flipsVertically` says that up and down mean nothing; `none` is none. `overturn` is the old name of vertical-flip, in earlier runs.
 *
 * Errors: ConfigError, beginning with `where`, for an unknown name or a number out of range.
 */
export function parseBoxAugment(
  text: string,
  { mirrors = true, flipsVertically = false }: { readonly mirrors?: boolean; readonly flipsVertically?: boolean } = {},
  where = "--augment",
): BoxAugmentation {
  const auto = [...(mirrors ? ["flip"] : []), ...(flipsVertically ? ["vertical-flip"] : []), "scale,translate,color"].join(",");
  const grammar = {
    changes: new Map(CHANGES.map(({ name, parameters }) => [name, parameters])),
    presets: new Map(Object.entries({ auto, none: "" })),
  };
  const list = parseAugmentList(text.replaceAll("overturn", "vertical-flip"), grammar, where);
  const fields = list.map(({ name, values: [value = true] }) => [CHANGES.find((change) => change.name === name)?.field, value]);
  return { ...UNCHANGED, ...Object.fromEntries(fields) };
}

/** The changes as text with every number, as a run's `config.json` keeps them; "none" where there are none. */
export function formatBoxAugment(augmentation: BoxAugmentation): string {
  return formatAugment(
    CHANGES.flatMap(({ name, field }): Augmentation[] => {
      const value = augmentation[field];
      if (value === true) return [{ name, values: [] }];
      return typeof value === "number" && value > 0 ? [{ name, values: [value] }] : [];
    }),
  );
}

/** The grey around an image that does not fill the model's input: about as far from black as from white. */
export const BORDER = 114;
/** The least visible fraction of a box's area: with less of it, the object cannot be recognized any more. */
const LEAST_VISIBLE = 0.35;

/** The factor by which an image is made to fit into height × width, upper left corners together. */
export const fitFactor = (image: { readonly height: number; readonly width: number }, height: number, width: number): number =>
  Math.min(height / image.height, width / image.width);

/** An image put on a larger canvas, with its corner at (left, top), which may be negative. */
export const onCanvas = (image: Pixels, height: number, width: number, left = 0, top = 0): Pixels =>
  image.height === height && image.width === width && left === 0 && top === 0
    ? image
    : crop(image, { top: -top, left: -left, height, width }, { fill: new Array<number>(image.channels).fill(BORDER) });

/** The visible part of an axis: start and length in the image, and start and length in the result, in whole pixels there. */
interface Span {
  readonly from: number;
  readonly length: number;
  readonly to: number;
  readonly size: number;
}

/** An axis of `length` pixels seen through a window of the same size that begins at `start` and is `view` long in the image. */
function span(length: number, start: number, view: number): Span {
  const first = Math.max(0, start);
  const last = Math.min(length, start + view);
  const scale = length / view;
  const to = Math.round((first - start) * scale);
  const size = Math.max(1, Math.min(length - to, Math.round((last - first) * scale)));
  return { from: first, length: last - first, to, size };
}

const moved = (x: number, { from, length, to, size }: Span): number => to + ((x - from) * size) / length;

/** An image and its boxes, changed at random. Boxes of which too little is left to see are dropped. */
export function augmentBoxes(
  image: Pixels,
  boxes: readonly BoxRow[],
  options: BoxAugmentation,
  random: Random,
): { readonly image: Pixels; readonly boxes: readonly BoxRow[] } {
  const { width, height } = image;
  const isFlipped = (isEnabled: boolean): boolean => random.uniform() < 0.5 && isEnabled;
  const [mirror, upsideDown] = [isFlipped(options.flipHorizontal), isFlipped(options.flipVertical)];
  // As often enlarged as shrunk.
  const factor = Math.exp(random.uniform(-1, 1) * Math.log(1 + options.scale));
  const window = (length: number): Span => {
    const view = length / factor;
    return span(length, (length - view) / 2 + random.uniform(-options.translate, options.translate) * length, view);
  };
  const [across, down] = [window(width), window(height)];
  const part: Box = { left: across.from, top: down.from, width: across.length, height: down.length };
  const resized = resizeBox(image, part, down.size, across.size, { mirror });
  const placed = onCanvas(resized, height, width, mirror ? width - across.to - across.size : across.to, down.to);
  const changed = recolored(upsideDown ? flipVertical(placed) : placed, random, options.color);
  const seen = boxes.flatMap(([x1, y1, x2, y2, ...rest]): BoxRow[] => {
    const [left, right] = [moved(x1, across), moved(x2, across)];
    const [top, bottom] = [moved(y1, down), moved(y2, down)];
    const clipped = [Math.max(0, left), Math.max(0, top), Math.min(width, right), Math.min(height, bottom)] as const;
    const visible = Math.max(0, clipped[2] - clipped[0]) * Math.max(0, clipped[3] - clipped[1]);
    if (visible < LEAST_VISIBLE * (right - left) * (bottom - top)) return [];
    const [x, y] = [
      mirror ? [width - clipped[2], width - clipped[0]] : [clipped[0], clipped[2]],
      upsideDown ? [height - clipped[3], height - clipped[1]] : [clipped[1], clipped[3]],
    ] as [[number, number], [number, number]];
    return [[x[0], y[0], x[1], y[1], ...rest]];
  });
  return { image: changed, boxes: seen };
}

function recolored(image: Pixels, random: Random, strength: number): Pixels {
  const factor = (): number => random.uniform(1 - strength, 1 + strength);
  const [brightness, contrast, saturation] = [factor(), factor(), factor()] as const;
  if (strength === 0) return image;
  return adjustSaturation(adjustContrast(adjustBrightness(image, brightness), contrast), saturation);
}
