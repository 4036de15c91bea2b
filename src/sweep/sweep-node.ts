/**
 * @module `sweep`: trainings of one recipe, in processes of their own, in a folder with which a later call goes on.
 */
import { existsSync, readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import type { Language } from "../charts/charts.js";
import { broadcastJson, nameOfRank, soleProcess, threadsPerRank, type ProcessGroup } from "../parallel/index.js";
import { nodeFileSystem, writeWhole } from "../run/run-folder-files-node.js";
import { RunLock } from "../run/run-folder-lock-node.js";
import { blindRanks } from "../tasks/training/ranks-node.js";
import type { TrainTaskOptions } from "../tasks/training/training-options.js";
import { ConfigError, DescentError } from "../util/errors.js";
import { makeFolders } from "../util/folders-node.js";
import type { Recipe } from "./recipe.js";
import type { SweepResult } from "./result.js";
import { resultOf } from "./result.js";
import { sweepPage } from "./page.js";
import type { Begin, Job, Outcome } from "./schedule.js";
import { allOf, runJobs, successiveHalving } from "./schedule.js";
import type { Setting } from "./space.js";
import { settingsOf } from "./space.js";
import { trained } from "./trial-node.js";

/** Where and how a sweep runs. */
export interface SweepContext {
  /** The folder of the sweep; one of the same recipe goes on. */
  readonly out: string;
  /** Trainings at once; left out, as many as there are cores. */
  readonly parallel?: number;
  /** Ranks that take turns at the trainings, one each. */
  readonly group?: ProcessGroup;
  readonly language?: Language;
  readonly signal?: AbortSignal;
  readonly note?: (text: string) => void;
  /** Told after each job how many trainings have ended. */
  readonly onOutcome?: (outcome: Outcome, trainings: number) => void;
}

export const SWEEP_FILES = { recipe: "recipe.json", page: "sweep.html", results: "results" } as const;

/** Trainings at once. ConfigError for more than there are cores. */
function atOnceOf({ parallel, group }: SweepContext): number {
  if (group !== undefined && group.size > 1) {
    if (parallel !== undefined)
      throw new ConfigError(`--parallel: expected none under mpirun, where each rank trains one, got ${parallel}`);
    return group.size;
  }
  const cores = availableParallelism();
  if (parallel !== undefined && parallel > cores)
    throw new ConfigError(`--parallel: expected at most the ${cores} cores of this machine, got ${parallel}`);
  return parallel ?? cores;
}

/** Makes the folder, or opens that of the same sweep. ConfigError for a folder of another one, or of one with other trainings at once. */
async function openSweep(out: string, kept: object, atOnce: number): Promise<RunLock> {
  const path = join(out, SWEEP_FILES.recipe);
  const text = `${JSON.stringify(kept, undefined, 2)}\n`;
  const before = existsSync(path) ? readFileSync(path, "utf8") : text;
  const begun = /^  "atOnce": (\d+)$/m.exec(before)?.[1];
  if (before !== text && begun !== undefined && text === before.replace(/("atOnce": )\d+/, `$1${atOnce}`))
    throw new ConfigError(
      `${out}: expected ${begun} trainings at once, as when this sweep began, since successive halving depends on it, got ${atOnce}; continue with --parallel ${begun}, or under mpirun -n ${begun}`,
    );
  if (before !== text)
    throw new ConfigError(`${out}: expected a new folder or one of this sweep, got one of another recipe; choose another --out`);
  makeFolders(join(out, SWEEP_FILES.results));
  makeFolders(join(out, "runs"));
  const lock = RunLock.acquire(out);
  if (!existsSync(path)) await writeWhole(nodeFileSystem, path, text);
  return lock;
}

/** ConfigError where a rank does not see the folder, into which each writes. */
async function checkShared(out: string, group: ProcessGroup): Promise<void> {
  const blind = (await blindRanks(out, group)).map((rank) => nameOfRank(group, rank));
  if (blind.length > 0)
    throw new ConfigError(
      `--out ${out}: expected a folder that all hosts share, got one on ${group.hosts[0]} that ${blind.join(", ")} ${blind.length === 1 ? "does" : "do"} not see; put --out into a shared folder, or sweep on one host`,
    );
}

const nameOf = (trial: number, seed: number): string => `trial-${String(trial).padStart(3, "0")}-seed-${seed}`;

/** Trains a job's setting with each of its seeds. */
async function outcomeOf(
  job: Job,
  setting: Setting,
  recipe: Recipe,
  { out, signal }: SweepContext,
  threads: number,
): Promise<Outcome> {
  const scores: (number | undefined)[] = [];
  const remarks: string[] = [];
  for (const seed of job.seeds) {
    const name = nameOf(job.trial, seed);
    const options = {
      ...recipe.options,
      ...Object.fromEntries(setting),
      ...(job.epochs === undefined ? {} : { epochs: job.epochs }),
      task: recipe.task,
      seed,
      threads,
    } as unknown as TrainTaskOptions;
    const reply = await trained(
      { options, out: join(out, "runs", name) },
      join(out, SWEEP_FILES.results, `${name}-${job.rung}.json`),
      signal,
    );
    if ("error" in reply) {
      remarks.push(reply.error);
      scores.push(undefined);
      continue;
    }
    const score = reply.metrics[recipe.metric];
    if (score === undefined)
      throw new ConfigError(
        `sweep: metric: expected one of ${Object.keys(reply.metrics).join(", ")}, got ${recipe.metric}, which the validation part does not have`,
      );
    scores.push(score);
  }
  return { job, scores, remark: remarks[0] };
}

/** Begins jobs here, or those of this rank: each is told the outcomes of all. */
function beginner(recipe: Recipe, settings: readonly Setting[], context: SweepContext, atOnce: number): Begin {
  const { group = soleProcess() } = context;
  const threads = group.size > 1 ? threadsPerRank(group.localSize) : Math.max(1, Math.floor(availableParallelism() / atOnce));
  return (job, index) => {
    const owner = index % group.size;
    const own = owner === group.rank ? outcomeOf(job, settings[job.trial] as Setting, recipe, context, threads) : undefined;
    // A failure is raised when its turn comes; until then it must not count as unhandled.
    own?.catch(() => undefined);
    return () => (group.size === 1 ? (own as Promise<Outcome>) : broadcastJson(group, () => own as Promise<Outcome>, owner));
  };
}

/**
 * Trains all that a recipe asks for, and compares. The same call goes on after a kill, to the same result.
 *
 * Errors: ConfigError for a folder of another sweep; DescentError where no training came to an end.
 */
export async function sweep(recipe: Recipe, context: SweepContext): Promise<SweepResult> {
  const { out, group = soleProcess(), note = () => undefined } = context;
  const atOnce = atOnceOf(context);
  const settings = settingsOf(recipe.dimensions, recipe.method, recipe.trials, recipe.seed);
  // How many run at once decides which go on.
  const kept = { ...recipe, atOnce: recipe.halving && atOnce };
  using _ = group.rank === 0 ? await openSweep(out, kept, atOnce) : undefined;
  if (group.size > 1) await checkShared(out, group);
  const { halving, seeds, mode } = recipe;
  note(
    `sweep: ${settings.length} settings of ${recipe.dimensions.map(({ name }) => name).join(", ")} (${recipe.method}), ${seeds.length} ${seeds.length === 1 ? "seed" : "seeds"}, ${atOnce} at once`,
  );
  const schedule =
    halving === undefined ? allOf(settings.length, seeds) : successiveHalving(settings.length, { seeds, mode, halving });
  const begin = beginner(recipe, settings, context, atOnce);
  let trainings = 0;
  const outcomes = await runJobs(schedule, atOnce, (job, index) => {
    const settle = begin(job, index);
    return async () => {
      const outcome = await settle();
      trainings += job.seeds.length;
      context.onOutcome?.(outcome, trainings);
      return outcome;
    };
  });
  const result = resultOf(recipe, settings, outcomes);
  if (result.trials.every(({ mean }) => mean === undefined))
    throw new DescentError(
      `sweep: expected at least one training to finish, got none; the first said: ${outcomes[0]?.remark ?? ""}`,
    );
  if (group.rank === 0)
    await writeWhole(nodeFileSystem, join(out, SWEEP_FILES.page), sweepPage(result, context.language ?? "en"));
  return result;
}
