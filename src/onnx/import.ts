/**
 * @module ONNX files in: any model becomes the same graph as one that was described here, so that it can be trained,
 * explained, compressed and written again.
 */
import type { Dim, Shape, Tensor, TensorData } from "../graph/index.js";
import {
  constant,
  dimAdd,
  dimMul,
  Graph,
  input,
  isFloat,
  Parameter,
  symbol,
  symbolsOf,
  toNumbers,
  withScope,
} from "../graph/index.js";
import { DataError, DescentError, DTypeError, ShapeError, UnsupportedOpError } from "../util/errors.js";
import { own } from "../util/record.js";
import type { Operand } from "./call.js";
import { Call, operandOf } from "./call.js";
import { conversionOf, convert } from "./convert.js";
import { decodeModel } from "./decode.js";
import { bodyOf, calledBy, checkExpansion, type Functions, functionsOf } from "./functions.js";
import { type Known, knownOf } from "./known.js";
import type { FunctionProto, GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto } from "./messages.js";
import type { ExternalData } from "./numbers.js";
import { dtypeOf, hasFourBits, numbersOfTensor, storedTypeOf } from "./numbers.js";
import { sortedNodes } from "./sort.js";

export interface ImportOptions {
  /** What messages call the file. */
  readonly where?: string;
  /** The bytes of files beside the model, for numbers that are stored there. */
  readonly externalData?: ExternalData;
  /** Numbers for free dimensions, by name: `{ N: 1 }`. The others stay symbols. */
  readonly bindings?: Readonly<Record<string, number>>;
  /** Shapes of inputs in place of the file's. */
  readonly shapes?: Readonly<Record<string, Shape>>;
  /** Whether batch normalization and dropout are kept as nodes that differ between training and use, to be resolved; left out, they are what they are in use. */
  readonly modes?: boolean;
}

/** A model read from a file. */
export interface ImportedModel {
  /** Its outputs by name. */
  readonly graph: Graph;
  readonly inputs: ReadonlyMap<string, Tensor>;
  /** Weights by their names in the file. */
  readonly parameters: ReadonlyMap<string, Parameter>;
  /** The weights' numbers. */
  readonly values: ReadonlyMap<Parameter, TensorData>;
  /** The weights' names, as `compile` and `exportGraph` take them. */
  readonly names: ReadonlyMap<Tensor, string>;
  readonly metadata: ReadonlyMap<string, string>;
  /** Versions of the sets of ops, by domain; "" is ONNX itself. */
  readonly opsets: ReadonlyMap<string, number>;
  /** The version of ONNX's own set. */
  readonly opset: number;
  /** Program and version that wrote the file. */
  readonly producer: string;
}

/**
 * Reads an ONNX model: weights (floats of the file) become parameters, integers and scalars constants, computations of shapes
 * attributes, free dimensions symbols.
 *
 * Errors: DataError if the bytes are no whole model or it contradicts itself; UnsupportedOpError that lists all ops, with the
 * names of their nodes, that Descent does not have.
 */
export function importOnnx(bytes: Uint8Array, options: ImportOptions = {}): ImportedModel {
  const where = options.where ?? "ONNX model";
  const model = decodeModel(bytes, where);
  if (model.graph.outputs.length === 0)
    throw new DataError(`${where}: expected an ONNX model with outputs, got ${bytes.length} bytes without any`);
  // Versions stand after the graph: a file that is cut off there would be read as one of the first version.
  if (model.opsets.size === 0) throw new DataError(`${where}: expected the version of its ops (opset_import), got none`);
  return new Importer(model, where, options).run();
}

type Values = Map<string, Operand>;

/** What a node belongs to: the graph, a branch of it, or a function's body. */
interface Context {
  readonly values: Values;
  readonly opsets: ReadonlyMap<string, number>;
  /** Path of the function call, before the node's own. */
  readonly scope: string;
}

class Importer {
  readonly #model: ModelProto;
  readonly #where: string;
  readonly #options: ImportOptions;
  readonly #functions: Functions;
  readonly #parameters = new Map<string, Parameter>();
  readonly #numbers = new Map<Parameter, TensorData>();
  readonly #free = new Set<string>();
  #unnamed = 0;

  constructor(model: ModelProto, where: string, options: ImportOptions) {
    this.#model = model;
    this.#where = where;
    this.#options = options;
    this.#functions = functionsOf(model.functions);
  }

  run(): ImportedModel {
    const { graph, opsets, metadata } = this.#model;
    checkExpansion(graph.nodes, this.#functions, this.#where);
    this.#refuseUnsupported(graph.nodes);
    const values: Values = new Map();
    const inputs = new Map<string, Tensor>();
    for (const tensor of graph.initializers) values.set(tensor.name, this.#initializer(tensor));
    for (const info of graph.inputs) {
      // Old files list their weights among the inputs.
      if (values.has(info.name)) continue;
      const tensor = this.#input(info);
      inputs.set(info.name, tensor);
      for (const d of tensor.shape) symbolsOf(d, this.#free);
      values.set(info.name, operandOf(tensor));
    }
    this.#nodes(graph.nodes, { values, opsets, scope: "" });
    const outputs = new Map<string, Tensor>();
    for (const { name } of graph.outputs) {
      const value = values.get(name);
      if (value === undefined) throw new DataError(`${this.#where}: expected a node that gives output "${name}", got none`);
      outputs.set(name, value.tensor());
    }
    const result = new Graph(outputs);
    const used = new Set(result.parameters);
    const parameters = new Map<string, Parameter>();
    // In the file's order, whatever order they were needed in.
    for (const { name } of graph.initializers) {
      const parameter = this.#parameters.get(name);
      if (parameter !== undefined && used.has(parameter)) parameters.set(name, parameter);
    }
    const { producerName, producerVersion } = this.#model;
    return {
      graph: result,
      inputs,
      parameters,
      values: new Map([...parameters.values()].map((p) => [p, this.#numbers.get(p) as TensorData])),
      names: new Map([...parameters].map(([name, p]) => [p, name])),
      metadata,
      opsets,
      opset: opsets.get("") ?? 1,
      producer: `${producerName} ${producerVersion}`.trim(),
    };
  }

  // --- leaves ---------------------------------------------------------------------------------------------------------

  #initializer(proto: TensorProto): Operand {
    const where = this.#where;
    const dtype = storedTypeOf(proto.dataType, `${where}: tensor "${proto.name}"`);
    let data: TensorData | undefined;
    const read = (): TensorData => (data ??= numbersOfTensor(proto, where, this.#options.externalData));
    let known: Known | undefined;
    const fixed = (): Known => (known ??= knownOf(read()));
    const isWeight = isFloat(dtype) && proto.dims.length > 0;
    let tensor: Tensor | undefined;
    const make = (asBuffer: boolean): Tensor => {
      if (!isWeight) return constant(read());
      const values = read();
      const parameter = new Parameter(values.shape, { dtype, trainable: !asBuffer, initializer: () => toNumbers(values) });
      this.#parameters.set(proto.name, parameter);
      this.#numbers.set(parameter, values);
      return parameter;
    };
    const small = !isWeight && proto.dims.reduce((a, b) => a * b, 1) <= SMALL;
    return {
      dtype,
      shape: proto.dims,
      tensor: (asBuffer = false) => (tensor ??= make(asBuffer)),
      get known() {
        return small ? fixed() : undefined;
      },
      fixed,
      bits: hasFourBits(proto.dataType) ? 4 : undefined,
    };
  }

  #input(info: ValueInfoProto): Tensor {
    const { bindings = {}, shapes = {} } = this.#options;
    const place = `${this.#where}: input "${info.name}"`;
    const dtype = dtypeOf(info.elementType, place);
    const given = own(shapes, info.name);
    if (given === undefined && info.shape === undefined)
      throw new DataError(`${place}: expected a shape, got none in the file; give it as shapes: { "${info.name}": [...] }`);
    const shape =
      given ??
      (info.shape ?? []).map((d, axis): Dim => {
        if (typeof d === "number" && d >= 0) return d;
        return bound(typeof d === "string" ? d : `${info.name}_${axis}`, bindings);
      });
    return input(info.name, shape, dtype);
  }

  // --- nodes ----------------------------------------------------------------------------------------------------------

  /** One error for all ops that cannot be read, before any is. */
  #refuseUnsupported(nodes: readonly NodeProto[]): void {
    const found = new Map<string, string[]>();
    const visited = new Set<FunctionProto>();
    const visit = (list: readonly NodeProto[]): void => {
      for (const node of list) {
        const called = calledBy(node, this.#functions);
        if (called !== undefined) {
          if (!visited.has(called)) visit(visited.add(called) && called.nodes);
        } else if (conversionOf(node.domain, node.opType) === undefined) {
          const name = node.domain === "" ? node.opType : `${node.domain}.${node.opType}`;
          found.set(name, [...(found.get(name) ?? []), node.name === "" ? (node.outputs[0] ?? "") : node.name]);
        }
      }
    };
    visit(nodes);
    if (found.size === 0) return;
    const list = [...found].map(([op, names]) => {
      const shown = names.slice(0, 3).join(", ");
      return `${op} (${names.length > 3 ? `${shown}, and ${names.length - 3} more` : shown})`;
    });
    throw new UnsupportedOpError(
      `${this.#where}: uses ${list.length === 1 ? "an op" : "ops"} that Descent does not have: ${list.join("; ")}`,
    );
  }

  #nodes(nodes: readonly NodeProto[], context: Context): void {
    for (const node of sortedNodes(nodes, this.#where)) {
      const scope = joined(context.scope, scopeOf(node.name));
      const outputs = withScope(scope, () => this.#node(node, context));
      node.outputs.forEach((name, i) => {
        const value = outputs[i];
        if (name !== "" && value !== undefined) context.values.set(name, value);
      });
    }
  }

  #node(node: NodeProto, context: Context): readonly Operand[] {
    const name = node.name === "" ? (node.outputs[0] ?? "") : node.name;
    const where = `${this.#where}: node "${name}" (${node.opType})`;
    const inputs = node.inputs.map((formal) => (formal === "" ? null : given(context.values, formal, where)));
    const called = calledBy(node, this.#functions);
    try {
      if (called !== undefined) {
        const values: Values = new Map();
        called.inputs.forEach((formal, i) => {
          const value = inputs[i] ?? null;
          if (value !== null) values.set(formal, value);
        });
        const opsets = called.opsets.size === 0 ? context.opsets : called.opsets;
        const scope = joined(context.scope, scopeOf(node.name));
        this.#nodes(
          bodyOf(called, node).map((n) => withoutMissing(n, called.inputs, values)),
          { values, opsets, scope },
        );
        return called.outputs.map((out) => given(values, out, where));
      }
      const inline = (branch: GraphProto, around?: ReadonlyMap<string, Operand>): readonly Operand[] => {
        const values: Values = new Map(around ?? this.#visible(branch, context));
        this.#nodes(branch.nodes, { ...context, values });
        return branch.outputs.map((out) => given(values, out.name, where));
      };
      const visible = (branch: GraphProto): ReadonlyMap<string, Operand> => this.#visible(branch, context);
      const opset = context.opsets.get(node.domain) ?? context.opsets.get("") ?? 1;
      return convert(
        new Call(node, inputs, { opset, where, modes: this.#options.modes ?? false, free: [...this.#free], inline, visible }),
      );
    } catch (error) {
      if (error instanceof ShapeError || error instanceof DTypeError)
        throw new DataError(`${where}: ${error.message}`, { cause: error });
      if (error instanceof DescentError) throw error;
      throw new DataError(`${where}: expected a well-formed node, got one that fails: ${String(error)}`, { cause: error });
    }
  }

  /** What the nodes of a branch or body can take by name: the values around it, and its own weights. */
  #visible(branch: GraphProto, context: Context): ReadonlyMap<string, Operand> {
    this.#refuseUnsupported(branch.nodes);
    const values: Values = new Map(context.values);
    for (const tensor of branch.initializers) {
      // A branch's names are its own: a weight's must not meet one of the same name elsewhere.
      const taken = this.#model.graph.initializers.some((t) => t.name === tensor.name);
      const renamed = taken ? { ...tensor, name: `${tensor.name}.${this.#unnamed++}` } : tensor;
      values.set(tensor.name, this.#initializer(renamed));
      this.#model.graph.initializers.push(renamed);
    }
    return values;
  }
}

/** The value of a name; DataError where no node before gives it. */
function given(values: ReadonlyMap<string, Operand>, name: string, where: string): Operand {
  const value = values.get(name);
  if (value === undefined) throw new DataError(`${where}: expected a value named "${name}" before it, got none`);
  return value;
}

/** Scalars, and integers up to this many, take part in the computation of shapes. */
const SMALL = 4096;

/** A formal input that the caller left out is left out of the body's nodes. */
const withoutMissing = (node: NodeProto, formal: readonly string[], values: Values): NodeProto => ({
  ...node,
  inputs: node.inputs.map((name) => (formal.includes(name) && !values.has(name) ? "" : name)),
});

/**
 * The path of a node by its name: `/layer1/layer1.0/conv1/Conv` (PyTorch's) and `layer1.0.conv1/Conv_5` (ours) are at
 * `layer1.0.conv1`; a name without a path is at none.
 */
function scopeOf(name: string): string {
  const parts = name.split("/").filter((part) => part !== "");
  parts.pop();
  const path: string[] = [];
  for (const part of parts) {
    // PyTorch repeats a list's name before its elements'.
    const last = path.at(-1);
    if (last !== undefined && part.startsWith(`${last}.`)) path.pop();
    path.push(part);
  }
  return path.join(".");
}

const joined = (outer: string, inner: string): string => (outer === "" || inner === "" ? outer + inner : `${outer}.${inner}`);

/** A free dimension by its name, which may be linear in others (`T + P`, `2*N`), with numbers for what is bound. */
function bound(name: string, bindings: Readonly<Record<string, number>>): Dim {
  const whole = own(bindings, name);
  if (whole !== undefined) return whole;
  const terms = name.split("+").map((term) => /^\s*(?:(\d+)\s*[*·]\s*)?([A-Za-z_][\w.]*|\d+)\s*$/.exec(term));
  if (terms.some((term) => term === null)) return symbol(name);
  return (terms as RegExpExecArray[]).reduce<Dim>((sum, [, factor = "1", base = ""]) => {
    const value = /^\d/.test(base) ? Number(base) : own(bindings, base);
    return dimAdd(sum, dimMul(value ?? symbol(base), Number(factor)));
  }, 0);
}
