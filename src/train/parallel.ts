/**
 * @module A training that is divided among processes, as the loop sees it; `parallel-node.ts` divides.
 */
import type { LoaderShare } from "../data/index.js";
import type { Exchange, ProcessGroup } from "../parallel/index.js";
import type { TrainingStep } from "./step.js";

/** The parts of a training that each process has. */
export interface ParallelPlan {
  readonly group: ProcessGroup;
  /** Whether any number of processes gives the same bits. */
  readonly exact: boolean;
  /** Examples that the loader gives all processes together at a time. */
  readonly batchSize: number;
  /** Such batches in an update. */
  readonly accumulate: number;
  /** Passes of all processes in an update: the `passes` of the step. */
  readonly allPasses: number;
  /** Examples in a pass. */
  readonly microBatch: number;
  /** Threads of a process where nobody says a number; all cores where this is left out. */
  readonly threads: number | undefined;
  /** The share of this process in what the loader gives. */
  readonly share: LoaderShare;
  /** The memory in which gradients and running statistics are summed. ConfigError for parameters that are not float32. */
  readonly exchangeFor: (step: TrainingStep) => Exchange;
  /** The process that keeps the optimizer's slots of each parameter, by path; undefined where each keeps all. */
  readonly ownersFor: (step: TrainingStep) => ReadonlyMap<string, number> | undefined;
}
