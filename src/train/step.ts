/**
 * @module One training step as one graph: (state, batch, scalars) → (state', metrics). A `TrainingState` owns the values and
 * runs it; nothing that is trained crosses to JavaScript unless somebody asks.
 */
import type { Recomputation } from "../autodiff/index.js";
import { vjpOf, withRecomputation } from "../autodiff/index.js";
import type { Parameter, TensorData, TensorType } from "../graph/index.js";
import { constant, DTYPES, fromNumbers, Graph, input, OPTIMIZER_SCOPE, sizeOf, Tensor, withScope } from "../graph/index.js";
import { meanWeight } from "../losses/index.js";
import type { Module } from "../nn/index.js";
import { randomInputs, resolveMode } from "../ops/index.js";
import type { Optimizer } from "../optim/index.js";
import { ConfigError } from "../util/errors.js";
import { Random } from "../util/random.js";
import { traceBatch } from "./batch-data.js";
import type { BasePrecision } from "./quantized-base.js";
import { QuantizedBase } from "./quantized-base.js";

/** Symbolic inputs by name, as the data set's columns are named. */
export type BatchTensors = Readonly<Record<string, Tensor>>;
/** Values of a batch by name, the examples along axis 0. */
export type BatchData = Readonly<Record<string, TensorData>>;
/** Shapes and types of a batch by name. */
export type BatchTypes = Readonly<Record<string, TensorType>>;

/** From a batch. A function may name the columns that it reads: `({ image, label }: { image: Tensor; label: Tensor }) => …`. */
// A method's type, since only methods may take a narrower argument than the interface says.
export type FromBatch<R> = { of(batch: BatchTensors): R }["of"];

/** The loss to minimize, and scalars worth watching beside it. */
export interface Objective {
  readonly loss: Tensor;
  /**
   * Losses of parts of the model, by module path: the parameters below a path follow the gradient of its loss alone, all others
   * that of `loss`. So two networks that play against each other (GANs) learn in one step.
   */
  readonly losses?: Readonly<Record<string, Tensor>>;
  readonly metrics?: Readonly<Record<string, Tensor>>;
  /**
   * The weight of the batch among those whose gradients are averaged, a scalar: the number of tokens or examples over which the loss is a mean. Left
   * out, what the loss was divided by, where it is a weighted mean (`meanWeight`), or the number of examples.
   */
  readonly weight?: Tensor;
}

/** Options of `trainingStep`: model, loss and optimizer; batches whose gradients are added up, and what is computed twice to save memory. */
export interface TrainingStepOptions {
  readonly model: Module;
  /** From a batch to the scalar to minimize; traced once for each set of batch shapes. */
  readonly loss: FromBatch<Tensor | Objective>;
  readonly optimizer: Optimizer;
  /** Batches whose gradients are averaged by their weights before each update, as one batch's would be: the step is then cut in two graphs. */
  readonly accumulate?: number;
  /**
   * Passes whose gradients something outside the graphs averages before each update, such as those of several processes: the step is cut in two
   * graphs, and the first one gives the gradients of its pass alone, divided by this number, and times the weight of its loss where that has one.
   */
  readonly passes?: number;
  /** Segments of the graph whose inner values are computed again for the gradient in place of being kept: less memory for more time. */
  readonly recompute?: Recomputation;
  /** Precision in which frozen linear layers are kept, under adapters (QLoRA); `float32` by default. On the CPU and in WebAssembly. */
  readonly base?: BasePrecision;
}

/** Everything that a state holds, by name: parameters and buffers by path, optimizer slots by key. */
export interface StateTypes {
  readonly parameters: ReadonlyMap<string, Parameter>;
  readonly slots: ReadonlyMap<string, TensorType & { readonly initial: number | "parameter"; readonly path: string }>;
}

/** The output that carries the new value of a state entry. */
export const nextName = (name: string): string => `next:${name}`;
/** The input that carries a gradient summed over batches, and (behind `next:`) its output. */
export const gradientName = (path: string): string => `gradient:${path}`;
/** The input that carries the weight of the batches summed so far, and (behind `next:`) its output; of a pass, the output with its own weight. */
export const WEIGHT_NAME = "gradient weight";
/** Below any weight that counts: the divisor where nothing does. */
const LEAST_WEIGHT = 1e-30;

/** A graph of a step, and which of its outputs are state. */
export interface StepGraph {
  readonly graph: Graph;
  /** State entries that the graph gives new values. */
  readonly changes: readonly string[];
  /** Scalar outputs. */
  readonly metrics: readonly string[];
  /** Scalar outputs that are nobody's metrics. */
  readonly scalars?: readonly string[];
}

/** The description of a step: pure, without values. `TrainingState.create` adds them. */
export interface TrainingStep extends TrainingStepOptions {
  readonly types: StateTypes;
  /** The frozen base in codes, where it is so. */
  readonly codedBase: QuantizedBase | undefined;
  /** A graph on the state's entries. */
  readonly graphOf: (outputs: ReadonlyMap<string, Tensor>) => Graph;
  /** The graph for batches of these types: one for the whole step, or one for gradients where batches are accumulated. */
  readonly graphFor: (batch: BatchTypes) => StepGraph;
  /** The second half of the step where it is cut; on request for some of the parameters alone, by path, and their slots. */
  readonly updateGraph: (only?: ReadonlySet<string>) => StepGraph;
}

type Trainable = ReadonlyMap<string, Parameter>;

/** Finds the loss that each parameter follows: that of the longest path above it. ConfigError for a path without parameters. */
function parametersByLoss(
  trainable: ReadonlyMap<string, Tensor>,
  loss: Tensor,
  losses: ReadonlyMap<string, Tensor>,
): ReadonlyMap<Tensor, readonly string[]> {
  const prefixes = [...losses.keys()].sort((a, b) => b.length - a.length);
  const groups = new Map<Tensor, string[]>();
  const used = new Set<string>();
  for (const path of trainable.keys()) {
    const prefix = prefixes.find((p) => path === p || path.startsWith(`${p}.`));
    if (prefix !== undefined) used.add(prefix);
    const minimized = prefix === undefined ? loss : (losses.get(prefix) as Tensor);
    const paths = groups.get(minimized) ?? [];
    groups.set(minimized, paths);
    paths.push(path);
  }
  const unused = prefixes.find((p) => !used.has(p));
  if (unused !== undefined)
    throw new ConfigError(`losses: expected the path of a part of the model with parameters to train, got "${unused}"`);
  return groups;
}

/** The traced loss of a batch in training. */
export interface TracedLoss {
  readonly loss: Tensor;
  /** Further scalars to watch. */
  readonly watched: ReadonlyMap<string, Tensor>;
  /** The weight of the batch, where the loss has one: float32. */
  readonly weight: Tensor | undefined;
  /** The value that each buffer has after the step, by path. */
  readonly updates: ReadonlyMap<string, Tensor>;
  /** The gradients of the loss, or of each parameter's own one, times a scalar. */
  readonly gradients: (seed: Tensor) => ReadonlyMap<string, Tensor>;
}

/** Traces the loss of a batch in training, and its gradients with respect to the trainable parameters. */
export function traceLoss(
  { loss: lossOf, model, recompute }: TrainingStepOptions,
  batch: BatchTypes,
  trainable: Trainable,
): TracedLoss {
  const traced = traceBatch("step", batch, lossOf);
  const objective: Objective = traced instanceof Tensor ? { loss: traced } : traced;
  const { loss, losses = {}, metrics = {}, weight = meanWeight(loss) } = objective;
  const others = [...Object.values(losses), ...Object.values(metrics), ...(weight === undefined ? [] : [weight])];
  const resolved = resolveMode([loss, ...others], "train", randomInputs());
  const kept = (t: Tensor): Tensor => t;
  const all = others.map((t) => resolved.map(t));
  const inRecomputed =
    recompute === undefined
      ? kept
      : withRecomputation(resolved.map(loss), [...all, ...resolved.updates.values()], new Set(trainable.values()), recompute);
  const mapped = (tensors: Readonly<Record<string, Tensor>>): Map<string, Tensor> =>
    new Map(Object.entries(tensors).map(([name, t]) => [name, inRecomputed(resolved.map(t))]));
  const total = inRecomputed(resolved.map(loss));
  const byLoss = parametersByLoss(trainable, total, mapped(losses));
  const pathOf = new Map([...model.state()].map(([path, p]) => [p as Tensor, path]));
  return {
    loss: total,
    watched: mapped(metrics),
    weight: weight === undefined ? undefined : inRecomputed(resolved.map(weight)).cast("float32"),
    updates: new Map([...resolved.updates].map(([buffer, value]) => [pathOf.get(buffer) as string, inRecomputed(value)])),
    gradients: (seed) => {
      const gradients = new Map<string, Tensor>();
      for (const [minimized, paths] of byLoss) {
        const found = vjpOf(
          [minimized],
          [seed.cast(minimized.dtype)],
          paths.map((path) => trainable.get(path) as Tensor),
        );
        paths.forEach((path, i) => gradients.set(path, found[i] as Tensor));
      }
      return new Map([...trainable.keys()].map((path) => [path, gradients.get(path) as Tensor]));
    },
  };
}

/** Counts the examples of a batch: the first axis of its first column. */
const examplesOf = (batch: BatchTypes): number => Math.max(1, Number(Object.values(batch)[0]?.shape[0] ?? 1));

/** Outputs of the first half of a step that is cut in two. */
interface CutOutputs extends Pick<StepGraph, "changes" | "scalars"> {
  readonly outputs: ReadonlyMap<string, Tensor>;
}

/** The gradients of one of several passes, divided by their number, times the weight of the loss where it has one. */
function passGradients({ loss, weight, gradients }: TracedLoss, passes: number): CutOutputs {
  const byPath = gradients(weight === undefined ? constant(1 / passes, loss.dtype) : weight.mul(1 / passes));
  const outputs = new Map([...byPath].map(([path, dw]) => [nextName(gradientName(path)), dw]));
  if (weight !== undefined) outputs.set(WEIGHT_NAME, weight);
  return { outputs, changes: [...byPath.keys()].map(gradientName), scalars: weight === undefined ? [] : [WEIGHT_NAME] };
}

/** The mean of the gradients so far and this batch's, each by its share of the weight. */
function meanGradients({ weight, gradients }: TracedLoss, examples: number): CutOutputs {
  const before = input(WEIGHT_NAME, [], "float32");
  const own = weight ?? constant(examples, "float32");
  const all = before.add(own);
  const divisor = all.max(LEAST_WEIGHT);
  const kept = before.div(divisor);
  const byPath = gradients(own.div(divisor));
  const outputs = new Map<string, Tensor>([[nextName(WEIGHT_NAME), all]]);
  for (const [path, dw] of byPath) {
    const name = gradientName(path);
    outputs.set(nextName(name), input(name, dw.shape, dw.dtype).mul(kept.cast(dw.dtype)).add(dw));
  }
  return { outputs, changes: [...[...byPath.keys()].map(gradientName), WEIGHT_NAME] };
}

/** Refuses options without an optimizer or a loss, which nobody tells those who write JavaScript. ConfigError. */
function checkGiven({ optimizer, loss }: Partial<TrainingStepOptions>): void {
  if (optimizer === undefined) throw new ConfigError("training: expected an optimizer such as adamW(), got none");
  if (typeof loss !== "function") throw new ConfigError("training: expected a loss such as crossEntropy(), got none");
}

/**
 * Describes a training step. ConfigError for options that do not go together.
 *
 * @example
 * import { meanSquaredError } from "descentjs/losses";
 * import { Linear } from "descentjs/nn";
 * import { sgd } from "descentjs/optim";
 * import { TrainingState, trainingStep } from "descentjs/train";
 * const model = new Linear(1, 1);
 * const step = trainingStep({ model, loss: ({ x, y }) => meanSquaredError(model.forward(x!), y!), optimizer: sgd({ learningRate: 0.1 }) });
 * const state = await TrainingState.create(step, { seed: 1 });
 * const batch = (...values: number[]) => ({ dtype: "float32", shape: [values.length, 1], data: Float32Array.from(values) }) as const;
 * let loss = Infinity;
 * for (let i = 0; i < 100; i++) ({ loss } = await state.run({ x: batch(0, 1, 2), y: batch(1, 3, 5) }));
 * console.log(loss < 1e-3); // true
 * await state.dispose();
 */
export function trainingStep(options: TrainingStepOptions): TrainingStep {
  const { model, optimizer, accumulate = 1, passes, base = "float32" } = options;
  checkGiven(options);
  const trainable = optimizer.trained(model.parameters());
  if (trainable.size === 0)
    throw new ConfigError(
      "training: expected parameters to change, got none; the model has none, or the optimizer freezes them all",
    );
  const codedBase = base === "float32" ? undefined : new QuantizedBase(model, trainable, base);
  const parameters = codedBase?.stateOf(model.state()) ?? model.state();
  const types: StateTypes = { parameters, slots: optimizer.slots(model.parameters()) };
  const graphOf = (outputs: ReadonlyMap<string, Tensor>): Graph => codedBase?.graph(outputs) ?? new Graph(new Map(outputs));

  const applyOptimizer = (
    gradients: ReadonlyMap<string, Tensor>,
    scaledGradients?: (factor: Tensor) => ReadonlyMap<string, Tensor>,
  ): { outputs: Map<string, Tensor>; changes: string[]; metrics: Map<string, Tensor> } => {
    const state = new Map([...types.slots].map(([key, slot]) => [key, input(key, slot.shape, slot.dtype)]));
    const scalars = new Map(optimizer.scalarNames.map((name) => [name, input(name, [], "float32")]));
    const updated = withScope(OPTIMIZER_SCOPE, () =>
      optimizer.update({ parameters: trainable, gradients, scaledGradients, state, scalars }),
    );
    const outputs = new Map<string, Tensor>();
    for (const [name, value] of [...updated.parameters, ...updated.state]) outputs.set(nextName(name), value);
    return { outputs, changes: [...updated.parameters.keys(), ...updated.state.keys()], metrics: updated.metrics };
  };

  const graphFor = (batch: BatchTypes): StepGraph => {
    const traced = traceLoss(options, batch, trainable);
    const { loss, watched, updates, gradients } = traced;
    const outputs = new Map<string, Tensor>([["loss", loss], ...watched]);
    const metrics = [...outputs.keys()];
    const changes = [...updates.keys()];
    for (const [path, value] of updates) outputs.set(nextName(path), value);
    if (passes !== undefined || accumulate > 1) {
      const cut = passes === undefined ? meanGradients(traced, examplesOf(batch)) : passGradients(traced, passes);
      for (const [name, t] of cut.outputs) outputs.set(name, t);
      return { graph: graphOf(outputs), changes: [...changes, ...cut.changes], metrics, scalars: cut.scalars };
    }
    const update = applyOptimizer(gradients(constant(1, loss.dtype)), gradients);
    for (const [name, t] of [...update.outputs, ...update.metrics]) outputs.set(name, t);
    metrics.push(...update.metrics.keys());
    changes.push(...update.changes);
    return { graph: graphOf(outputs), changes, metrics };
  };

  const updateGraph = (only?: ReadonlySet<string>): StepGraph => {
    const gradients = new Map([...trainable].map(([path, p]) => [path, input(gradientName(path), p.dims, p.dtype)]));
    const update = applyOptimizer(gradients);
    const isWanted = (name: string): boolean => only === undefined || only.has(types.slots.get(name)?.path ?? name);
    const { metrics } = update;
    const changes = update.changes.filter(isWanted);
    const outputs = new Map(changes.map((name) => [nextName(name), update.outputs.get(nextName(name)) as Tensor]));
    for (const [name, t] of metrics) outputs.set(name, t);
    return { graph: new Graph(outputs), changes, metrics: [...metrics.keys()] };
  };

  return { ...options, types, codedBase, graphOf, graphFor, updateGraph };
}

/**
 * Initial values: those given, by path; each other parameter from its own stream, so that adding a layer changes no other.
 * Slots that begin as their parameter (averages of the weights) begin as the given one.
 */
export function initialValues(
  types: StateTypes,
  seed: number,
  given: ReadonlyMap<string, TensorData> = new Map(),
): Map<string, TensorData> {
  const values = new Map<string, TensorData>();
  for (const [path, p] of types.parameters) {
    const made = given.get(path) ?? fromNumbers(p.dtype, p.dims, p.initializer(p.dims, new Random(seed, "init", path)));
    values.set(path, made);
  }
  for (const [key, slot] of types.slots) values.set(key, given.get(key) ?? initialSlot(slot, values));
  return values;
}

function initialSlot(
  slot: TensorType & { readonly initial: number | "parameter"; readonly path: string },
  values: ReadonlyMap<string, TensorData>,
): TensorData {
  const shape = slot.shape as readonly number[];
  if (slot.initial === "parameter") {
    const source = values.get(slot.path) as TensorData;
    return { dtype: slot.dtype, shape, data: source.data.slice() };
  }
  const data = DTYPES[slot.dtype].create(sizeOf(shape));
  const [fill] = fromNumbers(slot.dtype, [1], [slot.initial]).data;
  if (slot.initial !== 0) (data as Float32Array).fill(fill as number);
  return { dtype: slot.dtype, shape, data };
}
