/**
 * @module The scheme of a labelling, the values that people give, and the check of a value against both.
 */
import { z } from "zod";
import { DataError } from "../util/errors.js";

/** Kinds of labelling, and the data that each is for. */
export const DATA_KINDS = {
  "text-classes": "text",
  spans: "text",
  frames: "text",
  "image-classes": "image",
  boxes: "image",
  polygons: "image",
} as const;
export type Kind = keyof typeof DATA_KINDS;

const name = z.string().trim().min(1).max(200);

export const schemeSchema = z
  .strictObject({
    kind: z.enum(Object.keys(DATA_KINDS) as [Kind, ...Kind[]]),
    labels: z
      .array(z.strictObject({ name, description: z.string().max(2000).optional() }))
      .min(1)
      .max(2000),
    /** Classes: whether an item may have several. */
    several: z.boolean().default(false),
    /** Spans: whether two may share characters: not at all, one inside another, or in any way. */
    overlap: z.enum(["none", "nested", "any"]).default("none"),
  })
  .refine(({ labels }) => new Set(labels.map((label) => label.name)).size === labels.length, {
    message: "expected labels of different names",
  });
/** The scheme of a project: kind, labels, and what may stand together. */
export type Scheme = z.infer<typeof schemeSchema>;

const offset = z.int().min(0);
const span = z.strictObject({ start: offset, end: offset, label: name });
const coordinate = z.number();

const classesValue = z.strictObject({ classes: z.array(name).max(2000) });
const spansValue = z.strictObject({ spans: z.array(span).max(10_000) });
const framesValue = z.strictObject({
  frames: z
    .array(z.strictObject({ predicate: z.strictObject({ start: offset, end: offset }), arguments: z.array(span).max(1000) }))
    .max(1000),
});
const boxesValue = z.strictObject({
  boxes: z
    .array(z.strictObject({ x: coordinate, y: coordinate, width: coordinate, height: coordinate, label: name }))
    .max(10_000),
});
const polygonsValue = z.strictObject({
  polygons: z
    .array(
      z.strictObject({
        points: z
          .array(z.tuple([coordinate, coordinate]))
          .min(3)
          .max(10_000),
        label: name,
      }),
    )
    .max(10_000),
});

export const valueSchema = z.union([classesValue, spansValue, framesValue, boxesValue, polygonsValue], {
  error: "expected classes, spans, frames, boxes or polygons, whole and nothing else",
});
/** An answer to an item. Offsets count UTF-16 units of the text, coordinates pixels of the image from its upper left corner. */
export type Value = z.infer<typeof valueSchema>;
export type LabelledSpan = z.infer<typeof span>;

export const payloadSchema = z.strictObject({
  text: z.string().optional(),
  /** A file beside the data, and its size in pixels. */
  image: z.strictObject({ file: z.string(), width: z.int().min(1), height: z.int().min(1) }).optional(),
  /** The item's name in its source: a file, a row. */
  name: z.string().optional(),
});
export type Payload = z.infer<typeof payloadSchema>;

/** The field of a value that a kind of labelling fills. */
export const FIELDS = {
  "text-classes": "classes",
  "image-classes": "classes",
  spans: "spans",
  frames: "frames",
  boxes: "boxes",
  polygons: "polygons",
} as const satisfies Readonly<{ [K in Kind]: string }>;

/** The schema of the one kind of value that a kind of labelling fills: its complaints name the place. */
export const VALUES = {
  classes: classesValue,
  spans: spansValue,
  frames: framesValue,
  boxes: boxesValue,
  polygons: polygonsValue,
} as const satisfies Readonly<Record<(typeof FIELDS)[Kind], z.ZodType<Value>>>;

/** Checks that the places of an answer lie in the item's text, whatever the scheme. DataError, naming `where`. */
export function checkPlaces(text: string, value: Value, where: string): void {
  const spans =
    "spans" in value
      ? value.spans
      : "frames" in value
        ? value.frames.flatMap((frame) => [frame.predicate, ...frame.arguments])
        : [];
  for (const one of spans) checkOffsets(one, text, where);
}

/** Checks an answer against the scheme and the item, and returns it; throws a DataError that says what is wrong. */
export function checkAnswer(scheme: Scheme, payload: Payload, value: Value, where = "annotation"): Value {
  const field = FIELDS[scheme.kind];
  if (!(field in value)) throw new DataError(`${where}: expected ${field}, got ${Object.keys(value).join(", ")}`);
  if ("classes" in value) checkClasses(scheme, value.classes, where);
  else if ("spans" in value) {
    checkSpans(scheme, payload.text ?? "", value.spans, where);
  } else if ("frames" in value) {
    for (const { predicate, arguments: roles } of value.frames) {
      checkOffsets(predicate, payload.text ?? "", `${where}: predicate`);
      checkSpans({ ...scheme, overlap: "any" }, payload.text ?? "", roles, where);
    }
  } else if ("boxes" in value) {
    for (const { x, y, width, height, label } of value.boxes) {
      checkLabel(scheme, label, where);
      checkInside(payload, [x, y], where);
      checkInside(payload, [x + width, y + height], where);
      if (!(width > 0 && height > 0))
        throw new DataError(`${where}: expected a box of positive width and height, got ${width} × ${height}`);
    }
  } else {
    for (const { points, label } of value.polygons) {
      checkLabel(scheme, label, where);
      for (const point of points) checkInside(payload, point, where);
    }
  }
  return value;
}

function checkLabel({ labels }: Scheme, label: string, where: string): void {
  if (!labels.some((one) => one.name === label))
    throw new DataError(
      `${where}: expected one of the labels ${labels
        .slice(0, 8)
        .map((one) => `"${one.name}"`)
        .join(", ")}${labels.length > 8 ? ", …" : ""}, got "${label}"`,
    );
}

function checkClasses(scheme: Scheme, classes: readonly string[], where: string): void {
  for (const label of classes) checkLabel(scheme, label, where);
  if (new Set(classes).size !== classes.length) throw new DataError(`${where}: expected each class once, got one twice`);
  if (!scheme.several && classes.length !== 1) throw new DataError(`${where}: expected one class, got ${classes.length}`);
}

function checkOffsets({ start, end }: { readonly start: number; readonly end: number }, text: string, where: string): void {
  if (start >= end || end > text.length)
    throw new DataError(`${where}: expected a span within the text's ${text.length} characters, got ${start} to ${end}`);
  const splits = (at: number): boolean => /[\uDC00-\uDFFF]/.test(text[at] ?? "") && /[\uD800-\uDBFF]/.test(text[at - 1] ?? "");
  if (splits(start) || splits(end)) throw new DataError(`${where}: expected a span of whole characters, got ${start} to ${end}`);
}

function checkSpans(scheme: Scheme, text: string, spans: readonly LabelledSpan[], where: string): void {
  const sorted = spans.toSorted((a, b) => a.start - b.start || b.end - a.end);
  const around: LabelledSpan[] = [];
  for (const one of sorted) {
    checkLabel(scheme, one.label, where);
    checkOffsets(one, text, where);
    while (around.length > 0 && (around.at(-1) as LabelledSpan).end <= one.start) around.pop();
    const outer = around.at(-1);
    if (outer !== undefined && scheme.overlap === "none")
      throw new DataError(
        `${where}: expected spans that do not overlap, got ${outer.start} to ${outer.end} and ${one.start} to ${one.end}`,
      );
    if (outer !== undefined && scheme.overlap === "nested" && one.end > outer.end)
      throw new DataError(
        `${where}: expected a span inside another or beside it, got ${outer.start} to ${outer.end} and ${one.start} to ${one.end}`,
      );
    around.push(one);
  }
}

function checkInside({ image }: Payload, [x, y]: readonly [number, number], where: string): void {
  if (image === undefined) return;
  if (!(x >= 0 && y >= 0 && x <= image.width && y <= image.height))
    throw new DataError(
      `${where}: expected a point within the image's ${image.width} × ${image.height} pixels, got (${x}, ${y})`,
    );
}
