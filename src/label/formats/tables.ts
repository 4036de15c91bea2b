/**
 * @module Labels as a CSV: `text` or `image`, and the answer: names of classes with `;` between them, or JSON. Cells that a spreadsheet would run are neutralized, and
 * restored when they are read.
 */
import { recordsOf } from "../../data/csv/records.js";
import { neutralized, quoteField, restored } from "../../data/inspect/csv-text.js";
import { DataError } from "../../util/errors.js";
import { parseJsonWith } from "../../util/schema.js";
import type { Value } from "../scheme.js";
import { DATA_KINDS, FIELDS, valueSchema } from "../scheme.js";
import type { LabelFormat } from "./format.js";
import { classesIn } from "./format.js";

const line = (fields: readonly string[]): string => `${fields.map((field) => quoteField(neutralized(field))).join(",")}\n`;

export const csv: LabelFormat = {
  name: "csv",
  title: "CSV",
  kinds: Object.keys(DATA_KINDS) as (keyof typeof DATA_KINDS)[],
  write: (items) => {
    const rows = items.map(({ payload, value }) => {
      const field = Object.values(value)[0] as unknown;
      const answer = "classes" in value ? classesIn(value).join(";") : JSON.stringify(field);
      const { image } = payload;
      return line([payload.text ?? image?.file ?? "", image === undefined ? "" : `${image.width}x${image.height}`, answer]);
    });
    const first = items[0]?.payload.image === undefined ? "text" : "image";
    return new Map([["labels.csv", `${first},size,label\n${rows.join("")}`]]);
  },
  read: (files, { kind }) =>
    [...files].flatMap(([name, content]) => {
      const [header, ...records] = recordsOf(content, { delimiter: ",", quote: '"' }, true);
      const isImage = header?.fields[0] === "image";
      if (header?.fields.join() !== `${isImage ? "image" : "text"},size,label`)
        throw new DataError(
          `${name}: expected the columns text (or image), size and label, got ${header?.fields.join(", ") ?? "none"}`,
        );
      return records.map(({ fields, line: number, problem }) => {
        const where = `${name}, line ${number}`;
        if (problem !== undefined || fields.length !== 3)
          throw new DataError(`${where}: ${problem ?? `expected 3 columns, got ${fields.length}`}`);
        const [what = "", size = "", answer = ""] = fields.map(restored);
        const value: Value =
          FIELDS[kind] === "classes"
            ? { classes: answer === "" ? [] : answer.split(";") }
            : parseJsonWith(valueSchema, `{${JSON.stringify(FIELDS[kind])}:${answer}}`, where);
        if (!isImage) return { payload: { text: what }, value };
        const [, width = 0, height = 0] = (/^(\d+)x(\d+)$/.exec(size) ?? []).map(Number);
        if (width === 0) throw new DataError(`${where}: expected a size such as 640x480, got "${size}"`);
        return { payload: { image: { file: what, width, height } }, value };
      });
    }),
};
