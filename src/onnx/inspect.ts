/**
 * @module Describes a model as data: for people who were given a file.
 */
import type { Graph, Node, Tensor } from "../graph/index.js";
import { isFloat, isLeaf, sizeOf } from "../graph/index.js";
import { opOf } from "../ops/index.js";
import { DescentError } from "../util/errors.js";
import { conversionOf } from "./convert.js";
import { calledBy, functionsOf } from "./functions.js";
import type { GraphProto, NodeProto } from "./messages.js";
import type { DeclaredValue, OnnxModel } from "./model.js";
import type { StoredTensor } from "./parameters.js";
import { nodeName, opName } from "./uses.js";

/** An input or output. */
export interface InspectedValue {
  readonly name: string;
  readonly dtype: string;
  /** A free dimension by its name; undefined where the file does not say. */
  readonly shape: readonly (number | string)[] | undefined;
}

/** A tensor that the file holds. */
export interface InspectedTensor {
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly why: string;
}

/** Names that begin alike. */
export interface Part {
  readonly part: string;
  readonly tensors: number;
  readonly elements: number;
}

/** A node that gradients do not pass. */
export interface Obstacle {
  readonly op: string;
  readonly node: string;
  readonly why: string;
}

/** A graph inside of a node, or a function. */
export interface InnerGraph {
  readonly name: string;
  readonly nodes: number;
  /** Calls of a function; the node that a branch or body belongs to. */
  readonly calls?: number;
}

/** Description of an ONNX file: versions, inputs, outputs, ops, parameters, and what gradients do not reach. */
export interface OnnxInspection {
  readonly producer: string;
  readonly irVersion: number;
  readonly opset: number;
  readonly opsets: Readonly<Record<string, number>>;
  readonly metadata: Readonly<Record<string, string>>;
  readonly inputs: readonly InspectedValue[];
  readonly outputs: readonly InspectedValue[];
  readonly freeDimensions: readonly string[];
  readonly nodes: number;
  /** Number of nodes of each op, functions' bodies and branches counted once. */
  readonly ops: Readonly<Record<string, number>>;
  readonly functions: readonly InnerGraph[];
  readonly subgraphs: readonly InnerGraph[];
  readonly parameters: {
    readonly elements: number;
    readonly parts: readonly Part[];
    readonly tensors: readonly InspectedTensor[];
  };
  readonly buffers: readonly InspectedTensor[];
  readonly constants: readonly InspectedTensor[];
  readonly gradients: {
    /** Number of parameters that receive gradients from an output, and of all of them. */
    readonly reached: number;
    readonly parameters: number;
    /** Nodes in between that gradients do not pass, and ops that Descent does not have. */
    readonly obstacles: readonly Obstacle[];
    /** Ops that round, and whose gradients go straight through the rounding: 0 where a number was held at the end of its range. */
    readonly straightThrough: readonly string[];
    /** Why no graph can be made, where that is so. */
    readonly error?: string;
  };
}

const valuesOf = (declared: ReadonlyMap<string, DeclaredValue>): InspectedValue[] =>
  [...declared].map(([name, { dtype, shape }]) => ({
    name,
    dtype: dtype ?? "of another type",
    shape: shape?.map((d) => (typeof d === "number" ? d : d.key)),
  }));

const tensorOf = ({ name, dtype, tensor, why }: StoredTensor): InspectedTensor => ({
  name,
  dtype: dtype ?? "of another type",
  shape: tensor.dims,
  why,
});

/** The most groups that a person will read. */
const MOST_PARTS = 16;

/** Groups tensors by the prefix of their names, as deep as there are not too many groups. */
export function partsOf(tensors: readonly { readonly name: string; readonly shape: readonly number[] }[]): readonly Part[] {
  const split = tensors.map(({ name, shape }) => ({
    path: name
      .replace(/^(\w+::\w+?)_\d+$/, "$1")
      .split(/[./]/)
      .filter((part) => part !== ""),
    size: sizeOf(shape),
  }));
  const grouped = (depth: number): Map<string, { tensors: number; elements: number }> => {
    const groups = new Map<string, { tensors: number; elements: number }>();
    for (const { path, size } of split) {
      const part = path.slice(0, Math.max(1, Math.min(depth, path.length - 1))).join(".");
      const group = groups.get(part) ?? { tensors: 0, elements: 0 };
      groups.set(part, { tensors: group.tensors + 1, elements: group.elements + size });
    }
    return groups;
  };
  let best = grouped(1);
  for (let depth = 2; depth < 12; depth++) {
    const deeper = grouped(depth);
    if (deeper.size > MOST_PARTS) break;
    best = deeper;
  }
  return [...best].map(([part, group]) => ({ part, ...group }));
}

/** Counts everything in nodes and functions, each function once. */
interface Walked {
  readonly ops: Map<string, number>;
  readonly calls: Map<string, number>;
  readonly subgraphs: InnerGraph[];
  readonly missing: Obstacle[];
}

function walk(model: OnnxModel): Walked {
  const found: Walked = { ops: new Map(), calls: new Map(), subgraphs: [], missing: [] };
  const functions = functionsOf(model.proto.functions);
  const visit = (nodes: readonly NodeProto[]): void => {
    for (const node of nodes) {
      const op = opName(node);
      const called = calledBy(node, functions);
      if (called !== undefined) found.calls.set(op, (found.calls.get(op) ?? 0) + 1);
      else {
        found.ops.set(op, (found.ops.get(op) ?? 0) + 1);
        if (conversionOf(node.domain, node.opType) === undefined)
          found.missing.push({ op, node: nodeName(node), why: "Descent does not have this op" });
      }
      for (const a of node.attributes) if (a.type === "graph") subgraph(node, a.name, a.value);
    }
  };
  const subgraph = (node: NodeProto, attribute: string, graph: GraphProto): void => {
    found.subgraphs.push({ name: `${nodeName(node)} (${node.opType}): ${attribute}`, nodes: graph.nodes.length });
    visit(graph.nodes);
  };
  visit(model.proto.graph.nodes);
  for (const f of model.proto.functions) visit(f.nodes);
  return found;
}

/** Nodes that gradients of outputs do not pass on their way to parameters, and how many parameters they reach. */
function reach(
  graph: Graph,
  parameters: ReadonlySet<Tensor>,
): { readonly reached: number; readonly obstacles: readonly Obstacle[] } {
  const leads = new Set<Node>([...parameters].map((p) => p.node));
  for (const node of graph.nodes)
    if (node.inputs.some((t) => t !== null && isFloat(t.dtype) && leads.has(t.node))) leads.add(node);
  const pending = [...graph.outputs.values()].filter((t) => isFloat(t.dtype)).map((t) => t.node);
  const seen = new Set<Node>();
  const obstacles: Obstacle[] = [];
  for (let node = pending.pop(); node !== undefined; node = pending.pop()) {
    if (seen.has(node) || !leads.has(node)) continue;
    seen.add(node);
    if (isLeaf(node)) continue;
    const op = opOf(node);
    if (typeof op.gradient !== "function" && op.expand === undefined) {
      obstacles.push({ op: op.name, node: node.scope, why: op.gradient.none });
      continue;
    }
    for (const t of node.inputs) if (t !== null && isFloat(t.dtype)) pending.push(t.node);
  }
  return { reached: [...parameters].filter((p) => seen.has(p.node)).length, obstacles };
}

/** Sizes to try where a graph cannot be made with free axes: sides of pictures, and small numbers for everything else. */
const SIDE = 64;
const FEW = 2;

function tracedGraph(model: OnnxModel): { readonly graph: Graph; readonly parameters: ReadonlySet<Tensor> } {
  const parametersOf = ({
    graph,
    parameters,
  }: {
    graph: Graph;
    parameters: ReadonlyMap<string, Tensor & { trainable: boolean }>;
  }) => ({
    graph,
    parameters: new Set<Tensor>([...parameters.values()].filter((p) => p.trainable)),
  });
  try {
    return parametersOf(model);
  } catch (error) {
    if (model.freeDimensions.length === 0) throw error;
    const shapes = [...model.declaredInputs].flatMap(([name, { shape }]) =>
      shape === undefined
        ? []
        : [[name, shape.map((d, i) => (typeof d === "number" ? d : shape.length === 4 && i >= 2 ? SIDE : FEW))] as const],
    );
    try {
      return parametersOf(model.trace({ shapes: Object.fromEntries(shapes) }));
    } catch {
      // What the file itself says is the better message.
      throw error;
    }
  }
}

/** Ops between real numbers and rounded ones. */
const ROUNDING = /^(com\.microsoft\.)?(Dynamic)?(Quantize|QLinear|QGemm)/;

function gradientsOf(
  model: OnnxModel,
  missing: readonly Obstacle[],
  ops: Iterable<string>,
  parameters: number,
): OnnxInspection["gradients"] {
  if (missing.length > 0) return { reached: 0, parameters, obstacles: missing, straightThrough: [] };
  try {
    const traced = tracedGraph(model);
    const straightThrough = [...ops].filter((op) => ROUNDING.test(op)).sort();
    return { parameters, straightThrough, ...reach(traced.graph, traced.parameters) };
  } catch (error) {
    if (!(error instanceof DescentError)) throw error;
    return { reached: 0, parameters, obstacles: [], straightThrough: [], error: error.message };
  }
}

/** Describes a model: inputs, outputs, ops, parameters, gaps. Errors: ConfigError for a pattern of its `parameters` that matches nothing. */
export function inspectModel(model: OnnxModel): OnnxInspection {
  const { proto } = model;
  const { ops, calls, subgraphs, missing } = walk(model);
  const tensors = (role: StoredTensor["role"]): InspectedTensor[] => model.stored.filter((t) => t.role === role).map(tensorOf);
  const parameters = tensors("parameter");
  return {
    producer: model.producer,
    irVersion: proto.irVersion,
    opset: model.opset,
    opsets: Object.fromEntries(model.opsets),
    metadata: Object.fromEntries(model.metadata),
    inputs: valuesOf(model.declaredInputs),
    outputs: valuesOf(model.declaredOutputs),
    freeDimensions: model.freeDimensions,
    nodes: proto.graph.nodes.length,
    ops: Object.fromEntries([...ops].sort(([, a], [, b]) => b - a)),
    functions: proto.functions.map((f) => {
      const name = f.domain === "" ? f.name : `${f.domain}.${f.name}`;
      return { name, nodes: f.nodes.length, calls: calls.get(name) ?? 0 };
    }),
    subgraphs,
    parameters: {
      elements: parameters.reduce((sum, { shape }) => sum + sizeOf(shape), 0),
      parts: partsOf(parameters),
      tensors: parameters,
    },
    buffers: tensors("buffer"),
    constants: tensors("constant"),
    gradients: gradientsOf(model, missing, ops.keys(), parameters.length),
  };
}
