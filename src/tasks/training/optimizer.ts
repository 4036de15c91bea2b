/**
 * @module An optimizer from the options of a command line: names and numbers.
 */
import type { Json, Optimizer, StatePrecision } from "../../optim/index.js";
import type { OptimizerChoice } from "../options.js";
import type { TrainingDefaults } from "../task.js";
import { OPTIMIZERS, weightBound } from "../options.js";
import { chain, clipByGlobalNorm, optimizerFrom, scheduleFrom, weightClipping } from "../../optim/index.js";

export interface OptimizerOptions extends Pick<
  TrainingDefaults,
  "lr" | "weightDecay" | "beta1" | "beta2" | "finalLrFraction" | "warmupSteps" | "clipNorm"
> {
  /** As on the command line: `adamw`, `sgd`, … */
  readonly optimizer: string;
  /** As on the command line: `one-cycle`, `inverse-square-root`, … */
  readonly schedule: string;
  /** As on the command line: `0.5`, `99%`. */
  readonly clipWeights?: string;
  /** The precision of large parameters' state: `float32` or `int8`. */
  readonly optimizerState?: StatePrecision;
  /** Updates in all: schedules that need lengths of their own take shares of it. */
  readonly totalSteps: number;
}

/** Schedules by command-line name, with lengths where they need some: thirds of the run, or a tenth. */
function scheduleDescription({ schedule, lr: peak, warmupSteps, totalSteps, finalLrFraction }: OptimizerOptions): Json {
  const common = { peak, ...(warmupSteps === undefined ? {} : { warmupSteps }) };
  const last = finalLrFraction === undefined ? undefined : peak * finalLrFraction;
  const share = (fraction: number): number => Math.max(1, Math.round(totalSteps * fraction));
  switch (schedule) {
    case "step":
      return { name: "step", stepSize: share(1 / 3), gamma: 0.1, ...common };
    case "multi-step":
      return { name: "multiStep", milestones: [share(0.5), share(0.75)], gamma: 0.1, ...common };
    case "exponential":
      return { name: "exponential", gamma: 0.01 ** (1 / totalSteps), ...common };
    case "inverse-square-root":
      return { name: "inverseSquareRoot", ...common };
    case "cosine":
      return { name: "cosine", ...common, ...(last === undefined ? {} : { min: last }) };
    case "linear":
      return { name: "linear", ...common, ...(last === undefined ? {} : { end: last }) };
    case "one-cycle":
      return { name: "oneCycle", peak };
    case "reduce-on-plateau":
      return { name: "reduceOnPlateau", ...common };
    default:
      return { name: schedule, ...common };
  }
}

/** Errors: ConfigError for an unknown name or a number out of range. */
export function makeOptimizer(options: OptimizerOptions): Optimizer {
  const { optimizer, weightDecay, clipNorm, clipWeights, beta1, beta2, optimizerState } = options;
  const schedule = scheduleFrom(scheduleDescription(options));
  // SGD without momentum is rarely what is meant by the name in a shell.
  const extra: Record<string, Json> = optimizer === "sgd" ? { momentum: 0.9, nesterov: true } : {};
  if (beta1 !== undefined && /^(adamw?|lion)$/.test(optimizer)) extra["beta1"] = beta1;
  if (beta2 !== undefined && /^(adamw?|lion)$/.test(optimizer)) extra["beta2"] = beta2;
  const name = Object.hasOwn(OPTIMIZERS, optimizer) ? OPTIMIZERS[optimizer as OptimizerChoice] : optimizer;
  if (optimizerState !== undefined) extra["state"] = optimizerState;
  const made = optimizerFrom({ name, learningRate: schedule.description, weightDecay, ...extra });
  const first = clipNorm === undefined ? [] : [clipByGlobalNorm(clipNorm)];
  const last = clipWeights === undefined ? [] : [weightClipping(weightBound(clipWeights, "--clip-weights"))];
  return first.length + last.length === 0 ? made : chain(...first, made, ...last);
}
