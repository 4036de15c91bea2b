/**
 * @module Which training comes next: all of them, or by successive halving. What is decided depends on results alone and never on how long a
 * training took, so that a sweep that was killed decides as one that was not.
 */
import type { Recipe } from "./recipe.js";
import { mean } from "../util/vectors.js";

/** Something to train: a setting with some of the seeds, up to a rung. */
export interface Job {
  readonly trial: number;
  readonly seeds: readonly number[];
  /** Index of the budget; 0 where there is one. */
  readonly rung: number;
  /** Length of the training where the schedule says it. */
  readonly epochs?: number;
}

/** The outcome of a job: a figure for each seed, undefined where the training failed. */
export interface Outcome {
  readonly job: Job;
  readonly scores: readonly (number | undefined)[];
  /** The message of a training that failed. */
  readonly remark?: string;
}

export interface Schedule {
  /** The next job, from the outcomes so far; undefined where more of them are needed, or where all is done. */
  next(outcomes: readonly Outcome[]): Job | undefined;
}

/** Each setting with each seed. */
export function allOf(trials: number, seeds: readonly number[]): Schedule {
  let at = 0;
  return {
    next: () => {
      if (at >= trials * seeds.length) return undefined;
      const [trial, seed] = [Math.floor(at / seeds.length), seeds[at % seeds.length] as number];
      at++;
      return { trial, seeds: [seed], rung: 0 };
    },
  };
}

/** Budgets from the least to the most, each `factor` times the one before. */
export function rungsOf({ from, to, factor }: NonNullable<Recipe["halving"]>): number[] {
  const rungs: number[] = [];
  for (let epochs = from; epochs < to; epochs *= factor) rungs.push(Number(epochs.toPrecision(6)));
  return [...rungs, to];
}

/** The mean over seeds, where all of them came to an end; else the worst there is. */
export function scoreOf(scores: readonly (number | undefined)[], mode: Recipe["mode"]): number {
  const known = scores.filter((score) => score !== undefined && Number.isFinite(score)) as number[];
  return known.length < scores.length || known.length === 0 ? (mode === "max" ? -Infinity : Infinity) : mean(known);
}

/**
 * Asynchronous successive halving: whenever there is room, the best that is among the first 1/factor of its rung goes on to the next, the highest
 * rung first; else a new setting begins.
 *
 * Source: Li et al. 2020, "A System for Massively Parallel Hyperparameter Tuning", algorithm 2.
 * Differs: outcomes are taken in the order in which jobs were given, not in that in which they ended.
 */
export function successiveHalving(
  trials: number,
  recipe: Pick<Recipe, "seeds" | "mode"> & { readonly halving: NonNullable<Recipe["halving"]> },
): Schedule {
  const { seeds, mode, halving } = recipe;
  const rungs = rungsOf(halving);
  const promoted = rungs.map(() => new Set<number>());
  let begun = 0;
  return {
    next: (outcomes) => {
      for (let rung = rungs.length - 2; rung >= 0; rung--) {
        const here = outcomes
          .filter(({ job }) => job.rung === rung)
          .map(({ job, scores }) => ({ trial: job.trial, score: scoreOf(scores, mode) }));
        here.sort((a, b) => (mode === "max" ? b.score - a.score : a.score - b.score) || a.trial - b.trial);
        const best = here
          .slice(0, Math.floor(here.length / halving.factor))
          .find(({ trial, score }) => Number.isFinite(score) && promoted[rung]?.has(trial) === false);
        if (best === undefined) continue;
        promoted[rung]?.add(best.trial);
        return { trial: best.trial, seeds, rung: rung + 1, epochs: rungs[rung + 1] as number };
      }
      if (begun >= trials) return undefined;
      return { trial: begun++, seeds, rung: 0, epochs: rungs[0] as number };
    },
  };
}

/** Begins a job, and gives its outcome when that is asked for; outcomes are asked for in the jobs' order. */
export type Begin = (job: Job, index: number) => () => Promise<Outcome>;

/**
 * Runs the jobs of a schedule, at most `atOnce` together. Before job j is chosen, the outcomes of jobs 0 … j − atOnce are in, and no others are
 * looked at, however early they came.
 */
export async function runJobs(schedule: Schedule, atOnce: number, begin: Begin): Promise<Outcome[]> {
  const begun: (() => Promise<Outcome>)[] = [];
  const outcomes: Outcome[] = [];
  const settle = async (): Promise<void> => void outcomes.push(await (begun[outcomes.length] as () => Promise<Outcome>)());
  for (;;) {
    while (begun.length - outcomes.length >= atOnce) await settle();
    let job = schedule.next(outcomes);
    while (job === undefined && outcomes.length < begun.length) {
      await settle();
      job = schedule.next(outcomes);
    }
    if (job === undefined) return outcomes;
    begun.push(begin(job, begun.length));
  }
}
