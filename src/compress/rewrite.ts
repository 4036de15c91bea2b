/**
 * @module Rewrites that make a model smaller, as values: each applies to any trace of the model (of any batch size, in training and in use), and to the
 * model's weights. So a smaller model can be trained and exported like the one it was made from.
 */
import type { Graph, Parameter, Tensor, TensorData } from "../graph/index.js";

/** A graph and the paths of its parameters. */
export interface NamedGraph {
  readonly graph: Graph;
  readonly paths: ReadonlyMap<Tensor, string>;
  /** Names of outputs that are values inside the model, and lose what is cut as any other. */
  readonly inside?: ReadonlySet<string>;
}

/** Gives the one parameter of a path and shape that all traces share; it differs from `like` in its shape. */
export type ParameterOf = (path: string, dims: readonly number[], like: Parameter) => Parameter;

export interface Rewrite {
  /** Errors: DescentError for a trace that does not have what is rewritten. */
  readonly apply: (named: NamedGraph, parameterOf: ParameterOf) => NamedGraph;
  /** The weights of the rewritten model, from those before. */
  readonly weights: (before: ReadonlyMap<string, TensorData>) => Map<string, TensorData>;
}
