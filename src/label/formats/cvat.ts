/**
 * @module CVAT's XML for images, by the reader and the writer that training uses: boxes, polygons, and tags for whole images.
 */
import { parseCvat, writeCvat } from "../../vision/annotations/index.js";
import { ConfigError } from "../../util/errors.js";
import type { LabelFormat } from "./format.js";
import { classesIn } from "./format.js";
import { annotationOf, itemOf, noteShapes } from "./regions.js";

export const cvat: LabelFormat = {
  name: "cvat",
  title: "CVAT XML 1.1",
  kinds: ["boxes", "polygons", "image-classes"],
  write: (items) => {
    const images = items.map((item) => {
      if ("spans" in item.value || "frames" in item.value)
        throw new ConfigError("CVAT: expected boxes, polygons or classes of images, got something else");
      return { ...annotationOf(item), tags: classesIn(item.value) };
    });
    return new Map([["annotations.xml", writeCvat(images)]]);
  },
  read: (files, options) =>
    [...files].flatMap(([name, content]) => {
      const { kind } = options;
      const read = parseCvat(content, name);
      if (kind !== "image-classes") noteShapes(read, options);
      return read.annotations.map((one) => {
        const item = itemOf(kind === "image-classes" ? { ...one, boxes: [] } : one, kind, name);
        return kind === "image-classes" ? { ...item, value: { classes: [...one.tags] } } : item;
      });
    }),
};
