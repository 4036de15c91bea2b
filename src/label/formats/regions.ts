/**
 * @module Boxes in Pascal VOC, boxes and polygons in COCO and YOLO, by the readers and writers that training uses.
 */
import type { AnnotatedBox, Annotation, AnnotationList } from "../../vision/annotations/index.js";
import {
  boundsOf,
  faultNotes,
  noFaults,
  openNotes,
  parseCoco,
  parseVoc,
  parseYolo,
  parseYoloNames,
  writeCoco,
  writeVoc,
  writeYolo,
} from "../../vision/annotations/index.js";
import { ConfigError, DataError } from "../../util/errors.js";
import type { Kind } from "../scheme.js";
import type { LabelFormat, LabelledItem, ReadFormatOptions } from "./format.js";
import { rounded, stemOf } from "./format.js";

/** As many digits as bring pixels back; YOLO's usual six do not. */
const DIGITS = 12;

/** An item's boxes by their corners, or its polygons with the rectangles around them. */
export function annotationOf({
  payload: { image, name },
  value,
}: LabelledItem): Annotation & { readonly width: number; readonly height: number } {
  if (image === undefined) throw new ConfigError(`${name ?? "item"}: expected an image, got a text`);
  const boxes = "boxes" in value ? value.boxes : [];
  const polygons = "polygons" in value ? value.polygons : [];
  return {
    image: image.file,
    width: image.width,
    height: image.height,
    boxes: [
      ...polygons.map(({ points, label }) => ({ box: boundsOf(points), outline: points, label })),
      ...boxes.map(({ x, y, width, height, label }) => ({
        box: [x, y, rounded(x + width), rounded(y + height)] as const,
        label,
      })),
    ],
  };
}

export function itemOf({ image, width, height, boxes }: Annotation, kind: Kind, where: string): LabelledItem {
  if (width === undefined || height === undefined) throw new DataError(`${where}: expected the size of ${image}, got none`);
  const asValue = ({ box: [x1, y1, x2, y2], label }: AnnotatedBox) => ({
    x: rounded(x1),
    y: rounded(y1),
    width: rounded(x2 - x1),
    height: rounded(y2 - y1),
    label,
  });
  const asPolygon = ({ outline, label }: AnnotatedBox) => {
    if (outline === undefined)
      throw new DataError(`${where}: expected outlines, got a box of ${label}; convert with --kind boxes`);
    return { points: outline.map(([x, y]): [number, number] => [rounded(x), rounded(y)]), label };
  };
  const value = kind === "polygons" ? { polygons: boxes.map(asPolygon) } : { boxes: boxes.map(asValue) };
  return { payload: { image: { file: image, width, height } }, value };
}

/** Says how many outlines are taken as boxes, and how many points and lines are left out. */
export function noteShapes({ annotations, openShapes = 0 }: AnnotationList, { kind, note }: ReadFormatOptions): void {
  const outlines = annotations.flatMap(({ boxes }) => boxes).filter((box) => box.fromOutline === true).length;
  const faults = { ...noFaults(), fromOutline: kind === "boxes" ? outlines : 0 };
  for (const text of [...openNotes(openShapes), ...faultNotes(faults)]) note?.(text);
}

export const voc: LabelFormat = {
  name: "voc",
  title: "Pascal VOC",
  kinds: ["boxes"],
  write: (items) =>
    new Map(items.map((item) => [`Annotations/${stemOf(annotationOf(item).image)}.xml`, writeVoc(annotationOf(item))] as const)),
  read: (files) => [...files].map(([name, content]) => itemOf(parseVoc(content, name), "boxes", name)),
};

export const coco: LabelFormat = {
  name: "coco",
  title: "COCO",
  kinds: ["boxes", "polygons"],
  write: (items, labels) => new Map([["annotations.json", writeCoco({ classes: labels, annotations: items.map(annotationOf) })]]),
  read: (files, options) =>
    [...files].flatMap(([name, content]) => {
      const read = parseCoco(content, name, undefined, { outlines: options.kind === "polygons" });
      noteShapes(read, options);
      return read.annotations.map((one) => itemOf(one, options.kind, name));
    }),
};

export const yolo: LabelFormat = {
  name: "yolo",
  title: "YOLO",
  kinds: ["boxes", "polygons"],
  write: (items, labels) =>
    new Map([
      ["classes.txt", labels.map((label) => `${label}\n`).join("")],
      ["images.txt", items.map((item) => `${annotationOf(item).image}\n`).join("")],
      ...items.map((item) => {
        const { image, boxes, width, height } = annotationOf(item);
        return [`labels/${stemOf(image)}.txt`, writeYolo(boxes, labels, { width, height }, DIGITS)] as const;
      }),
    ]),
  read: (files, { kind, sizes = new Map() }) => {
    const names = files.get("classes.txt");
    if (names === undefined) throw new DataError("YOLO: expected classes.txt, found none");
    const classes = parseYoloNames(names, "classes.txt");
    const images = files.get("images.txt")?.split("\n").filter(Boolean) ?? [...sizes.keys()];
    return images.map((image) => {
      const size = sizes.get(image);
      if (size === undefined) throw new DataError(`YOLO: expected the size of ${image} in pixels, got none`);
      const file = `labels/${stemOf(image)}.txt`;
      const boxes = parseYolo(files.get(file) ?? "", classes, size, file, { outlines: kind === "polygons" });
      return itemOf({ image, ...size, boxes }, kind, file);
    });
  },
};
