/**
 * @module Tables with files: rows from a command line, and their part of a report.
 */
import type { Dataset, ReadTable } from "../../data/node.js";
import { fromRows, readTable, tableFormat, TabularPreprocessor, valueText } from "../../data/node.js";
import type { ReportExample } from "../../report/report.js";
import { ClassificationMeasurement } from "../shared/classification.js";
import { expectInputs } from "../shared/inputs.js";
import type { ShowExample } from "../shared/judged-node.js";
import { classResult, judgeClasses, judgedExamples, judgeQuantities } from "../shared/judged-node.js";
import { classCurves } from "../shared/precision-recall-report.js";
import type { TableInfo } from "./tabular.js";
import { RegressionMeasurement } from "./tabular.js";
import type { InputOptions, NamedInputs, NodeTask, ReportSources, TaskReport } from "../task-node.js";
import type { TrainedModel } from "../trained-model.js";
import type { View } from "../view.js";

/** Tables, or one row as `name=value` pairs. */
async function readRows(model: TrainedModel, inputs: readonly string[], options: InputOptions): Promise<NamedInputs> {
  expectInputs(inputs);
  const isRow = inputs.every((text) => /^[^=]+=/.test(text) && tableFormat(text) === undefined);
  const { data: rows, badRows } = isRow
    ? { data: fromRows([Object.fromEntries(inputs.map(parsePair))]), badRows: 0 }
    : await readTables(inputs, model.info as TableInfo, options);
  const names = Array.from({ length: rows.length }, (_, i) => String(i));
  return { examples: await model.task.encode(rows, model.info), names, rows, badRows };
}

async function readTables(
  paths: readonly string[],
  { preprocessing }: TableInfo,
  { skipBadRows = false, signal }: InputOptions,
): Promise<{ data: Dataset; badRows: number }> {
  const preprocessor = TabularPreprocessor.fromJSON(preprocessing);
  const read = async (path: string): Promise<ReadTable> => {
    const table = await readTable(path, { skipBadRows, signal });
    preprocessor.checkColumns(table.data, path);
    return table;
  };
  const tables = await Promise.all(paths.map(read));
  const [first, ...rest] = tables.map(({ data }) => data);
  return { data: (first as Dataset).concat(...rest), badRows: tables.reduce((sum, { badRows }) => sum + badRows, 0) };
}

/** `age=41` → ["age", 41]; an empty value is a missing one. */
function parsePair(text: string): [string, string | number | null] {
  const at = text.indexOf("=");
  const value = text.slice(at + 1);
  const number = Number(value);
  return [text.slice(0, at), value === "" ? null : Number.isFinite(number) && value.trim() !== "" ? number : value];
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

const showRow =
  (info: TableInfo, read: Dataset): ShowExample =>
  (judged, { attribution }) => {
    const row = rowByColumn(info, read, judged.row, attribution);
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

async function report(sources: ReportSources): Promise<TaskReport> {
  const { measurement, testRows } = sources;
  const info = sources.used.info as TableInfo;
  const judged = await (info.classes.length > 0 ? judgeClasses(sources) : judgeQuantities(sources));
  return {
    primaryMetric: info.classes.length > 0 ? "accuracy" : "r2",
    ...(measurement instanceof ClassificationMeasurement
      ? { confusion: { labels: info.classes, counts: measurement.report().matrix } }
      : {}),
    ...(measurement instanceof RegressionMeasurement
      ? { regression: { target: info.target, truth: measurement.truth, prediction: measurement.prediction } }
      : {}),
    examples: testRows === undefined ? [] : await judgedExamples(sources, judged, showRow(info, testRows)),
    attributionMethod: { en: "input × gradient", zh: "输入 × 梯度" },
    ...(info.classes.length > 0 ? { sections: classCurves(judged, info.classes) } : {}),
  };
}

/** A row by its columns: the numbers that encode one belong together, and so does its embedded category. */
function view(model: TrainedModel, { rows }: NamedInputs, row: number, name: string): Promise<View> {
  const preprocessor = TabularPreprocessor.fromJSON((model.info as TableInfo).preprocessing);
  const { columns, featureColumns, embeddings } = preprocessor;
  const partOf = (names: readonly string[]): Int32Array => Int32Array.from(names, (column) => columns.indexOf(column));
  const values = columns.map((column) => (rows === undefined ? "?" : (valueText(rows.column(column), row) ?? "–")));
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

export const tabularNode: NodeTask = { readInputs: readRows, view, report };
