/**
 * @module JSON lines as `descent label --export` writes them: `text` or `image`, and the answer under its own name (`label`, `labels`, `spans`, `boxes`, …).
 */
import * as z from "zod";
import { jsonRows } from "../../data/text/json-rows.js";
import { DataError } from "../../util/errors.js";
import { parseWith } from "../../util/schema.js";
import type { Value } from "../scheme.js";
import { checkPlaces, DATA_KINDS, FIELDS, VALUES } from "../scheme.js";
import type { LabelFormat } from "./format.js";

const rowSchema = z.looseObject({
  text: z.string().optional(),
  image: z.string().optional(),
  label: z.string().nullable().optional(),
  labels: z.array(z.string()).optional(),
});

export const descentLines: LabelFormat = {
  name: "descent",
  title: "JSON lines of descent label",
  kinds: Object.keys(DATA_KINDS) as (keyof typeof DATA_KINDS)[],
  write: (items) => {
    const lines = items.map(({ payload: { text, image }, value }) => {
      const answer = "classes" in value ? { labels: value.classes } : value;
      return `${JSON.stringify({ ...(image === undefined ? { text } : { image: image.file }), ...answer })}\n`;
    });
    return new Map([["labels.jsonl", lines.join("")]]);
  },
  read: (files, { kind, sizes }) =>
    [...files].flatMap(([name, content]) =>
      [...jsonRows(content, name)].map(({ value: row, place }) => {
        const where = `${name}, ${place}`;
        const { text, image, label, labels, ...rest } = parseWith(rowSchema, row, where);
        const field = FIELDS[kind];
        const classes = labels ?? (label === undefined || label === null ? [] : [label]);
        const value: Value =
          field === "classes"
            ? { classes }
            : parseWith<Value>(VALUES[field], { [field]: (rest as Readonly<Record<string, unknown>>)[field] }, where);
        if (image === undefined) {
          if (text === undefined) throw new DataError(`${where}: expected a text or an image, got neither`);
          checkPlaces(text, value, where);
          return { payload: { text }, value };
        }
        const size = sizes?.get(image);
        if (size === undefined)
          throw new DataError(`${where}: expected the size of ${image}, got none; name the folder of the images (--images)`);
        return { payload: { image: { file: image, ...size } }, value };
      }),
    ),
};
