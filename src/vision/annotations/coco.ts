/**
 * @module COCO: one JSON file for all images of a part.
 *
 * Source: Lin et al. 2014, arXiv:1405.0312; https://cocodataset.org/#format-data, "Object Detection". Outlines are read
 * where they are asked for and are one polygon; masks in run lengths are not.
 */
import * as z from "zod";
import { DataError, DescentError } from "../../util/errors.js";
import { parseJsonWith, parseWith } from "../../util/schema.js";
import type { AnnotatedBox, Annotation, Outline } from "./annotation.js";
import { outlineOf } from "./annotation.js";

const id = z.union([z.number(), z.string()]);
const annotationSchema = z.object({
  image_id: id,
  category_id: id,
  bbox: z.tuple([z.number(), z.number(), z.number(), z.number()]),
  area: z.number().optional(),
  iscrowd: z.union([z.number(), z.boolean()]).optional(),
  segmentation: z.unknown().optional(),
});
const outlineSchema = z.tuple([
  z
    .array(z.number())
    .min(6)
    .refine((flat) => flat.length % 2 === 0, "expected pairs x, y"),
]);
const imageSchema = z.object({ id, file_name: z.string(), width: z.number().optional(), height: z.number().optional() });
const categorySchema = z.object({ id, name: z.string().trim().min(1) });
const fileSchema = z.object({
  images: z.array(imageSchema),
  // Each is looked at by itself, since bad ones may be left out.
  annotations: z.array(z.unknown()),
  categories: z.array(categorySchema),
});

/** Classes and annotations of a COCO file. */
export interface CocoFile {
  /** Every category, in the order of the file, whether it occurs or not. */
  readonly classes: readonly string[];
  readonly annotations: readonly Annotation[];
  /** The reader's decisions, in sentences. */
  readonly notes?: readonly string[];
}

/** Tells whether a text looks like COCO's format, without reading all of it. */
export const looksLikeCoco = (text: string): boolean =>
  /^\s*\{/.test(text) && ["images", "annotations", "categories"].every((key) => text.includes(`"${key}"`));

/** Names by id; categories of one name are one class, which is said. DataError for two of one id. */
function classesOf(
  categories: readonly z.infer<typeof categorySchema>[],
  where: string,
): { names: Map<string | number, string>; classes: string[]; notes: string[] } {
  const names = new Map<string | number, string>();
  for (const category of categories) {
    const other = names.get(category.id);
    if (other !== undefined && other !== category.name)
      throw new DataError(`${where}: expected one category of id ${category.id}, got "${other}" and "${category.name}"`);
    names.set(category.id, category.name);
  }
  const all = [...names.values()];
  const classes = [...new Set(all)];
  const twice = classes.filter((name) => all.indexOf(name) !== all.lastIndexOf(name));
  const notes = twice.map(
    (name) => `${where}: ${all.filter((other) => other === name).length} categories are called "${name}"; they are one class`,
  );
  return { names, classes, notes };
}

/** The corners of the one polygon of an annotation. DataError for masks, and for objects of several parts. */
function outlineIn(segmentation: unknown, where: string): Outline {
  const parsed = outlineSchema.safeParse(segmentation);
  if (parsed.success) return outlineOf(parsed.data[0]);
  const got = Array.isArray(segmentation) ? `${segmentation.length} parts, or numbers that are no corners` : "a mask or nothing";
  throw new DataError(`${where}: expected "segmentation" with one polygon [[x, y, x, y, x, y, …]], got ${got}`);
}

/**
 * All images of a file with their boxes. With `skip`, which is called with each fault, bad annotations are left out; with `outlines`,
 * boxes have the corners of their outlines as well.
 *
 * Errors: ConfigError, naming `where`, for another format; DataError for a box of an image or a category that is not listed, and
 * for two images or categories of one id.
 */
export function parseCoco(
  text: string,
  where: string,
  skip?: (message: string) => void,
  { outlines = false }: { readonly outlines?: boolean } = {},
): CocoFile {
  const { images, annotations, categories } = parseJsonWith(fileSchema, text, where);
  const { names, classes, notes } = classesOf(categories, where);
  const boxes = new Map<string | number, AnnotatedBox[]>();
  for (const { id: image } of images) {
    if (boxes.has(image)) throw new DataError(`${where}: expected one image of id ${image}, got two`);
    boxes.set(image, []);
  }
  for (const [i, found] of annotations.entries()) {
    try {
      const {
        image_id: image,
        category_id: category,
        bbox,
        area,
        iscrowd,
        segmentation,
      } = parseWith(annotationSchema, found, `${where}, annotation ${i + 1}`);
      const label = names.get(category);
      const of = boxes.get(image);
      const [what, got] = label === undefined ? ["a category", `category_id ${category}`] : ["an image", `image_id ${image}`];
      if (label === undefined || of === undefined)
        throw new DataError(`${where}, annotation ${i + 1}: expected ${what} that is listed, got ${got}`);
      const [x, y, w, h] = bbox;
      of.push({
        box: [x, y, x + w, y + h],
        label,
        ...(iscrowd === true || iscrowd === 1 ? { crowd: true } : {}),
        ...(area === undefined ? {} : { area }),
        ...(outlines ? { outline: outlineIn(segmentation, `${where}, annotation ${i + 1}`) } : {}),
      });
    } catch (error) {
      if (skip === undefined || !(error instanceof DescentError)) throw error;
      skip(error.message);
    }
  }
  return {
    classes,
    ...(notes.length > 0 ? { notes } : {}),
    annotations: images.map(({ id: image, file_name: file, width, height }) => ({
      image: file,
      ...(width === undefined || height === undefined ? {} : { width, height }),
      boxes: boxes.get(image) ?? [],
    })),
  };
}

/** The area of a polygon, by the shoelace formula. */
const areaIn = (outline: Outline): number =>
  Math.abs(
    outline.reduce((sum, [x, y], i) => {
      const [nextX, nextY] = outline[(i + 1) % outline.length] as readonly [number, number];
      return sum + (x * nextY - nextX * y) / 2;
    }, 0),
  );

/** A file that `parseCoco` reads to the same classes, boxes and outlines; ids count from 1. DataError for a label that is no class. */
export function writeCoco({ classes, annotations }: CocoFile): string {
  const categories = new Map(classes.map((name, k) => [name, k + 1]));
  let count = 0;
  const file = {
    images: annotations.map(({ image, width, height }, i) => ({ id: i + 1, file_name: image, width, height })),
    annotations: annotations.flatMap(({ image, boxes }, i) =>
      boxes.map(({ box: [x1, y1, x2, y2], label, crowd, area, outline }) => {
        const category = categories.get(label);
        if (category === undefined)
          throw new DataError(`${image}: expected one of ${classes.join(", ")}, got the label "${label}"`);
        return {
          id: ++count,
          image_id: i + 1,
          category_id: category,
          bbox: [x1, y1, x2 - x1, y2 - y1],
          area: area ?? (outline === undefined ? (x2 - x1) * (y2 - y1) : areaIn(outline)),
          segmentation: outline === undefined ? undefined : [outline.flat()],
          iscrowd: crowd === true ? 1 : 0,
        };
      }),
    ),
    categories: classes.map((name, k) => ({ id: k + 1, name })),
  };
  return `${JSON.stringify(file)}\n`;
}
