/**
 * @module The schema of a table, learned once from training data, as JSON beside the model: kinds of columns, date order, decimal sign, marks of
 * missing values. With it any rows are read alike, whatever they come from.
 */
import * as z from "zod";
import type { Column, TensorColumn } from "../column.js";
import { isMissing, isText, lengthOf, placeAt, rowSize } from "../column.js";
import { Dataset } from "../dataset.js";
import { labelText } from "../labels.js";
import type { TypedArray } from "../../graph/index.js";
import { elementAt, fromNumbers } from "../../graph/index.js";
import { DataError } from "../../util/errors.js";
import { ORDER_NAMES, possibleOrders, readDate, SHORT_FORMS } from "./dates.js";
import type { MarkPlace } from "./missing.js";
import { isMark } from "./missing.js";
import { INFINITE, readNumber } from "./numbers.js";

const name = z.string();

/**
 * The meaning of the cells of one column.
 *
 * - number: `decimal` is the sign before decimals; with `percent`, `13%` is 13; with `unit` kg, `70 kg` is 70; with `multipliers`, `1.2k` is 1200; with `fractions`, `1 1/2` is 1.5;
 *   `integer` where all are whole.
 * - boolean: the two words as the file writes them.
 * - date: the order of dates of numbers alone, and one of them as it was given; with `short`, what dates of two parts mean.
 * - category: one of some values, by their spelling without blanks around; labels too.
 * - text: running text, as it is.
 */
const fieldSchema = z.discriminatedUnion("type", [
  z.object({
    type: z.literal("number"),
    name,
    decimal: z.enum([".", ","]),
    percent: z.boolean().optional(),
    unit: z.string().optional(),
    multipliers: z.boolean().optional(),
    fractions: z.boolean().optional(),
    integer: z.boolean(),
    example: z.string().optional(),
  }),
  z.object({ type: z.literal("boolean"), name, true: z.string(), false: z.string() }),
  z.object({
    type: z.literal("date"),
    name,
    order: z.enum(["dmy", "mdy", "ymd"]),
    example: z.string(),
    short: z.enum(SHORT_FORMS).optional(),
  }),
  z.object({ type: z.literal("category"), name }),
  z.object({ type: z.literal("text"), name }),
]);
/** Checks a table's schema that was read from a file. */
export const tableSchemaSchema = z.object({
  version: z.literal(1),
  fields: z.array(fieldSchema),
  /** Whether the columns of the file had names. */
  header: z.boolean(),
  /** The marks of missing values that the user named; left out, the usual ones. */
  missing: z.array(z.string()).optional(),
});

/** Meaning of one column's cells. */
export type TableField = z.infer<typeof fieldSchema>;
/** Meaning of a table's cells, column by column, as it is kept with a run. */
export type TableSchema = z.infer<typeof tableSchemaSchema>;

const TRUE = new Set(["true", "yes", "y", "t", "1"]);
const FALSE = new Set(["false", "no", "n", "f", "0"]);

/** Returns the kind of a field's marks for missing values. */
export const placeOf = (type: TableField["type"]): MarkPlace =>
  type === "text" ? "text" : type === "number" || type === "date" ? "number" : "category";

/** A category or label without what does not count: blanks around it, seen or not, and how its accents are put together. */
export const spelled = (text: string): string =>
  /\P{ASCII}|\0/u.test(text) ? text.normalize("NFC").replaceAll(INVISIBLE, "") : text.trim();

/** Blanks around a text, signs of no width, and zeros of fixed widths. */
const INVISIBLE = /^[\s\0\u200b\u2060]+|[\s\0\u200b\u2060]+$/gu;

/** Reads one text as a field: a number, an index, a text; null for a missing value; undefined for an invalid one. */
function readCell(text: string, field: TableField, missing: readonly string[] | undefined): number | string | null | undefined {
  const value = spelled(text);
  if (isMark(value, placeOf(field.type), missing)) return null;
  switch (field.type) {
    case "number":
      if (INFINITE.test(value)) return /^[-−]/.test(value) ? -Infinity : Infinity;
      return readNumber(value, field);
    case "date":
      return readDate(value, field.order, field.short);
    case "boolean": {
      const word = value.toLowerCase();
      if (word === field.true.toLowerCase() || TRUE.has(word)) return 1;
      return word === field.false.toLowerCase() || FALSE.has(word) ? 0 : undefined;
    }
    case "category":
      return value;
    case "text":
      return text;
  }
}

/** Names the values that a field expects, for messages. */
function expected(field: TableField): string {
  switch (field.type) {
    case "number":
      return `a number${field.decimal === "," ? " with a decimal comma" : ""}${field.unit === undefined ? "" : ` in ${field.unit}`}`;
    case "date":
      // A form in which the order is seen names itself.
      return `a date${possibleOrders(field.example)?.length ? `, ${ORDER_NAMES[field.order]}` : ""} as in ${field.example}`;
    case "boolean":
      return `${field.true} or ${field.false}`;
    default:
      return "a text";
  }
}

const REMEDY: Readonly<Partial<Record<TableField["type"], string>>> = {
  number: "mend it, name it as a mark of missing values (--missing), say --decimal, or leave out such rows (--skip-bad-rows)",
  date: "mend it, name it as a mark of missing values (--missing), say --date-order, or leave out such rows (--skip-bad-rows)",
};

export interface ReadOptions {
  /** The table's name in messages. */
  readonly where?: string;
  /** Whether rows were given in a call: none can be left out, and nothing says how they are written. */
  readonly areGiven?: boolean;
  /** Takes rows that cannot be read, by their number, in place of an error; their values are then missing. */
  readonly bad?: Set<number>;
}

/** A column of texts as a field reads it. DataError, with the row, for what it cannot be. */
function readTexts(
  values: readonly (string | null)[],
  column: Column,
  field: TableField,
  { missing }: Pick<TableSchema, "missing">,
  { where, bad, areGiven = false }: ReadOptions,
): Column {
  const cells = values.map((text, i) => {
    if (text === null) return null;
    const cell = readCell(text, field, missing);
    if (cell !== undefined) return cell;
    if (bad === undefined) {
      const usual = areGiven && REMEDY[field.type] !== undefined ? "mend it, or leave it empty" : REMEDY[field.type];
      const remedy = field.type === "number" && field.unit !== undefined ? `write it in ${field.unit}` : usual;
      throw new DataError(
        `${where === undefined ? "" : `${where}: `}column "${field.name}", ${placeAt(column, i)}: expected ${expected(field)}, got "${text}"${remedy === undefined ? "" : `; ${remedy}`}`,
      );
    }
    bad.add(i);
    return null;
  });
  const positions = column.positions === undefined ? {} : { positions: column.positions };
  if (field.type === "category" || field.type === "text")
    return { dtype: "string", values: cells as (string | null)[], ...positions };
  return { ...numberColumn(cells as (number | null)[], field), ...positions };
}

/** The words of a file for false and true; JavaScript's own need none. */
const wordsOf = (field: TableField & { type: "boolean" }): Pick<TensorColumn, "classes"> =>
  field.true === "true" && field.false === "false" ? {} : { classes: [field.false, field.true] };

/** Numbers as a column of the type that a field has. */
function numberColumn(cells: readonly (number | null)[], field: TableField): TensorColumn {
  const mask = Uint8Array.from(cells, (cell) => (cell === null ? 1 : 0));
  const missing = mask.includes(1) ? { missing: mask } : {};
  const numbers = Float64Array.from(cells, (cell) => cell ?? 0);
  const shape = [cells.length];
  if (field.type === "boolean") return { ...fromNumbers("bool", shape, numbers), ...wordsOf(field), ...missing };
  const isWhole = field.type === "number" && field.integer && numbers.every(Number.isSafeInteger);
  const data: TypedArray = isWhole ? BigInt64Array.from(numbers, BigInt) : numbers;
  return {
    dtype: isWhole ? "int64" : "float64",
    shape,
    data,
    ...(field.type === "date" ? { unit: "date" as const } : {}),
    ...missing,
  };
}

/** A column that has a type already, as a field reads it. */
function readTyped(column: TensorColumn, field: TableField, schema: TableSchema, options: ReadOptions): Column {
  const isNumber = column.unit === undefined && column.dtype !== "bool" && column.classes === undefined;
  if (rowSize(column) !== 1) return column;
  if (field.type === "number" && (isNumber || column.dtype === "bool")) return column;
  if (field.type === "date" && column.unit === "date") return column;
  if (field.type === "boolean" && column.dtype === "bool") return { ...column, ...wordsOf(field) };
  return readTexts(
    Array.from({ length: lengthOf(column) }, (_, i) => writtenAt(column, i)),
    column,
    field,
    schema,
    options,
  );
}

/** A value of a typed column as a file would have it. */
function writtenAt(column: TensorColumn, i: number): string | null {
  if (isMissing(column, i)) return null;
  if (column.unit !== "date") return labelText(column, i);
  const time = elementAt(column, i);
  return Number.isFinite(time) ? new Date(time).toISOString() : null;
}

/** One column as a field reads it. DataError, with the row, for what it cannot be. */
export const readColumn = (column: Column, field: TableField, schema: TableSchema, options: ReadOptions = {}): Column =>
  isText(column) ? readTexts(column.values, column, field, schema, options) : readTyped(column, field, schema, options);

/** A table as a schema reads it; columns that it does not know stay as they are. */
export function readWith(dataset: Dataset, schema: TableSchema, options: ReadOptions = {}): Dataset {
  const fields = new Map(schema.fields.map((field) => [field.name, field]));
  return new Dataset(
    dataset.entries().map(([column, values]) => {
      const field = fields.get(column);
      return [column, field === undefined ? values : readColumn(values, field, schema, options)];
    }),
  );
}
