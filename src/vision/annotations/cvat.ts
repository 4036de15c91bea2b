/**
 * @module CVAT's XML for images, version 1.1: boxes, outlines, and tags for whole images.
 *
 * Source: docs.cvat.ai, "CVAT for image" annotation format.
 */
import { XMLBuilder } from "fast-xml-parser";
import * as z from "zod";
import { isDecimal } from "../../util/decimal.js";
import { DataError } from "../../util/errors.js";
import { parseWith } from "../../util/schema.js";
import type { AnnotatedBox, Annotation, AnnotationList, Outline } from "./annotation.js";
import { aroundEllipse, outlined, turnedCorners } from "./annotation.js";
import { parseXml } from "./xml.js";

/** An image with its boxes and the tags of it as a whole. */
export interface TaggedAnnotation extends Annotation {
  readonly tags: readonly string[];
}

const number = z
  .string("expected a decimal number, got none")
  .trim()
  .refine(isDecimal, "expected a decimal number")
  .transform(Number);
const turn = number.default(0);
const label = z.string().trim().min(1);
const points = z.string().regex(/^-?[\d.]+,-?[\d.]+(;-?[\d.]+,-?[\d.]+){2,}$/, "expected points x,y;x,y;…");
const list = <T extends z.ZodType>(of: T) => z.array(of).default([]);
const anything = list(z.unknown());
const imageSchema = z.object({
  name: z.string().min(1),
  subset: z.string().optional(),
  width: number.pipe(z.int().positive()),
  height: number.pipe(z.int().positive()),
  box: list(z.object({ label, xtl: number, ytl: number, xbr: number, ybr: number, rotation: turn })),
  polygon: list(z.object({ label, points })),
  ellipse: list(z.object({ label, cx: number, cy: number, rx: number, ry: number, rotation: turn })),
  mask: list(z.object({ label, left: number, top: number, width: number, height: number })),
  tag: list(z.object({ label })),
  points: anything,
  polyline: anything,
  cuboid: anything,
  skeleton: anything,
});
const fileSchema = z.object({ annotations: z.object({ image: list(imageSchema), track: anything }) });

const LISTS = new Set([
  "annotations.image",
  "annotations.track",
  ...["box", "polygon", "ellipse", "mask", "tag", "points", "polyline", "cuboid", "skeleton"].map(
    (name) => `annotations.image.${name}`,
  ),
]);

/** Tells whether a text looks like CVAT's format. */
export const looksLikeCvat = (text: string): boolean =>
  /^\s*(?:<\?xml[^>]*>\s*)?(?:<!--(?:(?!-->).)*-->\s*)*<annotations[\s>]/s.test(text);

const cornersOf = (text: string): Outline =>
  text.split(";").map((point) => {
    const [x, y] = point.split(",").map(Number);
    return [x as number, y as number];
  });

function boxesOf({ box, polygon, ellipse, mask }: z.infer<typeof imageSchema>): AnnotatedBox[] {
  return [
    ...box.map(({ label: name, xtl, ytl, xbr, ybr, rotation }): AnnotatedBox => {
      const corners = [xtl, ytl, xbr, ybr] as const;
      if (rotation === 0) return { box: corners, label: name };
      return outlined(turnedCorners(corners, [(xtl + xbr) / 2, (ytl + ybr) / 2], rotation), name);
    }),
    ...polygon.map(({ label: name, points: given }) => outlined(cornersOf(given), name)),
    ...ellipse.map(({ label: name, cx, cy, rx, ry, rotation }) => ({
      box: aroundEllipse(cx, cy, rx, ry, rotation),
      label: name,
      fromOutline: true,
    })),
    ...mask.map(({ label: name, left, top, width, height }) => ({
      box: [left, top, left + width, top + height] as const,
      label: name,
    })),
  ];
}

/**
 * All images of a file with boxes and tags; polygons, ellipses and turned boxes as the rectangles around them.
 *
 * Errors: DataError, naming `where`, if it is not XML, or of videos; ConfigError, naming the field, if it is not of the format.
 */
export function parseCvat(
  xml: string,
  where: string,
): Omit<AnnotationList, "annotations"> & { readonly annotations: readonly TaggedAnnotation[] } {
  const { image: images, track } = parseWith(
    fileSchema,
    parseXml(xml, where, { isList: (path) => LISTS.has(path), attributes: true }),
    where,
  ).annotations;
  if (images.length === 0 && track.length > 0)
    throw new DataError(`${where}: expected CVAT for images, got tracks of a video; export the task as "CVAT for images 1.1"`);
  const open = images.reduce(
    (sum, image) => sum + image.points.length + image.polyline.length + image.cuboid.length + image.skeleton.length,
    0,
  );
  return {
    annotations: images.map((image) => ({
      image: image.name,
      width: image.width,
      height: image.height,
      boxes: boxesOf(image),
      tags: image.tag.map(({ label: name }) => name),
      ...(image.subset === undefined || image.subset === "" ? {} : { subset: image.subset }),
    })),
    openShapes: open,
  };
}

const builder = new XMLBuilder({ format: true, ignoreAttributes: false, attributeNamePrefix: "@", suppressEmptyNode: true });

/** Attributes of an element. */
const attributes = (values: Readonly<Record<string, string | number>>): Record<string, string | number> =>
  Object.fromEntries(Object.entries(values).map(([name, value]) => [`@${name}`, value]));

/** A file that `parseCvat` reads to the same boxes, outlines and tags. */
export function writeCvat(images: readonly (TaggedAnnotation & { readonly width: number; readonly height: number })[]): string {
  const drawn = { source: "manual", occluded: 0 };
  const image = images.map(({ image: name, width, height, boxes, tags }, id) => {
    const polygon = boxes.flatMap(({ outline, label: of }) =>
      outline === undefined
        ? []
        : [attributes({ label: of, ...drawn, points: outline.map((point) => point.join(",")).join(";"), z_order: 0 })],
    );
    const box = boxes.flatMap(({ outline, box: [xtl, ytl, xbr, ybr], label: of }) =>
      outline === undefined ? [attributes({ label: of, ...drawn, xtl, ytl, xbr, ybr, z_order: 0 })] : [],
    );
    const tag = tags.map((of) => attributes({ label: of, source: "manual" }));
    return { ...attributes({ id, name, width, height }), box, polygon, tag };
  });
  return `<?xml version="1.0" encoding="utf-8"?>\n${builder.build({ annotations: { version: "1.1", image } })}`;
}
