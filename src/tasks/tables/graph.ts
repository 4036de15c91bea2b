/**
 * @module A graph as a model of tables: encoded columns in, scores out.
 */
import type { Tensor } from "../../graph/index.js";
import type { GraphInfo, GraphUse } from "../graph-use.js";
import { WrappedGraph } from "../graph-use.js";
import type { TableInfo } from "./tabular.js";
import { own } from "../../util/record.js";

/** The file's graph: features [N, F] and categories [N, C] → logits [N, K], or a standardized quantity [N, 1]. */
class TableGraph extends WrappedGraph {
  override forward(features: Tensor, categories: Tensor | null = null): Tensor {
    return this.scores({ features: () => features, categories: () => categories as Tensor });
  }
}

export const tableGraph: GraphUse<TableInfo & { readonly graph?: GraphInfo }> = {
  shapes: ({ graph, featureNames, categories }) => {
    const widths: Readonly<Record<string, number>> = { features: featureNames.length, categories: categories.length };
    return Object.fromEntries(Object.entries(graph?.inputs ?? {}).map(([role, name]) => [name, [1, own(widths, role) ?? 1]]));
  },
  outFeatures: ({ classes }) => Math.max(1, classes.length),
  wrap: (module, { graph }) => new TableGraph(module, graph as GraphInfo),
};
