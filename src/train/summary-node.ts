/**
 * @module The summary of a training.
 */
import type { Metrics } from "../metrics/index.js";
import { peakMemoryMiB } from "../run/progress-node.js";
import type { RunSummary } from "../run/run-folder.js";
import { median } from "../util/median.js";
import type { FitResult } from "./trainer.js";

/** Sums up a training that has ended, with this process's peak memory. */
export function summarize(
  { progress, stepMs }: Pick<FitResult, "progress" | "stepMs">,
  about: Pick<RunSummary, "task" | "model" | "data" | "seed" | "device" | "parameters" | "flopsPerStep"> & {
    /** Number of parameters that are trained. */
    readonly trained: number;
  },
  metrics: { readonly train?: Metrics; readonly validation?: Metrics; readonly test?: Metrics },
): RunSummary {
  const { trained, ...rest } = about;
  return {
    ...rest,
    ...(trained < about.parameters ? { trainedParameters: trained } : {}),
    steps: progress.step,
    stepMs: median(stepMs),
    trainSeconds: progress.seconds,
    peakMemoryMiB: peakMemoryMiB(),
    metrics,
  };
}
