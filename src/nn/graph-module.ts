/**
 * @module An imported graph as a module: it is traced, trained and written like one that was defined here.
 */
import type { OnnxModelOptions } from "../onnx/index.js";
import type { Graph, Node, Parameter, Shape, Tensor, TensorData } from "../graph/index.js";
import { constant, copyNode, isFloat, rewriteTensors } from "../graph/index.js";
import { OnnxModel, readersOf } from "../onnx/index.js";
import { emitOne, opOf } from "../ops/index.js";
import { ConfigError, ShapeError } from "../util/errors.js";
import { GraphAdapter, linearRead, linearReads } from "./graph-adapter.js";
import type { ChannelStatistics } from "./graph-norm.js";
import { foldedConvs, GraphNorm } from "./graph-norm.js";
import type { StoredWeight } from "./linear.js";
import type { LoraLinearOptions } from "./lora-linear.js";
import { Module } from "./module.js";

/** Options of a module that is made of an ONNX file. */
export interface GraphModuleOptions extends Pick<OnnxModelOptions, "where" | "externalData" | "parameters"> {
  /** Shapes of the inputs, for a first trace that finds the parameters; each call may have others. */
  readonly shapes: Readonly<Record<string, Shape>>;
  /** Takes a graph without a parameter as well: one that is used, and never trained. */
  readonly weightless?: boolean;
}

/** Ops that only move numbers, whatever their type. */
const MOVES: ReadonlySet<string> = new Set(["Transpose", "Reshape", "Squeeze", "Unsqueeze", "Slice", "Identity"]);

/** Floats in place of whole numbers, up to where the file makes floats of them; undefined where it uses the whole numbers themselves. */
function floatsFor(graph: Graph, formal: Tensor, value: Tensor): [Tensor, Tensor][] | undefined {
  const pending: [Tensor, Tensor][] = [[formal, value]];
  const found: [Tensor, Tensor][] = [];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const [whole, real] = next;
    for (const node of graph.nodes.filter(({ inputs }) => inputs.includes(whole))) {
      const [output, ...more] = node.outputs as [Tensor, ...Tensor[]];
      if (node.op === "Cast" && isFloat(output.dtype)) found.push([output, real.cast(output.dtype)]);
      else if (MOVES.has(node.op) && node.inputs[0] === whole && more.length === 0)
        pending.push([output, emitOne(opOf(node), [real, ...node.inputs.slice(1)], node.attributes)]);
      else return undefined;
    }
    if ([...graph.outputs.values()].includes(whole)) return undefined;
  }
  return found;
}

/**
 * Substitutes the value for an input, cast where the file reads another type. Where a file turns an input of whole numbers into floats before it
 * computes with them, floats take the place of these, so that gradients go through.
 */
function substitutes(graph: Graph, formal: Tensor, value: Tensor): [Tensor, Tensor][] {
  if (value.dtype === formal.dtype) return [[formal, value]];
  const floats = isFloat(value.dtype) && !isFloat(formal.dtype) ? floatsFor(graph, formal, value) : undefined;
  return floats ?? [[formal, value.cast(formal.dtype)]];
}

/**
 * An ONNX file as a module from named inputs to named outputs. Parameters have the file's names.
 *
 * Each `forward` makes the graph for the shapes of its inputs, so that axes that the file leaves free may be numbers in training and free in use;
 * all graphs share the parameters. Batch normalization and dropout are what the mode makes of them.
 *
 * Errors: those of `OnnxModel.trace`; ConfigError where the file has no parameter, unless it may be `weightless`.
 */
export class GraphModule extends Module {
  static override readonly pathNames = { weights: "", adapters: "", norms: "" };
  readonly weights: ReadonlyMap<string, Parameter>;
  /** Low-rank changes of its linear layers, by the paths of the layers (`adaptLayers`). */
  readonly adapters = new Map<string, GraphAdapter>();
  /** Normalizations that were folded into its convolutions, put back (`putNorms`), by path. */
  readonly norms = new Map<string, GraphNorm>();
  /** The parameters' values in the file. */
  readonly values: Map<string, TensorData>;
  readonly metadata: ReadonlyMap<string, string>;
  readonly #model: OnnxModel;
  /** Weights of linear layers, by name. */
  readonly #linear: ReadonlyMap<string, StoredWeight>;
  readonly #shapes: GraphModuleOptions["shapes"];

  constructor(file: Uint8Array, options: GraphModuleOptions) {
    super();
    this.#shapes = options.shapes;
    const { shapes, where = "ONNX model", externalData, parameters: choice, weightless = false } = options;
    this.#model = new OnnxModel(file, {
      where,
      modes: true,
      externalData,
      parameters: choice,
    });
    const { graph, parameters, values, metadata } = this.#model.trace({ shapes });
    if (!weightless && ![...parameters.values()].some((parameter) => parameter.trainable))
      throw new ConfigError(
        `${where}: expected a model with weights, got one without a parameter; descent inspect ${where} shows how its tensors are classified`,
      );
    this.weights = parameters;
    this.values = new Map([...parameters].map(([name, parameter]) => [name, values.get(parameter) as TensorData]));
    this.metadata = metadata;
    const reads = linearReads(graph);
    this.#linear = new Map(
      [...parameters].flatMap(([name, weight]) => {
        const stored = reads.get(weight);
        return stored === undefined ? [] : [[name, stored]];
      }),
    );
  }

  /**
   * Its linear layers: paths, each with the weight's name in the file and the names by which patterns may know the layer: the weight's without
   * `.weight`, and those of the nodes that read it, as paths.
   */
  get layers(): ReadonlyMap<string, { readonly weight: string; readonly names: readonly string[] }> {
    return new Map(
      [...this.#linear.keys()].map((weight) => {
        const own = weight.replace(/\.weight$/, "");
        const nodes = this.readers.get(weight) ?? [];
        const scopes = nodes.flatMap((node) =>
          node.includes("/") ? [node.split("/").filter(Boolean).slice(0, -1).join(".")] : [],
        );
        // A path of its own where the weight has no such end.
        return [own === weight ? `${weight}.layer` : own, { weight, names: [own, ...nodes, ...scopes] }];
      }),
    );
  }

  /** Puts low-rank changes beside the layers of these paths, in place. */
  adaptLayers(paths: Iterable<string>, options: LoraLinearOptions): void {
    const { layers } = this;
    for (const path of paths) {
      const name = layers.get(path)?.weight ?? "";
      const [weight, stored] = [this.weights.get(name), this.#linear.get(name)];
      if (weight === undefined || stored === undefined)
        throw new ConfigError(`${this.#model.where}: expected a linear layer, got ${path}`);
      this.adapters.set(path, new GraphAdapter(name, { weight, stored }, options));
    }
  }

  /** The convolutions into which a batch normalization was folded: names of their weights and biases. */
  get foldedConvs(): ReadonlyMap<string, string> {
    const { graph, names } = this.#model.trace({ shapes: this.#shapes });
    const found = foldedConvs(graph, (parameter) => names.get(parameter));
    return new Map(found.map(({ weight, bias }) => [names.get(weight) as string, names.get(bias) as string]));
  }

  /**
   * Puts batch normalizations behind such convolutions, by the names of their weights, in place; with the statistics of their outputs `values` become those
   * with which all computes the same as before.
   */
  putNorms(weights: Iterable<string>, statistics?: ReadonlyMap<string, ChannelStatistics>): void {
    const convs = this.foldedConvs;
    for (const name of weights) {
      const [weight, bias] = [this.weights.get(name), convs.get(name)];
      if (weight === undefined || bias === undefined)
        throw new ConfigError(`${this.#model.where}: expected a convolution with a normalization folded into it, got ${name}`);
      const norm = new GraphNorm(name, bias, weight.dims[0] as number);
      this.norms.set(GraphNorm.pathFor(name), norm);
      const found = statistics?.get(name);
      if (found !== undefined) norm.start(this.values, found);
    }
    this.#readers = undefined;
  }

  /** The numbers of the graph without the normalizations that were put back: each is folded into its convolution again. */
  foldNorms(values: ReadonlyMap<string, TensorData>): Map<string, TensorData> {
    const folded = new Map(values);
    for (const norm of this.norms.values()) norm.fold(folded);
    return folded;
  }

  /** The result of a convolution behind which a normalization was put; undefined for another node. */
  #normalized(node: Node, inputs: readonly (Tensor | null)[]): Tensor[] | undefined {
    if (node.op !== "Conv" || this.norms.size === 0) return undefined;
    const [, weight] = node.inputs;
    const norm = [...this.norms.values()].find(({ weightName }) => this.weights.get(weightName) === weight);
    if (norm === undefined) return undefined;
    const [x = null, w = null, bias] = inputs;
    const [y] = copyNode(node, [x, w, null]).outputs;
    return [norm.forward(y as Tensor, bias as Tensor)];
  }

  /** The result of a linear layer with its change; undefined for another node, or one without. */
  #adapted(node: Node, inputs: readonly (Tensor | null)[]): Tensor[] | undefined {
    if (this.adapters.size === 0) return undefined;
    const weight = linearRead(node)?.weight;
    const adapter = [...this.adapters.values()].find(({ weightName }) => this.weights.get(weightName) === weight);
    if (weight === undefined || adapter === undefined) return undefined;
    const [result] = copyNode(node, inputs).outputs;
    return [(result as Tensor).add(adapter.forward(inputs[0] as Tensor))];
  }

  /** Names of the file's nodes that read each parameter, in their order; those of a convolution also for the normalization behind it. */
  get readers(): ReadonlyMap<string, readonly string[]> {
    return (this.#readers ??= new Map(
      [...readersOf(this.#model.proto)].flatMap(([name, nodes]) => {
        const path = GraphNorm.pathFor(name);
        return this.norms.has(path) ? [[name, nodes] as const, [`${path}.weight`, nodes] as const] : [[name, nodes] as const];
      }),
    ));
  }
  #readers: ReadonlyMap<string, readonly string[]> | undefined;

  /**
   * The file's outputs by name. Inputs of another element type are cast; ShapeError for one that is missing or unknown.
   */
  override forward(inputs: Readonly<Record<string, Tensor>>): Readonly<Record<string, Tensor>> {
    const given = new Map(Object.entries(inputs));
    const shapes = Object.fromEntries([...given].map(([name, tensor]) => [name, tensor.shape]));
    const { graph, inputs: formal, parameters, values } = this.#model.trace({ shapes });
    const actual = new Map<Tensor, Tensor>();
    for (const [name, tensor] of formal) {
      const value = given.get(name);
      if (value === undefined) throw new ShapeError(`${this.#model.where}: expected a value for input "${name}", got none`);
      for (const [inner, outer] of substitutes(graph, tensor, value)) actual.set(inner, outer);
    }
    // What only these shapes need was not there to be trained.
    for (const [name, parameter] of parameters)
      if (!this.weights.has(name)) actual.set(parameter, constant(values.get(parameter) as TensorData));
    const map = rewriteTensors(graph.outputs.values(), (node, rewritten) => {
      const replaced = actual.get(node.outputs[0] as Tensor);
      return replaced === undefined ? (this.#normalized(node, rewritten) ?? this.#adapted(node, rewritten)) : [replaced];
    });
    return Object.fromEntries([...graph.outputs].map(([name, output]) => [name, map(output)]));
  }
}
