/**
 * @module Optimizers: a chain of small parts, each of which changes the updates of all parameters and emits graph ops,
 * so that a whole training step is one graph. It holds no values: the state belongs to whoever runs the step.
 */
import type { DType, Parameter, Tensor } from "../graph/index.js";
import { asTensor } from "../ops/index.js";
import type { Schedule } from "./schedule.js";
import type { StatePrecision } from "./state-precision.js";
import type { Described, Json } from "../util/described.js";

/** A scalar that multiplies an update: a number, or a scalar tensor (the learning rate, a norm). */
export type Factor = number | Tensor;

/**
 * The update that flows down a chain for one parameter w: the step w ← (1 − decay)·w − scale·direction. The factors stay apart from the
 * tensors until something needs them, so that they are multiplied once per step and not once per element.
 */
export interface Update {
  readonly direction: Tensor;
  readonly scale: Factor;
  readonly decay: Factor;
}

/** The host's knowledge of a step: scalar inputs are functions of it. */
export interface StepInfo {
  /** The index of the step, 0 first. */
  readonly step: number;
  /** The schedule's learning rate for the step. */
  readonly learningRate: number;
}

/** A number array that an optimizer keeps for a parameter: a momentum, an average. */
export interface Slot {
  readonly shape: readonly number[];
  readonly dtype: DType;
  /** A number for every element, or the parameter's own initial value. */
  readonly initial: number | "parameter";
}

/** Settings of a parameter group for its parameters. */
export interface GroupSettings {
  /** A factor on the learning rate. */
  readonly learningRateMultiplier?: number;
  /** In place of the optimizer's own. */
  readonly weightDecay?: number;
  /** Never changed: no gradient is computed. */
  readonly frozen?: boolean;
}

/** The context in which a part emits its ops, for the parameter in question or for all. */
export interface PartContext {
  /** Current values, by path. */
  readonly parameters: ReadonlyMap<string, Tensor>;
  /** A slot's value before the step. */
  readonly slot: (slot: string, path: string) => Tensor;
  /** Gives a slot its value after the step. */
  readonly setSlot: (slot: string, path: string, value: Tensor) => void;
  /** A scalar input of this part by its name. */
  readonly scalar: (name: string) => Tensor;
  readonly group: (path: string) => GroupSettings;
  /** Reports a scalar with the step's metrics. */
  readonly report: (name: string, value: Tensor) => void;
  /** a·b, made once for equal operands. */
  readonly times: (a: Factor, b: Factor) => Factor;
  /** The direction with its factors multiplied in: scale·direction + decay·w, for parts that are not linear in it. */
  readonly materialize: (path: string, update: Update) => Tensor;
}

export type Updates = ReadonlyMap<string, Update>;

/** One link of a chain. */
export interface Part {
  /** The description from which `optimizerFrom` makes the same part. */
  readonly description: Described;
  readonly slots?: (parameter: Parameter) => Readonly<Record<string, Slot>>;
  /** Those of its slots whose numbers are never negative. */
  readonly nonNegativeSlots?: readonly string[];
  /** Scalar inputs of the step graph, as the host computes them. */
  readonly scalars?: Readonly<Record<string, (info: StepInfo) => number>>;
  readonly update?: (updates: Updates, context: PartContext) => Updates;
  /** After all updates: what becomes of the new values. */
  readonly finish?: (values: ReadonlyMap<string, Tensor>, context: PartContext) => ReadonlyMap<string, Tensor>;
  /** The learning rate, in the one part of a chain that applies it. */
  readonly schedule?: Schedule;
}

/** The inputs of an update graph; all tensors symbolic. */
export interface UpdateInputs {
  readonly parameters: ReadonlyMap<string, Tensor>;
  /** Gradients of the trainable parameters, by path. */
  readonly gradients: ReadonlyMap<string, Tensor>;
  /**
   * The same gradients times a scalar, as a backward pass that starts from that scalar in place of 1 gives them: where every update
   * is the gradient times the learning rate, this saves a product per parameter.
   */
  readonly scaledGradients?: (factor: Tensor) => ReadonlyMap<string, Tensor>;
  /** By slot key, as `slots` names them. */
  readonly state: ReadonlyMap<string, Tensor>;
  /** By name, as `scalarNames` lists them: float32 of rank 0. */
  readonly scalars: ReadonlyMap<string, Tensor>;
}

export interface UpdateOutputs {
  /** New values of the parameters that were given a gradient. */
  readonly parameters: Map<string, Tensor>;
  readonly state: Map<string, Tensor>;
  /** Scalars worth watching, such as `gradientNorm`. */
  readonly metrics: Map<string, Tensor>;
}

/** A rule for changing parameters by their gradients. Pure: it describes, and holds nothing. */
export interface Optimizer {
  readonly parts: readonly Part[];
  readonly schedule: Schedule;
  readonly groups: readonly ParameterGroup[];
  /** The precision in which slots of large parameters are kept. */
  readonly state: StatePrecision;
  /** The description from which `optimizerFrom` makes the same optimizer. */
  readonly description: Json;
  /** Returns the groups' settings of a parameter. */
  readonly settings: (path: string) => GroupSettings;
  /** Arrays kept for the parameters that are not frozen: `adam.momentum/fc1.weight` → slot. */
  readonly slots: (parameters: ReadonlyMap<string, Parameter>) => Map<string, Slot & { readonly path: string }>;
  /** Names of the scalar inputs of the step graph. */
  readonly scalarNames: readonly string[];
  /** Their values at a step. */
  readonly scalars: (info: StepInfo) => Record<string, number>;
  /** Those of the parameters that the optimizer changes: not frozen by a group. */
  readonly trained: <P>(parameters: ReadonlyMap<string, P>) => Map<string, P>;
  readonly update: (inputs: UpdateInputs) => UpdateOutputs;
  /** The updates as the first `count` parts leave them, for a kernel that does the rest (`in-place.ts`). */
  readonly updatesBefore: (
    count: number,
    inputs: UpdateInputs,
  ) => Pick<UpdateOutputs, "state" | "metrics"> & { readonly updates: Updates };
}

/** Settings for the parameters whose path matches; the first group that matches counts. */
export interface ParameterGroup extends GroupSettings {
  /** Patterns of paths: `"*.bias"`, `"encoder.layer.[0-3].*"`; see `patternExpression`. */
  readonly match: string | readonly string[];
}

/** Multiplies and materializes with a memory, so that a product of scalars is one node per step. */
export function factorAlgebra(parameters: ReadonlyMap<string, Tensor>): Pick<PartContext, "times" | "materialize"> {
  const products = new Map<Tensor, Map<Factor, Tensor>>();
  const times = (a: Factor, b: Factor): Factor => {
    if (a === 0 || b === 0) return 0;
    if (a === 1) return b;
    if (b === 1) return a;
    if (typeof a === "number") return typeof b === "number" ? a * b : times(b, a);
    const known = products.get(a) ?? new Map<Factor, Tensor>();
    products.set(a, known);
    const product = known.get(b) ?? a.mul(b);
    known.set(b, product);
    return product;
  };
  const materialize = (path: string, { direction, scale, decay }: Update): Tensor => {
    const scaled = scaleBy(direction, scale);
    return decay === 0 ? scaled : scaled.add(scaleBy(parameters.get(path) as Tensor, decay));
  };
  return { times, materialize };
}

/** factor·x, without a node where the factor is 1; the factor takes x's type. */
export function scaleBy(x: Tensor, factor: Factor): Tensor {
  if (factor === 1) return x;
  return asTensor(factor, x.dtype).cast(x.dtype).mul(x);
}
