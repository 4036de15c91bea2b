/**
 * @module The division of a training among processes: passes, shares of the batches, owners of the optimizer's slots.
 */
import { nearestMultiples } from "../data/index.js";
import { sizeOf } from "../graph/index.js";
import type { ExchangePlan, Overlap, ProcessGroup } from "../parallel/index.js";
import { Exchange, threadsPerRank } from "../parallel/index.js";
import { ConfigError } from "../util/errors.js";
import type { ParallelPlan } from "./parallel.js";
import { gradientName, type TrainingStep } from "./step.js";

/** Settings of a training in several processes, or in one that is to give the same numbers. */
export interface ParallelOptions {
  readonly group: ProcessGroup;
  /**
   * Losses and weights with the same bits for any number of processes and any accumulation with the same examples in an update: gradients are
   * computed by micro-batches of one size, and summed in an order of their own.
   */
  readonly exact?: boolean;
  /** Examples in a micro-batch of an exact training; left out, an eighth of an update's, or less. */
  readonly microBatch?: number;
  /** Keeps the optimizer's slots of each parameter in one process alone (ZeRO, stage 1). Rajbhandari et al. 2020. */
  readonly shardOptimizer?: boolean;
  /** Whether gradients travel between processes while those of lower layers are computed; `auto` by default: the first updates are timed in both ways. */
  readonly overlap?: Overlap | undefined;
}

/** An eighth of an update, where that is whole; else the next smaller part, if possible one that four processes can share. */
function usualMicroBatch(examples: number): number {
  const counts = Array.from({ length: examples }, (_, i) => i + 1).filter((n) => n >= 8 && examples % n === 0);
  const count = counts.find((n) => n % 4 === 0) ?? counts[0] ?? examples;
  return examples / count;
}

/**
 * Divides a training.
 *
 * Errors: ConfigError for a batch that the processes do not divide, with sizes that they would.
 */
export function planParallel(
  options: ParallelOptions,
  { batchSize, accumulate }: { readonly batchSize: number; readonly accumulate: number },
  examples: number,
): ParallelPlan {
  const { size } = options.group;
  if (options.exact !== true) {
    if (options.microBatch !== undefined) throw new ConfigError("--micro-batch: expected --exact as well, got none");
    if (batchSize % size !== 0)
      throw new ConfigError(
        `--batch-size: expected a number that the ${size} ranks divide, got ${batchSize}; ${nearestMultiples(batchSize, size)}, or ${divisorsAround(batchSize, size)} ranks`,
      );
    const allPasses = accumulate * size;
    const microBatch = batchSize / size;
    return planOf(options, { exact: false, batchSize, accumulate, allPasses, microBatch }, accumulate);
  }
  if (options.overlap === "on")
    throw new ConfigError("--overlap: expected auto or off with --exact, whose sums have an order of their own, got on");
  const whole = batchSize * accumulate;
  if (whole > examples)
    throw new ConfigError(
      `--exact: expected at least the ${whole} examples of an update, got ${examples}; use a smaller --batch-size`,
    );
  const microBatch = options.microBatch ?? usualMicroBatch(whole);
  if (whole % microBatch !== 0)
    throw new ConfigError(
      `--micro-batch: expected a number that divides the ${whole} examples of an update, got ${microBatch}; ${usualMicroBatch(whole)} would do`,
    );
  const allPasses = whole / microBatch;
  if (allPasses % size !== 0)
    throw new ConfigError(
      `--exact: expected micro-batches of an update that the ${size} ranks divide, got ${allPasses} of ${microBatch} examples; ${exactRemedy(whole, size)}`,
    );
  return planOf(options, { exact: true, batchSize: whole, accumulate: 1, allPasses, microBatch }, allPasses / size);
}

/** Numbers of ranks that divide a batch: the nearest ones. */
function divisorsAround(batchSize: number, size: number): string {
  const divisors = Array.from({ length: batchSize }, (_, i) => i + 1).filter((n) => batchSize % n === 0);
  const nearest = [divisors.filter((n) => n < size).at(-1), divisors.find((n) => n > size)];
  return nearest.filter((n) => n !== undefined).join(" or ");
}

/** Suggests how ranks may divide an update. */
const exactRemedy = (whole: number, size: number): string =>
  whole % size === 0
    ? `--micro-batch ${usualMicroBatch(whole / size)} would do, for all trainings that are to agree`
    : `use --batch-size ${nearestMultiples(whole, size).replace(" would do", "")}`;

/** The plan of a training whose processes have so many passes each in an update. */
function planOf(
  { group, shardOptimizer, overlap }: ParallelOptions,
  sizes: Pick<ParallelPlan, "exact" | "batchSize" | "accumulate" | "allPasses" | "microBatch">,
  passes: number,
): ParallelPlan {
  const { exact } = sizes;
  return {
    group,
    ...sizes,
    // The engine adds up in another order with another number of threads.
    threads: exact ? 1 : group.size === 1 ? undefined : threadsPerRank(group.localSize),
    share: { rank: group.rank, size: group.size, pieces: exact ? passes : 1 },
    exchangeFor: (step) => exchangeFor(group, { passes, exact, overlap }, step),
    ownersFor: (step) => (shardOptimizer === true && group.size > 1 ? ownersFor(group, step) : undefined),
  };
}

/** The memory in which gradients and running statistics are summed. ConfigError for parameters that are not float32. */
function exchangeFor(group: ProcessGroup, plan: ExchangePlan, step: TrainingStep): Exchange {
  const lengths = new Map<string, number>();
  const add = (name: string, path: string, dims: readonly number[], dtype: string): void => {
    if (dtype !== "float32")
      throw new ConfigError(
        `parallel: expected parameters of float32, got ${dtype} in ${path}; train in one process, without --exact`,
      );
    lengths.set(name, sizeOf(dims));
  };
  for (const [path, p] of step.optimizer.trained(step.model.parameters())) add(gradientName(path), path, p.dims, p.dtype);
  for (const [path, p] of step.model.buffers()) add(path, path, p.dims, p.dtype);
  return new Exchange(group, plan, lengths);
}

/** The owner of each parameter's slots: the largest parameters first, each to the process with the least so far. */
function ownersFor(group: ProcessGroup, step: TrainingStep): ReadonlyMap<string, number> {
  const held = new Array<number>(group.size).fill(0);
  const parameters = [...step.optimizer.trained(step.model.parameters())].map(([path, p]) => [path, sizeOf(p.dims)] as const);
  const owners = new Map<string, number>();
  for (const [path, size] of parameters.sort((a, b) => b[1] - a[1])) {
    const owner = held.indexOf(Math.min(...held));
    owners.set(path, owner);
    held[owner] = (held[owner] as number) + size;
  }
  return owners;
}
