/**
 * @module Tables with files: rows from a command line, and how a report shows one.
 */
import { existsSync, statSync } from "node:fs";
import { basename } from "node:path";
import type { Column } from "../../data/node.js";
import {
  concatenate,
  Dataset,
  fromRows,
  isQuery,
  isText,
  readBoth,
  tableFormat,
  tableReading,
  TabularPreprocessor,
  valueText,
} from "../../data/node.js";
import type { ReportExample } from "../../report/report.js";
import type { ColumnsInHand, RowReader } from "./file-columns.js";
import { fileInputsOf, fileRows, wordsOfRow } from "./file-columns.js";
import { tableReader } from "./reader.js";
import { graphInfo } from "../graph-use.js";
import { elementAt } from "../../graph/index.js";
import { expectInputs } from "../shared/inputs.js";
import type { ShowExample } from "../shared/judged-node.js";
import { classResult } from "../shared/judged-node.js";
import type { TableInfo } from "./tables.js";
import type { InputOptions, NamedInputs, NodeTask } from "../task-node.js";
import type { TrainedModel } from "../trained-model.js";
import { ConfigError } from "../../util/errors.js";
import type { View } from "../view.js";

/** Rows as they stand in a file, and as they are understood. */
interface ReadRows {
  readonly raw: Dataset;
  readonly data: Dataset;
  readonly where: string;
  readonly badRows: number;
  /** Findings about the file: how it is read, and lines that are not rows. */
  readonly notes?: readonly string[];
  /** The rows' names for people. */
  readonly names: readonly string[];
}

/** The longest name of a row, in characters. */
const LONGEST_NAME = 40;

/** A row's name, made of what was typed. */
const typedName = (text: string): string => (text.length <= LONGEST_NAME ? text : `${text.slice(0, LONGEST_NAME - 1)}…`);

/** Tables, or one row as `name=value` pairs. */
async function readRows(model: TrainedModel, inputs: readonly string[], options: InputOptions): Promise<NamedInputs> {
  expectInputs(inputs);
  const reader = tableReader(model.info);
  const isText = readsText(model) && !inputs.some((text) => existsSync(text));
  const read = isText
    ? [givenTexts(inputs)]
    : areOneRow(inputs)
      ? [givenRow(inputs, reader)]
      : await Promise.all(inputs.map((path) => readRowsOf(path, reader, options)));
  const notes = read.flatMap(({ data, where, notes: found = [] }) => [...found, ...reader.remarks(data, where)]);
  const parts: Dataset[] = [];
  for (const { data, where } of read) parts.push(await reader.apply(data, { where }));
  const examples = concatenate(parts);
  const rows = together(read.map(asGiven));
  return {
    examples,
    names: read.flatMap(({ names }) => names),
    rows,
    badRows: read.reduce((sum, { badRows }) => sum + badRows, 0),
    notes,
  };
}

/** Tells whether inputs are one row, as `name=value` pairs. */
const areOneRow = (inputs: readonly string[]): boolean =>
  inputs.every((text) => /^[^=]+=/.test(text) && tableFormat(text) === undefined && !isQuery(text));

/** Reads the columns that inputs have, for a file that leaves their number free. ConfigError for what can be read but once. */
export async function columnsInHand(inputs: readonly string[], options: InputOptions): Promise<ColumnsInHand> {
  expectInputs(inputs);
  const reader = fileRows([]);
  if (areOneRow(inputs)) return { rows: givenRow(inputs, reader).data, areGiven: true };
  const [path = ""] = inputs;
  if (existsSync(path) && !statSync(path).isFile())
    throw new ConfigError(`${path}: expected a file, whose columns are counted before it is read, got a pipe or a folder`);
  return { rows: (await readRowsOf(path, reader, options)).data, areGiven: false };
}

/** Tells whether a model's only input is a text. */
function readsText({ info }: TrainedModel): boolean {
  const [input, ...others] = fileInputsOf(info) ?? [];
  return input?.dtype === "string" && input.width === 1 && others.length === 0;
}

/** Texts as they were typed in, a row each. */
function givenTexts(inputs: readonly string[]): ReadRows {
  const raw = fromRows(inputs.map((text) => ({ text })));
  return { raw, data: raw, where: "input", badRows: 0, names: inputs.map(typedName) };
}

/** `age=41 plan=basic` as one row; an empty value is a missing one. */
function givenRow(inputs: readonly string[], reader: RowReader): ReadRows {
  const pairs = inputs.map((text): [string, string | null] => {
    const at = text.indexOf("=");
    return [text.slice(0, at).trim(), text.slice(at + 1) === "" ? null : text.slice(at + 1)];
  });
  const raw = fromRows(
    [Object.fromEntries(pairs)],
    pairs.map(([name]) => name),
  );
  return { raw, data: reader.read(raw, "input"), where: "input", badRows: 0, names: [typedName(inputs.join(", "))] };
}

async function readRowsOf(path: string, reader: RowReader, options: InputOptions): Promise<ReadRows> {
  const { skipBadRows = false, signal } = options;
  const { schema } = reader;
  const format = isQuery(path) ? undefined : (tableFormat(path) ?? "csv");
  const { raw, data, badRows, notes } = await readBoth(path, {
    skipBadRows,
    signal,
    ...tableReading(options),
    format,
    schema,
  });
  // A query may hold a password.
  const file = isQuery(path) ? "" : `${basename(path)} `;
  const rows = raw.entries()[0]?.[1].positions?.rows;
  const names = Array.from({ length: raw.length }, (_, i) => `${file}#${rows?.[i] ?? i + 1}`);
  return { raw, data, where: path, badRows, notes: schema && notes, names };
}

/** Rows as the user gave them: the original text, except for numbers in the usual form. */
function asGiven({ raw, data }: ReadRows): Dataset {
  return new Dataset(
    raw.entries().map(([name, column]): [string, Column] => {
      const read = data.column(name);
      const isPlain = !isText(column) || column.values.every((text, i) => text === null || text === valueText(read, i));
      return [name, isPlain && !isText(read) && read.unit === undefined && read.dtype !== "bool" ? read : textsOf(column)];
    }),
  );
}

const textsOf = (column: Column): Column =>
  isText(column)
    ? column
    : { dtype: "string", values: Array.from({ length: column.shape[0] as number }, (_, i) => valueText(column, i)) };

/** Rows of several files; a column that is of numbers here and of texts there is one of texts. */
function together(parts: readonly Dataset[]): Dataset {
  const [first, ...rest] = parts as [Dataset, ...Dataset[]];
  const names = first.names.filter((name) => rest.every((part) => part.has(name)));
  const alike = (part: Dataset): Dataset =>
    new Dataset(
      names.map((name) => {
        const column = part.column(name);
        return [name, parts.every((other) => other.column(name).dtype === column.dtype) ? column : textsOf(column)];
      }),
    );
  return rest.length === 0 ? first : concatenate(parts.map(alike));
}

/** A row as it was read, column by column; what its numbers (one-hot, cycles, missing) contributed is summed. */
export function rowByColumn(
  info: Pick<TableInfo, "preprocessing">,
  read: Dataset,
  row: number,
  attribution: Float64Array,
): { input: Extract<ReportExample["input"], { kind: "features" }>; attribution: number[] } {
  const { columns, featureColumns } = TabularPreprocessor.fromJSON(info.preprocessing);
  const sums = new Map<string, number>();
  featureColumns.forEach((name, f) => sums.set(name, (sums.get(name) ?? 0) + (attribution[f] as number)));
  // An embedded column has no number of its own to multiply with the gradient.
  const names = columns.filter((name) => sums.has(name));
  const values = names.map((name) => valueText(read.column(name), row) ?? "?");
  return { input: { kind: "features", names, values }, attribution: [...sums.values()] };
}

/** A row as a report shows it: by its columns, or by what the first part of a file makes of them. */
function shownRow(
  info: TableInfo,
  read: Dataset,
  row: number,
  { features, attribution }: Pick<Parameters<ShowExample>[1], "features" | "attribution">,
): ReturnType<typeof rowByColumn> {
  if (graphInfo(info)?.prefix === undefined) return rowByColumn(info, read, row, attribution);
  const values = [...features].map((value) => String(Number(value.toPrecision(4))));
  return { input: { kind: "features", names: info.featureNames, values }, attribution: [...attribution] };
}

/** Shows a row with what its columns contributed, its truth and its prediction. */
export const showRow =
  (info: TableInfo, read: Dataset): ShowExample =>
  (judged, { features, attribution }) => {
    const row = shownRow(info, read, judged.row, { features, attribution });
    if (judged.probabilities !== undefined) return { ...row, ...classResult(judged, info.classes) };
    const quantity = (x: number): string => String(Number((x * info.targetDeviation + info.targetMean).toPrecision(5)));
    return {
      ...row,
      truth: quantity(judged.truth),
      prediction: quantity(judged.predicted),
      correct: judged.correct,
      name: `#${judged.row}`,
    };
  };

/** A row by what the first part of a file makes of it. */
function viewBehindPrefix({ featureNames }: TableInfo, examples: Dataset, row: number, name: string): View {
  const features = examples.tensor("features");
  const values = featureNames.map((_, i) => String(Number(elementAt(features, row * featureNames.length + i).toPrecision(4))));
  const parts = { names: featureNames, partOf: Int32Array.from(featureNames, (_, i) => i) };
  const remark = {
    en: "Attributions belong to what the first part of the file, which only the engine runs, makes of the columns.",
    zh: "归因属于文件的第一部分由各列得出的结果；这一部分只有引擎能运行。",
  };
  return { name, input: { kind: "features", names: featureNames, values }, parts, remarks: [remark] };
}

/** A row by its columns: the numbers that encode one belong together, and so does its embedded category. */
function view(model: TrainedModel, { rows, examples }: NamedInputs, row: number, name: string): Promise<View> {
  if (fileInputsOf(model.info) !== undefined) {
    const written = wordsOfRow(examples, row);
    if (written !== undefined) {
      const { text, words } = written;
      const parts = { names: words.map(([start, end]) => text.slice(start, end)), partOf: Int32Array.from(words.keys()) };
      return Promise.resolve({ name: text, input: { kind: "text", text, offsets: words.flat() }, parts });
    }
    const values = examples.entries().map(([, column]) => valueText(column, row) ?? "–");
    const parts = { names: examples.names, partOf: Int32Array.from(examples.names, (_, i) => i) };
    return Promise.resolve({ name, input: { kind: "features", names: examples.names, values }, parts });
  }
  if (graphInfo(model.info)?.prefix !== undefined)
    return Promise.resolve(viewBehindPrefix(model.info as TableInfo, examples, row, name));
  const preprocessor = TabularPreprocessor.fromJSON((model.info as TableInfo).preprocessing);
  const { columns, featureColumns, embeddings } = preprocessor;
  const partOf = (names: readonly string[]): Int32Array => Int32Array.from(names, (column) => columns.indexOf(column));
  const values = columns.map((column) => (rows?.has(column) !== true ? "?" : (valueText(rows.column(column), row) ?? "–")));
  return Promise.resolve({
    name,
    input: { kind: "features", names: columns, values },
    parts: {
      names: columns,
      partOf: partOf(featureColumns),
      categoryPartOf: partOf(embeddings.map((embedding) => embedding.name)),
    },
  });
}

/** The part that both tasks share; each has a report of its own. */
export const tableNode = {
  readOptions: (_options, { inherited }) => Promise.resolve({ ...inherited }),
  readInputs: readRows,
  view,
  remarks: (_examples, info, rows) =>
    rows === undefined || fileInputsOf(info) !== undefined || graphInfo(info)?.prefix !== undefined
      ? []
      : TabularPreprocessor.fromJSON((info as TableInfo).preprocessing).remarks(rows, "data"),
} satisfies Omit<NodeTask, "report">;
