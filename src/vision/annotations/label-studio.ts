/**
 * @module Label Studio's JSON of images with boxes and polygons: tasks with their annotations, and the short form without them (JSON-MIN). Places are
 * percents of the image.
 *
 * Source: labelstud.io/guide/task_format and /guide/export, "Label Studio JSON format of annotated tasks".
 */
import * as z from "zod";
import { DataError, DescentError } from "../../util/errors.js";
import { isRecord } from "../../util/record.js";
import { parseJsonWith, parseWith } from "../../util/schema.js";
import type { AnnotatedBox, Annotation, AnnotationList } from "./annotation.js";
import { aroundEllipse, outlined, turnedCorners } from "./annotation.js";

const percent = z.number();
const size = z.number().positive().nullish();
const names = z.array(z.string().min(1)).min(1);
const shapeSchema = z.union([
  z.object({ x: percent, y: percent, width: percent, height: percent, rotation: percent.nullish(), rectanglelabels: names }),
  z.object({ points: z.array(z.tuple([percent, percent])).min(3), polygonlabels: names }),
  z.object({ x: percent, y: percent, radiusX: percent, radiusY: percent, rotation: percent.nullish(), ellipselabels: names }),
]);
const resultSchema = z.looseObject({
  type: z.string(),
  original_width: size,
  original_height: size,
  value: z.looseObject({}),
});
const annotationSchema = z.looseObject({ result: z.array(resultSchema), was_cancelled: z.boolean().nullish() });
const taskSchema = z.looseObject({
  data: z.looseObject({}),
  width: size,
  height: size,
  annotations: z.array(annotationSchema).optional(),
  completions: z.array(annotationSchema).optional(),
});

const SHAPES = ["rectanglelabels", "polygonlabels", "ellipselabels"];

/** Tells whether a text looks like Label Studio's boxes or outlines. */
export const looksLikeLabelStudio = (text: string): boolean =>
  /^\s*\[/.test(text) && SHAPES.some((name) => text.includes(`"${name}"`));

/** A shape with the size of its image, as the file has it. */
interface Drawn {
  readonly value: Readonly<Record<string, unknown>>;
  readonly width?: number | null | undefined;
  readonly height?: number | null | undefined;
}

/** The task of a row, whatever form it has: the address of its image, and its shapes. */
function drawnIn(
  row: unknown,
  where: string,
): { readonly image: string; readonly drawn: readonly Drawn[] } & Partial<Annotation> {
  const fields = isRecord(row) && isRecord(row["data"]) ? row["data"] : isRecord(row) ? row : {};
  const image = fields["image"] ?? fields["img"] ?? Object.values(fields).find((value) => isImage(value));
  if (typeof image !== "string" || image === "") throw new DataError(`${where}: expected an image, got none`);
  if (isRecord(row) && !isRecord(row["data"])) {
    // The short form: under the name of the control, a list of shapes.
    const lists = Object.values(row).flatMap((value) => (Array.isArray(value) ? (value as unknown[]) : []));
    const shapes = lists.filter((value): value is Record<string, unknown> => isRecord(value));
    return { image, drawn: shapes.map((value) => ({ value, ...sizeIn(value["original_width"], value["original_height"]) })) };
  }
  const { annotations, completions, width, height } = parseWith(taskSchema, row, where);
  // Of several annotators the first counts.
  const first = (annotations ?? completions ?? []).find((one) => one.was_cancelled !== true);
  const drawn = (first?.result ?? []).map(({ value, original_width: w, original_height: h }) => ({
    value,
    ...sizeIn(w ?? width, h ?? height),
  }));
  return { image, ...sizeIn(width, height), drawn };
}

const isImage = (value: unknown): boolean => typeof value === "string" && /\.(jpe?g|png|gif|bmp|webp|tiff?)$/i.test(value);
const sizeIn = (width: unknown, height: unknown): { width: number; height: number } | object =>
  typeof width === "number" && typeof height === "number" ? { width, height } : {};

/** The name of an image's file in the address that Label Studio has for it. */
function nameIn(address: string): string {
  const local = /[?&]d=([^&]+)/.exec(address)?.[1];
  const path = local ?? address.replace(/[?#].*$/, "");
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}

/** A shape's box in fractions of an image of the given proportions. */
function boxOf(value: unknown, { width, height }: { width: number; height: number }, where: string): AnnotatedBox {
  const shape = parseWith(shapeSchema, value, where);
  const [x, y] = [(part: number) => (part * width) / 100, (part: number) => (part * height) / 100];
  if ("points" in shape)
    return outlined(
      shape.points.map(([px, py]) => [x(px), y(py)] as const),
      shape.polygonlabels[0] as string,
    );
  const [left, top] = [x(shape.x), y(shape.y)];
  const turn = shape.rotation ?? 0;
  if ("ellipselabels" in shape)
    return {
      box: aroundEllipse(left, top, x(shape.radiusX), y(shape.radiusY), turn),
      label: shape.ellipselabels[0] as string,
      fromOutline: true,
    };
  const box = [left, top, left + x(shape.width), top + y(shape.height)] as const;
  const label = shape.rectanglelabels[0] as string;
  // Boxes turn about their first corner.
  return turn === 0 ? { box, label } : outlined(turnedCorners(box, [left, top], turn), label);
}

/**
 * All images of a file with their boxes; polygons, ellipses and turned boxes as the rectangles around them. Where the file does not say the size of an
 * image, in fractions of it.
 *
 * Errors: ConfigError or DataError, naming `where` and the task, for what is not of the format.
 */
export function parseLabelStudio(text: string, where: string, skip?: (message: string) => void): AnnotationList {
  let open = 0;
  const annotations = parseJsonWith(z.array(z.unknown()), text, where).flatMap((row, i): Annotation[] => {
    const place = `${where}, task ${i + 1}`;
    try {
      const { image, drawn, width, height } = drawnIn(row, place);
      const shapes = drawn.filter(({ value }) => SHAPES.some((name) => Object.hasOwn(value, name)));
      open += drawn.filter(({ value }) => Object.hasOwn(value, "keypointlabels")).length;
      const mask = drawn.find(({ value }) => Object.hasOwn(value, "brushlabels"));
      if (mask !== undefined) throw new DataError(`${place}: expected boxes or polygons, got a brushed mask; export it as COCO`);
      const found = shapes.find((one) => typeof one.width === "number");
      const whole = sizeIn(found?.width ?? width, found?.height ?? height) as { width?: number; height?: number };
      const { width: w, height: h } = whole;
      const isSized = w !== undefined && h !== undefined;
      const boxes = shapes.map(({ value }, k) =>
        boxOf(value, isSized ? { width: w, height: h } : { width: 1, height: 1 }, `${place}, shape ${k + 1}`),
      );
      return [{ image: nameIn(image), ...(isSized ? { width: w, height: h } : { fractions: true }), boxes }];
    } catch (error) {
      if (skip === undefined || !(error instanceof DescentError)) throw error;
      skip(error.message);
      return [];
    }
  });
  return { annotations, openShapes: open };
}
