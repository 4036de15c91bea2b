/**
 * @module Optimizers ready to use, each a short chain, with PyTorch's defaults and formulas.
 */
import type { AdafactorScaleOptions } from "./adafactor.js";
import { scaleByAdafactor } from "./adafactor.js";
import { chain, withGroups, withState } from "./chain.js";
import type { Optimizer, ParameterGroup, Part } from "./optimizer.js";
import { clipByGlobalNorm, clipByNorm, clipByValue, weightClipping } from "./clip.js";
import { exponentialMovingAverage } from "./moving-average.js";
import type { AdagradScaleOptions, AdamScaleOptions, LionScaleOptions, MomentumOptions, RmsScaleOptions } from "./parts.js";
import {
  momentum,
  scaleByAdagrad,
  scaleByAdam,
  scaleByLearningRate,
  scaleByLion,
  scaleByRms,
  weightDecay as weightDecayPart,
} from "./parts.js";
import type { SaliencyKind } from "./saliency.js";
import { saliency, weightMask } from "./saliency.js";
import type { Schedule } from "./schedule.js";
import type { StatePrecision } from "./state-precision.js";
import { scheduleFrom } from "./schedule.js";
import type { Json, Table } from "../util/described.js";
import { fromTable, isRecord } from "../util/described.js";

/** Options of every optimizer. */
export interface CommonOptions {
  /** Per step: a number, or a schedule. */
  readonly learningRate?: number | Schedule;
  readonly weightDecay?: number;
  /** Other settings for some parameters, by path. */
  readonly groups?: readonly ParameterGroup[];
  /** The precision of its state; `float32` by default. See `withState`. */
  readonly state?: StatePrecision;
}

/** A chain without the parts that are false. Weight decay always has its place, since a group may give it a coefficient. */
function make({ groups, state }: CommonOptions, ...parts: readonly (Part | false)[]): Optimizer {
  const plain = chain(...parts.filter((part): part is Part => part !== false));
  const optimizer = groups === undefined ? plain : withGroups(plain, groups);
  return state === undefined ? optimizer : withState(optimizer, state);
}

/**
 * Stochastic gradient descent: w ← w − lr·g, with L2 weight decay and momentum where asked for.
 *
 * Source: PyTorch 2.13, `torch.optim.SGD`. Checked against it: 100 steps, 1e-6, optimizers.test.ts.
 */
export function sgd(options: CommonOptions & MomentumOptions = {}): Optimizer {
  const { learningRate = 1e-3, weightDecay = 0, groups, state, ...rest } = options;
  const hasMomentum = (rest.momentum ?? 0) !== 0;
  return make({ groups, state }, weightDecayPart(weightDecay), hasMomentum && momentum(rest), scaleByLearningRate(learningRate));
}

/**
 * RMSprop; momentum, where asked for, gathers the scaled gradients.
 *
 * Source: PyTorch 2.13, `torch.optim.RMSprop`. Checked against it: 100 steps, 1e-6, optimizers.test.ts.
 */
export function rmsprop(options: CommonOptions & RmsScaleOptions & { readonly momentum?: number } = {}): Optimizer {
  const { learningRate = 1e-2, weightDecay = 0, momentum: mu = 0, groups, state, ...rest } = options;
  return make(
    { groups, state },
    weightDecayPart(weightDecay),
    scaleByRms(rest),
    mu !== 0 && momentum({ momentum: mu }),
    scaleByLearningRate(learningRate),
  );
}

/**
 * Adagrad: steps shrink with all that a parameter has seen.
 *
 * Source: PyTorch 2.13, `torch.optim.Adagrad`, without its learning-rate decay (a schedule does that). Checked against it: 100 steps,
 * 1e-6, optimizers.test.ts.
 */
export function adagrad(options: CommonOptions & AdagradScaleOptions = {}): Optimizer {
  const { learningRate = 1e-2, weightDecay = 0, groups, state, ...rest } = options;
  return make({ groups, state }, weightDecayPart(weightDecay), scaleByAdagrad(rest), scaleByLearningRate(learningRate));
}

/**
 * Adam; weight decay is L2, part of the gradient (`adamW` decouples it).
 *
 * Source: Kingma and Ba 2015, arXiv:1412.6980. Checked against: PyTorch 2.13, `torch.optim.Adam`, 100 steps, 1e-6, optimizers.test.ts.
 */
export function adam(options: CommonOptions & AdamScaleOptions = {}): Optimizer {
  const { learningRate = 1e-3, weightDecay = 0, groups, state, ...rest } = options;
  return make({ groups, state }, weightDecayPart(weightDecay), scaleByAdam(rest), scaleByLearningRate(learningRate));
}

/**
 * Adam with decoupled weight decay: w shrinks by lr·λ at each step, whatever its gradients.
 *
 * Source: Loshchilov and Hutter 2019, arXiv:1711.05101, algorithm 2. Checked against: PyTorch 2.13, `torch.optim.AdamW`, 100 steps,
 * 1e-6, optimizers.test.ts.
 */
export function adamW(options: CommonOptions & AdamScaleOptions = {}): Optimizer {
  const { learningRate = 1e-3, weightDecay = 1e-2, groups, state, ...rest } = options;
  return make({ groups, state }, scaleByAdam(rest), weightDecayPart(weightDecay), scaleByLearningRate(learningRate));
}

/**
 * Lion: the sign of an average of gradients, with decoupled weight decay.
 *
 * Source: Chen et al. 2023, arXiv:2302.06675, algorithm 2. Checked against: that formula in plain code, optimizers.test.ts.
 */
export function lion(options: CommonOptions & LionScaleOptions = {}): Optimizer {
  const { learningRate = 1e-4, weightDecay = 0, groups, state, ...rest } = options;
  return make({ groups, state }, scaleByLion(rest), weightDecayPart(weightDecay), scaleByLearningRate(learningRate));
}

/**
 * Adafactor: a memory of rows and columns in place of one for each number, and steps relative to the size of the weights, so that the learning rate is a
 * share of it.
 *
 * Source: Shazeer and Stern 2018, arXiv:1804.04235. Checked against: PyTorch 2.15, `torch.optim.Adafactor`, 100 steps, 1e-9, optimizers.test.ts.
 */
export function adafactor(options: CommonOptions & AdafactorScaleOptions = {}): Optimizer {
  const { learningRate = 1e-2, weightDecay = 0, groups, state, ...rest } = options;
  return make({ groups, state }, scaleByAdafactor(rest), weightDecayPart(weightDecay), scaleByLearningRate(learningRate));
}

const common = ["learningRate", "weightDecay", "groups", "state"];

/** Every optimizer by name, with the options that it takes. */
export const OPTIMIZERS = {
  sgd: { make: sgd, options: [...common, "momentum", "nesterov", "dampening"] },
  rmsprop: { make: rmsprop, options: [...common, "alpha", "epsilon", "centered", "momentum"] },
  adagrad: { make: adagrad, options: [...common, "initialAccumulator", "epsilon"] },
  adam: { make: adam, options: [...common, "beta1", "beta2", "epsilon", "amsgrad"] },
  adamW: { make: adamW, options: [...common, "beta1", "beta2", "epsilon", "amsgrad"] },
  lion: { make: lion, options: [...common, "beta1", "beta2"] },
  adafactor: { make: adafactor, options: [...common, "decay", "epsilon", "leastScale", "threshold"] },
} as const satisfies Table<Optimizer>;

/** Optimizers by name. */
export type OptimizerName = keyof typeof OPTIMIZERS;

type Limit = { readonly limit: number };

/** Every part by the name in its description. */
const PARTS: Table<Part> = {
  learningRate: {
    make: ({ schedule }: { schedule: Json }) => scaleByLearningRate(scheduleFrom(schedule)),
    options: ["schedule"],
  },
  weightDecay: { make: ({ lambda }: { lambda: number }) => weightDecayPart(lambda), options: ["lambda"] },
  momentum: { make: momentum, options: ["momentum", "nesterov", "dampening"] },
  adam: { make: scaleByAdam, options: ["beta1", "beta2", "epsilon", "amsgrad"] },
  rms: { make: scaleByRms, options: ["alpha", "epsilon", "centered"] },
  adagrad: { make: scaleByAdagrad, options: ["initialAccumulator", "epsilon"] },
  lion: { make: scaleByLion, options: ["beta1", "beta2"] },
  adafactor: { make: scaleByAdafactor, options: ["decay", "epsilon", "leastScale", "threshold"] },
  clipByValue: { make: ({ limit }: Limit) => clipByValue(limit), options: ["limit"] },
  clipByNorm: { make: ({ limit }: Limit) => clipByNorm(limit), options: ["limit"] },
  clipByGlobalNorm: { make: ({ limit }: Limit) => clipByGlobalNorm(limit), options: ["limit"] },
  weightClipping: {
    make: ({ limit, percentile }: { readonly limit?: number; readonly percentile?: number }) =>
      weightClipping(percentile === undefined ? (limit ?? NaN) : { percentile }),
    options: ["limit", "percentile"],
  },
  weightMask: { make: weightMask, options: [] },
  saliency: { make: ({ kind }: { readonly kind: SaliencyKind }) => saliency(kind), options: ["kind"] },
  average: { make: ({ decay }: { decay: number }) => exponentialMovingAverage(decay), options: ["decay"] },
};

/**
 * The optimizer that a description gives: one by name (`{ name: "adamW", learningRate: { name: "cosine", peak: 1e-3 } }`), or
 * an optimizer's own `description`, a list of parts. ConfigError for a wrong name or value in it.
 */
export function optimizerFrom(description: Json): Optimizer {
  if (isRecord(description) && Array.isArray(description["parts"])) {
    const parts = (description["parts"] as readonly Json[]).map((part) => fromTable("part of an optimizer", PARTS, part));
    const made = withGroups(chain(...parts), (description["groups"] ?? []) as unknown as readonly ParameterGroup[]);
    return description["state"] === undefined ? made : withState(made, description["state"] as StatePrecision);
  }
  if (!isRecord(description)) return fromTable<Optimizer>("optimizer", OPTIMIZERS, description);
  const { learningRate } = description;
  const options = { ...description } as Record<string, unknown>;
  if (learningRate !== undefined && typeof learningRate !== "number") options["learningRate"] = scheduleFrom(learningRate);
  return fromTable<Optimizer>("optimizer", OPTIMIZERS, options);
}
