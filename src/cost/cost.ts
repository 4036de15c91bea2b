/**
 * @module The cost of a model, predicted from its graph alone: parameters, floating-point operations, bytes moved, memory in use and
 * in training. Nothing runs.
 */
import { vjpOf } from "../autodiff/index.js";
import type { Node, Shape, Tensor as SymbolicTensor } from "../graph/index.js";
import { constant, DTYPES, formatShape, Graph, input, isLeaf, sizeOf, symbolsOf, Tensor } from "../graph/index.js";
import type { Module, Summary, SummaryInput } from "../nn/index.js";
import type { Mode } from "../ops/index.js";
import { bindGraph, costOf, randomInputs, resolveMode } from "../ops/index.js";
import type { Optimizer } from "../optim/index.js";
import { prepareGraph } from "../runtime/index.js";
import { ShapeError } from "../util/errors.js";
import { formatCount, formatInteger, formatTable } from "../util/text.js";
import { peakIntermediateBytes } from "./memory.js";
import { own } from "../util/record.js";

/** The cost of all nodes of one op together. */
export interface OpCost {
  readonly op: string;
  readonly nodes: number;
  readonly flops: number;
  /** Read and written, each operand once. */
  readonly bytes: number;
}

/** The cost of running a graph once. */
export interface PassCost {
  readonly flops: number;
  readonly bytes: number;
  /** The ops with the most work first. */
  readonly ops: readonly OpCost[];
}

/** Bytes, by what they hold. */
export interface MemoryCost {
  readonly parameters: number;
  /** Running statistics and the like. */
  readonly buffers: number;
  /** Bytes of the optimizer's state: momenta, averages. */
  readonly optimizerState: number;
  /** The copy that a step writes into while it reads the other: of all three above. */
  readonly secondCopy: number;
  /** The most that activations and gradients take at once. */
  readonly working: number;
  readonly total: number;
}

export interface ModelCost {
  readonly name: string;
  readonly inputShapes: readonly Shape[];
  /** Trained elements. */
  readonly parameters: number;
  /** By layer, for one forward pass. */
  readonly summary: Summary;
  readonly forward: PassCost;
  readonly memory: MemoryCost;
  /** Forward, gradients, and the optimizer's update if one was given. */
  readonly training: { readonly step: PassCost; readonly memory: MemoryCost };
  /** All of it for people: quantities, and the ops of a training step. */
  readonly table: () => string;
}

export interface CostOptions {
  /** The optimizer that trains the model; left out, plain gradients. */
  readonly optimizer?: Optimizer;
  /** From what `forward` gave to a scalar; left out, the mean of its first tensor. */
  readonly loss?: (output: unknown) => Tensor;
  /** Numbers for free dimensions; those that are left out count as 1. */
  readonly bindings?: Readonly<Record<string, number>>;
}

const bytesOfAll = (tensors: Iterable<{ readonly size: number; readonly dtype: SymbolicTensor["dtype"] }>): number =>
  [...tensors].reduce((sum, { size, dtype }) => sum + size * DTYPES[dtype].bytes, 0);

const isInputList = (inputs: SummaryInput | readonly SummaryInput[]): inputs is readonly SummaryInput[] =>
  Array.isArray(inputs) && inputs.some((item) => item instanceof Tensor || Array.isArray(item));

/**
 * The predicted cost of a model for inputs of the given shapes: `cost(model, [32, 1, 28, 28])`, or a list of shapes and symbolic
 * tensors for several inputs.
 *
 * Units: FLOPs, where a multiply-add is two; bytes.
 * Errors: ShapeError if the inputs do not fit the model, or it gives no tensor.
 */
export function cost(model: Module, inputs: SummaryInput | readonly SummaryInput[], options: CostOptions = {}): ModelCost {
  const list = isInputList(inputs) ? inputs : [inputs];
  const xs = list.map((x, i) => (x instanceof Tensor ? x : input(i === 0 ? "x" : `x${i}`, x)));
  const summary = model.summary(...xs);
  const output = (model.forward as (...xs: readonly Tensor[]) => unknown).apply(model, xs);
  const loss = options.loss?.(output) ?? firstTensor(output)?.mean();
  const result = firstTensor(output);
  if (loss === undefined || result === undefined)
    throw new ShapeError(`cost: expected ${model.constructor.name} to give a tensor, got none`);

  const forward = graphFor({ output: result }, "eval", options).graph;
  const step = trainingGraph(model, loss, options);

  const owned = { parameters: bytesOfAll(model.parameters().values()), buffers: bytesOfAll(model.buffers().values()) };
  const memory = (graph: Graph, optimizerState: number, copies: number): MemoryCost => {
    const kept = owned.parameters + owned.buffers + optimizerState;
    const working = peakIntermediateBytes(prepareGraph(graph, "cpu"));
    const secondCopy = (copies - 1) * kept;
    return { ...owned, optimizerState, secondCopy, working, total: kept + secondCopy + working };
  };
  const cost: Omit<ModelCost, "table"> = {
    name: model.constructor.name,
    inputShapes: xs.map((x) => x.shape),
    parameters: model.parameterCount,
    summary,
    forward: passCost(forward.nodes),
    memory: memory(forward, 0, 1),
    training: { step: passCost(step.graph.nodes), memory: memory(step.graph, step.optimizerState, 2) },
  };
  return { ...cost, table: () => tableOf(cost) };
}

function firstTensor(value: unknown): Tensor | undefined {
  if (value instanceof Tensor) return value;
  if (value === null || typeof value !== "object") return undefined;
  for (const item of Object.values(value)) {
    const found = firstTensor(item);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Resolved for a mode, with numbers for all dimensions. */
function graphFor(
  outputs: Readonly<Record<string, Tensor>>,
  mode: Mode,
  options: CostOptions,
): { graph: Graph; updates: ReadonlyMap<Tensor, Tensor> } {
  const bound = withNumbers(new Graph(outputs), options);
  const resolved = resolveMode(bound.outputs.values(), mode, randomInputs());
  return {
    graph: new Graph(new Map([...bound.outputs].map(([name, t]) => [name, resolved.map(t)]))),
    updates: resolved.updates,
  };
}

function withNumbers(graph: Graph, { bindings = {} }: CostOptions): Graph {
  const numbers = new Map<string, number>();
  for (const x of graph.inputs) {
    for (const d of x.shape) for (const name of symbolsOf(d)) numbers.set(name, own(bindings, name) ?? 1);
  }
  return bindGraph(graph, numbers);
}

/** Loss, gradients, and the update: what one training step computes. */
function trainingGraph(model: Module, loss: Tensor, options: CostOptions): { graph: Graph; optimizerState: number } {
  const { graph, updates } = graphFor({ loss }, "train", options);
  const { optimizer } = options;
  const all = model.parameters();
  const trained = optimizer?.trained(all) ?? all;
  const total = graph.outputs.get("loss") as Tensor;
  const gradients = vjpOf([total], [constant(1, total.dtype)], [...trained.values()]);
  const outputs = new Map<string, Tensor>([["loss", total]]);
  for (const [i, value] of [...updates.values()].entries()) outputs.set(`buffer ${i}`, value);
  if (optimizer === undefined) {
    [...trained.keys()].forEach((path, i) => outputs.set(`gradient ${path}`, gradients[i] as Tensor));
    return { graph: new Graph(outputs), optimizerState: 0 };
  }
  const slots = optimizer.slots(all);
  const updated = optimizer.update({
    parameters: trained,
    gradients: new Map([...trained.keys()].map((path, i) => [path, gradients[i] as Tensor])),
    state: new Map([...slots].map(([key, slot]) => [key, input(key, slot.shape, slot.dtype)])),
    scalars: new Map(optimizer.scalarNames.map((name) => [name, input(name, [])])),
  });
  for (const [name, t] of [...updated.parameters, ...updated.state, ...updated.metrics]) outputs.set(name, t);
  const optimizerState = [...slots.values()].reduce((sum, { shape, dtype }) => sum + sizeOf(shape) * DTYPES[dtype].bytes, 0);
  return { graph: new Graph(outputs), optimizerState };
}

/** Sums the cost of running nodes once, by op. */
export function passCost(nodes: readonly Node[]): PassCost {
  const ops = new Map<string, OpCost>();
  for (const node of nodes) {
    if (isLeaf(node)) continue;
    const { flops, bytes } = costOf(node);
    const sum = ops.get(node.op) ?? { op: node.op, nodes: 0, flops: 0, bytes: 0 };
    ops.set(node.op, { op: node.op, nodes: sum.nodes + 1, flops: sum.flops + flops, bytes: sum.bytes + bytes });
  }
  const list = [...ops.values()].sort((a, b) => b.flops - a.flops || b.bytes - a.bytes);
  const total = (of: (op: OpCost) => number): number => list.reduce((sum, op) => sum + of(op), 0);
  return { flops: total((op) => op.flops), bytes: total((op) => op.bytes), ops: list };
}

const mebibytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(bytes < 100 * 2 ** 20 ? 2 : 0)} MiB`;

function tableOf(cost: Omit<ModelCost, "table">): string {
  const { forward, training } = cost;
  const quantities = formatTable(
    [`${cost.name} ${cost.inputShapes.map(formatShape).join(" ")}`, "in use", "in training"],
    [
      ["parameters", formatInteger(cost.parameters), formatInteger(cost.parameters)],
      ["FLOPs", formatCount(forward.flops), formatCount(training.step.flops)],
      ["bytes moved", mebibytes(forward.bytes), mebibytes(training.step.bytes)],
      ["memory: parameters and buffers", ...[cost, training].map(({ memory: m }) => mebibytes(m.parameters + m.buffers))],
      ["memory: optimizer", ...[cost, training].map(({ memory: m }) => mebibytes(m.optimizerState))],
      ["memory: second copy of these", ...[cost, training].map(({ memory: m }) => mebibytes(m.secondCopy))],
      ["memory: activations, gradients", ...[cost, training].map(({ memory: m }) => mebibytes(m.working))],
      ["memory: in all", ...[cost, training].map(({ memory: m }) => mebibytes(m.total))],
    ],
  );
  const ops = formatTable(
    ["ops of a training step", "nodes", "FLOPs", "bytes moved"],
    training.step.ops.map((op) => [op.op, formatInteger(op.nodes), formatCount(op.flops), mebibytes(op.bytes)]),
  );
  return `${quantities}\n\n${ops}`;
}
