/**
 * @module A task's graph in use as an ONNX file: from the columns of a batch to the task's outputs, with the features in between under a name, so that
 * the file can be cut there and explained.
 */
import type { Shape, Tensor, TensorData } from "../../graph/index.js";
import { Graph, input, isLeaf, mergeCommonSubexpressions, rewriteTensors } from "../../graph/index.js";
import { GraphModule, Module } from "../../nn/index.js";
import type { ModelProto, ParameterChoice } from "../../onnx/index.js";
import { encodeModel, graphToModel } from "../../onnx/index.js";
import { lowerGraph } from "../../ops/index.js";
import { ConfigError } from "../../util/errors.js";
import type { AnyTask, Explained, TaskInfo, Tensors } from "../task.js";
import { fileMetadata } from "./file-metadata.js";

/** The metadata that names the features' tensor, and the name that it is given. */
const FEATURES_KEY = "descent.features";
const FEATURES = "descent.features";

/** Begins the names of a file's outputs where another graph is given them. */
export const OUTPUT = "output ";

/** A graph in use mode, and what its file is called. */
export interface UseGraph {
  readonly task: AnyTask;
  readonly modelName: string;
  readonly info: TaskInfo;
  /** Made of inputs that are named as the task's columns. */
  readonly outputs: Tensors;
  /** The output that explanations are about; left out if answers cannot be explained. */
  readonly features?: Tensor;
  /** Paths of the parameters, and their numbers. */
  readonly names: ReadonlyMap<Tensor, string>;
  readonly values: ReadonlyMap<Tensor, TensorData>;
}

/** The portable file of a graph, with the task's info in its metadata. */
export function useFile({ outputs, features, names, values, ...about }: UseGraph): ModelProto {
  const isInside = features !== undefined && !isLeaf(features.node) && !Object.values(outputs).includes(features);
  const whole = new Graph(isInside ? { ...outputs, [FEATURES]: features } : outputs);
  // Features that were traced beside the outputs are the same nodes once they are merged.
  const graph = lowerGraph(isInside ? mergeCommonSubexpressions(whole) : whole, "onnx");
  const marked = features?.node.op === "Input" ? String(features.node.attributes["name"]) : isInside ? FEATURES : undefined;
  const metadata = new Map([
    ...fileMetadata(about),
    ...(marked === undefined ? [] : [[FEATURES_KEY, marked] satisfies [string, string]]),
  ]);
  const model = graphToModel(graph, { names, values, graphName: about.modelName, metadata });
  model.graph.outputs = model.graph.outputs.filter(({ name }) => name !== FEATURES);
  return model;
}

/**
 * The file of a run as a module from columns to outputs, with the file's parameters.
 *
 * Errors: those of `GraphModule`.
 */
export class UseFileModule extends Module {
  static override readonly pathNames = { graph: "" };
  readonly graph: GraphModule;
  readonly #features: string | undefined;
  readonly #inputs: readonly string[];
  readonly #outputs: readonly string[];
  /** Outputs that were traced with features. */
  readonly #madeWith = new WeakMap<Tensor, Tensors>();
  readonly #outputNames = new WeakMap<Tensor, string>();

  /** `parameters`: corrections of what is taken for a parameter. */
  constructor(file: ModelProto, shapes: Readonly<Record<string, Shape>>, where: string, parameters: ParameterChoice = {}) {
    super();
    const marked = file.metadata.get(FEATURES_KEY);
    this.#features = marked;
    this.#inputs = file.graph.inputs.map(({ name }) => name);
    this.#outputs = file.graph.outputs.map(({ name }) => name);
    const isInput = file.graph.inputs.some(({ name }) => name === marked);
    const info = marked === undefined || isInput ? [] : [{ name: marked, elementType: 1, shape: undefined }];
    const opened = { ...file, graph: { ...file.graph, nodes: file.graph.nodes, outputs: [...file.graph.outputs, ...info] } };
    this.graph = new GraphModule(encodeModel(opened), { shapes, where, weightless: true, parameters });
  }

  /** The task's outputs. */
  override forward(columns: Tensors): Tensors {
    return this.#traced(columns).outputs;
  }

  /** Finds the output that explanations are about: [N, …]. ConfigError if the file does not name it. */
  features(columns: Tensors): Tensor {
    const { features, outputs } = this.#traced(columns);
    if (features === undefined) throw new ConfigError("explain: expected a file that names its features, got one that does not");
    this.#madeWith.set(features, outputs);
    return features;
  }

  /** The outputs for features that are given. */
  outputsOf(given: Tensor, columns: Tensors): Tensors {
    const own = this.#madeWith.get(given);
    if (own !== undefined) return own;
    const { features, outputs } = this.#traced(columns);
    const map = rewriteTensors(Object.values(outputs), (node) => (node.outputs[0] === features ? [given] : undefined));
    return Object.fromEntries(Object.entries(outputs).map(([name, t]) => [name, map(t)]));
  }

  /**
   * Returns the graph that computes answers from the file's outputs, which it is given under their names; undefined where something is computed of
   * what lies inside the file.
   */
  behind(results: Tensors): Tensors | undefined {
    const map = rewriteTensors(Object.values(results), (node) => {
      const outputs = node.outputs.map((t) => this.#outputNames.get(t));
      return outputs.every((name) => name === undefined)
        ? undefined
        : node.outputs.map((t, i) => input(`${OUTPUT}${outputs[i] ?? i}`, t.shape, t.dtype));
    });
    const rest = Object.fromEntries(Object.entries(results).map(([name, t]) => [name, map(t)]));
    return new Graph(rest).parameters.length === 0 ? rest : undefined;
  }

  #traced(columns: Tensors): { readonly features: Tensor | undefined; readonly outputs: Tensors } {
    const all = this.graph.forward(Object.fromEntries(this.#inputs.map((name) => [name, columns[name] as Tensor])));
    const features = this.#features === undefined ? undefined : (all[this.#features] ?? columns[this.#features]);
    const outputs = Object.fromEntries(this.#outputs.map((name) => [name, all[name] as Tensor]));
    for (const [name, t] of Object.entries(outputs)) this.#outputNames.set(t, name);
    return { features, outputs };
  }
}

/** A task whose features and outputs are those of a file, whatever model it is given: `model` must be that file's module. */
export function taskOfFile(task: AnyTask): AnyTask {
  const { explained, ...rest } = task;
  const module = (model: Module): UseFileModule => model as UseFileModule;
  return {
    ...rest,
    features: (batch, _context, model) => module(model).features(batch),
    outputs: (model, features, batch) => module(model).outputsOf(features, batch),
    explained: explained && explainedByFile(explained),
  };
}

/** Explanations are about the features that the file names, and its own outputs. */
function explainedByFile(explained: Explained<TaskInfo>): Explained<TaskInfo> {
  const rest = { ...explained };
  delete rest.features;
  delete rest.outputs;
  return rest;
}
