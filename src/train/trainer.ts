/**
 * @module The training loop: batches, steps, evaluations, early stopping, checkpoints. It owns no files: what is to be kept is
 * handed to callbacks, and what it must remember to go on is one JSON value.
 */
import * as z from "zod";
import type { DataLoader } from "../data/index.js";
import type { Metrics } from "../metrics/index.js";
import type { ScheduleState } from "../optim/index.js";
import { DescentError } from "../util/errors.js";
import type { TrainingState } from "./state.js";
import type { BatchData } from "./step.js";
import { own, setOwn } from "../util/record.js";

/** Which metric says that one model is better than another. */
export interface Monitor {
  readonly metric: string;
  readonly mode: "min" | "max";
}

/** What the loop remembers; in every checkpoint. */
export interface TrainerProgress {
  readonly step: number;
  readonly epoch: number;
  readonly offset: number;
  /** Spent in training, all sessions of the run together. */
  readonly seconds: number;
  readonly schedule: ScheduleState;
  readonly best?: { readonly step: number; readonly value: number };
  readonly evaluationsSinceBest: number;
  /** Sums of the step metrics since the last evaluation, and over how many steps. */
  readonly sums: Metrics;
  readonly summed: number;
}

export const trainerProgressSchema: z.ZodType<TrainerProgress> = z.object({
  step: z.int().nonnegative(),
  epoch: z.int().nonnegative(),
  offset: z.int().nonnegative(),
  seconds: z.number(),
  schedule: z.record(z.string(), z.number()),
  best: z.object({ step: z.int(), value: z.number() }).optional(),
  evaluationsSinceBest: z.int().nonnegative(),
  // JSON has no NaN: a metric may be so where the loss is not.
  sums: z.record(
    z.string(),
    z
      .number()
      .nullable()
      .transform((sum) => sum ?? NaN),
  ),
  summed: z.int().nonnegative(),
});

export interface StepEvent {
  /** Updates done, this one included. */
  readonly step: number;
  readonly epoch: number;
  readonly examples: number;
  readonly metrics: Metrics;
  readonly learningRate: number;
  readonly milliseconds: number;
}

export interface EvaluationEvent {
  readonly step: number;
  /** Passes over the data so far. */
  readonly epoch: number;
  readonly seconds: number;
  readonly learningRate: number;
  /** Means over the steps since the last evaluation. */
  readonly train: Metrics;
  readonly validation: Metrics | undefined;
  readonly isBest: boolean;
}

/** What watches a training. Each may be asynchronous; the loop waits. */
export interface Callback {
  onStep?(event: StepEvent): void | Promise<void>;
  onEvaluation?(event: EvaluationEvent): void | Promise<void>;
  /** The state may be saved now: the loop stands between two steps. */
  onCheckpoint?(
    progress: TrainerProgress,
    reason: "evaluation" | "interval" | "interrupted" | "end",
    isBest: boolean,
  ): void | Promise<void>;
}

export interface FitOptions {
  readonly state: TrainingState;
  readonly loader: DataLoader;
  /** Updates in all, those before a resume included. */
  readonly totalSteps: number;
  /** Updates between evaluations; left out, once per epoch. */
  readonly evaluateEvery?: number;
  /** Measures on the validation data. */
  readonly evaluate?: () => Promise<Metrics>;
  readonly monitor?: Monitor;
  /** Evaluations without a better one after which training stops. */
  readonly patience?: number;
  /** Updates between checkpoints, besides those at evaluations. */
  readonly checkpointEvery?: number;
  readonly callbacks?: readonly Callback[];
  readonly signal?: AbortSignal;
  /** Where a resumed run stood. */
  readonly from?: TrainerProgress;
}

export interface FitResult {
  readonly progress: TrainerProgress;
  readonly ended: "steps" | "early stopping" | "interrupted";
  /** Milliseconds of each step of this session. */
  readonly stepMs: readonly number[];
}

export const START: TrainerProgress = {
  step: 0,
  epoch: 0,
  offset: 0,
  seconds: 0,
  schedule: {},
  evaluationsSinceBest: 0,
  sums: {},
  summed: 0,
};

/**
 * Trains until `totalSteps`, early stopping or an abort.
 *
 * Errors: DescentError, naming the first op that gave a value that is not finite, if the loss is not finite.
 */
export async function fit(options: FitOptions): Promise<FitResult> {
  const { state, loader, totalSteps, callbacks = [], signal, monitor, from } = options;
  const accumulate = state.step.accumulate ?? 1;
  const updatesPerEpoch = Math.max(1, Math.floor((loader.length ?? Infinity) / accumulate));
  const evaluateEvery = options.evaluateEvery ?? (Number.isFinite(updatesPerEpoch) ? updatesPerEpoch : 1000);
  let progress: TrainerProgress = from ?? { ...START, schedule: state.scheduleState };
  state.updates = progress.step;
  state.totalSteps = totalSteps;
  state.scheduleState = progress.schedule;
  loader.seek({ epoch: progress.epoch, offset: progress.offset });

  const stepMs: number[] = [];
  let sums: Record<string, number> = { ...progress.sums };
  let { summed, evaluationsSinceBest, best } = progress;
  const before = progress.seconds;
  const startedAt = performance.now();
  const seconds = (): number => before + (performance.now() - startedAt) / 1000;
  const snapshot = (): TrainerProgress => ({
    step: state.updates,
    ...loader.position,
    seconds: seconds(),
    schedule: state.scheduleState,
    ...(best === undefined ? {} : { best }),
    evaluationsSinceBest,
    sums: { ...sums },
    summed,
  });
  /** Where the loop stands between two updates: a checkpoint holds no half of one. */
  let boundary = snapshot();
  const checkpoint = async (reason: "evaluation" | "interval" | "interrupted" | "end", isBest = false): Promise<void> => {
    progress = reason === "interrupted" ? { ...boundary, seconds: seconds() } : snapshot();
    for (const callback of callbacks) await callback.onCheckpoint?.(progress, reason, isBest);
  };

  const isPatienceSpent = (): boolean => options.patience !== undefined && evaluationsSinceBest >= options.patience;
  const evaluateNow = async (): Promise<boolean> => {
    const train = Object.fromEntries(Object.entries(sums).map(([name, sum]) => [name, sum / summed]));
    const learningRate = state.learningRate;
    const validation = await options.evaluate?.();
    const measured = monitor === undefined ? undefined : (validation ?? train)[monitor.metric];
    if (validation !== undefined) observe(state, validation);
    const better =
      measured !== undefined &&
      Number.isFinite(measured) &&
      (best === undefined || (monitor?.mode === "max" ? measured >= best.value : measured <= best.value));
    if (better) best = { step: state.updates, value: measured };
    evaluationsSinceBest = better ? 0 : evaluationsSinceBest + 1;
    sums = {};
    summed = 0;
    const { epoch, offset } = loader.position;
    const event: EvaluationEvent = {
      step: state.updates,
      epoch: epoch + offset / (loader.examples ?? Infinity),
      seconds: seconds(),
      learningRate,
      train,
      validation,
      isBest: better,
    };
    for (const callback of callbacks) await callback.onEvaluation?.(event);
    await checkpoint("evaluation", better);
    return isPatienceSpent();
  };

  if (isPatienceSpent()) return { progress, ended: "early stopping", stepMs };
  while (state.updates < totalSteps) {
    for await (const batch of loader) {
      if (signal?.aborted === true) {
        await checkpoint("interrupted");
        return { progress, ended: "interrupted", stepMs };
      }
      const time = performance.now();
      const learningRate = state.learningRate;
      const metrics = await state.run(batch);
      const milliseconds = performance.now() - time;
      stepMs.push(milliseconds);
      if (!Number.isFinite(metrics.loss)) await raiseNotFinite(state, batch, metrics.loss);
      for (const [name, value] of Object.entries(metrics)) setOwn(sums, name, (own(sums, name) ?? 0) + value);
      summed++;
      const event: StepEvent = {
        step: state.updates,
        epoch: loader.position.epoch,
        examples: firstDimension(batch),
        metrics,
        learningRate,
        milliseconds,
      };
      for (const callback of callbacks) {
        const pending = callback.onStep?.(event);
        if (pending !== undefined) await pending;
      }
      if (state.isAccumulating) continue;
      if (state.updates % evaluateEvery === 0 || state.updates >= totalSteps) {
        if (await evaluateNow()) {
          await checkpoint("end");
          return { progress, ended: "early stopping", stepMs };
        }
      } else if (options.checkpointEvery !== undefined && state.updates % options.checkpointEvery === 0)
        await checkpoint("interval");
      boundary = snapshot();
      if (state.updates >= totalSteps) break;
    }
  }
  await checkpoint("end");
  return { progress, ended: "steps", stepMs };
}

/** Tells a schedule with memory what was measured. */
function observe(state: TrainingState, validation: Metrics): void {
  const { memory } = state.step.optimizer.schedule;
  const loss = validation["loss"];
  if (memory !== undefined && loss !== undefined) state.scheduleState = memory.observe(state.scheduleState, loss);
}

const firstDimension = (batch: BatchData): number => Object.values(batch)[0]?.shape[0] ?? 0;

async function raiseNotFinite(state: TrainingState, batch: BatchData, loss: number): Promise<never> {
  const source = await state.firstNotFinite(batch);
  const where = source === undefined ? "" : `; the first value that is not finite comes from ${source}`;
  throw new DescentError(
    `step ${state.updates}: expected a finite loss, got ${loss}${where}; lower --lr, clip gradients (--clip-norm), or look at the data`,
  );
}
