/**
 * @module Learning rates over time: functions of the step, computed outside the graph. Each is data (`{ name, … }`), so that a
 * run's configuration and a checkpoint can hold it. Every one takes `warmupSteps`, during which the rate grows evenly up to
 * the schedule's own first rate: (step + 1)/(warmupSteps + 1) of it, so that the first step is not lost.
 */
import { ConfigError } from "../util/errors.js";
import type { Described, Json, Table } from "../util/described.js";
import { expectInteger, expectOption, fromTable } from "../util/described.js";
import { shown } from "../util/shown.js";

/** The state of a schedule with memory; JSON, in the checkpoint. */
export type ScheduleState = Readonly<Record<string, number>>;

/** Facts about the run, beyond the step, that a schedule may need. */
export interface ScheduleRun {
  /** Total number of steps of the run: for schedules that end with it and were not told when. */
  readonly totalSteps?: number;
  /** The state of a schedule with memory. */
  readonly state?: ScheduleState;
}

/** A learning rate for each step. */
export interface Schedule {
  /** The description from which `scheduleFrom` makes the same schedule. */
  readonly description: Described;
  /** The learning rate of the step with this index, 0 first. ConfigError where `totalSteps` is needed and not known. */
  readonly at: (step: number, run?: ScheduleRun) => number;
  /** Schedules with memory: where it begins, and what a measured value (one evaluation) makes of it. */
  readonly memory?: { readonly initial: ScheduleState; readonly observe: (state: ScheduleState, value: number) => ScheduleState };
}

/** Options of every schedule. */
export interface ScheduleOptions {
  /** The highest learning rate, per step. */
  readonly peak: number;
  readonly warmupSteps?: number;
}

/** For schedules that reach their end. */
export interface EndingOptions extends ScheduleOptions {
  /** Warm-up included; left out, the length of the run. */
  readonly totalSteps?: number;
}

type Rate = (step: number, run: ScheduleRun) => number;

/** Puts the warm-up before `rate`, whose steps count from its end. */
function define(name: string, options: ScheduleOptions & object, rate: Rate, memory?: Schedule["memory"]): Schedule {
  const { peak, warmupSteps = 0 } = options;
  expectOption(`${name}: peak`, peak, 0);
  expectInteger(`${name}: warmupSteps`, warmupSteps, 0);
  const given = Object.entries(options).filter(([, value]) => value !== undefined) as [string, Json][];
  return {
    description: { name, ...Object.fromEntries(given) },
    at: (step, run = {}) =>
      step < warmupSteps ? (rate(0, run) * (step + 1)) / (warmupSteps + 1) : rate(step - warmupSteps, run),
    memory,
  };
}

/** Steps from the end of the warm-up to the end of the schedule. */
function stepsAfterWarmup(name: string, options: EndingOptions): (run: ScheduleRun) => number {
  if (options.totalSteps !== undefined) expectInteger(`${name}: totalSteps`, options.totalSteps, 1);
  return ({ totalSteps }) => {
    const total = options.totalSteps ?? totalSteps;
    if (total === undefined)
      throw new ConfigError(`${name}: expected totalSteps, got none, and the length of the run is not known`);
    return Math.max(1, total - (options.warmupSteps ?? 0));
  };
}

/** The same learning rate at every step. */
export const constant = (options: ScheduleOptions): Schedule => define("constant", options, () => options.peak);

/** Multiplies by γ every `stepSize` steps. As PyTorch's StepLR. */
export function step(options: ScheduleOptions & { readonly stepSize: number; readonly gamma?: number }): Schedule {
  const { peak, stepSize, gamma = 0.1 } = options;
  expectInteger("step: stepSize", stepSize, 1);
  expectOption("step: gamma", gamma, 0);
  return define("step", options, (t) => peak * gamma ** Math.floor(t / stepSize));
}

/** Multiplies by γ at each milestone (steps after the warm-up). As PyTorch's MultiStepLR. */
export function multiStep(
  options: ScheduleOptions & { readonly milestones: readonly number[]; readonly gamma?: number },
): Schedule {
  const { peak, milestones, gamma = 0.1 } = options;
  for (const milestone of milestones) expectInteger("multiStep: milestones", milestone, 0);
  expectOption("multiStep: gamma", gamma, 0);
  return define("multiStep", options, (t) => peak * gamma ** milestones.filter((milestone) => t >= milestone).length);
}

/** Multiplies by γ at each step. As PyTorch's ExponentialLR. */
export function exponential(options: ScheduleOptions & { readonly gamma: number }): Schedule {
  expectOption("exponential: gamma", options.gamma, 0);
  return define("exponential", options, (t) => options.peak * options.gamma ** t);
}

/**
 * Half a cosine wave from `peak` down to `min`, where it stays.
 *
 *     min + ½(peak − min)(1 + cos(π·t/T))
 *
 * Source: Loshchilov and Hutter 2017, arXiv:1608.03983, equation 5, one cycle. As PyTorch's CosineAnnealingLR up to T.
 */
export function cosine(options: EndingOptions & { readonly min?: number }): Schedule {
  const { peak, min = 0 } = options;
  expectOption("cosine: min", min, 0);
  const length = stepsAfterWarmup("cosine", options);
  return define("cosine", options, (t, run) => min + 0.5 * (peak - min) * (1 + Math.cos(Math.PI * Math.min(1, t / length(run)))));
}

/** Evenly from `peak` to `end`, where it stays. As PyTorch's LinearLR. */
export function linear(options: EndingOptions & { readonly end?: number }): Schedule {
  const { peak, end = 0 } = options;
  expectOption("linear: end", end, 0);
  const length = stepsAfterWarmup("linear", options);
  return define("linear", options, (t, run) => peak + (end - peak) * Math.min(1, t / length(run)));
}

/** end + (peak − end)·(1 − t/T)^power. As PyTorch's PolynomialLR (whose end is 0). */
export function polynomial(options: EndingOptions & { readonly end?: number; readonly power?: number }): Schedule {
  const { peak, end = 0, power = 1 } = options;
  expectOption("polynomial: end", end, 0);
  expectOption("polynomial: power", power, 0);
  const length = stepsAfterWarmup("polynomial", options);
  return define("polynomial", options, (t, run) => end + (peak - end) * (1 - Math.min(1, t / length(run))) ** power);
}

/**
 * peak·√(s/(t + s)), where s is `timescale`: the warm-up's length unless said otherwise, and 10,000 without a warm-up.
 *
 * Source: Vaswani et al. 2017, arXiv:1706.03762, section 5.3, with the peak given directly.
 */
export function inverseSquareRoot(options: ScheduleOptions & { readonly timescale?: number }): Schedule {
  const { peak, warmupSteps = 0, timescale = warmupSteps === 0 ? 10_000 : warmupSteps } = options;
  expectOption("inverseSquareRoot: timescale", timescale, 1);
  return define("inverseSquareRoot", options, (t) => peak * Math.sqrt(timescale / (t + timescale)));
}

/** Options of one cycle: the share of steps that rise, and by how much the peak is divided at the start and the end. */
export interface OneCycleOptions extends EndingOptions {
  /** Share of the steps with a rising rate. */
  readonly risingFraction?: number;
  /** peak / the first rate. */
  readonly divFactor?: number;
  /** First rate / the last one. */
  readonly finalDivFactor?: number;
}

/**
 * Up from peak/divFactor to the peak, then down to almost nothing, both along half a cosine wave.
 *
 * Source: Smith and Topin 2018, arXiv:1708.07120. As PyTorch's OneCycleLR with its defaults; its momentum cycle is left out.
 */
export function oneCycle(options: OneCycleOptions): Schedule {
  const { peak, risingFraction = 0.3, divFactor = 25, finalDivFactor = 1e4 } = options;
  expectOption("oneCycle: risingFraction", risingFraction, 0, 1);
  expectOption("oneCycle: divFactor", divFactor, 1);
  expectOption("oneCycle: finalDivFactor", finalDivFactor, 1);
  const length = stepsAfterWarmup("oneCycle", options);
  const anneal = (from: number, to: number, fraction: number): number =>
    to + ((from - to) / 2) * (1 + Math.cos(Math.PI * fraction));
  const first = peak / divFactor;
  return define("oneCycle", options, (t, run) => {
    const last = length(run) - 1;
    const turn = risingFraction * length(run) - 1;
    if (t <= turn) return anneal(first, peak, turn <= 0 ? 1 : t / turn);
    return anneal(peak, first / finalDivFactor, last <= turn ? 1 : Math.min(1, (t - turn) / (last - turn)));
  });
}

/** Options of a rate that falls where a measurement stops improving; patience and cooldown in measurements. */
export interface ReduceOnPlateauOptions extends ScheduleOptions {
  /** Whether a smaller value is better (a loss) or a larger one (an accuracy). */
  readonly mode?: "min" | "max";
  readonly factor?: number;
  /** Evaluations without an improvement that are let pass. */
  readonly patience?: number;
  /** The least improvement that counts, relative to the best value. */
  readonly threshold?: number;
  /** Evaluations after a reduction that do not count. */
  readonly cooldown?: number;
  readonly min?: number;
}

/**
 * Multiplies by `factor` when a measured value has not improved for more than `patience` evaluations.
 *
 * As PyTorch's ReduceLROnPlateau with a relative threshold. The measured value goes to `memory.observe`; the state is JSON.
 * ConfigError for constants outside their range.
 */
export function reduceOnPlateau(options: ReduceOnPlateauOptions): Schedule {
  const { peak, mode = "min", factor = 0.1, patience = 10, threshold = 1e-4, cooldown = 0, min = 0 } = options;
  if (mode !== "min" && mode !== "max") throw new ConfigError(`reduceOnPlateau: mode: expected min or max, got ${shown(mode)}`);
  expectOption("reduceOnPlateau: factor", factor, 0, 1, true);
  expectInteger("reduceOnPlateau: patience", patience, 0);
  expectOption("reduceOnPlateau: threshold", threshold, 0);
  expectInteger("reduceOnPlateau: cooldown", cooldown, 0);
  expectOption("reduceOnPlateau: min", min, 0);
  const improves = (value: number, best: number | undefined): boolean =>
    best === undefined || (mode === "min" ? value < best * (1 - threshold) : value > best * (1 + threshold));
  const observe = (state: ScheduleState, value: number): ScheduleState => {
    let { rate = peak, best, bad = 0, cooling = 0 } = state;
    if (improves(value, best)) [best, bad] = [value, 0];
    else bad++;
    if (cooling > 0) [cooling, bad] = [cooling - 1, 0];
    if (bad > patience) {
      const reduced = Math.max(rate * factor, min);
      // PyTorch leaves a rate alone that would hardly change.
      if (rate - reduced > 1e-8) rate = reduced;
      [cooling, bad] = [cooldown, 0];
    }
    return { rate, ...(best === undefined ? {} : { best }), bad, cooling };
  };
  return define("reduceOnPlateau", options, (_, { state }) => state?.["rate"] ?? peak, { initial: { rate: peak }, observe });
}

const warm = ["peak", "warmupSteps"];
const ending = [...warm, "totalSteps"];

/** Every schedule by name, with the options that it takes. */
export const SCHEDULES = {
  constant: { make: constant, options: warm },
  step: { make: step, options: [...warm, "stepSize", "gamma"] },
  multiStep: { make: multiStep, options: [...warm, "milestones", "gamma"] },
  exponential: { make: exponential, options: [...warm, "gamma"] },
  cosine: { make: cosine, options: [...ending, "min"] },
  linear: { make: linear, options: [...ending, "end"] },
  polynomial: { make: polynomial, options: [...ending, "end", "power"] },
  inverseSquareRoot: { make: inverseSquareRoot, options: [...warm, "timescale"] },
  oneCycle: { make: oneCycle, options: [...ending, "risingFraction", "divFactor", "finalDivFactor"] },
  reduceOnPlateau: {
    make: reduceOnPlateau,
    options: [...warm, "mode", "factor", "patience", "threshold", "cooldown", "min"],
  },
} as const satisfies Table<Schedule>;

/** Schedules of learning rates by name. */
export type ScheduleName = keyof typeof SCHEDULES;

/** The schedule that a description names: `{ name: "cosine", peak: 1e-3, warmupSteps: 100 }`. ConfigError for a wrong name or value in it. */
export const scheduleFrom = (description: Json): Schedule => fromTable("schedule", SCHEDULES as Table<Schedule>, description);

/** A number is a constant learning rate. */
export const asSchedule = (learningRate: number | Schedule): Schedule =>
  typeof learningRate === "number" ? constant({ peak: learningRate }) : learningRate;
