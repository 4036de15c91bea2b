/**
 * @module COCO: one JSON file for all images of a part.
 *
 * Source: Lin et al. 2014, arXiv:1405.0312; https://cocodataset.org/#format-data, "Object Detection". Outlines are not read.
 */
import * as z from "zod";
import { DataError } from "../../util/errors.js";
import { parseJsonWith } from "../../util/schema.js";
import type { AnnotatedBox, Annotation } from "./annotation.js";

const id = z.union([z.number(), z.string()]);
const fileSchema = z.object({
  images: z.array(z.object({ id, file_name: z.string(), width: z.number().optional(), height: z.number().optional() })),
  annotations: z.array(
    z.object({
      image_id: id,
      category_id: id,
      bbox: z.tuple([z.number(), z.number(), z.number(), z.number()]),
      area: z.number().optional(),
      iscrowd: z.union([z.number(), z.boolean()]).optional(),
    }),
  ),
  categories: z.array(z.object({ id, name: z.string() })),
});

export interface CocoFile {
  /** Every category, in the order of the file, whether it occurs or not. */
  readonly classes: readonly string[];
  readonly annotations: readonly Annotation[];
}

/** Whether a text looks like COCO's format, without reading all of it. */
export const looksLikeCoco = (text: string): boolean =>
  /^\s*\{/.test(text) && ["images", "annotations", "categories"].every((key) => text.includes(`"${key}"`));

/**
 * All images of a file with their boxes. ConfigError, naming `where`, for another format; DataError for a box of
 * an image that is not listed.
 */
export function parseCoco(text: string, where: string): CocoFile {
  const { images, annotations, categories } = parseJsonWith(fileSchema, text, where);
  const names = new Map(categories.map((category) => [category.id, category.name]));
  const boxes = new Map<string | number, AnnotatedBox[]>(images.map((image) => [image.id, []]));
  annotations.forEach(({ image_id: image, category_id: category, bbox: [x, y, w, h], area, iscrowd }, i) => {
    const label = names.get(category);
    const of = boxes.get(image);
    if (label === undefined)
      throw new DataError(`${where}, annotation ${i}: expected a category that is listed, got category_id ${category}`);
    if (of === undefined)
      throw new DataError(`${where}, annotation ${i}: expected an image that is listed, got image_id ${image}`);
    of.push({
      box: [x, y, x + w, y + h],
      label,
      ...(iscrowd === true || iscrowd === 1 ? { crowd: true } : {}),
      ...(area === undefined ? {} : { area }),
    });
  });
  return {
    classes: categories.map(({ name }) => name),
    annotations: images.map(({ id: image, file_name: file, width, height }) => ({
      image: file,
      ...(width === undefined || height === undefined ? {} : { width, height }),
      boxes: boxes.get(image) ?? [],
    })),
  };
}

/** A file that `parseCoco` reads to the same classes and boxes; ids count from 1. */
export function writeCoco({ classes, annotations }: CocoFile): string {
  const categories = new Map(classes.map((name, k) => [name, k + 1]));
  let count = 0;
  const file = {
    images: annotations.map(({ image, width, height }, i) => ({ id: i + 1, file_name: image, width, height })),
    annotations: annotations.flatMap(({ image, boxes }, i) =>
      boxes.map(({ box: [x1, y1, x2, y2], label, crowd, area }) => {
        const category = categories.get(label);
        if (category === undefined)
          throw new DataError(`${image}: expected one of ${classes.join(", ")}, got the label "${label}"`);
        return {
          id: ++count,
          image_id: i + 1,
          category_id: category,
          bbox: [x1, y1, x2 - x1, y2 - y1],
          area: area ?? (x2 - x1) * (y2 - y1),
          iscrowd: crowd === true ? 1 : 0,
        };
      }),
    ),
    categories: classes.map((name, k) => ({ id: k + 1, name })),
  };
  return `${JSON.stringify(file)}\n`;
}
