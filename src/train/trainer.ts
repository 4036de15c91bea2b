/**
 * @module The training loop: batches, steps, evaluations, early stopping, checkpoints. It owns no files: what is to be kept is
 * handed to callbacks, and the state that it needs to resume is one JSON value.
 */
import * as z from "zod";
import type { DataLoader } from "../data/index.js";
import type { Metrics } from "../metrics/index.js";
import type { ScheduleState } from "../optim/index.js";
import { DescentError } from "../util/errors.js";
import type { TrainingState } from "./state.js";
import type { BatchData } from "./step.js";
import { own, setOwn } from "../util/record.js";

/** The metric that says which of two models is better. */
export interface Monitor {
  readonly metric: string;
  readonly mode: "min" | "max";
}

/** The state of the loop; in every checkpoint. */
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

/** Checks the progress that a checkpoint holds. */
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

/** A training step that is done; time in milliseconds. */
export interface StepEvent {
  /** Updates done, this one included. */
  readonly step: number;
  readonly epoch: number;
  readonly examples: number;
  readonly metrics: Metrics;
  readonly learningRate: number;
  readonly milliseconds: number;
}

/** A measurement during training; time in seconds. */
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

/** Hooks into a training. Each may be asynchronous; the loop waits for it. */
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

/** Options of `fit`; steps count from 1. */
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
  /** The progress of a resumed run. */
  readonly from?: TrainerProgress;
}

/** End of a training: why, how far, and milliseconds of each step. */
export interface FitResult {
  readonly progress: TrainerProgress;
  readonly ended: "steps" | "early stopping" | "interrupted";
  /** Milliseconds of each step of this session. */
  readonly stepMs: readonly number[];
  /** Milliseconds that each of them waited for its batch. */
  readonly loadMs: readonly number[];
}

/** Progress of a training that has not begun. */
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

/** The loop on its way: sums since the last evaluation, and the best that was measured. */
class Loop {
  readonly #options: FitOptions;
  readonly #evaluateEvery: number;
  readonly #before: number;
  readonly #startedAt = performance.now();
  readonly #stepMs: number[] = [];
  readonly #loadMs: number[] = [];
  /** When the loop last asked for a batch. */
  #askedAt = performance.now();
  #progress: TrainerProgress;
  /** Progress at the last whole update: a checkpoint never holds half of one. */
  #boundary: TrainerProgress;
  #sums: Record<string, number>;
  #summed: number;
  #evaluationsSinceBest: number;
  #best: TrainerProgress["best"];

  constructor(options: FitOptions) {
    const { state, loader, totalSteps, from } = options;
    const updatesPerEpoch = Math.max(1, Math.floor((loader.length ?? Infinity) / (state.step.accumulate ?? 1)));
    this.#options = options;
    this.#evaluateEvery = options.evaluateEvery ?? (Number.isFinite(updatesPerEpoch) ? updatesPerEpoch : 1000);
    const progress = from ?? { ...START, schedule: state.scheduleState };
    state.updates = progress.step;
    state.totalSteps = totalSteps;
    state.scheduleState = progress.schedule;
    loader.seek({ epoch: progress.epoch, offset: progress.offset });
    this.#progress = progress;
    this.#before = progress.seconds;
    this.#sums = { ...progress.sums };
    this.#summed = progress.summed;
    this.#evaluationsSinceBest = progress.evaluationsSinceBest;
    this.#best = progress.best;
    this.#boundary = this.#snapshot();
  }

  async run(): Promise<FitResult> {
    const { state, loader, totalSteps, signal } = this.#options;
    const { exchange } = state;
    if (this.#isPatienceSpent) return this.#result("early stopping");
    while (state.updates < totalSteps) {
      for await (const batch of loader) {
        this.#loadMs.push(performance.now() - this.#askedAt);
        const wantsToStop = signal?.aborted === true;
        // Processes stop together: each says what it wants with its part of the update.
        if (exchange !== undefined) exchange.wantsToStop = wantsToStop;
        else if (wantsToStop) return this.#end("interrupted");
        await this.#step(batch);
        this.#askedAt = performance.now();
        if (state.isAccumulating) continue;
        if (await this.#afterUpdate()) return this.#end("early stopping");
        this.#boundary = this.#snapshot();
        this.#askedAt = performance.now();
        if (exchange?.stops === true && state.updates < totalSteps) return this.#end("interrupted");
        if (state.updates >= totalSteps) break;
      }
    }
    return this.#end("steps");
  }

  /** One batch: an update, or a part of one. */
  async #step(batch: BatchData): Promise<void> {
    const { state, loader, callbacks = [] } = this.#options;
    const time = performance.now();
    const learningRate = state.learningRate;
    const metrics = await state.run(batch);
    const milliseconds = performance.now() - time;
    this.#stepMs.push(milliseconds);
    if (!Number.isFinite(metrics.loss)) await raiseNotFinite(state, batch, metrics.loss);
    // Of passes that are averaged, the last one has the mean.
    if (state.exchange === undefined || !state.isAccumulating) {
      for (const [name, value] of Object.entries(metrics)) setOwn(this.#sums, name, (own(this.#sums, name) ?? 0) + value);
      this.#summed++;
    }
    const event: StepEvent = {
      step: state.updates,
      epoch: loader.position.epoch,
      examples: firstDimension(batch) * (state.exchange?.group.size ?? 1),
      metrics,
      learningRate,
      milliseconds,
    };
    for (const callback of callbacks) {
      const pending = callback.onStep?.(event);
      if (pending !== undefined) await pending;
    }
  }

  /** Evaluates or saves where it is time to; true where training should stop. */
  async #afterUpdate(): Promise<boolean> {
    const { state, totalSteps, checkpointEvery } = this.#options;
    if (state.updates % this.#evaluateEvery === 0 || state.updates >= totalSteps) return this.#evaluate();
    if (checkpointEvery !== undefined && state.updates % checkpointEvery === 0) await this.#checkpoint("interval");
    return false;
  }

  async #evaluate(): Promise<boolean> {
    const { state, loader, callbacks = [], monitor, evaluate } = this.#options;
    const train = Object.fromEntries(Object.entries(this.#sums).map(([name, sum]) => [name, sum / this.#summed]));
    const learningRate = state.learningRate;
    // A step's memory and measuring's follow each other so, and do not lie side by side.
    state.runtime.releaseUnused?.();
    const validation = await evaluate?.();
    state.runtime.releaseUnused?.();
    if (validation !== undefined) observe(state, validation);
    const isBest = this.#takeBest(monitor === undefined ? undefined : (validation ?? train)[monitor.metric]);
    this.#sums = {};
    this.#summed = 0;
    const { epoch, offset } = loader.position;
    const event: EvaluationEvent = {
      step: state.updates,
      epoch: epoch + offset / (loader.examples ?? Infinity),
      seconds: this.#seconds,
      learningRate,
      train,
      validation,
      isBest,
    };
    for (const callback of callbacks) await callback.onEvaluation?.(event);
    await this.#checkpoint("evaluation", isBest);
    return this.#isPatienceSpent;
  }

  /** Tells whether a figure is the best so far, and keeps it; of equal ones the later counts. */
  #takeBest(measured: number | undefined): boolean {
    const { state, monitor } = this.#options;
    const best = this.#best;
    const isBest =
      measured !== undefined &&
      Number.isFinite(measured) &&
      (best === undefined || (monitor?.mode === "max" ? measured >= best.value : measured <= best.value));
    if (isBest) this.#best = { step: state.updates, value: measured };
    this.#evaluationsSinceBest = isBest ? 0 : this.#evaluationsSinceBest + 1;
    return isBest;
  }

  get #isPatienceSpent(): boolean {
    const { patience } = this.#options;
    return patience !== undefined && this.#evaluationsSinceBest >= patience;
  }

  get #seconds(): number {
    return this.#before + (performance.now() - this.#startedAt) / 1000;
  }

  #snapshot(): TrainerProgress {
    const { state, loader } = this.#options;
    return {
      step: state.updates,
      ...loader.position,
      seconds: this.#seconds,
      schedule: state.scheduleState,
      best: this.#best,
      evaluationsSinceBest: this.#evaluationsSinceBest,
      sums: { ...this.#sums },
      summed: this.#summed,
    };
  }

  async #checkpoint(reason: "evaluation" | "interval" | "interrupted" | "end", isBest = false): Promise<void> {
    this.#progress = reason === "interrupted" ? { ...this.#boundary, seconds: this.#seconds } : this.#snapshot();
    for (const callback of this.#options.callbacks ?? []) await callback.onCheckpoint?.(this.#progress, reason, isBest);
  }

  async #end(ended: FitResult["ended"]): Promise<FitResult> {
    await this.#checkpoint(ended === "interrupted" ? "interrupted" : "end");
    return this.#result(ended);
  }

  #result(ended: FitResult["ended"]): FitResult {
    return { progress: this.#progress, ended, stepMs: this.#stepMs, loadMs: this.#loadMs };
  }
}

/**
 * Trains until `totalSteps`, early stopping or an abort.
 *
 * Errors: DescentError, naming the first op that gave a value that is not finite, if the loss is not finite.
 */
export const fit = (options: FitOptions): Promise<FitResult> => new Loop(options).run();

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
