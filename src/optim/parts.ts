/**
 * @module The links of which optimizers are made: learning rate, momentum, adaptive scales, sign, weight decay.
 */
import type { Parameter, Tensor } from "../graph/index.js";
import { maximum } from "../ops/index.js";
import { ConfigError } from "../util/errors.js";
import type { Part, PartContext, Slot, Update, Updates } from "./optimizer.js";
import { scaleBy } from "./optimizer.js";
import type { Schedule } from "./schedule.js";
import { asSchedule } from "./schedule.js";
import { expectOption } from "../util/described.js";

/** A slot like its parameter that begins with one number everywhere. */
const like = (parameter: Parameter, initial: number): Slot => ({ shape: parameter.dims, dtype: parameter.dtype, initial });

const unscaled = (direction: Tensor): Update => ({ direction, scale: 1, decay: 0 });

/** A part that treats every parameter alike. */
export const eachParameter =
  (change: (update: Update, path: string, context: PartContext) => Update) =>
  (updates: Updates, context: PartContext): Updates =>
    new Map([...updates].map(([path, update]) => [path, change(update, path, context)]));

/** Multiplies by the learning rate, and by a group's `learningRateMultiplier`. */
export function scaleByLearningRate(learningRate: number | Schedule): Part {
  const schedule = asSchedule(learningRate);
  return {
    description: { name: "learningRate", schedule: schedule.description },
    schedule,
    scalars: { value: ({ learningRate: value }) => value },
    update: eachParameter(({ direction, scale, decay }, path, { scalar, times, group }) => {
      const rate = times(scalar("value"), group(path).learningRateMultiplier ?? 1);
      return { direction, scale: times(rate, scale), decay: times(rate, decay) };
    }),
  };
}

/**
 * Adds λ·w to the update. Before an adaptive part it is L2 regularization; after it, decoupled decay (Loshchilov and Hutter
 * 2019, arXiv:1711.05101). A group's `weightDecay` comes in λ's place.
 * ConfigError if it stands behind the learning rate.
 */
export function weightDecay(lambda: number): Part {
  expectOption("weightDecay", lambda, 0);
  return {
    description: { name: "weightDecay", lambda },
    update: eachParameter((update, path, { group }) => {
      const own = group(path).weightDecay ?? lambda;
      if (own === 0) return update;
      if (typeof update.decay !== "number") throw new ConfigError("weightDecay: expected to stand before the learning rate");
      return { ...update, decay: update.decay + own };
    }),
  };
}

/** Constants of momentum. */
export interface MomentumOptions {
  /** μ, the share of the last velocity that stays. */
  readonly momentum?: number;
  readonly nesterov?: boolean;
  /** Share of the gradient that is left out, from the second step on. */
  readonly dampening?: number;
}

/**
 *     v ← μ·v + (1 − dampening)·g;  direction v, or g + μ·v with Nesterov
 *
 * Source: PyTorch's SGD (the velocity begins with the whole first gradient); Sutskever et al. 2013.
 * ConfigError for Nesterov's form with dampening.
 */
export function momentum({ momentum: mu = 0.9, nesterov = false, dampening = 0 }: MomentumOptions = {}): Part {
  expectOption("momentum", mu, 0);
  if (nesterov && dampening !== 0) throw new ConfigError("momentum: expected dampening 0 with nesterov, got " + dampening);
  return {
    description: { name: "momentum", momentum: mu, nesterov, dampening },
    slots: (parameter) => ({ velocity: like(parameter, 0) }),
    ...(dampening === 0 ? {} : { scalars: { gain: ({ step }: { step: number }) => (step === 0 ? 1 : 1 - dampening) } }),
    update: eachParameter((update, path, { slot, setSlot, scalar, materialize }) => {
      // A constant factor may stay outside: the velocity is linear in the gradients.
      const outside = typeof update.scale === "number" && update.decay === 0 ? update.scale : 1;
      const g = outside === 1 ? materialize(path, update) : update.direction;
      const gained = dampening === 0 ? g : scaleBy(g, scalar("gain"));
      const v = slot("velocity", path).mul(mu).add(gained);
      setSlot("velocity", path, v);
      return { direction: nesterov ? v.mul(mu).add(g) : v, scale: outside, decay: 0 };
    }),
  };
}

/** Constants of Adam. */
export interface AdamScaleOptions {
  /** Decay of the running mean of the gradients. */
  readonly beta1?: number;
  /** Decay of the running mean of their squares. */
  readonly beta2?: number;
  readonly epsilon?: number;
  /** Divides by the largest mean of squares so far. Reddi et al. 2018. */
  readonly amsgrad?: boolean;
}

/**
 *     m̂ / (√v̂ + ε),  m̂ and v̂ the bias-corrected means of g and g²
 *
 * Source: Kingma and Ba 2015, arXiv:1412.6980, algorithm 1.
 * Differs from the source: the slots hold m/(1 − β₁) and v/(1 − β₂), and the corrections are two scalars per step, which saves three
 * passes over memory; the values are the same.
 */
export function scaleByAdam({ beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8, amsgrad = false }: AdamScaleOptions = {}): Part {
  expectOption("beta1", beta1, 0, 1, true);
  expectOption("beta2", beta2, 0, 1, true);
  expectOption("epsilon", epsilon, 0);
  // With M = m/(1 − β₁), V = v/(1 − β₂), c₂ = √((1 − β₂ᵗ)/(1 − β₂)): m̂/(√v̂ + ε) = (1 − β₁)/(1 − β₁ᵗ)·c₂ · M/(√V + ε·c₂).
  const root = (step: number): number => Math.sqrt((1 - beta2 ** (step + 1)) / (1 - beta2));
  return {
    description: { name: "adam", beta1, beta2, epsilon, amsgrad },
    slots: (parameter) => ({
      momentum: like(parameter, 0),
      square: like(parameter, 0),
      ...(amsgrad ? { largest: like(parameter, 0) } : {}),
    }),
    nonNegativeSlots: ["square", "largest"],
    scalars: {
      scale: ({ step }) => ((1 - beta1) / (1 - beta1 ** (step + 1))) * root(step),
      epsilon: ({ step }) => epsilon * root(step),
    },
    update: eachParameter((update, path, { slot, setSlot, scalar, materialize }) => {
      const g = materialize(path, update);
      const m = beta1 === 0 ? g : slot("momentum", path).mul(beta1).add(g);
      const v = slot("square", path).mul(beta2).add(g.square());
      setSlot("momentum", path, m);
      setSlot("square", path, v);
      let divisor = v;
      if (amsgrad) {
        divisor = maximum(slot("largest", path), v);
        setSlot("largest", path, divisor);
      }
      return { direction: m.div(divisor.sqrt().add(scalar("epsilon").cast(g.dtype))), scale: scalar("scale"), decay: 0 };
    }),
  };
}

/** Constants of RMSprop. */
export interface RmsScaleOptions {
  /** Decay of the running mean of squares. */
  readonly alpha?: number;
  readonly epsilon?: number;
  /** Subtracts the squared mean: divides by an estimate of the standard deviation. */
  readonly centered?: boolean;
}

/**
 *     g / (√v + ε),  v ← α·v + (1 − α)·g²
 *
 * Source: Tieleman and Hinton 2012 (lecture 6.5); ε outside the root as in PyTorch; centered: Graves 2013, arXiv:1308.0850.
 */
export function scaleByRms({ alpha = 0.99, epsilon = 1e-8, centered = false }: RmsScaleOptions = {}): Part {
  expectOption("alpha", alpha, 0, 1, true);
  expectOption("epsilon", epsilon, 0);
  // With V = v/(1 − α) and G = mean/(1 − α): v − mean² = (1 − α)·(V − (1 − α)·G²).
  const root = Math.sqrt(1 - alpha);
  return {
    description: { name: "rms", alpha, epsilon, centered },
    slots: (parameter) => ({ square: like(parameter, 0), ...(centered ? { mean: like(parameter, 0) } : {}) }),
    nonNegativeSlots: ["square"],
    update: eachParameter((update, path, { slot, setSlot, materialize }) => {
      const g = materialize(path, update);
      const v = slot("square", path).mul(alpha).add(g.square());
      setSlot("square", path, v);
      let divisor = v;
      if (centered) {
        const mean = slot("mean", path).mul(alpha).add(g);
        setSlot("mean", path, mean);
        divisor = v.sub(mean.square().mul(1 - alpha));
      }
      return { direction: g.div(divisor.sqrt().add(epsilon / root)), scale: 1 / root, decay: 0 };
    }),
  };
}

/** Constants of Adagrad. */
export interface AdagradScaleOptions {
  readonly initialAccumulator?: number;
  readonly epsilon?: number;
}

/** g / (√Σg² + ε). Source: Duchi et al. 2011. */
export function scaleByAdagrad({ initialAccumulator = 0, epsilon = 1e-10 }: AdagradScaleOptions = {}): Part {
  expectOption("initialAccumulator", initialAccumulator, 0);
  expectOption("epsilon", epsilon, 0);
  return {
    description: { name: "adagrad", initialAccumulator, epsilon },
    slots: (parameter) => ({ sum: like(parameter, initialAccumulator) }),
    nonNegativeSlots: ["sum"],
    update: eachParameter((update, path, { slot, setSlot, materialize }) => {
      const g = materialize(path, update);
      const sum = slot("sum", path).add(g.square());
      setSlot("sum", path, sum);
      return unscaled(g.div(sum.sqrt().add(epsilon)));
    }),
  };
}

/** Constants of Lion. */
export interface LionScaleOptions {
  readonly beta1?: number;
  readonly beta2?: number;
}

/**
 *     sign(β₁·m + (1 − β₁)·g);  m ← β₂·m + (1 − β₂)·g
 *
 * Source: Chen et al. 2023, arXiv:2302.06675, algorithm 2.
 * Differs from the source: the slot holds m/(1 − β₂).
 */
export function scaleByLion({ beta1 = 0.9, beta2 = 0.99 }: LionScaleOptions = {}): Part {
  expectOption("beta1", beta1, 0, 1, true);
  expectOption("beta2", beta2, 0, 1, true);
  // sign(β₁·(1 − β₂)·M + (1 − β₁)·g) = sign(M + g·(1 − β₁)/(β₁·(1 − β₂)))
  const ratio = (1 - beta1) / (beta1 * (1 - beta2));
  return {
    description: { name: "lion", beta1, beta2 },
    slots: (parameter) => ({ momentum: like(parameter, 0) }),
    update: eachParameter((update, path, { slot, setSlot, materialize }) => {
      const g = materialize(path, update);
      const m = slot("momentum", path);
      setSlot("momentum", path, m.mul(beta2).add(g));
      return unscaled((beta1 === 0 ? g : m.add(g.mul(ratio))).sign());
    }),
  };
}
