/**
 * @module COCO: one JSON file for all images of a part.
 *
 * Source: Lin et al. 2014, arXiv:1405.0312; https://cocodataset.org/#format-data, "Object Detection". Outlines are read
 * where they are asked for and are one polygon; masks in run lengths are not.
 */
import * as z from "zod";
import { isDecimal } from "../../util/decimal.js";
import { DataError, DescentError } from "../../util/errors.js";
import { parseJsonWith, parseWith } from "../../util/schema.js";
import type { AnnotatedBox, Annotation, BoxCorners, Outline } from "./annotation.js";
import { boundsOf, outlineOf } from "./annotation.js";
import { formatNames } from "../../util/text.js";

const id = z.union([z.number(), z.string()]);
/** A number, or one that a tool wrote as a text. */
const coordinate = z.union([z.number(), z.string().trim().refine(isDecimal).transform(Number)]);
const annotationSchema = z.object({
  image_id: id,
  category_id: id,
  bbox: z.unknown().optional(),
  area: z.number().optional(),
  iscrowd: z.union([z.number(), z.boolean()]).optional(),
  segmentation: z.unknown().optional(),
});
const boxSchema = z.tuple([coordinate, coordinate, coordinate, coordinate]);
const cornersSchema = z
  .array(coordinate)
  .min(6)
  .refine((flat) => flat.length % 2 === 0);
const outlineSchema = z.tuple([cornersSchema]);
const outlinesSchema = z.array(cornersSchema).min(1);
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
): { names: Map<string, string>; classes: string[]; notes: string[] } {
  // Tools write the same id as a number in one place and as a text in another.
  const names = new Map<string, string>();
  for (const category of categories) {
    const other = names.get(String(category.id));
    if (other !== undefined && other !== category.name)
      throw new DataError(`${where}: expected one category of id ${category.id}, got "${other}" and "${category.name}"`);
    names.set(String(category.id), category.name);
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

/** The box of an annotation by its corners; where there is none, the rectangle around its polygons. */
function boxIn(bbox: unknown, segmentation: unknown, where: string): Pick<AnnotatedBox, "box" | "fromOutline"> {
  const parsed = boxSchema.safeParse(bbox);
  if (parsed.success) {
    const [x, y, w, h] = parsed.data;
    return { box: [x, y, x + w, y + h] };
  }
  const outlines = outlinesSchema.safeParse(segmentation);
  const isMissing = bbox === undefined || bbox === null || (Array.isArray(bbox) && bbox.length === 0);
  if (isMissing && outlines.success) return { box: boundsOf(outlineOf(outlines.data.flat())), fromOutline: true };
  const got = JSON.stringify(bbox) ?? "none";
  throw new DataError(`${where}: bbox: expected four numbers x, y, width, height, got ${got.slice(0, 80)}`);
}

type Settle = (box: BoxCorners, size: Required<Pick<Annotation, "width" | "height">>) => BoxCorners;

/** A box may stick out of its image by this share of the side before it counts as another form. */
const SLACK = 1.05;

/**
 * The form of a file's boxes where it is plainly not x, y, width, height in pixels: fractions of the image, or corners, as other formats have them.
 * Undefined where it is, and where images have no sizes.
 */
function boxForm(annotations: readonly Annotation[]): { readonly note: string; readonly settle: Settle } | undefined {
  const sized = annotations.flatMap(({ width, height, boxes }) =>
    width === undefined || height === undefined || width <= 1 || height <= 1
      ? []
      : boxes.filter(({ fromOutline }) => fromOutline !== true).map(({ box }) => ({ box, width, height })),
  );
  if (sized.length < 2) return undefined;
  const isFraction = sized.every(({ box }) => box.every((side) => side >= 0 && side <= 1));
  if (isFraction && sized.some(({ box }) => !box.every(Number.isInteger)))
    return {
      note: "all boxes lie within a pixel; they are taken as fractions of their images",
      settle: ([x1, y1, x2, y2], { width, height }) => [x1 * width, y1 * height, x2 * width, y2 * height],
    };
  const outside = sized.filter(({ box: [, , x2, y2], width, height }) => x2 > SLACK * width || y2 > SLACK * height);
  const areCorners = sized.every(({ box: [x1, y1, x2, y2], width, height }) => {
    const [right, bottom] = [x2 - x1, y2 - y1];
    return right > x1 && bottom > y1 && right <= width + 1 && bottom <= height + 1;
  });
  return areCorners && 2 * outside.length >= sized.length
    ? {
        note: "most boxes stick out of their images as x, y, width, height; they are taken as corners x, y, x, y, which all lie inside",
        settle: ([x1, y1, x2, y2]) => [x1, y1, x2 - x1, y2 - y1],
      }
    : undefined;
}

const inPixels = (annotation: Annotation, settle: Settle): Annotation => {
  const { width, height, boxes } = annotation;
  if (width === undefined || height === undefined) return annotation;
  return {
    ...annotation,
    boxes: boxes.map((one) => (one.fromOutline === true ? one : { ...one, box: settle(one.box, { width, height }) })),
  };
};

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
  const boxes = new Map<string, AnnotatedBox[]>();
  for (const { id: image } of images) {
    if (boxes.has(String(image))) throw new DataError(`${where}: expected one image of id ${image}, got two`);
    boxes.set(String(image), []);
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
      const label = names.get(String(category));
      const of = boxes.get(String(image));
      const [what, got] = label === undefined ? ["a category", `category_id ${category}`] : ["an image", `image_id ${image}`];
      if (label === undefined || of === undefined)
        throw new DataError(`${where}, annotation ${i + 1}: expected ${what} that is listed, got ${got}`);
      of.push({
        ...boxIn(bbox, segmentation, `${where}, annotation ${i + 1}`),
        label,
        ...(iscrowd === true || iscrowd === 1 ? { crowd: true } : {}),
        area,
        ...(outlines ? { outline: outlineIn(segmentation, `${where}, annotation ${i + 1}`) } : {}),
      });
    } catch (error) {
      if (skip === undefined || !(error instanceof DescentError)) throw error;
      skip(error.message);
    }
  }
  const read = images.map(({ id: image, file_name: file, width, height }) => ({
    image: file,
    ...(width === undefined || height === undefined ? {} : { width, height }),
    boxes: boxes.get(String(image)) ?? [],
  }));
  const form = boxForm(read);
  if (form !== undefined) notes.push(`${where}: ${form.note}`);
  return {
    classes,
    ...(notes.length > 0 ? { notes } : {}),
    annotations: form === undefined ? read : read.map((annotation) => inPixels(annotation, form.settle)),
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

/** A file that `parseCoco` reads to the same classes, boxes and outlines; ids count from 1. DataError for a label that is not a class. */
export function writeCoco({ classes, annotations }: CocoFile): string {
  const categories = new Map(classes.map((name, k) => [name, k + 1]));
  let count = 0;
  const file = {
    images: annotations.map(({ image, width, height }, i) => ({ id: i + 1, file_name: image, width, height })),
    annotations: annotations.flatMap(({ image, boxes }, i) =>
      boxes.map(({ box: [x1, y1, x2, y2], label, crowd, area, outline }) => {
        const category = categories.get(label);
        if (category === undefined)
          throw new DataError(`${image}: expected one of ${formatNames(classes)}, got the label "${label}"`);
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
