/**
 * @module Files of scikit-learn's kind, opened: what their columns and their classes are called, and what keeps them from being differentiated.
 */
import { basename } from "node:path";
import type { ModelProto, OnnxModel } from "../../onnx/index.js";
import { declarationRemark, labelsKey } from "../../onnx/index.js";
import { ConfigError, DataError } from "../../util/errors.js";
import type { FileTableInfo } from "../tables/file-columns.js";
import { columnNames, tableInputs } from "../tables/file-columns.js";
import type { UseOptions } from "../trained-model.js";
import { namesIn } from "../shared/names.js";
import { givenNames, labelsFor } from "./labels-node.js";
import { tableGraphOf } from "./traced-table.js";
import { OpaqueTable, tableOutputs } from "./opaque-table-node.js";

/** Classes as a node of ai.onnx.ml has them: those of the last classifier with so many. */
function classesIn({ proto }: OnnxModel, count: number | undefined): readonly string[] | undefined {
  const lists = proto.graph.nodes.flatMap(({ attributes }) =>
    attributes.flatMap(({ name, value }) =>
      /^classlabels_(strings|int64s|ints)$/.test(name) && Array.isArray(value) && value.length > 0 ? [value.map(String)] : [],
    ),
  );
  return lists.findLast((list) => count === undefined || list.length === count);
}

/** Tells whether the scores are distances from a boundary, as linear and support vector classifiers give them without a transform. */
function areDistances({ proto }: OnnxModel, scores: string | undefined): boolean {
  const producer = proto.graph.nodes.find(({ outputs }) => scores !== undefined && outputs.includes(scores));
  const transform = producer?.attributes.find(({ name }) => name === "post_transform")?.value ?? "NONE";
  return /^(Linear|SVM)Classifier$/.test(producer?.opType ?? "") && transform === "NONE";
}

/** More rows are not filled up for one that is asked about. */
const MOST_ROWS = 2 ** 20;

/** DataError for a file that takes a fixed number of rows beyond what can be filled up. */
function expectRows({ declaredInputs, where }: OnnxModel): void {
  for (const [name, { shape }] of declaredInputs) {
    const rows = shape?.[0];
    if (typeof rows === "number" && rows > MOST_ROWS)
      throw new DataError(`${where}: input "${name}": expected at most ${MOST_ROWS} rows at once, got [${shape?.join(", ")}]`);
  }
}

/**
 * Opens a file whose inputs are columns of a table.
 *
 * Errors: ConfigError, naming the input or output, for another file; DataError for one that takes too many rows at once.
 */
export async function openTable(
  file: OnnxModel,
  path: string,
  /** The file with all its weights inside. */
  whole: ModelProto,
  { labels: given, ...use }: UseOptions & { readonly labels?: string | undefined },
): Promise<{ readonly model: OpaqueTable; readonly remarks: readonly string[] }> {
  const where = basename(path);
  const columns = columnNames(file.metadata);
  const inputs = tableInputs(file, columns);
  expectRows(file);
  const outputs = tableOutputs(file);
  const graph = outputs.scores === undefined ? "it has no scores" : tableGraphOf(whole, where, inputs);
  const tried = typeof graph !== "string" && graph.isOutput ? graph.tried : undefined;
  const contradictions =
    outputs.scores === undefined || tried === undefined ? [] : declarationRemark(file, outputs.scores, tried);
  const declared = outputs.scores === undefined ? undefined : file.declaredOutputs.get(outputs.scores)?.shape?.[1];
  const width = tried?.shape[1] ?? declared;
  // Names say that numbers of which the file says nothing are scores.
  const count = typeof width === "number" && (declared ?? given) !== undefined ? width : undefined;
  if (given !== undefined && outputs.scores !== undefined && count === undefined && outputs.label === undefined)
    throw new ConfigError(`--labels ${given}: expected a file that says how many scores it gives, got ${where}, which does not`);
  const kept = outputs.scores === undefined ? undefined : namesIn(file.metadata.get(labelsKey(outputs.scores)) ?? "");
  const own = kept ?? classesIn(file, count);
  const isClasses = outputs.label !== undefined || own !== undefined || (given !== undefined && count !== undefined);
  // Of labels alone nobody but the user knows how many there are.
  const all = given !== undefined && outputs.scores === undefined ? (await givenNames(given)).length : count;
  const labels = own ?? Array.from({ length: isClasses ? (all ?? 0) : 0 }, (_, k) => String(k));
  const named = isClasses && (given !== undefined || own === undefined) && labels.length > 0;
  const { names, remark } = named ? await labelsFor(file, path, labels.length, given) : { names: labels, remark: undefined };
  const info: FileTableInfo = { fileInputs: inputs, classes: names, target: outputs.scores ?? outputs.label ?? "" };
  const found = typeof graph === "string" ? { reason: graph } : { reason: "its inputs are columns of a table", graph };
  const distances = areDistances(file, outputs.scores);
  const model = new OpaqueTable(file, info, { outputs, labels, distances, ...found }, use);
  const alone = typeof graph === "string" ? [`${where}: runs on the engine alone; ${graph}`] : [];
  return { model, remarks: [...contradictions, ...alone, ...(remark === undefined ? [] : [remark])] };
}
