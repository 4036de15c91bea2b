/**
 * @module Pascal VOC: one XML file for each image.
 *
 * Source: Everingham et al., The Pascal Visual Object Classes Challenge 2012 Development Kit, section 4.
 * Differs from the source: coordinates are taken as they are written, as corners of a continuous rectangle. VOC's own files count
 * pixels from 1 with the last one inside; the tools that write the format today count from 0.
 */
import { XMLBuilder } from "fast-xml-parser";
import * as z from "zod";
import { isDecimal } from "../../util/decimal.js";
import { parseWith } from "../../util/schema.js";
import { DataError } from "../../util/errors.js";
import type { Annotation, BoxCorners } from "./annotation.js";
import { parseXml } from "./xml.js";

/** As people write numbers: no empty field, which is an unfinished annotation, and no hexadecimal one. */
const number = z
  .string("expected a decimal number, got none")
  .trim()
  .refine(isDecimal, { error: ({ input }) => `expected a decimal number, got ${JSON.stringify(input)}` })
  .transform(Number);
const flag = z
  .union([z.string(), z.number()])
  .optional()
  .transform((value) => String(value ?? "0").trim() === "1");
const fileSchema = z.object({
  annotation: z.object({
    filename: z.coerce.string().default(""),
    size: z.object({ width: number, height: number }).partial().optional(),
    object: z
      .array(
        z.object({
          name: z.coerce.string().trim().min(1),
          difficult: flag,
          bndbox: z.object({ xmin: number, ymin: number, xmax: number, ymax: number }).optional(),
          // Corners x1, y1, x2, y2, …
          polygon: z.record(z.string().regex(/^[xy]\d+$/), number).optional(),
        }),
      )
      .default([]),
  }),
});

const isList = (path: string): boolean => path === "annotation.object";

/** The boxes of one file. DataError, naming `where`, if it is not XML; ConfigError, naming the field, if it is not an annotation. */
export function parseVoc(xml: string, where: string): Annotation {
  const { filename, size, object } = parseWith(fileSchema, parseXml(xml, where, { isList }), where).annotation;
  const { width = 0, height = 0 } = size ?? {};
  return {
    image: filename,
    ...(width > 0 && height > 0 ? { width, height } : {}),
    boxes: object.map(({ name, difficult, bndbox, polygon }, i) => ({
      ...(bndbox === undefined
        ? { box: aroundPolygon(polygon, `${where}: annotation.object.${i}.bndbox`), fromOutline: true }
        : { box: [bndbox.xmin, bndbox.ymin, bndbox.xmax, bndbox.ymax] as const }),
      label: name,
      ...(difficult ? { difficult } : {}),
    })),
  };
}

/** The rectangle around a polygon, for objects without a box. */
function aroundPolygon(polygon: Readonly<Record<string, number>> | undefined, where: string): BoxCorners {
  const sides = (axis: string): number[] =>
    Object.entries(polygon ?? {}).flatMap(([name, value]) => (name.startsWith(axis) ? [value] : []));
  const [xs, ys] = [sides("x"), sides("y")];
  if (xs.length < 3 || xs.length !== ys.length) throw new DataError(`${where}: expected a box, got none`);
  return [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)];
}

const builder = new XMLBuilder({ format: true, indentBy: "\t" });

/** A file that `parseVoc` reads to the same boxes. */
export function writeVoc({ image, width, height, boxes }: Annotation): string {
  return builder.build({
    annotation: {
      filename: image,
      ...(width === undefined ? {} : { size: { width, height, depth: 3 } }),
      segmented: 0,
      object: boxes.map(({ label, difficult, box: [xmin, ymin, xmax, ymax] }) => ({
        name: label,
        pose: "Unspecified",
        truncated: 0,
        difficult: difficult === true ? 1 : 0,
        bndbox: { xmin, ymin, xmax, ymax },
      })),
    },
  });
}
