/**
 * @module A graph that somebody else made, as a module: it is traced, trained and written like one that was described here.
 */
import type { Parameter, Shape, Tensor, TensorData } from "../graph/index.js";
import { constant, rewriteTensors } from "../graph/index.js";
import type { ExternalData, ImportedModel } from "../onnx/index.js";
import { importOnnx } from "../onnx/index.js";
import { ConfigError, ShapeError } from "../util/errors.js";
import { unknownName } from "../util/nearest.js";
import { Module } from "./module.js";

export interface GraphModuleOptions {
  /** Shapes of the inputs, for a first trace that finds the parameters; each call may have others. */
  readonly shapes: Readonly<Record<string, Shape>>;
  /** What messages call the file. */
  readonly where?: string;
  readonly externalData?: ExternalData;
}

/**
 * An ONNX file as a module from named inputs to named outputs. Parameters have the file's names.
 *
 * Each `forward` reads the file anew for the shapes of its inputs, so that axes that the file leaves free may be numbers in training and free in use;
 * all traces share the parameters. Batch normalization and dropout are what the mode makes of them.
 *
 * Errors: those of `importOnnx`; ConfigError where the file has no parameter.
 */
export class GraphModule extends Module {
  static override readonly pathNames = { weights: "" };
  readonly weights: ReadonlyMap<string, Parameter>;
  /** The parameters' numbers in the file. */
  readonly values: ReadonlyMap<string, TensorData>;
  readonly metadata: ReadonlyMap<string, string>;
  readonly #file: Uint8Array;
  readonly #options: GraphModuleOptions;

  constructor(file: Uint8Array, options: GraphModuleOptions) {
    super();
    this.#file = file;
    this.#options = options;
    const { parameters, values, metadata } = this.#import(options.shapes);
    if (parameters.size === 0)
      throw new ConfigError(`${this.#where}: expected a model with weights, got one without a parameter`);
    this.weights = parameters;
    this.values = new Map([...parameters].map(([name, parameter]) => [name, values.get(parameter) as TensorData]));
    this.metadata = metadata;
  }

  get #where(): string {
    return this.#options.where ?? "ONNX model";
  }

  #import(shapes: Readonly<Record<string, Shape>>): ImportedModel {
    const { externalData } = this.#options;
    return importOnnx(this.#file, { shapes, where: this.#where, modes: true, ...(externalData && { externalData }) });
  }

  /**
   * The file's outputs by name. Inputs of another element type are cast; ShapeError for one that is missing or unknown.
   */
  override forward(inputs: Readonly<Record<string, Tensor>>): Readonly<Record<string, Tensor>> {
    const given = new Map(Object.entries(inputs));
    const {
      graph,
      inputs: formal,
      names,
      values,
    } = this.#import(Object.fromEntries([...given].map(([name, tensor]) => [name, tensor.shape])));
    for (const name of given.keys())
      if (!formal.has(name)) throw new ShapeError(`${this.#where}: ${unknownName("input", name, [...formal.keys()])}`);
    const actual = new Map<Tensor, Tensor>();
    for (const [name, tensor] of formal) {
      const value = given.get(name);
      if (value === undefined) throw new ShapeError(`${this.#where}: expected a value for input "${name}", got none`);
      actual.set(tensor, value.dtype === tensor.dtype ? value : value.cast(tensor.dtype));
    }
    for (const [tensor, name] of names) {
      const own = this.weights.get(name);
      actual.set(tensor, own ?? constant(values.get(tensor as Parameter) as TensorData));
    }
    const map = rewriteTensors(graph.outputs.values(), (node) => {
      const replaced = actual.get(node.outputs[0] as Tensor);
      return replaced === undefined ? undefined : [replaced];
    });
    return Object.fromEntries([...graph.outputs].map(([name, output]) => [name, map(output)]));
  }
}
