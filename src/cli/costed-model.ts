/** @module The model that `descent cost` is asked about: of a run, a file, or by name. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { CostOptions, GraphCost } from "../cost/index.js";
import type { Tensor } from "../graph/index.js";
import type { ModelName } from "../models/index.js";
import type { ImportedModel, OnnxModel } from "../onnx/index.js";
import { ConfigError, NoGradientError, reasonOf, UnsupportedOpError } from "../util/errors.js";
import { type GivenShapes, parseShapes } from "../tasks/use/given-shapes-node.js";

/** The graph that is compiled and timed. */
export type Costed = Pick<ImportedModel, "graph" | "parameters" | "names" | "values">;

/** A model whose graph depends on lengths that are still to be said. */
export interface Costable {
  readonly dimensions: readonly string[];
  readonly inputs: readonly string[];
  /** Errors: ShapeError where shapes contradict each other. */
  readonly lengthsOf: (given: GivenShapes) => ReadonlyMap<string, number>;
  readonly graphFor: (lengths: ReadonlyMap<string, number>) => Costed;
  /** The predicted cost, in use and in training. NoGradientError where it cannot be trained. */
  readonly costFor: (lengths: ReadonlyMap<string, number>, options: CostOptions) => Promise<GraphCost>;
  /** The file, which the engine may run where there is no graph. */
  readonly file?: OnnxModel;
}

/** A model by name. Its weights are zeros, which take the same time. */
async function namedModel(name: ModelName): Promise<Costable> {
  const { modelNamed, MODELS } = await import("../models/index.js");
  const { fromNumbers, Graph, input, sizeOf, symbol } = await import("../graph/index.js");
  const { bindGraph, resolveForUse } = await import("../ops/index.js");
  const { usual } = MODELS[name];
  const model = modelNamed(name, usual);
  const traced = (model.forward as (x: Tensor) => Tensor)(input("x", [symbol("N"), ...usual.inputShape]));
  const graph = new Graph(resolveForUse({ logits: traced }));
  // Heads that only training uses are no part of the graph.
  const used = new Set<Tensor>(graph.parameters);
  const state = [...model.state()].filter(([, p]) => used.has(p));
  const costed: Costed = {
    graph,
    parameters: new Map(state.filter(([, p]) => p.trainable)),
    names: new Map(state.map(([path, p]) => [p, path])),
    values: new Map(state.map(([, p]) => [p, fromNumbers(p.dtype, p.dims, new Float32Array(sizeOf(p.dims)))])),
  };
  return {
    dimensions: ["N"],
    inputs: [],
    lengthsOf: ({ bindings }) => new Map(Object.entries(bindings)),
    graphFor: (lengths) => ({ ...costed, graph: bindGraph(graph, lengths) }),
    costFor: async (lengths, options) => {
      const { cost } = await import("../cost/index.js");
      return cost(model, [lengths.get("N") ?? 1, ...usual.inputShape], options);
    },
  };
}

/** The model of a run, or of a file. */
async function fileOf(path: string): Promise<OnnxModel> {
  if (path.endsWith(".gguf")) {
    const { TrainedModel } = await import("../tasks/use/trained-node.js");
    const onnx = await import("../onnx/index.js");
    const { model } = await TrainedModel.open(path);
    await using opened = model;
    return new onnx.OnnxModel(opened.toOnnx(), { where: path });
  }
  const { loadOnnx } = await import("../data/node.js");
  const inRun = join(path, "model.onnx");
  return loadOnnx(existsSync(inRun) ? inRun : path);
}

/** Loads the model to cost. ConfigError for a name that is none. */
export async function costedModel(path: string): Promise<Costable> {
  const { MODELS } = await import("../models/index.js");
  if (!existsSync(path) && Object.hasOwn(MODELS, path)) return namedModel(path as ModelName);
  if (!existsSync(path) && !/[/\\.]/.test(path)) {
    const { nearest } = await import("../util/nearest.js");
    const names = Object.keys(MODELS);
    const near = nearest(path, names);
    const hint = near === undefined ? "" : `did you mean "${near}"? `;
    throw new ConfigError(`unknown model "${path}"; ${hint}expected a run, an ONNX file, or one of ${names.join(", ")}`);
  }
  const model = await fileOf(path);
  const graphFor = (lengths: ReadonlyMap<string, number>): Costed => model.trace({ bindings: Object.fromEntries(lengths) });
  return {
    dimensions: model.freeDimensions,
    inputs: [...model.declaredInputs.keys()],
    lengthsOf: ({ shapes, bindings }) => model.lengthsOf(shapes, bindings),
    graphFor,
    costFor: async (lengths, options) => {
      const { graphCost } = await import("../cost/index.js");
      const { isFloat } = await import("../graph/index.js");
      const { graph, parameters } = model.trace({ bindings: Object.fromEntries(lengths) });
      const result = [...graph.outputs.values()].find(({ dtype }) => isFloat(dtype));
      if (result === undefined) throw new NoGradientError("its outputs are not floating-point numbers");
      return graphCost({ result, loss: result.mean(), parameters }, options);
    },
    file: model,
  };
}

/** The length of each free dimension, and those that nobody named. */
export function settledLengths(
  costable: Costable,
  { shape, batch }: { readonly shape: readonly string[]; readonly batch: number },
): { readonly lengths: ReadonlyMap<string, number>; readonly guessed: readonly string[] } {
  const { dimensions, inputs } = costable;
  const given = costable.lengthsOf(parseShapes(shape, dimensions, inputs));
  const lengths = new Map(dimensions.map((name) => [name, given.get(name) ?? batch]));
  return { lengths, guessed: dimensions.filter((name) => !given.has(name)) };
}

/** The graph for lengths; of a file with ops that Descent does not have, the file and the reason. */
export function graphOrReason(
  { graphFor, file }: Costable,
  lengths: ReadonlyMap<string, number>,
): Costed | { readonly file: OnnxModel; readonly reason: string } {
  try {
    return graphFor(lengths);
  } catch (error) {
    if (!(error instanceof UnsupportedOpError) || file === undefined) throw error;
    return { file, reason: reasonOf(error, file.where) };
  }
}

/** The predicted cost; undefined, with the reason, for a graph that has no gradient. */
export async function trainingCost(
  costable: Costable,
  lengths: ReadonlyMap<string, number>,
  options: CostOptions,
): Promise<{ readonly cost?: GraphCost; readonly reason?: string }> {
  try {
    return { cost: await costable.costFor(lengths, options) };
  } catch (error) {
    if (!(error instanceof NoGradientError)) throw error;
    return { reason: reasonOf(error, costable.file?.where ?? "") };
  }
}
