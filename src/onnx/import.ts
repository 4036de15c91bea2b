/**
 * @module ONNX import: any model becomes the same kind of graph as one that was traced here, so that it can be trained,
 * explained, compressed and written again.
 */
import type { OnnxModelOptions } from "./model.js";
import type { Dim, Parameter, Shape, Tensor, TensorData } from "../graph/index.js";
import { constant, dimAdd, dimMul, Graph, input, symbol, symbolsOf, sizeOf, withScope } from "../graph/index.js";
import { DataError, DescentError, DTypeError, ShapeError, UnsupportedOpError } from "../util/errors.js";
import { own } from "../util/record.js";
import type { Operand } from "./call.js";
import { Call, operandOf } from "./call.js";
import { conversionOf, convert } from "./convert.js";
import { bodyOf, calledBy, type Functions, functionsOf } from "./functions.js";
import { type Known, knownOf } from "./known.js";
import type { FunctionProto, GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto } from "./messages.js";
import { dtypeOf, hasFourBits, storedTypeOf } from "./numbers.js";
import type { StoredTensor } from "./parameters.js";
import { reconciled } from "./reconcile.js";
import { sortedNodes } from "./sort.js";

/** Everything that a graph is made from: the file's weights, and the shapes and modes to make it for. */
export interface GraphOptions extends Omit<OnnxModelOptions, "parameters"> {
  readonly where: string;
  /** The role of each of the file's tensors: parameter, buffer or constant. */
  readonly stored: ReadonlyMap<TensorProto, StoredTensor>;
  readonly numbersOf: (tensor: TensorProto) => TensorData;
  /** The values as handed to the graph's user, who may change them. */
  readonly handedOut: (tensor: TensorProto) => TensorData;
  /** The parameter or buffer that a tensor is, the same in every graph. */
  readonly parameterOf: (tensor: TensorProto) => Parameter;
}

/** A model read from a file. */
export interface ImportedModel {
  /** Its outputs by name. */
  readonly graph: Graph;
  readonly inputs: ReadonlyMap<string, Tensor>;
  /** Weights by their names in the file. */
  readonly parameters: ReadonlyMap<string, Parameter>;
  /** Values of the weights. */
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
 * Makes the graph of a model: computations of shapes become attributes, free dimensions symbols.
 *
 * Errors: DataError if the model contradicts itself; UnsupportedOpError that lists all ops, with the names of their nodes, that Descent
 * does not have.
 */
export const importGraph = (model: ModelProto, options: GraphOptions): ImportedModel =>
  new Importer(model, options.where, options).run();

type Values = Map<string, Operand>;

/** The graph, branch or function body that a node belongs to. */
interface Context {
  readonly values: Values;
  readonly opsets: ReadonlyMap<string, number>;
  /** Path of the function call, before the node's own. */
  readonly scope: string;
}

/** Loops inside of loops multiply: what they become is bounded. */
const MOST_INLINED = 50_000;

class Importer {
  readonly #model: ModelProto;
  readonly #where: string;
  readonly #options: GraphOptions;
  readonly #functions: Functions;
  /** Nodes of branches and of steps of loops so far. */
  #inlined = 0;
  readonly #free = new Set<string>();

  constructor(model: ModelProto, where: string, options: GraphOptions) {
    this.#model = model;
    this.#where = where;
    this.#options = options;
    this.#functions = functionsOf(model.functions);
  }

  run(): ImportedModel {
    const { graph, opsets, metadata } = this.#model;
    this.#refuseUnsupported(graph.nodes);
    const values: Values = new Map();
    const inputs = new Map<string, Tensor>();
    for (const tensor of graph.initializers) values.set(tensor.name, this.#stored(tensor));
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
    const numbers = new Map<Parameter, TensorData>();
    // In the file's order, whatever order they were needed in.
    for (const { name, tensor, role } of this.#options.stored.values()) {
      if (role === "constant") continue;
      const parameter = this.#options.parameterOf(tensor);
      if (!used.has(parameter)) continue;
      parameters.set(name, parameter);
      numbers.set(parameter, this.#options.handedOut(tensor));
    }
    const { producerName, producerVersion } = this.#model;
    return {
      graph: result,
      inputs,
      parameters,
      values: numbers,
      names: new Map([...parameters].map(([name, p]) => [p, name])),
      metadata,
      opsets,
      opset: opsets.get("") ?? 1,
      producer: `${producerName} ${producerVersion}`.trim(),
    };
  }

  // --- leaves ---------------------------------------------------------------------------------------------------------

  /** A tensor of the file: a weight, or a constant. */
  #stored(proto: TensorProto): Operand {
    const dtype = storedTypeOf(proto.dataType, `${this.#where}: tensor "${proto.name}"`);
    const data = this.#options.numbersOf(proto);
    if (this.#isWeight(proto)) {
      const { parameterOf } = this.#options;
      return { dtype, shape: proto.dims, tensor: () => parameterOf(proto), fixed: () => knownOf(data) };
    }
    let known: Known | undefined;
    const fixed = (): Known => (known ??= knownOf(data));
    let tensor: Tensor | undefined;
    const isSmall = sizeOf(proto.dims) <= SMALL;
    return {
      dtype,
      shape: proto.dims,
      tensor: () => (tensor ??= constant({ dtype, shape: data.shape, data: data.data })),
      get known() {
        return isSmall ? fixed() : undefined;
      },
      fixed,
      bits: hasFourBits(proto.dataType) ? 4 : undefined,
    };
  }

  #isWeight(proto: TensorProto): boolean {
    return (this.#options.stored.get(proto)?.role ?? "constant") !== "constant";
  }

  #input(info: ValueInfoProto): Tensor {
    const { bindings = {}, shapes = {} } = this.#options;
    const place = `${this.#where}: input "${info.name}"`;
    const dtype = dtypeOf(info.elementType, place);
    const given = own(shapes, info.name);
    if (given === undefined && info.shape === undefined)
      throw new DataError(`${place}: expected a shape, got none in the file; give it as shapes: { "${info.name}": [...] }`);
    return input(info.name, given ?? declaredDims(info, bindings) ?? [], dtype);
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
    const weight = node.opType === "Constant" ? node.attributes.find((a) => a.name === "value") : undefined;
    if (weight?.type === "tensor" && this.#isWeight(weight.value)) return [this.#stored(weight.value)];
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
        this.#inlined += branch.nodes.length;
        if (this.#inlined > MOST_INLINED)
          throw new UnsupportedOpError(
            `${where}: branches and loops that become more than ${MOST_INLINED} nodes are not supported`,
          );
        this.#nodes(branch.nodes, { ...context, values });
        return branch.outputs.map((out) => given(values, out.name, where));
      };
      const visible = (branch: GraphProto): ReadonlyMap<string, Operand> => this.#visible(branch, context);
      const opset = context.opsets.get(node.domain) ?? context.opsets.get("") ?? 1;
      const axis = node.attributes.find((a) => a.name === "axis")?.value;
      const settled = reconciled(node.domain === "" ? node.opType : "", inputs, Number(axis ?? 0));
      return convert(
        new Call(node, settled, { opset, where, modes: this.#options.modes ?? false, free: [...this.#free], inline, visible }),
      );
    } catch (error) {
      if (error instanceof ShapeError || error instanceof DTypeError)
        throw new DataError(`${where}: ${error.message}`, { cause: error });
      if (error instanceof DescentError) throw error;
      const count = `${inputs.length} input${inputs.length === 1 ? "" : "s"}`;
      const names = node.attributes.map((a) => a.name).join(", ");
      throw new DataError(
        `${where}: expected inputs and attributes that the op takes, got ${count}${names === "" ? "" : ` and ${names}`}`,
        { cause: error },
      );
    }
  }

  /** Values that the nodes of a branch or body can take by name: those around it, and its own weights. */
  #visible(branch: GraphProto, context: Context): ReadonlyMap<string, Operand> {
    this.#refuseUnsupported(branch.nodes);
    const values: Values = new Map(context.values);
    for (const tensor of branch.initializers) values.set(tensor.name, this.#stored(tensor));
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
 * `layer1.0.conv1`; a name without a path (`Conv_12`) is a path of its own, by which the node can be asked for.
 */
function scopeOf(name: string): string {
  const parts = name.split("/").filter((part) => part !== "");
  if (parts.length > 1) parts.pop();
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

/** The dimensions that a file gives an input, free ones by name and place; undefined where it gives none. */
export const declaredDims = (info: ValueInfoProto, bindings: Readonly<Record<string, number>> = {}): Shape | undefined =>
  info.shape?.map((d, axis): Dim => {
    if (typeof d === "number" && d >= 0) return d;
    // "?" is what some exporters call every axis whose name they do not know.
    return bound(typeof d === "string" && d !== "?" ? d : `${info.name}_${axis}`, bindings);
  });

/** A free dimension by its name, which may be linear in others (`T + P`, `2*N`), with sizes for those that are bound. */
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
