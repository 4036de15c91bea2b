/**
 * @module YOLO's text files: one for each image, a line for each box, in fractions of the image; the names of the classes in a file
 * beside them. A line may have the corners of an outline in place of a box, as exports for segmentation do.
 *
 * Source: darknet (Redmon 2016), `class x y width height`; Ultralytics, `class x1 y1 x2 y2 x3 y3 …`, and its `data.yaml` for
 * the names.
 */
import { parse } from "yaml";
import * as z from "zod";
import { isDecimal } from "../../util/decimal.js";
import { DataError } from "../../util/errors.js";
import type { AnnotatedBox } from "./annotation.js";
import { boundsOf, outlineOf } from "./annotation.js";
import { formatNames } from "../../util/text.js";

/** Size of an image in pixels. */
export interface ImageSize {
  readonly width: number;
  readonly height: number;
}

/** The largest distance outside the image at which a corner of an outline may lie, as a fraction of its side. */
const MARGIN = 0.05;
/** The longest part of a line that a message quotes. */
const MOST_CHARACTERS = 200;

const shorten = (text: string): string => (text.length > MOST_CHARACTERS ? `${text.slice(0, MOST_CHARACTERS)}…` : text);

/** The boxes of one file, in pixels; with `outlines` also the corners of outlines. DataError, naming `where` and the line, for what is not a box. */
export function parseYolo(
  text: string,
  classes: readonly string[],
  { width, height }: ImageSize,
  where: string,
  { outlines = false }: { readonly outlines?: boolean } = {},
): AnnotatedBox[] {
  return text.split(/\r?\n/).flatMap((line, i): AnnotatedBox[] => {
    const fields = line.trim().split(/\s+/);
    if (fields[0] === "") return [];
    const numbers = fields.map(Number);
    const isOutline = fields.length >= 7 && fields.length % 2 === 1;
    if ((fields.length !== 5 && !isOutline) || !fields.every(isDecimal))
      throw new DataError(`${where}, line ${i + 1}: expected "class x y width height", got "${shorten(line.trim())}"`);
    const [k, x, y, w, h] = numbers as [number, number, number, number, number];
    if (!isOutline && [x, y, w, h].some((value) => value < -MARGIN || value > 1 + MARGIN))
      throw new DataError(
        `${where}, line ${i + 1}: expected fractions of the image, 0 … 1, got "${shorten(line.trim())}"; divide pixels by the image's width and height`,
      );
    const label = classes[k];
    if (label === undefined)
      throw new DataError(`${where}, line ${i + 1}: expected a class in 0 … ${classes.length - 1}, got ${fields[0]}`);
    if (isOutline) {
      const outside = numbers.slice(1).find((value) => value < -MARGIN || value > 1 + MARGIN);
      if (outside !== undefined)
        throw new DataError(`${where}, line ${i + 1}: expected an outline in fractions of the image, 0 … 1, got ${outside}`);
      const outline = outlineOf(numbers.slice(1), width, height);
      return [{ box: boundsOf(outline), label, fromOutline: true, ...(outlines ? { outline } : {}) }];
    }
    return [{ box: [(x - w / 2) * width, (y - h / 2) * height, (x + w / 2) * width, (y + h / 2) * height], label }];
  });
}

/** A file that `parseYolo` reads to the same boxes and outlines, to so many digits of the image's size. DataError for a label that is not a class. */
export function writeYolo(
  boxes: readonly AnnotatedBox[],
  classes: readonly string[],
  { width, height }: ImageSize,
  digits = 6,
): string {
  return boxes
    .map(({ box: [x1, y1, x2, y2], label, outline }) => {
      const k = classes.indexOf(label);
      if (k < 0) throw new DataError(`YOLO: expected one of ${formatNames(classes)}, got the label "${label}"`);
      const numbers = outline?.flatMap(([x, y]) => [x / width, y / height]) ?? [
        (x1 + x2) / 2 / width,
        (y1 + y2) / 2 / height,
        (x2 - x1) / width,
        (y2 - y1) / height,
      ];
      return `${k} ${numbers.map((v) => v.toFixed(digits)).join(" ")}\n`;
    })
    .join("");
}

const namesSchema = z.object({
  nc: z.number().optional(),
  names: z.union([z.array(z.coerce.string()), z.record(z.string(), z.coerce.string())]),
});

/** The names of the classes: a line each (`classes.txt`), or the `names` of a YAML file. DataError, naming `where`, without any. */
export function parseYoloNames(text: string, where: string): string[] {
  if (!/\.ya?ml$/i.test(where)) {
    const names = text.split(/\r?\n/).map((line) => line.trim());
    while (names.at(-1) === "") names.pop();
    if (names.length === 0) throw new DataError(`${where}: expected the name of a class in each line, got none`);
    return names;
  }
  let found: unknown;
  try {
    found = parse(text);
  } catch (cause) {
    throw new DataError(`${where}: expected YAML, got an error: ${(cause as Error).message.split("\n")[0]}`, { cause });
  }
  const parsed = namesSchema.safeParse(found);
  if (!parsed.success) throw new DataError(`${where}: expected "names" of the classes, got none`);
  const { nc, names } = parsed.data;
  const list = Array.isArray(names)
    ? names
    : Array.from({ length: Object.keys(names).length }, (_, k) => {
        const name = names[String(k)];
        if (name === undefined) throw new DataError(`${where}: expected names of classes 0, 1, …, got none of ${k}`);
        return name;
      });
  if (nc !== undefined && nc !== list.length)
    throw new DataError(`${where}: expected as many names as nc, ${nc}, got ${list.length}`);
  return list;
}
