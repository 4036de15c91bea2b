/**
 * @module The summary of a training, with this process's peak memory.
 */
import { peakMemoryMiB } from "../run/progress-node.js";
import type { RunSummary } from "../run/run-folder.js";
import { summarizeFit } from "./summary.js";

/** Sums up a training that has ended, with this process's peak memory. */
export const summarize = (...about: Parameters<typeof summarizeFit>): RunSummary => ({
  ...summarizeFit(...about),
  peakMemoryMiB: peakMemoryMiB(),
});
