/**
 * @module Data for `train` that lies in memory: data sets, rows with named values, columns of numbers. The inputs of a model become one column, and
 * the target what the loss compares with.
 */
import type { CellValue, ColumnLike, NumberBlock, TensorColumn } from "../data/index.js";
import { classesOf, Dataset, encodeLabels, exampleAt, fromRows, isMissing, isText, rowSize } from "../data/index.js";
import type { Shape } from "../graph/index.js";
import { elementAt, fromNumbers, isFloat } from "../graph/index.js";
import { ConfigError, DataError } from "../util/errors.js";

/** Examples with named values, as they come from JSON. */
export type Row = Readonly<Record<string, CellValue | NumberBlock | undefined>>;

/** A table in memory. Lists of numbers are one input: pixels, features. */
export type TableLike = Dataset | readonly Row[] | Readonly<Record<string, ColumnLike>>;

/** Data in parts; without validation, nothing is measured on the way. */
export interface DataParts<Table = Dataset> {
  readonly train: Table;
  readonly validation?: Table | undefined;
  readonly test?: Table | undefined;
}

const isRows = (table: TableLike): table is readonly Row[] => Array.isArray(table);

/** Makes a data set of a table. Errors: ConfigError for anything else, with the row; DataError for a column that does not fit. */
export function datasetOf(where: string, table: TableLike): Dataset {
  if (table instanceof Dataset) return table;
  if (typeof table !== "object" || table === null || ArrayBuffer.isView(table))
    throw new ConfigError(`${where}: expected rows, columns by name or a Dataset, got ${table === null ? "null" : typeof table}`);
  if (!isRows(table)) return new Dataset(table);
  if (table.length === 0) throw new ConfigError(`${where}: expected at least one row, got none`);
  for (const [i, row] of table.entries()) {
    if (typeof row === "object" && row !== null && !Array.isArray(row) && !ArrayBuffer.isView(row)) continue;
    throw new ConfigError(
      `${where}, ${exampleAt(i)}: expected named values, as in { x: [1, 2], label: 0 }, got ${Array.isArray(row) ? "an array" : typeof row}`,
    );
  }
  return fromRows(table);
}

/** Normalizes the given parts: a single table is the training part. */
export function partsOf(data: TableLike | DataParts<TableLike>): DataParts {
  const isParts = typeof data === "object" && data !== null && !(data instanceof Dataset) && "train" in data;
  if (!isParts) return { train: datasetOf("train: data", data) };
  const { train, validation, test } = data as DataParts<TableLike>;
  return {
    train: datasetOf("train: data", train),
    ...(validation === undefined ? {} : { validation: datasetOf("train: validation", validation) }),
    ...(test === undefined ? {} : { test: datasetOf("train: test", test) }),
  };
}

/** Names the columns that the model reads: those given; else `image`, `features` or `x`; else all but the target. */
export function inputNames(train: Dataset, target: string, requested: string | readonly string[] | undefined): readonly string[] {
  if (requested !== undefined) return typeof requested === "string" ? [requested] : requested;
  const known = ["image", "features", "x"].find((name) => train.has(name));
  const rest = train.names.filter((name) => name !== target);
  if (known === undefined && rest.length === 0)
    throw new ConfigError(`train: expected an input column beside the target "${target}", got none`);
  return known === undefined ? rest : [known];
}

/** A column of numbers without gaps. Errors: DataError, with the example. */
function complete(data: Dataset, name: string): TensorColumn {
  const column = data.tensor(name);
  for (let i = 0; column.missing !== undefined && i < data.length; i++)
    if (isMissing(column, i)) throw new DataError(`column "${name}", ${exampleAt(i)}: expected a number, got none`);
  return column;
}

/** The single column that the model reads: an only column itself, several joined in order as `features`, float32 [N, F]. */
export function withInput(data: Dataset, names: readonly string[]): { readonly data: Dataset; readonly input: string } {
  const columns = names.map((name) => complete(data, name));
  const [first] = names;
  if (first !== undefined && columns.length === 1) return { data, input: first };
  const sizes = columns.map(rowSize);
  const width = sizes.reduce((sum, size) => sum + size, 0);
  const joined = new Float32Array(data.length * width);
  let start = 0;
  for (const [k, column] of columns.entries()) {
    const size = sizes[k] as number;
    for (let i = 0; i < data.length * size; i++) joined[Math.floor(i / size) * width + start + (i % size)] = elementAt(column, i);
    start += size;
  }
  return { data: data.with({ features: { dtype: "float32", shape: [data.length, width], data: joined } }), input: "features" };
}

/** The classes of a target of texts or truth values, in the order of their indices; undefined for one of numbers. */
export function targetClasses(train: Dataset, target: string): readonly string[] | undefined {
  const column = train.column(target);
  return isText(column) || column.dtype === "bool" ? classesOf(column, `column "${target}"`) : undefined;
}

/**
 * The target as the loss takes it, for a model's output: texts as class indices; whole numbers as labels where the output has an axis of classes more; one
 * number an example as [N, 1] where the output is so; float64 as float32. Errors: DataError, with the example.
 */
export function withTarget(data: Dataset, target: string, output: Shape, classes: readonly string[] | undefined): Dataset {
  if (classes !== undefined) return data.with({ [target]: encodeLabels(data.column(target), classes, `column "${target}"`) });
  const column = complete(data, target);
  const { dtype, shape } = column;
  const isAxisMore = output.length === shape.length + 1;
  if (!isFloat(dtype) && !(isAxisMore && output.at(-1) === 1)) return data;
  const numbers = Float64Array.from({ length: column.data.length }, (_, i) => elementAt(column, i));
  if (isAxisMore && output.at(-1) === 1) return data.with({ [target]: fromNumbers("float32", [...shape, 1], numbers) });
  if (!isAxisMore) return dtype === "float64" ? data.with({ [target]: fromNumbers("float32", shape, numbers) }) : data;
  const wrong = numbers.findIndex((value) => !Number.isInteger(value));
  if (wrong >= 0)
    throw new DataError(
      `column "${target}", ${exampleAt(wrong)}: expected a label, which is a whole number, got ${numbers[wrong]}`,
    );
  return data.with({ [target]: fromNumbers("int32", shape, numbers) });
}
