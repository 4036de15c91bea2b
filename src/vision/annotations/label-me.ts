/**
 * @module LabelMe's JSON, one file for each image, which X-AnyLabeling writes as well.
 *
 * Source: github.com/wkentaro/labelme, "examples"; a circle is its middle and a point on it.
 */
import * as z from "zod";
import { DataError } from "../../util/errors.js";
import { parseJsonWith } from "../../util/schema.js";
import type { AnnotatedBox, AnnotationList } from "./annotation.js";
import { aroundEllipse, outlined } from "./annotation.js";

const shapeSchema = z.looseObject({
  label: z.union([z.string(), z.number()]).transform(String),
  points: z.array(z.tuple([z.number(), z.number()]).rest(z.number())),
  shape_type: z.string().nullish(),
});
const fileSchema = z.looseObject({
  shapes: z.array(shapeSchema),
  imagePath: z.string().nullish(),
  imageWidth: z.number().positive().nullish(),
  imageHeight: z.number().positive().nullish(),
});

/** Tells whether a text looks like LabelMe's format. */
export const looksLikeLabelMe = (text: string): boolean =>
  /^\s*\{/.test(text) && text.includes('"shapes"') && text.includes('"imagePath"');

type Shape = z.infer<typeof shapeSchema>;

/** The box of a shape; undefined for a point or a line. */
function boxOf({ label, points, shape_type: type }: Shape, where: string): AnnotatedBox | undefined {
  if (type === "point" || type === "points" || type === "line" || type === "linestrip") return undefined;
  const name = label.trim();
  if (name === "") throw new DataError(`${where}: expected a label, got an empty one`);
  const [first, second] = points;
  if (first === undefined || second === undefined)
    throw new DataError(`${where}: expected at least 2 points, got ${points.length}`);
  if (type === "circle") {
    const radius = Math.hypot(second[0] - first[0], second[1] - first[1]);
    return { box: aroundEllipse(first[0], first[1], radius, radius, 0), label: name, fromOutline: true };
  }
  const corners = points.map(([x, y]) => [x, y] as const);
  // Two corners, in any order; newer files have all four.
  if (type === "rectangle" || type === "mask" || points.length === 2) return { box: outlined(corners, name).box, label: name };
  return outlined(corners, name);
}

/** The boxes of one image; polygons as the rectangles around them. Errors: ConfigError, naming `where`, for another format; DataError for a shape without label or corners. */
export function parseLabelMe(text: string, where: string): AnnotationList {
  const { shapes, imagePath, imageWidth, imageHeight } = parseJsonWith(fileSchema, text, where);
  const boxes = shapes.map((shape, i) => boxOf(shape, `${where}, shape ${i + 1}`)).filter((box) => box !== undefined);
  const sized = typeof imageWidth === "number" && typeof imageHeight === "number";
  return {
    annotations: [{ image: imagePath ?? "", ...(sized ? { width: imageWidth, height: imageHeight } : {}), boxes }],
    openShapes: shapes.length - boxes.length,
  };
}
