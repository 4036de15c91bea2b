/**
 * @module A graph as a model of tables: encoded columns in, scores out.
 */
import type { Tensor } from "../../graph/index.js";
import { Module } from "../../nn/index.js";
import type { GraphInfo, GraphLike, GraphUse } from "../graph-use.js";
import type { TableInfo } from "./tabular.js";
import { own } from "../../util/record.js";

/** The file's graph: features [N, F] and categories [N, C] → logits [N, K], or a standardized quantity [N, 1]. */
class TableGraph extends Module {
  static override readonly pathNames = { graph: "" };
  readonly graph: GraphLike;
  readonly #info: GraphInfo;

  constructor(graph: GraphLike, info: GraphInfo) {
    super();
    this.graph = graph;
    this.#info = info;
  }

  override forward(features: Tensor, categories: Tensor | null = null): Tensor {
    const { inputs, output } = this.#info;
    const values: Readonly<Record<string, Tensor | null>> = { features, categories };
    const feeds = Object.entries(inputs).map(([role, name]) => [name, own(values, role) as Tensor] as const);
    return this.graph.forward(Object.fromEntries(feeds))[output] as Tensor;
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
