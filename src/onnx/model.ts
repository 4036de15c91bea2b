/**
 * @module `OnnxModel`: a file's declarations, its weights, and its graph, with the axes free that the file leaves free or for the
 * lengths of a call. All graphs of one model share its parameters.
 */
import type { DType, Graph, Shape, Tensor, TensorData } from "../graph/index.js";
import { bindFromLength, formatShape, Parameter, symbolsOf, toNumbers } from "../graph/index.js";
import { DataError, ShapeError } from "../util/errors.js";
import { unknownName } from "../util/nearest.js";
import { decodeModel } from "./decode.js";
import { encodeModel } from "./encode.js";
import { checkExpansion, functionsOf } from "./functions.js";
import { checkSizes } from "./giants.js";
import { declaredDims, type ImportedModel, importGraph } from "./import.js";
import type { ModelProto, TensorProto, ValueInfoProto } from "./messages.js";
import { checkNumbers, dtypeNamed, type ExternalData, headOfTensor, lazyNumbers, storedTypeNamed } from "./numbers.js";
import { type ParameterChoice, type ReadNumbers, type StoredTensor, storedTensors } from "./parameters.js";
import { withoutZipMap } from "./zip-map.js";

/** Options of an ONNX file that becomes a graph: its external data, which constants are parameters, sizes of free dimensions. */
export interface OnnxModelOptions {
  /** The file's name in messages. */
  readonly where?: string;
  /** The bytes of files beside the model, for tensors that are stored there. */
  readonly externalData?: ExternalData;
  /** Corrections of which tensors are parameters; by default the weights of Conv, MatMul, Gemm, normalizations, embeddings and the like. */
  readonly parameters?: ParameterChoice;
  /** Numbers for free dimensions of its graph, by name: `{ N: 1 }`. The others stay free. */
  readonly bindings?: Readonly<Record<string, number>>;
  /** Shapes of inputs in place of the file's, for its graph. */
  readonly shapes?: Readonly<Record<string, Shape>>;
  /** Whether batch normalization and dropout are kept as nodes that differ between training and use, to be resolved; left out, they are imported for use. */
  readonly modes?: boolean;
}

/** Shapes, sizes and modes that a graph is made for. */
export type TraceOptions = Pick<OnnxModelOptions, "bindings" | "shapes" | "modes">;

/** An input or output as the file declares it. */
export interface DeclaredValue {
  /** Undefined for a type that Descent does not have. */
  readonly dtype: DType | undefined;
  /** Undefined where the file does not say. */
  readonly shape: Shape | undefined;
}

/** A file that holds exactly what a graph computes: an engine can run it as it is. */
export interface OnnxSource {
  /** The whole file, or where it is, with the files beside it. */
  readonly file: Uint8Array | string;
  /** Values of the weights, as stored in the file. */
  readonly values: ReadonlyMap<Tensor, TensorData>;
  /** The file's messages. */
  readonly proto: ModelProto;
  /** Whether the file is still the one that was read. */
  readonly isCurrent: () => boolean;
}

/** The most graphs that are kept, one for each set of lengths. */
const KEPT_TRACES = 8;

const sources = new WeakMap<Graph, OnnxSource>();

/** The file that a graph was read from, if it computes what the file does, neither more nor less. */
export const sourceOf = (graph: Graph): OnnxSource | undefined => sources.get(graph);

/**
 * A model of an ONNX file.
 *
 * The file's own declarations are available at once. `graph`, `inputs`, `parameters`, `values` and `names` are those of the graph with the file's
 * axes free (but for `bindings` and `shapes`), made when they are first asked for; `trace` gives graphs for other lengths, which share the
 * parameters. `compile(model)` of `descentjs/runtime` runs the file itself.
 *
 * Errors: DataError if the bytes are not a whole model; on asking for a graph UnsupportedOpError that lists all ops that Descent does not have, and
 * DataError where the file contradicts itself.
 */
export class OnnxModel implements ImportedModel {
  readonly where: string;
  /** The file's messages. */
  readonly proto: ModelProto;
  readonly metadata: ReadonlyMap<string, string>;
  readonly opsets: ReadonlyMap<string, number>;
  readonly opset: number;
  readonly producer: string;
  /** Inputs that a run must be fed, by name. */
  readonly declaredInputs: ReadonlyMap<string, DeclaredValue>;
  readonly declaredOutputs: ReadonlyMap<string, DeclaredValue>;
  readonly #options: OnnxModelOptions;
  readonly #file: Uint8Array | string;
  readonly #isCurrent: () => boolean;
  readonly #parameters = new Map<TensorProto, Parameter>();
  readonly #numbers = new Map<TensorProto, TensorData>();
  readonly #traces = new Map<string, ImportedModel>();
  #stored: ReadonlyMap<TensorProto, StoredTensor> | undefined;
  /** Whether bytes alone are the whole file. */
  readonly #isOpenable: boolean;
  #isRead = false;

  /**
   * `file`: where the bytes come from, if an engine can open it there; `isCurrent` says whether it still is the same.
   * `bytes` may lack tensors that `externalData` gives.
   */
  constructor(
    bytes: Uint8Array,
    options: OnnxModelOptions = {},
    from: { readonly file?: string; readonly isCurrent?: () => boolean } = {},
  ) {
    const where = options.where ?? "ONNX model";
    if (bytes.length === 0) throw new DataError(`${where}: expected an ONNX model, got an empty file`);
    const read = decodeModel(bytes, where);
    const cut = withoutZipMap(read);
    const model = cut ?? read;
    if (model.graph.outputs.length === 0)
      throw new DataError(`${where}: expected an ONNX model with outputs, got ${model.graph.nodes.length} nodes without any`);
    // Versions stand after the graph: a file that is cut off there would be read as one of the first version.
    if (model.opsets.size === 0) throw new DataError(`${where}: expected the version of its ops (opset_import), got none`);
    for (const [domain, version] of model.opsets)
      if (version >= 2 ** 31) {
        const name = domain === "" ? "ai.onnx" : domain;
        throw new DataError(`${where}: expected a version of ${name} (opset_import) from 1 on, got one out of range`);
      }
    // The engine follows calls without a bound.
    checkExpansion(model.graph.nodes, functionsOf(model.functions), where);
    for (const tensor of model.graph.initializers)
      if (storedTypeNamed(tensor.dataType) !== undefined) checkNumbers(tensor, where, options.externalData);
    checkSizes(model.graph, where);
    for (const body of model.functions) checkSizes(body, where);
    this.where = where;
    this.proto = model;
    this.#options = options;
    this.#file = cut === undefined ? (from.file ?? bytes) : encodeModel(cut);
    this.#isOpenable = from.file !== undefined || model.graph.initializers.every((t) => t.external === undefined);
    this.#isCurrent = from.isCurrent ?? (() => true);
    this.metadata = model.metadata;
    this.opsets = model.opsets;
    this.opset = model.opsets.get("") ?? 1;
    this.producer = `${model.producerName} ${model.producerVersion}`.trim();
    const weights = new Set(model.graph.initializers.map(({ name }) => name));
    // Old files list their weights among the inputs.
    this.declaredInputs = declared(model.graph.inputs.filter(({ name }) => !weights.has(name)));
    this.declaredOutputs = declared(model.graph.outputs);
  }

  /** The names of dimensions that the file leaves free. */
  get freeDimensions(): readonly string[] {
    const names = new Set<string>();
    for (const { shape = [] } of this.declaredInputs.values()) for (const d of shape) symbolsOf(d, names);
    return [...names];
  }

  /** Every tensor that the file holds, and its role. Errors: ConfigError for a pattern of `parameters` that fits nothing. */
  get stored(): readonly StoredTensor[] {
    return [...this.#storedTensors().values()];
  }

  get graph(): Graph {
    return this.#own().graph;
  }

  get inputs(): ReadonlyMap<string, Tensor> {
    return this.#own().inputs;
  }

  get parameters(): ReadonlyMap<string, Parameter> {
    return this.#own().parameters;
  }

  get values(): ReadonlyMap<Parameter, TensorData> {
    return this.#own().values;
  }

  get names(): ReadonlyMap<Tensor, string> {
    return this.#own().names;
  }

  /** The values of a tensor of the file, from `stored`. */
  numbersOf(tensor: TensorProto): TensorData {
    const numbers = this.#numbersOf(tensor);
    const read = (): void => {
      this.#isRead = true;
    };
    return {
      dtype: numbers.dtype,
      shape: numbers.shape,
      get data() {
        read();
        return numbers.data;
      },
    };
  }

  #numbersOf(tensor: TensorProto): TensorData {
    let numbers = this.#numbers.get(tensor);
    if (numbers === undefined) {
      numbers = lazyNumbers(tensor, this.where, this.#options.externalData);
      this.#numbers.set(tensor, numbers);
    }
    return numbers;
  }

  /**
   * The graph for given lengths or shapes of inputs; what neither says stays free. Shapes with other numbers than the file's, or with symbols,
   * stand in place of the file's. The latest few graphs are kept, and all share the parameters.
   *
   * Errors: ShapeError where shapes contradict each other or have other ranks than the file's; DataError where the graph takes no such shapes.
   */
  trace(options: TraceOptions = {}): ImportedModel {
    const given = Object.entries(options.shapes ?? {});
    const replaced = given.filter(([name, shape]) => this.#replaces(name, shape));
    const lengths = this.lengthsOf(Object.fromEntries(given.filter((entry) => !replaced.includes(entry))), options.bindings);
    const modes = options.modes ?? this.#options.modes ?? false;
    const settled: TraceOptions = { bindings: Object.fromEntries(lengths), shapes: Object.fromEntries(replaced), modes };
    const key = JSON.stringify([
      [...lengths].map(([name, length]) => `${name}=${length}`).sort(),
      replaced.map(([name, shape]) => [name, shape.map(String)]),
      modes,
    ]);
    let trace = this.#traces.get(key);
    if (trace === undefined) trace = this.#import(settled);
    this.#traces.delete(key);
    this.#traces.set(key, trace);
    const [oldest] = this.#traces.keys();
    if (this.#traces.size > KEPT_TRACES && oldest !== undefined) this.#traces.delete(oldest);
    return trace;
  }

  /** Whether a shape stands in place of the file's, since it says more than what free dimensions are. */
  #replaces(name: string, shape: Shape): boolean {
    const input = this.declaredInputs.get(name);
    if (input === undefined) return false;
    const { shape: own } = input;
    if (own === undefined) return true;
    return (
      own.length === shape.length && shape.some((d, i) => typeof d !== "number" || (typeof own[i] === "number" && own[i] !== d))
    );
  }

  /**
   * Sizes of the free dimensions, by the shapes of inputs and by name.
   *
   * Errors: ShapeError for an input or a dimension that the file does not have, and for lengths that contradict each other.
   */
  lengthsOf(
    shapes: Readonly<Record<string, Shape>>,
    bindings: Readonly<Record<string, number>> = {},
  ): ReadonlyMap<string, number> {
    const lengths = new Map<string, number>();
    const free = this.freeDimensions;
    for (const [name, length] of Object.entries(bindings)) {
      if (!free.includes(name))
        throw new ShapeError(
          free.length === 0
            ? `${this.where}: expected no lengths, since it has no free dimension, got ${name}`
            : `${this.where}: ${unknownName("free dimension", name, free)}`,
        );
      lengths.set(name, length);
    }
    for (const [name, shape] of Object.entries(shapes)) {
      const input = this.declaredInputs.get(name);
      if (input === undefined)
        throw new ShapeError(`${this.where}: ${unknownName("input", name, [...this.declaredInputs.keys()])}`);
      const fits =
        input.shape === undefined ||
        (input.shape.length === shape.length &&
          input.shape.every((d, i) => {
            const length = shape[i];
            return typeof length !== "number" || bindFromLength(d, length, lengths);
          }));
      if (!fits) {
        const known = [...lengths].map(([symbol, length]) => `${symbol} = ${length}`).join(", ");
        throw new ShapeError(
          `${this.where}: input "${name}": expected ${formatShape(input.shape ?? [])}${known === "" ? "" : ` where ${known}`}, got ${formatShape(shape)}`,
        );
      }
    }
    return lengths;
  }

  /** The file as an engine opens it. It stops being current once values were handed out, since they may have been changed. */
  get source(): OnnxSource {
    const isCurrent = (): boolean => !this.#isRead && this.#isOpenable && this.#isCurrent();
    return { file: this.#file, values: new Map(), proto: this.proto, isCurrent };
  }

  #own(): ImportedModel {
    const { bindings, shapes, modes } = this.#options;
    return (this.#ownTrace ??= this.#import({ bindings, shapes, modes }));
  }
  #ownTrace: ImportedModel | undefined;

  #import(options: TraceOptions): ImportedModel {
    const imported = importGraph(this.proto, {
      ...options,
      where: this.where,
      externalData: this.#options.externalData,
      stored: this.#storedTensors(),
      numbersOf: (tensor) => this.#numbersOf(tensor),
      handedOut: (tensor) => this.numbersOf(tensor),
      parameterOf: (tensor) => this.#parameterOf(tensor),
    });
    const { modes = false, bindings = {}, shapes = {} } = options;
    const isWhole = !modes && Object.keys(bindings).length === 0 && Object.keys(shapes).length === 0;
    const asksAll = [...this.declaredInputs.keys()].every((name) =>
      imported.graph.inputs.some((t) => t === imported.inputs.get(name)),
    );
    if (isWhole && asksAll) sources.set(imported.graph, { ...this.source, values: imported.values });
    return imported;
  }

  #parameterOf(tensor: TensorProto): Parameter {
    let parameter = this.#parameters.get(tensor);
    if (parameter === undefined) {
      const stored = this.#storedTensors().get(tensor);
      const numbers = this.#numbersOf(tensor);
      parameter = new Parameter(numbers.shape, {
        dtype: numbers.dtype,
        trainable: stored?.role === "parameter",
        initializer: () => toNumbers(numbers),
      });
      this.#parameters.set(tensor, parameter);
    }
    return parameter;
  }

  #storedTensors(): ReadonlyMap<TensorProto, StoredTensor> {
    if (this.#stored !== undefined) return this.#stored;
    const { externalData, parameters } = this.#options;
    const read: ReadNumbers = (tensor, limit) => headOfTensor(tensor, limit, this.where, externalData);
    return (this.#stored = storedTensors(this.proto, read, parameters));
  }
}

/** Options of `loadOnnx`. */
export type ImportOptions = OnnxModelOptions;

/**
 * Reads an ONNX model at once: weights become parameters, other tensors constants, computations of shapes attributes, free dimensions symbols.
 *
 * Errors: those of `OnnxModel` and its graph.
 */
export function importOnnx(bytes: Uint8Array, options: ImportOptions = {}): ImportedModel {
  const { graph, inputs, parameters, values, names, metadata, opsets, opset, producer } = new OnnxModel(bytes, options);
  return { graph, inputs, parameters, values, names, metadata, opsets, opset, producer };
}

function declared(infos: readonly ValueInfoProto[]): ReadonlyMap<string, DeclaredValue> {
  return new Map(infos.map((info) => [info.name, { dtype: dtypeNamed(info.elementType), shape: declaredDims(info) }]));
}
