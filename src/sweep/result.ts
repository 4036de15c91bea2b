/**
 * @module The result of a sweep: its trials from the best to the worst, and how sure the best one is.
 */
import { kebabCase } from "../util/option.js";
import { own } from "../util/record.js";
import { formatTable, shellQuote } from "../util/text.js";
import type { NoiseTest } from "./noise.js";
import { testBest } from "./noise.js";
import type { Recipe } from "./recipe.js";
import type { Outcome } from "./schedule.js";
import { mean } from "../util/vectors.js";
import { scoreOf } from "./schedule.js";
import type { Choice, Setting } from "./space.js";

/** A setting with its figures. */
export interface Trial {
  /** Number in the order of the settings, from 1. */
  readonly number: number;
  readonly setting: Readonly<Record<string, Choice>>;
  /** By seed, in the recipe's order; undefined where the training failed. */
  readonly scores: readonly (number | undefined)[];
  /** Undefined where one of the trainings failed. */
  readonly mean: number | undefined;
  readonly deviation: number | undefined;
  /** Length of the training where it was halved. */
  readonly epochs?: number;
  readonly remark?: string;
}

export interface SweepResult {
  readonly recipe: Recipe;
  /** From the best to the worst; of a halving, those that were trained longest first. */
  readonly trials: readonly Trial[];
  /** Undefined for a single seed: nothing then tells a better setting from luck. */
  readonly test?: NoiseTest;
  /** The command line of the best setting. */
  readonly command: string;
}

/** The standard deviation of a sample. */
function deviation(values: readonly number[]): number | undefined {
  if (values.length < 2) return undefined;
  const middle = mean(values);
  return Math.sqrt(values.reduce((sum, value) => sum + (value - middle) ** 2, 0) / (values.length - 1));
}

/** The last outcomes of a trial, at its highest rung, joined over its seeds. */
function trialOf(recipe: Recipe, setting: Setting, index: number, outcomes: readonly Outcome[]): Trial | undefined {
  const own = outcomes.filter(({ job }) => job.trial === index);
  if (own.length === 0) return undefined;
  const rung = Math.max(...own.map(({ job }) => job.rung));
  const last = own.filter(({ job }) => job.rung === rung);
  const bySeed = new Map(last.flatMap(({ job, scores }) => job.seeds.map((seed, i) => [seed, scores[i]] as const)));
  const scores = recipe.seeds.map((seed) => bySeed.get(seed));
  const score = scoreOf(scores, recipe.mode);
  const isWhole = Number.isFinite(score);
  const epochs = last[0]?.job.epochs;
  const remark = last.find((outcome) => outcome.remark !== undefined)?.remark;
  return {
    number: index + 1,
    setting: Object.fromEntries(setting),
    scores,
    mean: isWhole ? score : undefined,
    deviation: isWhole ? deviation(scores as number[]) : undefined,
    epochs,
    remark,
  };
}

/** The command line that trains a setting. */
function commandOf(recipe: Recipe, trial: Trial): string {
  const options = {
    ...recipe.options,
    ...trial.setting,
    ...(trial.epochs === undefined ? {} : { epochs: trial.epochs }),
    seed: recipe.seeds[0],
  };
  const words = Object.entries(options).flatMap(([name, value]): string[] => {
    const option = `--${kebabCase(name)}`;
    if (typeof value === "boolean") return [value ? option : `--no-${kebabCase(name)}`];
    const values = (Array.isArray(value) ? value : [value]) as unknown[];
    return values.flatMap((each) => [option, shellQuote(String(each))]);
  });
  return ["descent", "train", recipe.task, ...words].join(" ");
}

/** Sums up. */
export function resultOf(recipe: Recipe, settings: readonly Setting[], outcomes: readonly Outcome[]): SweepResult {
  const trials = settings.flatMap((setting, i) => trialOf(recipe, setting, i, outcomes) ?? []);
  const sign = recipe.mode === "max" ? -1 : 1;
  const score = ({ mean: value }: Trial): number => (value === undefined ? Infinity : sign * value);
  trials.sort((a, b) => (b.epochs ?? 0) - (a.epochs ?? 0) || score(a) - score(b) || a.number - b.number);
  // Of a halving only those that were trained as long as the best one are its equals.
  const equals = trials.filter((trial) => trial.mean !== undefined && trial.epochs === trials[0]?.epochs);
  const test = testBest(
    equals.map((trial) => trial.scores as readonly number[]),
    recipe.mode,
  );
  return { recipe, trials, test, command: commandOf(recipe, trials[0] as Trial) };
}

/** A figure with the digits that a person reads. */
export const shownFigure = (value: number | undefined): string =>
  value === undefined ? "failed" : String(Number(value.toPrecision(4)));

/** The columns of the table: the number, the options, the figure. */
export function tableOf({ recipe, trials }: SweepResult): {
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
} {
  const names = recipe.dimensions.map(({ name }) => name);
  const several = recipe.seeds.length > 1;
  const halved = recipe.halving !== undefined;
  return {
    head: [
      "trial",
      ...names.map(kebabCase),
      ...(halved ? ["epochs"] : []),
      recipe.metric,
      ...(several ? ["deviation", "by seed"] : []),
    ],
    rows: trials.map((trial) => [
      String(trial.number),
      ...names.map((name) => String(own(trial.setting, name))),
      ...(halved ? [String(trial.epochs)] : []),
      shownFigure(trial.mean),
      ...(several
        ? [trial.deviation === undefined ? "" : shownFigure(trial.deviation), trial.scores.map(shownFigure).join(" ")]
        : []),
    ]),
  };
}

export const formatResult = (result: SweepResult): string => {
  const { head, rows } = tableOf(result);
  return formatTable(head, rows);
};

/** Says whether the best setting is better than noise. */
export function finding({ recipe, trials, test }: SweepResult): { readonly en: string; readonly zh: string } {
  const best = trials[0]?.number;
  if (test === undefined)
    return {
      en:
        recipe.seeds.length < 2
          ? `trial ${best} is the best of one seed: nothing tells it from luck; give seeds: 5`
          : `trial ${best} has no equal to be compared with`,
      zh:
        recipe.seeds.length < 2
          ? `只有一个随机种子，第 ${best} 组的领先可能只是运气；请用 seeds: 5`
          : `第 ${best} 组没有可比的对手`,
    };
  const { p, smallest, ahead, isBetter } = test;
  const range = `${shownFigure(ahead.difference)} [${shownFigure(ahead.low)}, ${shownFigure(ahead.high)}]`;
  if (!isBetter && smallest >= 0.05)
    return {
      en: `${trials.length} settings with ${recipe.seeds.length} seeds are too few to tell the best from noise (p is ${smallest.toFixed(3)} at least); give more seeds`,
      zh: `${trials.length} 组设置、${recipe.seeds.length} 个随机种子，不足以把最好的一组与噪声分开（p 至少为 ${smallest.toFixed(3)}）；请增加随机种子`,
    };
  const chance = p < 0.001 ? "p < 0.001" : `p = ${p.toFixed(3)}`;
  return isBetter
    ? {
        en: `the best is better than noise (${chance}); trial ${best} is ahead of the second by ${range}`,
        zh: `最好的一组优于噪声（${chance}）；第 ${best} 组领先第二名 ${range}`,
      }
    : {
        en: `the best is not better than noise (${chance}): so good a best comes by chance; ahead of the second by ${range}`,
        zh: `最好的一组并不优于噪声（${chance}），这样的成绩碰巧也会出现；领先第二名 ${range}`,
      };
}
