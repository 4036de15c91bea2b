/**
 * @module The summary of a training.
 */
import type { Metrics } from "../metrics/index.js";
import type { RunSummary } from "../run/run-folder.js";
import { median } from "../util/median.js";
import type { FitResult } from "./trainer.js";

/** A summary; a browser does not say how much memory a page took. */
export type TrainSummary = Omit<RunSummary, "peakMemoryMiB"> & Partial<Pick<RunSummary, "peakMemoryMiB">>;

/** Sums up a training that has ended. */
export function summarizeFit(
  { progress, stepMs }: Pick<FitResult, "progress" | "stepMs">,
  about: Pick<RunSummary, "task" | "model" | "data" | "seed" | "device" | "parameters" | "flopsPerStep" | "predicted"> & {
    /** Number of parameters that are trained. */
    readonly trained: number;
  },
  metrics: { readonly train?: Metrics; readonly validation?: Metrics; readonly test?: Metrics },
): TrainSummary {
  const { trained, ...rest } = about;
  return {
    ...rest,
    ...(trained < about.parameters ? { trainedParameters: trained } : {}),
    steps: progress.step,
    stepMs: median(stepMs),
    ...(stepMs.length === 0 ? {} : { leastStepMs: stepMs.reduce((least, ms) => Math.min(least, ms)) }),
    trainSeconds: progress.seconds,
    metrics,
  };
}
