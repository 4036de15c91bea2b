/**
 * @module The figures in words: which differences are noise, what extra points cost, and which model to take.
 */
import type { Bilingual } from "../charts/charts.js";
import { ConfigError } from "../util/errors.js";
import { own } from "../util/record.js";
import type { Budget, Comparison, Difference, ModelFigures } from "./figures.js";

const UNITS: Readonly<Record<string, { readonly key: keyof Budget; readonly factor: Readonly<Record<string, number>> }>> = {
  latency: { key: "latencyMs", factor: { us: 0.001, ms: 1, s: 1000 } },
  size: { key: "sizeBytes", factor: { B: 1, KB: 1e3, MB: 1e6, GB: 1e9 } },
  training: { key: "trainSeconds", factor: { s: 1, min: 60, h: 3600 } },
  memory: { key: "memoryMiB", factor: { MiB: 1, GiB: 1024, MB: 1e6 / 2 ** 20, GB: 1e9 / 2 ** 20 } },
};

/** Reads `latency 5ms, size 1MB`. ConfigError for what is no such list. */
export function parseBudget(text: string | undefined): Budget {
  if (text === undefined) return {};
  const entries = text.split(",").map((part): [keyof Budget, number] => {
    const [, name = "", amount = "", unit = ""] = /^\s*(\w+)\s+(\d+(?:\.\d+)?)\s*(\w+)\s*$/.exec(part) ?? [];
    const known = own(UNITS, name);
    const factor = known && own(known.factor, unit);
    if (known === undefined || factor === undefined)
      throw new ConfigError(
        `--budget: expected a list such as "latency 5ms, size 1MB, training 60s, memory 100MiB", got "${part.trim()}"`,
      );
    return [known.key, Number(amount) * factor];
  });
  return Object.fromEntries(entries);
}

/** Tells whether a model takes no more than a budget. */
export const isWithin = (model: ModelFigures, budget: Budget): boolean =>
  model.one.p95 <= (budget.latencyMs ?? Infinity) &&
  model.sizeBytes <= (budget.sizeBytes ?? Infinity) &&
  model.trainSeconds <= (budget.trainSeconds ?? Infinity) &&
  model.memoryMiB <= (budget.memoryMiB ?? Infinity);

const higherIsBetter = (metric: Comparison["metric"]): boolean => metric === "accuracy";

/** Models, the best first. */
export const ranked = (models: readonly ModelFigures[], metric: Comparison["metric"]): readonly ModelFigures[] =>
  [...models].sort((a, b) => (higherIsBetter(metric) ? b.value - a.value : a.value - b.value));

/** Latencies closer than this factor are the same: a measurement scatters as much. */
const AS_QUICK = 1.25;

/** The model to take: of those within the budget that are as good as the best of them but for noise, the quickest; of several that are as quick, the best. */
export function recommend(
  models: readonly ModelFigures[],
  metric: Comparison["metric"],
  budget: Budget,
  isNoise: (best: ModelFigures, other: ModelFigures) => boolean,
): ModelFigures | undefined {
  const [best, ...others] = ranked(
    models.filter((model) => isWithin(model, budget)),
    metric,
  );
  if (best === undefined) return undefined;
  const asGood = [best, ...others.filter((other) => isNoise(best, other))];
  const least = Math.min(...asGood.map(({ one }) => one.p50));
  return asGood.find(({ one }) => one.p50 <= AS_QUICK * least);
}

/** A metric's value as people write it. */
export const shown = (metric: Comparison["metric"], value: number): string =>
  metric === "accuracy" ? `${(100 * value).toFixed(1)} %` : Number(value.toPrecision(4)).toString();

const points = (metric: Comparison["metric"], difference: number): string =>
  metric === "accuracy"
    ? `${(100 * Math.abs(difference)).toFixed(1)} points`
    : Number(Math.abs(difference).toPrecision(3)).toString();
const pointsZh = (metric: Comparison["metric"], difference: number): string =>
  metric === "accuracy"
    ? `${(100 * Math.abs(difference)).toFixed(1)} 个百分点`
    : Number(Math.abs(difference).toPrecision(3)).toString();

/** Writes how many times as much one figure is as another. */
const times = (a: number, b: number): string => {
  const ratio = a / b;
  return ratio >= 10 ? ratio.toFixed(0) : ratio < 0.1 ? Number(ratio.toPrecision(1)).toString() : ratio.toFixed(1);
};

function sentenceOf(
  best: ModelFigures,
  other: ModelFigures,
  { bootstrap, mcNemar, overSeeds, isNoise }: Difference,
  metric: Comparison["metric"],
): Bilingual {
  const chance = overSeeds ?? mcNemar?.p ?? bootstrap.p;
  // No resample of 2,000, counted for both sides, says less than this.
  const p = chance === 0 ? "p < 0.001" : `p = ${chance.toPrecision(2)}`;
  const test =
    overSeeds !== undefined
      ? { en: "over test examples and seeds", zh: "同时考虑测试样本与随机种子" }
      : mcNemar === undefined
        ? { en: "paired bootstrap", zh: "配对自助法" }
        : { en: "McNemar", zh: "McNemar 检验" };
  if (isNoise)
    return {
      en: `${best.name} and ${other.name} differ by ${points(metric, bootstrap.difference)}, which may be chance (${test.en}, ${p}).`,
      zh: `${best.name} 与 ${other.name} 相差 ${pointsZh(metric, bootstrap.difference)}，可能只是偶然（${test.zh}，${p}）。`,
    };
  const [train, latency, size] = [
    times(best.trainSeconds, other.trainSeconds),
    times(best.one.p50, other.one.p50),
    times(best.sizeBytes, other.sizeBytes),
  ];
  return {
    en: `${best.name} is better than ${other.name} by ${points(metric, bootstrap.difference)} (${test.en}, ${p}); it takes ${train} × its training time, ${latency} × its latency and ${size} × its size.`,
    zh: `${best.name} 比 ${other.name} 好 ${pointsZh(metric, bootstrap.difference)}（${test.zh}，${p}）；训练时间是其 ${train} 倍，延迟是其 ${latency} 倍，文件大小是其 ${size} 倍。`,
  };
}

/** The findings, one sentence each. */
export function findings({ models, metric, differences, recommended, budget, standIn }: Comparison): readonly Bilingual[] {
  const [best] = ranked(models, metric);
  if (best === undefined) return [];
  const each = differences.flatMap((difference) => {
    const other = models.find(({ name }) => name === difference.name);
    return other === undefined ? [] : [sentenceOf(best, other, difference, metric)];
  });
  const isBounded = Object.keys(budget).length > 0;
  const choice: Bilingual =
    recommended === undefined
      ? { en: "No model is within the budget.", zh: "没有模型在预算之内。" }
      : isBounded
        ? {
            en: `Within the budget, take ${recommended}: of those as good as the best but for chance it is the quickest, or as quick within a quarter and better.`,
            zh: `在预算之内，选 ${recommended}：与最好者的差别可归于偶然的模型中，它最快，或与最快者相差不到四分之一而更好。`,
          }
        : {
            en: `Take ${recommended}: of those as good as the best but for chance it is the quickest, or as quick within a quarter and better.`,
            zh: `选 ${recommended}：与最好者的差别可归于偶然的模型中，它最快，或与最快者相差不到四分之一而更好。`,
          };
  const imitation: readonly Bilingual[] =
    standIn === undefined
      ? []
      : [
          {
            en: `A tree of ${standIn.leaves} leaves imitates ${standIn.of}; on ${(100 * standIn.fidelity).toFixed(1)} % ${metric === "accuracy" ? "of the test rows both answer alike" : "of the variance they agree"}.`,
            zh: `一棵有 ${standIn.leaves} 个叶子的树模仿 ${standIn.of}；${metric === "accuracy" ? `两者在 ${(100 * standIn.fidelity).toFixed(1)} % 的测试行上答案相同` : `解释了其 ${(100 * standIn.fidelity).toFixed(1)} % 的方差`}。`,
          },
        ];
  return [...each, choice, ...imitation];
}
