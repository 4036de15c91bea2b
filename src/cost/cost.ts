/**
 * @module The cost of a model, predicted from its graph alone: parameters, floating-point operations, bytes moved, memory in use and
 * in training. Nothing runs.
 */
import type { Parameter, Shape, Tensor as SymbolicTensor } from "../graph/index.js";
import { DTYPES, formatShape, Graph, input, symbolsOf, Tensor } from "../graph/index.js";
import type { Module, Summary, SummaryInput } from "../nn/index.js";
import type { Mode } from "../ops/index.js";
import { bindGraph, randomInputs, resolveMode } from "../ops/index.js";
import type { Optimizer } from "../optim/index.js";
import { IN_PLACE_FROM, inPlaceRule } from "../optim/in-place.js";
import { prepareGraph } from "../runtime/index.js";
import { ShapeError } from "../util/errors.js";
import { formatCount, formatInteger, formatTable } from "../util/text.js";
import type { LayerCost } from "./layers.js";
import { layersOf, shownLayers, withTimes } from "./layers.js";
import type { Machine } from "./machine.js";
import { peakIntermediateBytes } from "./memory.js";
import { timesOf } from "./roofline.js";
import type { StepGraph } from "./step-graph.js";
import { stepGraph } from "./step-graph.js";
import type { PassCost, Work } from "./work.js";
import { addWork, NO_WORK, passCost } from "./work.js";
import { own } from "../util/record.js";

/** Bytes, by what they hold. */
export interface MemoryCost {
  readonly parameters: number;
  /** Running statistics and the like. */
  readonly buffers: number;
  /** Bytes of the optimizer's state: momenta, averages. */
  readonly optimizerState: number;
  /** The copy that a step writes into while it reads the other, of all three above; 0 where the update is done in place. */
  readonly secondCopy: number;
  /** The most that activations and gradients take at once. */
  readonly working: number;
  readonly total: number;
}

/** The cost of one training step. */
export interface TrainingCost {
  /** All of the step. */
  readonly step: PassCost;
  /** Its parts: the forward pass in training mode, the gradients, the optimizer's update. */
  readonly forward: Work;
  readonly backward: Work;
  readonly update: Work;
  readonly memory: MemoryCost;
}

/** Predicted milliseconds on a machine, nodes one after the other. */
export interface TimeCost {
  /** An answer for the whole batch. */
  readonly useMs: number;
  /** A training step. */
  readonly stepMs: number;
}

/** The cost of a graph: FLOPs are those of the graph as it is written, bytes and times those of the graph as it runs. */
export interface GraphCost {
  /** One forward pass in use. */
  readonly forward: PassCost;
  readonly memory: MemoryCost;
  /** Forward, gradients, and the optimizer's update if one was given. */
  readonly training: TrainingCost;
  /** By layer, in the order of computation. */
  readonly layers: readonly LayerCost[];
  /** Where a machine is given. */
  readonly time?: TimeCost;
}

/** Cost of a model: FLOPs, bytes and parameters, by layer. */
export interface ModelCost extends GraphCost {
  readonly name: string;
  readonly inputShapes: readonly Shape[];
  /** Trained elements. */
  readonly parameters: number;
  /** By layer, for one forward pass. */
  readonly summary: Summary;
  /** All of it for people: quantities, layers, and the ops of a training step. */
  readonly table: () => string;
}

/** Options of `cost`. */
export interface CostOptions {
  /** The optimizer that trains the model; left out, plain gradients. */
  readonly optimizer?: Optimizer;
  /** From what `forward` gave to a scalar; left out, the mean of its first tensor. */
  readonly loss?: (output: unknown) => Tensor;
  /** Numbers for free dimensions; those that are left out count as 1. */
  readonly bindings?: Readonly<Record<string, number>>;
  /** Rates of a machine (`thisMachine`, `measureMachine`), for predicted times. */
  readonly machine?: Machine;
}

const bytesOfAll = (tensors: Iterable<{ readonly size: number; readonly dtype: SymbolicTensor["dtype"] }>): number =>
  [...tensors].reduce((sum, { size, dtype }) => sum + size * DTYPES[dtype].bytes, 0);

const isInputList = (inputs: SummaryInput | readonly SummaryInput[]): inputs is readonly SummaryInput[] =>
  Array.isArray(inputs) && inputs.some((item) => item instanceof Tensor || Array.isArray(item));

/**
 * The predicted cost of a model for inputs of the given shapes: `cost(model, [32, 1, 28, 28])`, or a list of shapes and symbolic
 * tensors for several inputs.
 *
 * Units: FLOPs, where a multiply-add is two (published figures often count multiply-adds: these stand beside); bytes; milliseconds.
 * Errors: ShapeError if the inputs do not fit the model, or it gives no tensor.
 * Source: reverse mode costs each product twice more, once for each operand that has a gradient; Griewank and Walther 2008, §3.
 * Checked against: PyTorch's FlopCounterMode, equal for the products and convolutions of 12 models, test/models/flops.test.ts.
 *
 * @example
 * import { cost } from "descentjs/cost";
 * import { LeNet5 } from "descentjs/models";
 * console.log(cost(new LeNet5(), [1, 1, 28, 28]).forward.multiplyAdds); // 416520
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
  const cost: Omit<ModelCost, "table"> = {
    name: model.constructor.name,
    inputShapes: xs.map((x) => x.shape),
    parameters: model.parameterCount,
    summary,
    ...graphCost({ result, loss, parameters: model.parameters(), buffers: model.buffers() }, options),
  };
  return { ...cost, table: () => tableOf(cost) };
}

/** The tensors of a model that is costed. */
export interface CostedTensors {
  /** The outputs in use. */
  readonly result: Tensor;
  /** The loss that training minimizes. */
  readonly loss: Tensor;
  readonly parameters: ReadonlyMap<string, Parameter>;
  readonly buffers?: ReadonlyMap<string, Parameter>;
}

/** The cost of a model by its tensors: of a graph that came from a file, as `cost` gives it of a module. NoGradientError where an op has no gradient. */
export function graphCost(tensors: CostedTensors, options: CostOptions = {}): GraphCost {
  const { result, loss, parameters, buffers = new Map<string, Parameter>() } = tensors;
  const { machine } = options;
  const forward = graphFor({ output: result }, "eval", options).graph;
  const { graph, updates } = graphFor({ loss }, "train", options);
  const step = stepGraph(graph.outputs.get("loss") as Tensor, parameters, { ...options, buffers: updates.values() });
  const device = machine?.device ?? "cpu";
  const gradientsAlone = (): Graph =>
    stepGraph(graph.outputs.get("loss") as Tensor, trained, { buffers: updates.values() }).graph;
  const [used, run] = [prepareGraph(forward, device), prepareGraph(step.graph, device)];
  const owned = { parameters: bytesOfAll(parameters.values()), buffers: bytesOfAll(buffers.values()) };
  const memory = (prepared: Graph, optimizerState: number, copies: number, gradients = 0): MemoryCost => {
    const kept = owned.parameters + owned.buffers + optimizerState;
    const working = peakIntermediateBytes(prepared) + gradients;
    const secondCopy = (copies - 1) * kept;
    return { ...owned, optimizerState, secondCopy, working, total: kept + secondCopy + working };
  };
  const layers = layersOf(step.graph.nodes, step.phaseOf);
  const trained = options.optimizer?.trained(parameters) ?? new Map<string, Parameter>();
  const numbers = [...trained.values()].reduce((sum, { size }) => sum + size, 0);
  // A kernel then updates by gradients, all of which are there at the end (`train/flat-state.ts`).
  const isInPlace =
    device === "cpu" &&
    options.optimizer !== undefined &&
    numbers >= IN_PLACE_FROM &&
    inPlaceRule(options.optimizer) !== undefined;
  const inPlace = isInPlace
    ? memory(prepareGraph(gradientsAlone(), device), step.optimizerState, 1, bytesOfAll(trained.values()))
    : undefined;
  return {
    forward: passCost(forward.nodes),
    memory: memory(used, 0, 1),
    training: { ...stepCost(step), memory: inPlace ?? memory(run, step.optimizerState, 2) },
    ...timed(layers, used, run, machine),
  };
}

function stepCost({ graph, phaseOf }: StepGraph): Omit<TrainingCost, "memory"> {
  const parts = { forward: NO_WORK, backward: NO_WORK, update: NO_WORK };
  for (const layer of layersOf(graph.nodes, phaseOf)) {
    for (const phase of ["forward", "backward", "update"] as const) parts[phase] = addWork(parts[phase], layer[phase]);
  }
  return { step: passCost(graph.nodes), ...parts };
}

function timed(
  layers: readonly LayerCost[],
  used: Graph,
  run: Graph,
  machine: Machine | undefined,
): Pick<GraphCost, "layers" | "time"> {
  if (machine === undefined) return { layers };
  const [use, step] = [timesOf(used, machine), timesOf(run, machine)];
  const sum = (times: typeof use): number => times.reduce((ms, { seconds }) => ms + 1000 * seconds, 0);
  return { layers: withTimes(layers, use, step), time: { useMs: sum(use), stepMs: sum(step) } };
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

const mebibytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(bytes < 100 * 2 ** 20 ? 2 : 0)} MiB`;

/** Rows of the table by layer at most. */
const SHOWN_LAYERS = 24;

const withMultiplyAdds = ({ flops, multiplyAdds }: Work): string => `${formatCount(flops)} (${formatCount(multiplyAdds)})`;

/** Quantities in use and in training, as rows of a table. */
export function quantityRows({ forward, memory, training, time }: GraphCost, parameters: number): string[][] {
  const both = (name: string, of: (m: MemoryCost) => number): string[] => [
    name,
    ...[memory, training.memory].map((m) => mebibytes(of(m))),
  ];
  const ms = (value: number): string => `${value.toPrecision(3)} ms`;
  return [
    ["parameters", formatInteger(parameters), formatInteger(parameters)],
    ["FLOPs (multiply-adds)", withMultiplyAdds(forward), withMultiplyAdds(training.step)],
    ["  forward", withMultiplyAdds(forward), withMultiplyAdds(training.forward)],
    ["  backward", "", withMultiplyAdds(training.backward)],
    ["  update", "", withMultiplyAdds(training.update)],
    ["bytes moved", mebibytes(forward.bytes), mebibytes(training.step.bytes)],
    ["FLOPs a byte", forward.intensity.toPrecision(3), training.step.intensity.toPrecision(3)],
    both("memory: parameters and buffers", (m) => m.parameters + m.buffers),
    both("memory: optimizer", (m) => m.optimizerState),
    both("memory: second copy of these", (m) => m.secondCopy),
    both("memory: activations, gradients", (m) => m.working),
    both("memory: in all", (m) => m.total),
    ...(time === undefined ? [] : [["time, predicted", ms(time.useMs), ms(time.stepMs)]]),
  ];
}

/** The layers with the work and time of each, summed up so that a person can read them. */
export function layerTable(layers: readonly LayerCost[]): string {
  const shown = shownLayers(layers, SHOWN_LAYERS);
  const hasTimes = shown.some(({ time }) => time !== undefined);
  const all = shown.reduce((sum, { time }) => sum + (time?.stepMs ?? 0), 0);
  const rows = shown.map(({ path, forward, backward, update, time }) => [
    path,
    formatCount(forward.multiplyAdds),
    formatCount(forward.flops),
    formatCount(backward.flops + update.flops),
    mebibytes(forward.bytes + backward.bytes + update.bytes),
    ...(time === undefined
      ? []
      : [time.useMs.toFixed(2), time.stepMs.toFixed(2), `${((100 * time.stepMs) / all).toFixed(1)} %`, time.bound]),
  ]);
  const titles = ["layer", "multiply-adds", "FLOPs forward", "FLOPs backward", "bytes moved"];
  return formatTable([...titles, ...(hasTimes ? ["ms in use", "ms in a step", "share", "bound by"] : [])], rows);
}

function tableOf(cost: Omit<ModelCost, "table">): string {
  const quantities = formatTable(
    [`${cost.name} ${cost.inputShapes.map(formatShape).join(" ")}`, "in use", "in training"],
    quantityRows(cost, cost.parameters),
  );
  const ops = formatTable(
    ["ops of a training step", "nodes", "FLOPs", "bytes moved"],
    cost.training.step.ops.map((op) => [op.op, formatInteger(op.nodes), formatCount(op.flops), mebibytes(op.bytes)]),
  );
  return `${quantities}\n\n${layerTable(cost.layers)}\n\n${ops}`;
}
