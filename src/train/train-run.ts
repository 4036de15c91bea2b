/**
 * @module A training, in a run folder where there is one: the loop of `trainer.ts` with metrics, TensorBoard events, checkpoints and a progress
 * line. What was written last is always whole; resuming goes on from it, bit for bit.
 */
import * as z from "zod";
import type { Dataset } from "../data/index.js";
import { DataLoader, readSafetensors, safetensorsPieces } from "../data/index.js";
import type { TensorData } from "../graph/index.js";
import { ConfigError } from "../util/errors.js";
import { parseJsonWith } from "../util/schema.js";
import type { Progress } from "../run/progress.js";
import type { Checkpoint, RunWriter } from "../run/run-folder-node.js";
import { firstEvent, scalarsEvent } from "../run/tensorboard.js";
import type { ParallelPlan } from "./parallel.js";
import type { InitOptions } from "./state.js";
import { TrainingState } from "./state.js";
import { withoutCodes } from "./quantized-base.js";
import type { TrainingStep } from "./step.js";
import type { Metrics } from "../metrics/index.js";
import type { Callback, FitOptions, FitResult, TrainerProgress } from "./trainer.js";
import { fit, trainerProgressSchema } from "./trainer.js";

/** Files of a checkpoint. */
export const CHECKPOINT_FILES = {
  model: "model.safetensors",
  optimizer: "optimizer.safetensors",
  trainer: "trainer.json",
} as const;

/** File of the frozen weights at the top of a run whose checkpoints hold what is learned alone. */
export const BASE_FILE = "base.safetensors";

const trainerFileSchema = z.object({ seed: z.number(), progress: trainerProgressSchema });

/** Options of `trainRun`. */
export interface TrainRunOptions
  extends
    Omit<FitOptions, "state" | "evaluate" | "loader" | "from">,
    Pick<InitOptions, "device" | "threads" | "runtime" | "weights"> {
  readonly step: TrainingStep;
  readonly train: Dataset;
  readonly batchSize: number;
  readonly seed: number;
  /** Measures a state, after each epoch and at the end; told the state once. */
  readonly evaluate?: (state: TrainingState) => Promise<() => Promise<Metrics>>;
  readonly progress?: Progress;
  readonly writer?: RunWriter;
  /** The checkpoint to resume from. */
  readonly checkpoint?: Checkpoint;
  /** Called once the state has its weights, so that nobody needs to keep `weights`. */
  readonly onWeightsTaken?: () => void;
  /** Frozen weights are written once for the whole run, and checkpoints hold what is learned: for adapters of a base in codes. */
  readonly baseApart?: boolean;
  /** Weighted or balanced sampling and the like; batchSize, seed, shuffle and dropLast are set here. */
  readonly loader?: Partial<ConstructorParameters<typeof DataLoader>[1]>;
  /** The division of the training among processes; the step is one of its `allPasses`. */
  readonly parallel?: ParallelPlan;
  /** Called with the state that has been trained, before it is given back; not after an interruption. */
  readonly afterFit?: (state: TrainingState, loader: DataLoader, result: FitResult) => Promise<void>;
  /** One more callback, made once there is a state to look at. */
  readonly watch?: (state: TrainingState) => Callback | Promise<Callback>;
}

/** A state, and the result of the loop that trained it. Owned: dispose the state. */
export interface TrainedRun extends FitResult {
  readonly state: TrainingState;
}

/** The parameters of a checkpoint, by path; those that were kept in codes as numbers. */
export const checkpointParameters = (checkpoint: Checkpoint): ReadonlyMap<string, TensorData> =>
  withoutCodes(
    new Map([
      ...baseOf(checkpoint),
      ...readSafetensors(checkpoint.files[CHECKPOINT_FILES.model] as Uint8Array, `${checkpoint.path}/${CHECKPOINT_FILES.model}`)
        .tensors,
    ]),
  );

/** The frozen weights that a run's checkpoints share. */
const baseOf = ({ files, path }: Checkpoint): ReadonlyMap<string, TensorData> => {
  const bytes = files[BASE_FILE];
  return bytes === undefined ? new Map() : readSafetensors(bytes, `${path}/../../${BASE_FILE}`).tensors;
};

/** Everything that a checkpoint holds. ConfigError if it was made with another seed. */
export function readTraining(checkpoint: Checkpoint): {
  values: Map<string, TensorData>;
  progress: TrainerProgress;
  seed: number;
} {
  const file = (name: string): Uint8Array => {
    const bytes = checkpoint.files[name];
    if (bytes === undefined)
      throw new ConfigError(
        `${checkpoint.path}: expected a training checkpoint with ${name}, got ${Object.keys(checkpoint.files).join(", ")}`,
      );
    return bytes;
  };
  const values = new Map<string, TensorData>([
    ...baseOf(checkpoint),
    ...readSafetensors(file(CHECKPOINT_FILES.model), `${checkpoint.path}/${CHECKPOINT_FILES.model}`).tensors,
    ...readSafetensors(file(CHECKPOINT_FILES.optimizer), `${checkpoint.path}/${CHECKPOINT_FILES.optimizer}`).tensors,
  ]);
  const { progress, seed } = parseJsonWith(
    trainerFileSchema,
    new TextDecoder().decode(file(CHECKPOINT_FILES.trainer)),
    `${checkpoint.path}/${CHECKPOINT_FILES.trainer}`,
  );
  return { values, progress, seed };
}

/** The files of a checkpoint of a state's values, in pieces that share their memory. */
export function checkpointFiles(
  { step: { types }, seed }: Pick<TrainingState, "step" | "seed">,
  values: ReadonlyMap<string, TensorData>,
  progress: TrainerProgress,
  apart: ReadonlySet<string> = new Set(),
): Record<string, readonly Uint8Array[]> {
  const pick = (names: Iterable<string>): Map<string, TensorData> =>
    new Map([...names].map((name) => [name, values.get(name) as TensorData]));
  return {
    [CHECKPOINT_FILES.model]: [...safetensorsPieces(pick([...types.parameters.keys()].filter((name) => !apart.has(name))))],
    [CHECKPOINT_FILES.optimizer]: [...safetensorsPieces(pick(types.slots.keys()))],
    [CHECKPOINT_FILES.trainer]: [new TextEncoder().encode(`${JSON.stringify({ seed, progress }, undefined, 2)}\n`)],
  };
}

/** Entries of the state that a training does not change: weights that are not trained, no running statistics. */
function frozenEntries({ model, optimizer, types }: TrainingStep): Set<string> {
  const parameters = model.parameters();
  const changes = new Set([...optimizer.trained(parameters).keys(), ...model.buffers().keys()]);
  return new Set([...types.parameters.keys()].filter((name) => !changes.has(name)));
}

/** Writes metrics, events and checkpoints of a training into its run folder. */
function recordTo(writer: RunWriter, state: TrainingState, baseApart: boolean): Callback {
  const apart = baseApart ? frozenEntries(state.step) : new Set<string>();
  const wallSeconds = (): number => Date.now() / 1000;
  if (writer.eventBytes === 0) writer.logEvents(firstEvent(wallSeconds()));
  return {
    onEvaluation({ step, epoch, seconds, learningRate, train, validation }) {
      writer.logMetrics({ step, split: "train", epoch, seconds, learningRate, metrics: train });
      const scalars: Record<string, number> = { learningRate };
      for (const [name, value] of Object.entries(train)) scalars[`train/${name}`] = value;
      if (validation !== undefined) {
        writer.logMetrics({ step, split: "validation", epoch, seconds, learningRate, metrics: validation });
        for (const [name, value] of Object.entries(validation)) scalars[`validation/${name}`] = value;
      }
      writer.logEvents(scalarsEvent(wallSeconds(), step, scalars));
    },
    async onCheckpoint(progress, _reason, isBest) {
      await state.withValues((values) => {
        const base = new Map([...apart].map((name) => [name, values.get(name) as TensorData]));
        const shared: Record<string, readonly Uint8Array[]> =
          apart.size === 0 ? {} : { [BASE_FILE]: [...safetensorsPieces(base)] };
        return writer.saveCheckpoint(progress.step, checkpointFiles(state, values, progress, apart), { best: isBest, shared });
      });
    },
  };
}

/** Gives the process that writes a checkpoint the slots that are kept here. */
const handSlotsOver = (state: TrainingState): Promise<void> => state.withValues(() => Promise.resolve());

/** Shows each step and each evaluation. */
function show(progress: Progress, start: number): Callback {
  let examples = 0;
  const rounded = (metrics: Metrics): string =>
    Object.entries(metrics)
      .map(([name, value]) => `${name} ${Number(value.toPrecision(4))}`)
      .join("  ");
  return {
    onStep(event) {
      examples += event.examples;
      progress.update(Math.max(start, event.step), examples, { loss: event.metrics["loss"] ?? NaN });
    },
    onEvaluation({ epoch, train, validation, isBest }) {
      const isMeasured = validation !== undefined && Object.keys(validation).length > 0;
      const measured = isMeasured ? `train ${rounded(train)}  validation ${rounded(validation)}` : rounded(train);
      progress.log(`epoch ${Number(epoch.toFixed(2))}  ${measured}${isBest ? "  *" : ""}`);
    },
  };
}

/** Trains, or resumes a training. Errors: those of `fit` and of the run folder; the last whole checkpoint stays in any case. */
export async function trainRun(options: TrainRunOptions): Promise<TrainedRun> {
  const { step, train, batchSize, seed, checkpoint, writer, progress, parallel } = options;
  const exchange = parallel?.exchangeFor(step);
  if (exchange !== undefined) exchange.overlap.onMeasured = (text) => progress?.log(text);
  const owners = parallel?.ownersFor(step);
  const resumed = checkpoint === undefined ? undefined : readTraining(checkpoint);
  const weights = resumed?.values ?? options.weights;
  const state = await TrainingState.create(step, {
    seed: resumed?.seed ?? seed,
    device: options.device,
    threads: options.threads,
    runtime: options.runtime,
    weights,
    exchange,
    owners,
  });
  resumed?.values.clear();
  options.onWeightsTaken?.();
  try {
    const loader = new DataLoader(train, {
      shuffle: true,
      dropLast: train.length > batchSize,
      reuse: true,
      ...options.loader,
      share: parallel?.share,
      batchSize,
      seed: state.seed,
    });
    const evaluate = await options.evaluate?.(state);
    const callbacks = [
      ...(writer === undefined ? [] : [recordTo(writer, state, options.baseApart === true)]),
      ...(writer === undefined && owners !== undefined ? [{ onCheckpoint: () => handSlotsOver(state) }] : []),
      ...(progress === undefined ? [] : [show(progress, resumed?.progress.step ?? 0)]),
      ...(options.callbacks ?? []),
      ...(options.watch === undefined ? [] : [await options.watch(state)]),
    ];
    const result = await fit({ ...options, state, loader, callbacks, evaluate, from: resumed?.progress });
    progress?.finish();
    if (result.ended !== "interrupted") await options.afterFit?.(state, loader, result);
    return { ...result, state };
  } catch (error) {
    await state.dispose();
    throw error;
  }
}
