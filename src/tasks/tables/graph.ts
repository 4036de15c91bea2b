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
    const { prefix, output } = this.info;
    if (prefix !== undefined) return this.graph.forward(partsOf(features, prefix))[output] as Tensor;
    return this.scores({ features: () => features, categories: () => categories as Tensor });
  }
}

/** The rows that a file's first part gives, by the names under which the graph takes them. */
function partsOf(features: Tensor, { outputs }: FilePrefix): Tensors {
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
  const [input, ...others] = model.graph.inputs.filter(({ name }) => !weights.has(name));
  const count = input?.shape?.[1];
  if (input?.shape?.length !== 2 || others.length > 0 || typeof count !== "number" || input.elementType !== FLOAT)
    throw new ConfigError(`${where}: expected one input of columns [N, F] of float32 to train on, got other inputs`);
  const names = columnNames(model.metadata);
  const columns = { where, count, ...(names?.length === count ? { names } : {}) };
  const order = names?.length === count ? "by their names" : "in the table's order";
  return {
    info: { graph: { inputs: { features: input.name }, columns } },
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
    if (graph?.prefix !== undefined)
      return Object.fromEntries(graph.prefix.outputs.map(({ name, shape }) => [name, [1, ...shape]]));
    const widths: Readonly<Record<string, number>> = { features: featureNames.length, categories: categories.length };
    return Object.fromEntries(Object.entries(graph?.inputs ?? {}).map(([role, name]) => [name, [1, own(widths, role) ?? 1]]));
  },
  outFeatures: ({ classes }) => Math.max(1, classes.length),
  wrap: (module, { graph }) => new TableGraph(module, graph as GraphInfo),
};
