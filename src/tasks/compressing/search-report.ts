/**
 * @module `report.html` of a search: its points as a picture, and in a table.
 */
import type { Bilingual, Language } from "../../charts/index.js";
import { inLanguage, paretoChart } from "../../charts/index.js";
import { textTable } from "../../report/compression.js";
import { card, chartStyle, heading, page, paragraph } from "../../report/page.js";
import { both, formatMetric, metricLabel } from "../../report/words.js";
import type { Monitor } from "../../train/index.js";
import type { Budget, Saved } from "./budget.js";
import { distanceFrom, paretoFront, SAVED, violations } from "./budget.js";
import type { SearchOptions, SearchResult } from "./search-node.js";

export interface SearchReport extends SearchResult, Pick<SearchOptions, "budget" | "budgetText"> {
  readonly monitor: Monitor;
  readonly of: string;
  readonly command: string;
  readonly language: Language;
}

const SAVED_LABELS: Readonly<Record<Saved, Bilingual>> = {
  latency: { en: "time of one example, share of before", zh: "单个样本用时（与压缩前之比）" },
  size: { en: "size of the file, share of before", zh: "文件大小（与压缩前之比）" },
  parameters: { en: "parameters, share of before", zh: "参数量（与压缩前之比）" },
};

/** The measure on the horizontal axis: the first saving that the budget asks for. */
const savedBy = ({ most }: Budget): Saved => SAVED.find((name) => most[name] !== undefined) ?? "size";

function chart({ points, budget, monitor, language }: SearchReport): string {
  const saved = savedBy(budget);
  const front = new Set(paretoFront(points, saved, monitor.mode));
  const [first] = points;
  const allowed =
    budget.metric === undefined || first === undefined ? undefined : limitOf(budget.metric, first.metric.before, monitor.mode);
  const limit = budget.most[saved];
  return paretoChart({
    title: { en: `${points.length} smaller models`, zh: `${points.length} 个压缩后的模型` },
    points: points.map((point) => ({
      name: point.name,
      x: point.shares[saved],
      y: point.metric.after,
      isFront: front.has(point),
      isMet: distanceFrom(violations(budget, point, monitor.mode)) === 0,
    })),
    xLabel: SAVED_LABELS[saved],
    yLabel: metricLabel(monitor.metric),
    limits: { x: limit, y: allowed },
    ...chartStyle(language),
  });
}

const limitOf = ({ loss, isShare }: NonNullable<Budget["metric"]>, before: number, mode: "min" | "max"): number => {
  const allowed = isShare ? loss * Math.abs(before) : loss;
  return mode === "max" ? before - allowed : before + allowed;
};

const times = (share: number): string => `× ${share.toFixed(3)}`;

function table({ points, budget, monitor }: SearchReport): string {
  const head: Bilingual[] = [
    "",
    { en: "steps", zh: "步骤" },
    { en: "time", zh: "用时" },
    { en: "size", zh: "大小" },
    { en: "parameters", zh: "参数量" },
    metricLabel(monitor.metric),
    { en: "budget", zh: "预算" },
  ];
  const rows = points.map((point, i): Bilingual[] => {
    const missed = [...violations(budget, point, monitor.mode)].filter(([, by]) => by > 0).map(([name]) => name);
    const { latency, size, parameters } = point.shares;
    const verdict: Bilingual =
      missed.length === 0 ? { en: "met", zh: "满足" } : { en: `misses ${missed.join(", ")}`, zh: `未满足：${missed.join("、")}` };
    return [
      String(i + 1),
      point.name,
      times(latency),
      times(size),
      times(parameters),
      formatMetric(monitor.metric, point.metric.after),
      verdict,
    ];
  });
  return textTable(head, rows);
}

/** The whole page. */
export function renderSearch(report: SearchReport): string {
  const { best, isMet, gaps, of, budgetText, command, language } = report;
  const title: Bilingual = { en: `${of}, made smaller`, zh: `${of}：压缩方案搜索` };
  const chosen: Bilingual = isMet
    ? { en: `Chosen: ${best.name}, in ${best.run}.`, zh: `选中：${best.name}，位于 ${best.run}。` }
    : {
        en: `No point meets the budget. The nearest is ${best.name}, in ${best.run}.`,
        zh: `没有方案满足预算，最接近的是 ${best.name}，位于 ${best.run}。`,
      };
  const left = gaps.map(({ name, reason }): Bilingual[] => [name, reason]);
  const body = `<header><p>${both({ en: `Budget: ${budgetText}`, zh: `预算：${budgetText}` })}</p><h1>${both(title)}</h1><p>${both(chosen)}</p></header>
${card(chart(report), "chart-card")}
${paragraph(
  "Filled points meet the budget, hollow ones do not; the line runs through those that no other point beats, dashed lines are the budget. The metric is that of the validation part; each run's own table has the test part.",
  "实心点满足预算，空心点不满足；连线上的点没有被其他点超过，虚线是预算。指标在验证集上测得；各模型自己的表格给出测试集上的结果。",
  "soft",
)}
${heading("Points", "各个方案")}${table(report)}
${
  left.length === 0
    ? ""
    : `${heading("Left out", "未能进行的方案")}${textTable(
        [
          { en: "steps", zh: "步骤" },
          { en: "reason", zh: "原因" },
        ],
        left,
      )}`
}
<h3>${both({ en: "To do it again", zh: "复现命令" })}</h3><pre><code>${both(command)}</code></pre>`;
  return page(inLanguage(title, language), body, language);
}
