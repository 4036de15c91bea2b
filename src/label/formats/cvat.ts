/**
 * @module CVAT's XML for images, version 1.1: boxes, polygons, and tags for whole images.
 *
 * Source: docs.cvat.ai, "CVAT for image" annotation format.
 */
import { XMLBuilder } from "fast-xml-parser";
import * as z from "zod";
import { ConfigError } from "../../util/errors.js";
import { parseWith } from "../../util/schema.js";
import { parseXml } from "../../vision/annotations/xml.js";
import type { Value } from "../scheme.js";
import type { LabelFormat, LabelledItem } from "./format.js";
import { rounded } from "./format.js";

const number = z.coerce.number();
const label = z.string().min(1);
const imageSchema = z.object({
  name: z.string().min(1),
  width: number.pipe(z.int().positive()),
  height: number.pipe(z.int().positive()),
  box: z.array(z.object({ label, xtl: number, ytl: number, xbr: number, ybr: number })).default([]),
  polygon: z
    .array(
      z.object({ label, points: z.string().regex(/^-?[\d.]+,-?[\d.]+(;-?[\d.]+,-?[\d.]+){2,}$/, "expected points x,y;x,y;…") }),
    )
    .default([]),
  tag: z.array(z.object({ label })).default([]),
});
const fileSchema = z.object({ annotations: z.object({ image: z.array(imageSchema).default([]) }) });

const LISTS = new Set(["annotations.image", "annotations.image.box", "annotations.image.polygon", "annotations.image.tag"]);

const builder = new XMLBuilder({ format: true, ignoreAttributes: false, attributeNamePrefix: "@", suppressEmptyNode: true });

/** Attributes of an element. */
const attributes = (values: Readonly<Record<string, string | number>>): Record<string, string | number> =>
  Object.fromEntries(Object.entries(values).map(([name, value]) => [`@${name}`, value]));

function elementsOf({ value }: LabelledItem): Record<string, unknown> {
  if ("boxes" in value)
    return {
      box: value.boxes.map(({ x, y, width, height, label: name }) =>
        attributes({
          label: name,
          source: "manual",
          occluded: 0,
          xtl: x,
          ytl: y,
          xbr: rounded(x + width),
          ybr: rounded(y + height),
          z_order: 0,
        }),
      ),
    };
  if ("polygons" in value)
    return {
      polygon: value.polygons.map(({ points, label: name }) =>
        attributes({
          label: name,
          source: "manual",
          occluded: 0,
          points: points.map((point) => point.join(",")).join(";"),
          z_order: 0,
        }),
      ),
    };
  if ("classes" in value) return { tag: value.classes.map((name) => attributes({ label: name, source: "manual" })) };
  throw new ConfigError("CVAT: expected boxes, polygons or classes of images, got something else");
}

export const cvat: LabelFormat = {
  name: "cvat",
  title: "CVAT XML 1.1",
  kinds: ["boxes", "polygons", "image-classes"],
  write: (items) => {
    const image = items.map((item, id) => {
      const { image: found, name } = item.payload;
      if (found === undefined) throw new ConfigError(`${name ?? "item"}: expected an image, got a text`);
      return { ...attributes({ id, name: found.file, width: found.width, height: found.height }), ...elementsOf(item) };
    });
    return new Map([
      ["annotations.xml", `<?xml version="1.0" encoding="utf-8"?>\n${builder.build({ annotations: { version: "1.1", image } })}`],
    ]);
  },
  read: (files, { kind }) =>
    [...files].flatMap(([name, content]) => {
      const { annotations } = parseWith(
        fileSchema,
        parseXml(content, name, { isList: (path) => LISTS.has(path), attributes: true }),
        name,
      );
      return annotations.image.map(({ name: file, width, height, box, polygon, tag }) => {
        const value: Value =
          kind === "polygons"
            ? {
                polygons: polygon.map(({ label: own, points }) => ({
                  points: points.split(";").map((point) => point.split(",").map(Number) as [number, number]),
                  label: own,
                })),
              }
            : kind === "boxes"
              ? {
                  boxes: box.map(({ label: own, xtl, ytl, xbr, ybr }) => ({
                    x: xtl,
                    y: ytl,
                    width: rounded(xbr - xtl),
                    height: rounded(ybr - ytl),
                    label: own,
                  })),
                }
              : { classes: tag.map(({ label: own }) => own) };
        return { payload: { image: { file, width, height } }, value };
      });
    }),
};
