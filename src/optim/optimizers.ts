/**
 * @module Optimizers ready to use, each a short chain, with PyTorch's defaults and formulas.
 */
import { chain, withGroups } from "./chain.js";
import type { Optimizer, ParameterGroup, Part } from "./optimizer.js";
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
import type { Schedule } from "./schedule.js";

/** What every optimizer takes. */
export interface CommonOptions {
  /** Per step: a number, or a schedule. */
  readonly learningRate?: number | Schedule;
  readonly weightDecay?: number;
  /** Other settings for some parameters, by path. */
  readonly groups?: readonly ParameterGroup[];
}

/** Decay has a place in the chain where it has a coefficient of its own, or a group gives it one. */
function make(groups: readonly ParameterGroup[] | undefined, ...parts: readonly (Part | false)[]): Optimizer {
  const optimizer = chain(...parts.filter((part): part is Part => part !== false));
  return groups === undefined ? optimizer : withGroups(optimizer, groups);
}

/**
 * Stochastic gradient descent: w ← w − lr·g, with L2 weight decay and momentum where asked for.
 *
 * Source: PyTorch 2.13, `torch.optim.SGD`. Checked against it: 100 steps, 1e-6, optimizers.test.ts.
 */
export function sgd(options: CommonOptions & MomentumOptions = {}): Optimizer {
  const { learningRate = 1e-3, weightDecay = 0, groups, ...rest } = options;
  const hasMomentum = (rest.momentum ?? 0) !== 0;
  return make(groups, weightDecayPart(weightDecay), hasMomentum && momentum(rest), scaleByLearningRate(learningRate));
}

/**
 * RMSprop; momentum, where asked for, gathers the scaled gradients.
 *
 * Source: PyTorch 2.13, `torch.optim.RMSprop`. Checked against it: 100 steps, 1e-6, optimizers.test.ts.
 */
export function rmsprop(options: CommonOptions & RmsScaleOptions & { readonly momentum?: number } = {}): Optimizer {
  const { learningRate = 1e-2, weightDecay = 0, momentum: mu = 0, groups, ...rest } = options;
  return make(
    groups,
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
  const { learningRate = 1e-2, weightDecay = 0, groups, ...rest } = options;
  return make(groups, weightDecayPart(weightDecay), scaleByAdagrad(rest), scaleByLearningRate(learningRate));
}

/**
 * Adam; weight decay is L2, part of the gradient (`adamW` decouples it).
 *
 * Source: Kingma and Ba 2015, arXiv:1412.6980. Checked against: PyTorch 2.13, `torch.optim.Adam`, 100 steps, 1e-6, optimizers.test.ts.
 */
export function adam(options: CommonOptions & AdamScaleOptions = {}): Optimizer {
  const { learningRate = 1e-3, weightDecay = 0, groups, ...rest } = options;
  return make(groups, weightDecayPart(weightDecay), scaleByAdam(rest), scaleByLearningRate(learningRate));
}

/**
 * Adam with decoupled weight decay: w shrinks by lr·λ at each step, whatever its gradients.
 *
 * Source: Loshchilov and Hutter 2019, arXiv:1711.05101, algorithm 2. Checked against: PyTorch 2.13, `torch.optim.AdamW`, 100 steps,
 * 1e-6, optimizers.test.ts.
 */
export function adamW(options: CommonOptions & AdamScaleOptions = {}): Optimizer {
  const { learningRate = 1e-3, weightDecay = 1e-2, groups, ...rest } = options;
  return make(groups, scaleByAdam(rest), weightDecayPart(weightDecay), scaleByLearningRate(learningRate));
}

/**
 * Lion: the sign of an average of gradients, with decoupled weight decay.
 *
 * Source: Chen et al. 2023, arXiv:2302.06675, algorithm 2. Checked against: that formula in plain code, optimizers.test.ts.
 */
export function lion(options: CommonOptions & LionScaleOptions = {}): Optimizer {
  const { learningRate = 1e-4, weightDecay = 0, groups, ...rest } = options;
  return make(groups, scaleByLion(rest), weightDecayPart(weightDecay), scaleByLearningRate(learningRate));
}
