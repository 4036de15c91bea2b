/**
 * @module The length of a training, its batches and its optimizer; with several processes, their shares.
 */
import type { ProcessGroup } from "../../parallel/index.js";
import { soleProcess } from "../../parallel/index.js";
import type { ParallelPlan } from "../../train/parallel.js";
import { planParallel } from "../../train/parallel-node.js";
import { countSteps } from "../../train/step-count.js";
import { ConfigError } from "../../util/errors.js";
import type { TrainingDefaults } from "../task.js";
import type { OptimizerOptions } from "./optimizer.js";
import type { TrainTaskOptions } from "./training-options.js";

const MOST_EVALUATIONS = 20;

/** The schedule and the optimizer of a training. */
export interface Schedule {
  readonly batchSize: number;
  readonly totalSteps: number;
  readonly evaluateEvery: number;
  /** The division of the training among processes and passes, where there is one. */
  readonly parallel: ParallelPlan | undefined;
  /** Examples in one run of the step's graph. */
  readonly passSize: number;
  /** As asked for; `step` is what the step's graph has. */
  readonly asked: { readonly batchSize: number; readonly accumulate: number };
  readonly accumulate: number;
  readonly epochs: number;
  readonly settings: Omit<OptimizerOptions, "totalSteps"> & Pick<TrainingDefaults, "optimizer" | "schedule">;
}

/** Divides the training, where there are several processes or where it is to be exact. ConfigError where that cannot be. */
function divided(
  { exact = false, microBatch, shardOptimizer, overlap }: TrainTaskOptions,
  asked: Schedule["asked"],
  examples: number,
  group: ProcessGroup,
): ParallelPlan | undefined {
  if (group.size === 1 && !exact) {
    if (microBatch !== undefined) throw new ConfigError("--micro-batch: expected --exact as well, got none");
    return undefined;
  }
  return planParallel({ group, exact, microBatch, shardOptimizer, overlap }, asked, examples);
}

/** The schedule that the options ask for, or the model's own. */
export function scheduleFor(
  options: TrainTaskOptions,
  defaults: TrainingDefaults,
  examples: number,
  group: ProcessGroup = soleProcess(),
): Schedule {
  const asked = {
    batchSize: Math.min(options.batchSize ?? defaults.batchSize, examples),
    accumulate: options.accumulate ?? 1,
  };
  const parallel = divided(options, asked, examples, group);
  const { batchSize, accumulate } = parallel ?? asked;
  const { epochs = defaults.epochs, steps } = options;
  const { stepsPerEpoch, totalSteps } = countSteps({ examples, batchSize, accumulate, epochs, steps });
  // Whole epochs, and not more often than a person would read.
  const evaluateEvery =
    defaults.evaluations === undefined
      ? stepsPerEpoch * Math.max(1, Math.ceil(totalSteps / stepsPerEpoch / MOST_EVALUATIONS))
      : Math.ceil(totalSteps / defaults.evaluations);
  const settings = {
    optimizer: options.optimizer ?? defaults.optimizer,
    schedule: options.schedule ?? defaults.schedule,
    lr: options.lr ?? defaults.lr,
    weightDecay: options.weightDecay ?? defaults.weightDecay,
    warmupSteps: options.warmupSteps ?? defaults.warmupSteps,
    clipNorm: options.clipNorm ?? defaults.clipNorm,
    clipWeights: options.clipWeights,
    beta1: options.beta1 ?? defaults.beta1,
    beta2: options.beta2 ?? defaults.beta2,
    finalLrFraction: options.finalLrFraction ?? defaults.finalLrFraction,
    optimizerState: options.optimizerState,
  };
  const passSize = parallel?.microBatch ?? batchSize;
  return { batchSize, accumulate, asked, epochs, totalSteps, evaluateEvery, settings, parallel, passSize };
}
