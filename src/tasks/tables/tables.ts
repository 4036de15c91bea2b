/**
 * @module The part that the two tasks of tables share: a row of numbers, categories and dates as features, and the networks. Preprocessing is fitted on
 * the training part and saved with the model.
 */
import type { Dataset, TableSchema } from "../../data/index.js";
import type { LoadedData } from "../../data/node.js";
import { TabularPreprocessor } from "../../data/index.js";
import type { Dim, Tensor } from "../../graph/index.js";
import { TabularEnsemble, TabularMlp } from "../../models/index.js";
import type { Module } from "../../nn/index.js";
import { ConfigError, DataError } from "../../util/errors.js";
import type { FileColumns } from "../graph-use.js";
import { graphInfo } from "../graph-use.js";
import { fileExamples, fileInputsOf, fileRows } from "./file-columns.js";
import { prefixNames, throughPrefix } from "./prefix.js";
import { tableReader } from "./reader.js";
import { readsTrees } from "./fitted-models.js";
import { tableGraph } from "./graph.js";
import type { EnsembleShape } from "./ensemble.js";
import { ENSEMBLE, ensembleDefaults, ensembleShape } from "./ensemble.js";
import { tableDefaults } from "./defaults.js";
import type {
  Awaitable,
  ColumnTypes,
  ModelChoice,
  NamedParameter,
  Prepared,
  Task,
  TaskContext,
  TaskInfo,
  Tensors,
} from "../task.js";

export interface TableInfo extends TaskInfo {
  /** The fitted `TabularPreprocessor`, as JSON. */
  readonly preprocessing: unknown;
  readonly featureNames: readonly string[];
  /** Sizes of the columns that are embedded. */
  readonly categories: readonly number[];
  /** Empty for a quantity. */
  readonly classes: readonly string[];
  readonly target: string;
  /** Mean of a quantity, in its own unit. */
  readonly targetMean: number;
  readonly targetDeviation: number;
  /** The ensemble as the training part suits it; runs from before there was one have none. */
  readonly ensemble?: EnsembleShape;
}

const build = (info: TableInfo, hidden: readonly number[], dropout: number): Module =>
  new TabularMlp({
    inFeatures: info.featureNames.length,
    categories: info.categories,
    hidden,
    outFeatures: Math.max(1, info.classes.length),
    dropout,
  });

/** The networks of both tasks. */
export const TABLE_NETWORKS: readonly ModelChoice<TableInfo>[] = [
  {
    name: ENSEMBLE,
    summary: "Gorishniy et al. 2024: the average of eight multilayer perceptrons that share most of their weights",
    build: (info) => {
      const { ensemble } = info;
      if (ensemble === undefined) throw new ConfigError("config.json: info: expected an ensemble for the model tabm, got none");
      return new TabularEnsemble({
        ...ensemble,
        inFeatures: info.featureNames.length,
        categories: info.categories,
        outFeatures: Math.max(1, info.classes.length),
        quantities: info.classes.length === 0,
      });
    },
    defaults: ensembleDefaults,
  },
  {
    name: "mlp",
    summary: "multilayer perceptron, two hidden layers of 64 units; embeddings for columns of many categories",
    build: (info) => build(info, [64, 64], 0.1),
    defaults: (examples) => tableDefaults(examples, 3e-3),
  },
  {
    name: "linear",
    summary: "one layer: logistic or linear regression, the baseline",
    build: (info) => build(info, [], 0),
    defaults: (examples) => tableDefaults(examples, 1e-2),
  },
];

/** The columns that go into a file as they are: by its names, or all of numbers. DataError for more or fewer than it takes. */
function expectColumns({ where, count }: FileColumns, { featureNames }: TabularPreprocessor, name: string): void {
  if (featureNames.length !== count)
    throw new DataError(
      `${name}: expected ${count} columns of numbers, as many as ${where} takes, got ${featureNames.length} (${featureNames.join(", ")}); --ignore-column leaves some out`,
    );
}

/** Splits and encodes a table for one of the two tasks. */
export async function prepareTable(
  data: LoadedData,
  kind: "classification" | "regression",
  { ignore: exclude, columns, model, ensemble }: Parameters<Task["prepare"]>[1],
): Promise<Prepared<TableInfo>> {
  const target = data.roles.target;
  if (target === undefined) throw new DataError(`${data.name}: expected a column to predict; name it with --label-column`);
  if (data.roles.image !== undefined) throw new DataError(`${data.name}: expected a table, got images; use image-classification`);
  const { schema } = data;
  const preprocessor = TabularPreprocessor.fit(data.train, {
    target,
    task: kind,
    exclude,
    forTrees: columns === undefined && readsTrees(model),
    asGiven: columns !== undefined,
    features: columns?.names,
    schema,
  });
  const prefix = columns?.prefix;
  if (columns !== undefined && prefix === undefined) expectColumns(columns, preprocessor, data.name);
  const { target: learned } = preprocessor;
  const label = kind === "classification" ? "label" : "target";
  const encode = async (part: Dataset): Promise<Dataset> => {
    const encoded = preprocessor.apply(part, { withTarget: true }).rename({ target: label });
    if (prefix === undefined) return encoded;
    const rows = fileRows(prefix.inputs).apply(part.drop(target, ...exclude), { where: data.name });
    return encoded.with({ features: await throughPrefix(prefix, rows) });
  };
  const train = await encode(data.train);
  const info: TableInfo = {
    preprocessing: preprocessor.toJSON(),
    featureNames: prefix === undefined ? preprocessor.featureNames : prefixNames(prefix),
    categories: preprocessor.embeddings.map(({ size }) => size),
    classes: learned.kind === "classes" ? learned.classes : [],
    target,
    targetMean: learned.kind === "quantity" ? learned.mean : 0,
    targetDeviation: learned.kind === "quantity" ? learned.sd : 1,
    ...(model === ENSEMBLE ? { ensemble: ensembleShape(train, preprocessor, ensemble) } : {}),
  };
  return {
    info,
    train,
    validation: await encode(data.validation),
    test: await encode(data.test),
    testRows: data.test,
    unused:
      prefix === undefined ? data.train.names.filter((name) => name !== target && !preprocessor.columns.includes(name)) : [],
    notes: prefix === undefined ? preprocessor.warnings : [],
  };
}

/** The first layer by its features, the last by its classes, and each embedding by its categories. */
function namedParameters(info: TableInfo, model: Module): ReadonlyMap<string, NamedParameter> {
  if (!(model instanceof TabularMlp || model instanceof TabularEnsemble)) return new Map();
  const { encoders } = TabularPreprocessor.fromJSON(info.preprocessing).spec;
  const indexed = encoders.filter((encoder) => encoder.kind === "index");
  const widths = model.embeddings.map(({ weight }) => Number(weight.dims[1]));
  const bins = model instanceof TabularEnsemble ? (info.ensemble?.bins ?? []) : [];
  const inputs = [
    ...info.featureNames,
    // A feature of another number of bins has others.
    ...bins.flatMap(({ feature, edges }) =>
      edges.slice(1).map((_, b) => `${info.featureNames[feature]}, bin ${b + 1} of ${edges.length - 1}`),
    ),
    // A vector of another width is another vector.
    ...indexed.flatMap(({ name }, i) => Array.from({ length: widths[i] ?? 0 }, (_, k) => `${name}, ${k + 1} of ${widths[i]}`)),
  ];
  const features = { of: "feature" as const, names: inputs };
  const classes = { of: "class" as const, names: info.classes.length === 0 ? [info.target] : info.classes };
  const embeddings = indexed.map(({ name, categories }, i): [string, NamedParameter] => [
    `embeddings.${i}.weight`,
    { as: `embedding of ${name}`, axes: [{ of: "category", names: ["(other)", "(missing)", ...categories] }, undefined] },
  ]);
  if (model instanceof TabularEnsemble)
    return new Map<string, NamedParameter>([
      ...embeddings,
      ["scale.weight", { axes: [undefined, features] }],
      ["layers.0.weight", { axes: [undefined, features] }],
      ["head.weight", { axes: [classes, undefined] }],
      ["head.bias", { axes: [classes, undefined] }],
    ]);
  const last = model.mlp.layers.length - 1;
  return new Map<string, NamedParameter>([
    ...embeddings,
    ["mlp.layers.0.weight", { axes: [last === 0 ? classes : undefined, features] }],
    ...(last === 0 ? [] : [[`mlp.layers.${last}.weight`, { axes: [classes, undefined] }] as const]),
    [`mlp.layers.${last}.bias`, { axes: [classes] }],
  ]);
}

const schemaOf = (info: TableInfo): TableSchema | undefined =>
  fileInputsOf(info) === undefined ? TabularPreprocessor.fromJSON(info.preprocessing).spec.schema : undefined;

/** The column to predict; of a file that somebody else made, whose output has a name of its own, guessed. */
const targetColumn = (info: TableInfo): string | undefined => (fileInputsOf(info) === undefined ? info.target : undefined);

const inputs = ({ info }: TaskContext<TableInfo>, batch: Dim): ColumnTypes => ({
  features: { shape: [batch, info.featureNames.length], dtype: "float32" },
  ...(info.categories.length === 0 ? {} : { categories: { shape: [batch, info.categories.length], dtype: "int32" } }),
});

/** A network of ours, or a graph (`graph.ts`). */
type TableModel = Module & { forward(features: Tensor, categories: Tensor | null): Tensor };

/** The scores of rows: [N, classes], or [N, 1] of a quantity; of an ensemble in training also those of each network, [K, N, …]. */
export function applyTable(
  model: Module,
  features: Tensor,
  batch: Tensors,
  { use }: Pick<TaskContext<TableInfo>, "use">,
): { readonly scores: Tensor; readonly members?: Tensor } {
  const categories = batch["categories"] ?? null;
  if (use === "eval" || !(model instanceof TabularEnsemble))
    return { scores: (model as TableModel).forward(features, categories) };
  const members = model.members(features, categories);
  return { scores: model.joined(members), members };
}

/** Targets and weights [N] for the scores of K networks in one row after the other. */
export const forMembers = (batch: Tensors, count: Dim): Tensors =>
  Object.fromEntries(
    Object.entries(batch)
      .filter(([name]) => ["label", "target", "weight"].includes(name))
      .map(([name, t]) => [
        name,
        t
          .unsqueeze(0)
          .expand([count, ...t.shape])
          .reshape([-1]),
      ]),
  );

/** Encodes rows with their labels. */
export async function encodeExamples(
  data: LoadedData,
  part: Dataset,
  info: TableInfo,
  label: "label" | "target",
): Promise<Dataset> {
  const inputs = fileInputsOf(info);
  if (inputs !== undefined) return fileExamples(inputs, data, part, label === "label" ? info.classes : undefined);
  const encoded = TabularPreprocessor.fromJSON(info.preprocessing)
    .apply(part, { withTarget: true, where: data.name })
    .rename({ target: label });
  const prefix = graphInfo(info)?.prefix;
  if (prefix === undefined) return encoded;
  const rows = fileRows(prefix.inputs).apply(part.drop(info.target), { where: data.name });
  return encoded.with({ features: await throughPrefix(prefix, rows) });
}

const encodeRows = (rows: Dataset, info: TableInfo): Awaitable<Dataset> => tableReader(info).apply(rows);

/** The part that both tasks share. */
export const tableTask = {
  checksOneBatch: true,
  reads: { tableOf: "rows" },
  schema: schemaOf,
  namedParameters,
  graphs: tableGraph,
  defaultModel: ENSEMBLE,
  monitor: { metric: "loss", mode: "min" },
  inputs,
  features: (batch) => batch["features"] as Tensor,
  targetColumn,
  encode: encodeRows,
} satisfies Partial<Task<TableInfo>>;
