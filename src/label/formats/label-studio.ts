/**
 * @module Label Studio's JSON: tasks with their data and annotations; places in images are percents. Classes, spans, boxes and polygons.
 *
 * Source: labelstud.io/guide/task_format and /guide/export, "Label Studio JSON format of annotated tasks".
 */
import * as z from "zod";
import { ConfigError, DataError } from "../../util/errors.js";
import { parseJsonWith } from "../../util/schema.js";
import { boxesIn, parseLabelStudio } from "../../vision/annotations/index.js";
import type { Payload, Value } from "../scheme.js";
import type { LabelFormat, LabelledItem, ReadFormatOptions } from "./format.js";
import { itemOf, noteShapes } from "./regions.js";

const result = z.looseObject({
  type: z.string(),
  original_width: z.number().positive().optional(),
  original_height: z.number().positive().optional(),
  value: z.looseObject({
    choices: z.array(z.string()).optional(),
    labels: z.array(z.string()).optional(),
    start: z.number().optional(),
    end: z.number().optional(),
  }),
});
type Result = z.infer<typeof result>;
const tasksSchema = z.array(
  z.looseObject({
    data: z.looseObject({ text: z.string().optional(), image: z.string().optional() }),
    width: z.number().positive().optional(),
    height: z.number().positive().optional(),
    annotations: z.array(z.looseObject({ result: z.array(result) })).optional(),
  }),
);

const named = (payload: Payload): { from_name: string; to_name: string } => ({
  from_name: "label",
  to_name: payload.image === undefined ? "text" : "image",
});

function resultsOf({ payload, value }: LabelledItem): unknown[] {
  const base = named(payload);
  if ("classes" in value)
    return value.classes.length === 0 ? [] : [{ ...base, type: "choices", value: { choices: value.classes } }];
  if ("spans" in value)
    return value.spans.map(({ start, end, label }) => ({
      ...base,
      type: "labels",
      value: { start, end, text: (payload.text ?? "").slice(start, end), labels: [label] },
    }));
  const { image } = payload;
  if (image === undefined || "frames" in value)
    throw new ConfigError("Label Studio: expected classes, spans, boxes or polygons, got something else");
  const size = { original_width: image.width, original_height: image.height, image_rotation: 0 };
  const [across, down] = [100 / image.width, 100 / image.height];
  if ("boxes" in value)
    return value.boxes.map(({ x, y, width, height, label }) => ({
      ...base,
      ...size,
      type: "rectanglelabels",
      value: { x: x * across, y: y * down, width: width * across, height: height * down, rotation: 0, rectanglelabels: [label] },
    }));
  return value.polygons.map(({ points, label }) => ({
    ...base,
    ...size,
    type: "polygonlabels",
    value: { points: points.map(([x, y]) => [x * across, y * down]), closed: true, polygonlabels: [label] },
  }));
}

function valueOf(kind: string, results: readonly Result[], where: string): Value {
  if (kind !== "spans") return { classes: results.flatMap(({ value }) => value.choices ?? []) };
  return {
    spans: results.map(({ value: { start, end, labels } }) => {
      const [label] = labels ?? [];
      if (start === undefined || end === undefined || label === undefined)
        throw new DataError(`${where}: expected start, end and labels of a span, got something else`);
      return { start, end, label };
    }),
  };
}

/** Boxes or polygons, by the reader that training uses. */
const regionsIn = (content: string, name: string, options: ReadFormatOptions): LabelledItem[] => {
  const { kind, sizes } = options;
  const read = parseLabelStudio(content, name);
  noteShapes(read, options);
  return read.annotations.map((one) => {
    const size = one.fractions === true ? sizes?.get(one.image) : undefined;
    return itemOf(size === undefined ? one : { ...one, ...size, boxes: boxesIn(one, size) }, kind, name);
  });
};

export const labelStudio: LabelFormat = {
  name: "label-studio",
  title: "Label Studio JSON",
  kinds: ["text-classes", "image-classes", "spans", "boxes", "polygons"],
  write: (items) => {
    const tasks = items.map((item, i) => {
      const { text, image } = item.payload;
      const data = image === undefined ? { text } : { image: image.file };
      const size = image === undefined ? {} : { width: image.width, height: image.height };
      return { id: i + 1, data, ...size, annotations: [{ id: i + 1, result: resultsOf(item) }] };
    });
    return new Map([["label-studio.json", `${JSON.stringify(tasks, null, 1)}\n`]]);
  },
  read: (files, options) => {
    const { kind, sizes } = options;
    if (kind === "boxes" || kind === "polygons")
      return [...files].flatMap(([name, content]) => regionsIn(content, name, options));
    return [...files].flatMap(([name, content]) =>
      parseJsonWith(tasksSchema, content, name).map((task, i) => {
        const where = `${name}, task ${i + 1}`;
        const results = (task.annotations?.[0]?.result ?? []).filter(({ type }) => type !== "textarea");
        const value = valueOf(kind, results, where);
        const { text, image } = task.data;
        if (image === undefined) {
          if (text === undefined) throw new DataError(`${where}: expected a text or an image, got neither`);
          return { payload: { text }, value };
        }
        const [first] = results;
        const [width, height] = [first?.original_width ?? task.width, first?.original_height ?? task.height];
        const size = width === undefined || height === undefined ? sizes?.get(image) : { width, height };
        if (size === undefined) throw new DataError(`${where}: expected the size of ${image}, got none`);
        return { payload: { image: { file: image, ...size } }, value };
      }),
    );
  },
};
