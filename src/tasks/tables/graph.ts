/**
 * @module A graph as a model of tables: encoded columns in, scores out.
 */
import type { Tensor } from "../../graph/index.js";
import { ConfigError } from "../../util/errors.js";
import type { GraphFile, GraphInfo, GraphPlan, GraphUse } from "../graph-use.js";
import { WrappedGraph } from "../graph-use.js";
import { tableDefaults } from "./defaults.js";
import { columnNames } from "./file-columns.js";
import type { TableInfo } from "./tabular.js";
import { own } from "../../util/record.js";

/** The file's graph: features [N, F] and categories [N, C] → logits [N, K], or a standardized quantity [N, 1]. */
class TableGraph extends WrappedGraph {
  override forward(features: Tensor, categories: Tensor | null = null): Tensor {
    return this.scores({ features: () => features, categories: () => categories as Tensor });
  }
}

/** Reads how many columns a file takes. Errors: ConfigError for a file of other inputs. */
function plan({ where, model }: GraphFile): GraphPlan {
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
  defaults: (examples) => tableDefaults(examples, 1e-3),
  shapes: ({ graph, featureNames, categories }) => {
    const widths: Readonly<Record<string, number>> = { features: featureNames.length, categories: categories.length };
    return Object.fromEntries(Object.entries(graph?.inputs ?? {}).map(([role, name]) => [name, [1, own(widths, role) ?? 1]]));
  },
  outFeatures: ({ classes }) => Math.max(1, classes.length),
  wrap: (module, { graph }) => new TableGraph(module, graph as GraphInfo),
};
