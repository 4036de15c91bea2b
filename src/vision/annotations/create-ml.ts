/**
 * @module CreateML's JSON: a list of images, boxes by their middles in pixels.
 *
 * Source: developer.apple.com/documentation/createml/building-an-object-detector-data-source.
 */
import * as z from "zod";
import { parseJsonWith } from "../../util/schema.js";
import type { AnnotationList } from "./annotation.js";

const boxSchema = z.looseObject({
  label: z.union([z.string().trim().min(1), z.number()]).transform(String),
  coordinates: z.looseObject({ x: z.number(), y: z.number(), width: z.number(), height: z.number() }),
});
const fileSchema = z.array(
  z
    .looseObject({
      image: z.string().min(1).optional(),
      imagefilename: z.string().min(1).optional(),
      annotations: z.array(boxSchema).optional(),
      annotation: z.array(boxSchema).optional(),
    })
    .refine(({ image, imagefilename }) => image !== undefined || imagefilename !== undefined, "expected an image, got none"),
);

/** Tells whether a text looks like CreateML's format. */
export const looksLikeCreateMl = (text: string): boolean =>
  /^\s*\[/.test(text) && /"coordinates"\s*:\s*\{[^{}]*"width"/.test(text) && /"image(filename)?"/.test(text);

/** All images of a file with their boxes. Errors: ConfigError, naming `where`, for another format. */
export const parseCreateMl = (text: string, where: string): AnnotationList => ({
  annotations: parseJsonWith(fileSchema, text, where).map(({ image, imagefilename, annotations, annotation }) => ({
    image: image ?? imagefilename ?? "",
    boxes: (annotations ?? annotation ?? []).map(({ label, coordinates: { x, y, width, height } }) => ({
      box: [x - width / 2, y - height / 2, x + width / 2, y + height / 2] as const,
      label,
    })),
  })),
});
