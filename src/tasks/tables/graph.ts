/**
 * @module A graph as a model of tables: encoded columns in, scores out.
 */
import type { Dim, Tensor } from "../../graph/index.js";
import { sizeOf } from "../../graph/index.js";
import { ConfigError } from "../../util/errors.js";
import type { Tensors } from "../task.js";
import type { FilePrefix, GraphFile, GraphInfo, GraphPlan, GraphUse } from "../graph-use.js";
import { WrappedGraph } from "../graph-use.js";
import { tableDefaults } from "./defaults.js";
import { columnNames } from "./file-columns.js";
import { prefixWidth } from "./prefix.js";
import type { TableInfo } from "./tables.js";
import { own } from "../../util/record.js";

/** The file's graph: features [N, F] and categories [N, C] → logits [N, K], or a standardized quantity [N, 1]. */
class TableGraph extends WrappedGraph {
  override forward(features: Tensor, categories: Tensor | null = null): Tensor {
    const parts = partsIn(this.info);
    if (parts !== undefined) return this.graph.forward(partsOf(features, parts))[this.info.output] as Tensor;
    return this.scores({ features: () => features, categories: () => categories as Tensor });
  }
}

type Parts = FilePrefix["outputs"];

/** The inputs of a graph that takes several rows of numbers; undefined for one that takes one. */
const partsIn = ({ prefix, split }: GraphInfo): Parts | undefined => prefix?.outputs ?? split;

/** Numbers side by side, by the names under which the graph takes its parts of them. */
function partsOf(features: Tensor, outputs: Parts): Tensors {
  const widths = outputs.map(({ shape }) => sizeOf(shape));
  const parts = outputs.length === 1 ? [features] : features.split(widths, 1);
  const rows = features.shape[0] as Dim;
  return Object.fromEntries(outputs.map(({ name, shape }, i) => [name, (parts[i] as Tensor).reshape([rows, ...shape])]));
}

/** A graph behind a part that only the engine runs. */
function planBehind({ where }: GraphFile, prefix: FilePrefix): GraphPlan {
  const count = prefixWidth(prefix);
  const names = prefix.inputs.map(({ name }) => name).join(", ");
  return {
    info: { graph: { inputs: { features: prefix.outputs[0]?.name ?? "" }, prefix, columns: { where, count, prefix } } },
    notes: [`${where}: its first part, from ${names} to ${count} numbers, runs on the engine and stays as it is`],
  };
}

/** Reads how many columns a file takes. Errors: ConfigError for a file of other inputs. */
function plan(file: GraphFile): GraphPlan {
  const { where, model, prefix } = file;
  if (prefix !== undefined) return planBehind(file, prefix);
  const weights = new Set(model.graph.initializers.map(({ name }) => name));
  const inputs = model.graph.inputs.filter(({ name }) => !weights.has(name));
  const split = inputs.flatMap(({ name, shape, elementType }) => {
    const sizes = shape?.slice(1);
    const fits = elementType === FLOAT && sizes !== undefined && sizes.length <= 1 && sizes.every((d) => typeof d === "number");
    return fits && shape?.length !== 0 ? [{ name, shape: sizes }] : [];
  });
  const [first] = split;
  if (first === undefined || split.length < inputs.length)
    throw new ConfigError(`${where}: expected inputs of columns, [N, F] or [N] of float32, to train on, got other inputs`);
  const count = split.reduce((sum, { shape }) => sum + sizeOf(shape), 0);
  const areSingle = inputs.length > 1 && split.every(({ shape }) => sizeOf(shape) === 1);
  const names = areSingle ? split.map(({ name }) => name) : columnNames(model.metadata);
  const columns = { where, count, ...(names?.length === count ? { names } : {}) };
  const order = names?.length === count ? "by their names" : "in the table's order";
  const isOne = split.length === 1 && first.shape.length === 1;
  return {
    info: { graph: { inputs: { features: first.name }, columns, ...(isOne ? {} : { split }) } },
    notes: [`${where}: takes ${count} columns of numbers as they are, ${order}; a missing value counts as 0`],
  };
}

const FLOAT = 1;

export const tableGraph: GraphUse<TableInfo & { readonly graph?: GraphInfo }> = {
  plan,
  trainsOnly: true,
  takesPrefix: true,
  defaults: (examples) => tableDefaults(examples, 1e-3),
  shapes: ({ graph, featureNames, categories }) => {
    const parts = graph === undefined ? undefined : partsIn(graph);
    if (parts !== undefined) return Object.fromEntries(parts.map(({ name, shape }) => [name, [1, ...shape]]));
    const widths: Readonly<Record<string, number>> = { features: featureNames.length, categories: categories.length };
    return Object.fromEntries(Object.entries(graph?.inputs ?? {}).map(([role, name]) => [name, [1, own(widths, role) ?? 1]]));
  },
  outFeatures: ({ classes }) => Math.max(1, classes.length),
  wrap: (module, { graph }) => new TableGraph(module, graph as GraphInfo),
};
