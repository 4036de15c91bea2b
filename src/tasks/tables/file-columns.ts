/**
 * @module Columns of a table as the inputs of an imported file: columns of numbers side by side, or each by the name of its input.
 */
import type { Column, TableSchema } from "../../data/index.js";
import type { LoadedData } from "../../data/node.js";
import { cell, Dataset, encodeLabels, isText, numberAt, placeAt, valueText } from "../../data/index.js";
import type { Dim, Shape, StringData, TensorData } from "../../graph/index.js";
import { fromNumbers, isFloat, toNumbers } from "../../graph/index.js";
import type { OnnxModel } from "../../onnx/index.js";
import { tokenOffsets } from "../../text/index.js";
import { ConfigError, DataError } from "../../util/errors.js";
import { unknownName } from "../../util/nearest.js";
import { namesIn } from "../shared/names.js";
import type { FileInput } from "../graph-use.js";
import type { Awaitable, TaskInfo } from "../task.js";

/** The info of an imported model of tables. */
export interface FileTableInfo extends TaskInfo {
  readonly fileInputs: readonly FileInput[];
  /** Empty for a quantity. */
  readonly classes: readonly string[];
  /** The name of the answer. */
  readonly target: string;
}

/** Keys under which exporters keep the names of columns in a file's metadata. */
const COLUMN_KEYS = ["feature_names", "columns", "features", "input_columns"];

/** The names of a file's columns in their order, where its metadata has them. */
export const columnNames = (metadata: ReadonlyMap<string, string>): readonly string[] | undefined =>
  COLUMN_KEYS.map((key) => namesIn(metadata.get(key) ?? "")).find((names) => names !== undefined);

/** The inputs of a file as columns of a table. ConfigError, naming the input, where they are none. */
export function tableInputs({ declaredInputs, where }: OnnxModel, names: readonly string[] | undefined): FileInput[] {
  const inputs = [...declaredInputs];
  if (inputs.length === 0) throw new ConfigError(`${where}: expected inputs of columns, [N, F] or [N], for a table, got none`);
  const widthOf = (shape: Shape | undefined): Dim | undefined => (shape?.length === 1 ? 1 : shape?.[1]);
  const areSingle = inputs.length > 1 && inputs.every(([, { shape }]) => widthOf(shape) === 1);
  return inputs.map(([name, { dtype, shape }]) => {
    const width = widthOf(shape);
    const isRows = shape !== undefined && (shape.length === 1 || shape.length === 2);
    if (!isRows || dtype === undefined || typeof width !== "number")
      throw new ConfigError(
        `${where}: expected inputs of columns, [N, F] or [N], for a table, got ${name} [${(shape ?? ["?"]).map(String).join(", ")}]${dtype === undefined ? " of another type" : ""}`,
      );
    const columns = areSingle ? [name] : inputs.length === 1 && names?.length === width ? names : undefined;
    return { name, dtype, width, rank: shape.length === 1 ? 1 : 2, columns };
  });
}

/** Turns rows into examples. `TabularPreprocessor` is one. */
export interface RowReader {
  readonly schema: TableSchema | undefined;
  read(rows: Dataset, where?: string): Dataset;
  remarks(rows: Dataset, where?: string): string[];
  apply(rows: Dataset, options?: { readonly where?: string }): Awaitable<Dataset>;
}

/** A reader that only arranges columns. */
interface FileReader extends RowReader {
  apply(rows: Dataset, options?: { readonly where?: string }): Dataset;
}

/** Returns the inputs of an imported file; undefined for a model of ours. */
export const fileInputsOf = (info: TaskInfo): readonly FileInput[] | undefined => (info as Partial<FileTableInfo>).fileInputs;

const isNumeric = (column: Column): boolean => !isText(column) && column.shape.length === 1 && column.unit !== "date";

/** Columns that are to be answered, without the one to predict. */
export interface ColumnsInHand {
  readonly rows: Dataset;
  /** Whether each was typed or sent for the model; a file may have others. */
  readonly areGiven: boolean;
}

/** The names of columns that an input of a type can take: of texts, or of numbers. */
export const columnsOfKind = (rows: Dataset, dtype: FileInput["dtype"] | undefined): readonly string[] =>
  rows.names.filter((name) => (dtype === "string" ? isText(rows.column(name)) : isNumeric(rows.column(name))));

/**
 * The columns of the rows that go into each input: by their names where these are known, otherwise those of its kind in the table's order, one input after
 * the other. DataError where they are not there, or not as many.
 */
function columnsFor(inputs: readonly FileInput[], rows: Dataset, where: string): readonly (readonly string[])[] {
  const byName = inputs.map(({ name, width, columns }) => columns ?? (width === 1 && rows.has(name) ? [name] : undefined));
  const taken = new Set(byName.flat());
  for (const column of taken)
    if (column !== undefined && !rows.has(column)) throw new DataError(`${where}: ${unknownName("column", column, rows.names)}`);
  const takesTexts = (input: FileInput): boolean => input.dtype === "string";
  const starts = { text: 0, numbers: 0 };
  return inputs.map((input, i) => {
    const known = byName[i];
    if (known !== undefined) return known;
    const kind = takesTexts(input) ? "text" : "numbers";
    const found = columnsOfKind(rows, input.dtype).filter((column) => !taken.has(column));
    const alike = inputs.filter((other, k) => byName[k] === undefined && takesTexts(other) === takesTexts(input));
    const total = alike.reduce((sum, { width }) => sum + width, 0);
    if (found.length !== total) {
      const expected = `${total} column${total === 1 ? "" : "s"} of ${kind}`;
      const takers = alike.map(({ name }) => `"${name}"`).join(", ");
      throw new DataError(
        `${where}: expected ${expected}, as many as input${alike.length === 1 ? "" : "s"} ${takers} take${alike.length === 1 ? "s" : ""}, got ${found.length} (${found.join(", ")}) of ${rows.names.join(", ")}${found.length > total ? "; leave the others out of the table" : ""}`,
      );
    }
    const start = starts[kind];
    starts[kind] += input.width;
    return found.slice(start, starts[kind]);
  });
}

/** A column as the type of its input: texts, or float64 with NaN for what is missing. */
function typed(column: Column, dtype: FileInput["dtype"], length: number, name: string): Column {
  const positions = column.positions === undefined ? {} : { positions: column.positions };
  if (dtype === "string")
    return { dtype: "string", values: Array.from({ length }, (_, i) => valueText(column, i) ?? ""), ...positions };
  const data = Float64Array.from({ length }, (_, i) => numberAt(column, i, name));
  const missing = isFloat(dtype) ? -1 : data.findIndex(Number.isNaN);
  if (missing >= 0) throw new DataError(`column "${name}", ${placeAt(column, missing)}: expected a whole number, got no value`);
  return { dtype: "float64", shape: [length], data, ...positions };
}

/** Numbers among the texts of a row that was typed in. */
const numbersIn = (column: Column, length: number): Column | readonly (number | null)[] => {
  if (!isText(column)) return column;
  const values = Array.from({ length }, (_, i) => cell(column, i));
  const isNumbers = values.every((value) => value === null || (String(value).trim() !== "" && Number.isFinite(Number(value))));
  return isNumbers ? values.map((value) => (value === null ? null : Number(value))) : column;
};

/** A reader of rows for the inputs of a file: its examples have the table's columns under their own names, in the order of the inputs. */
export const fileRows = (inputs: readonly FileInput[]): FileReader => ({
  schema: undefined,
  read: (rows) => new Dataset(rows.entries().map(([name, column]) => [name, numbersIn(column, rows.length)])),
  remarks: (rows, where = "table") =>
    columnsFor(inputs, rows, where).flatMap((columns, i) => {
      const input = inputs[i] as FileInput;
      if (input.columns !== undefined || input.width === 1) return [];
      return [`${where}: input "${input.name}" takes ${columns.join(", ")}, in this order`];
    }),
  apply: (rows, { where = "table" } = {}) =>
    new Dataset(
      columnsFor(inputs, rows, where).flatMap((columns, i) =>
        columns.map((name): [string, Column] => [
          name,
          typed(rows.column(name), (inputs[i] as FileInput).dtype, rows.length, name),
        ]),
      ),
    ),
});

/**
 * Rows with their targets as examples of a file: its columns, and `label`, the place among its classes, or `target`, the quantity, behind them.
 *
 * Errors: DataError for data without a column to predict, for columns that are not the file's, and for a label that is not a class of its.
 */
export function fileExamples(
  inputs: readonly FileInput[],
  { name, roles }: LoadedData,
  part: Dataset,
  classes: readonly string[] | undefined,
): Dataset {
  const { target } = roles;
  if (target === undefined) throw new DataError(`${name}: expected a column to predict; name it with --label-column`);
  const rows = fileRows(inputs).apply(part.pick(...part.names.filter((column) => column !== target)), { where: name });
  const [column, where] = [part.column(target), `${name}, column "${target}"`];
  if (classes?.length === 0)
    throw new DataError(
      `${where}: expected a model that names its classes, got one that names none; give them with --labels FILE`,
    );
  const key = classes === undefined ? "target" : "label";
  // A column that is called so goes in by its place.
  const features = rows.has(key) ? rows.rename({ [key]: `${key} (input)` }) : rows;
  return features.with({
    [key]: classes === undefined ? typed(column, "float64", part.length, target) : encodeLabels(column, classes, where),
  });
}

/** Examples as the values of a file's inputs. */
export function feedsOf(inputs: readonly FileInput[], examples: Dataset): Record<string, TensorData | StringData> {
  const columns = examples.entries().map(([, column]) => column);
  const n = examples.length;
  let start = 0;
  const feeds = inputs.map(({ name, dtype, width, rank }): [string, TensorData | StringData] => {
    const own = columns.slice(start, (start += width));
    const shape = rank === 1 ? [n] : [n, width];
    if (dtype === "string") {
      const texts = own.map((column) => (isText(column) ? column.values : []));
      return [
        name,
        { dtype, shape, data: Array.from({ length: n * width }, (_, i) => texts[i % width]?.[Math.floor(i / width)] ?? "") },
      ];
    }
    const numbers = own.map((column) => (isText(column) ? new Float64Array(n) : toNumbers(column)));
    const data = Float64Array.from({ length: n * width }, (_, i) => numbers[i % width]?.[Math.floor(i / width)] as number);
    return [name, fromNumbers(dtype, shape, data)];
  });
  return Object.fromEntries(feeds);
}

/** A row that is one text, with the words that explanations are about; undefined of other rows, and of a text without a word. */
export function wordsOfRow(
  examples: Dataset,
  row: number,
):
  | { readonly column: string; readonly text: string; readonly words: readonly (readonly [start: number, end: number])[] }
  | undefined {
  const [[column, values] = ["", undefined], ...more] = examples.entries();
  if (values === undefined || !isText(values) || more.length > 0) return undefined;
  const text = values.values[row] ?? "";
  const words = tokenOffsets(text, "words").filter(([start, end]) => /[\p{L}\p{N}]/u.test(text.slice(start, end)));
  return words.length === 0 ? undefined : { column, text, words };
}
