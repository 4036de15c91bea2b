/**
 * @module `report.html`: what a run learned, how well, on what it errs and what it looked at, and how to repeat it. One file
 * that opens anywhere; from plain data to text, in Node and in the browser.
 */
import { formatCount, formatInteger, formatNumber } from "../util/text.js";
import type { Bilingual, Point, Series } from "../charts/charts.js";
import { extent } from "../charts/frame.js";
import { inLanguage, lineChart } from "../charts/charts.js";
import type { Split } from "../run/metrics-log.js";
import type { ReportData } from "./data.js";
import type { ExampleInput, ReportExample } from "./examples.js";
import { exampleCards } from "./examples.js";
import { card, chartStyle, heading, page, paragraph } from "./page.js";
import { confusionSection, regressionSection } from "./results.js";
import { both, bothMarkup, formatDuration, formatMetric, formatPercent, isFraction, metricLabel, moreIsBetter } from "./words.js";
import type { RunSummary } from "../run/run-folder.js";
import { median } from "../util/median.js";

export type { ReportData } from "./data.js";
export type { ExampleInput, ReportExample } from "./examples.js";

const SPLITS: readonly { readonly split: Split; readonly label: Bilingual }[] = [
  { split: "train", label: { en: "training", zh: "训练集" } },
  { split: "validation", label: { en: "validation", zh: "验证集" } },
  { split: "test", label: { en: "test", zh: "测试集" } },
];

/** The whole page. */
export async function renderReport(data: ReportData): Promise<string> {
  const language = data.language ?? "en";
  const primary = primaryMetricOf(data);
  const sections = [
    header(data, primary),
    curves(data, primary),
    metricsTable(data.summary),
    data.confusion === undefined ? "" : confusionSection(data.confusion, language),
    data.regression === undefined ? "" : regressionSection(data.regression, language),
    data.examples === undefined || data.examples.length === 0 ? "" : await examplesSection(data),
    ...(data.sections ?? []).map(({ title, html }) => `${heading(inLanguage(title, "en"), inLanguage(title, "zh"))}${html}`),
    makingSection(data),
  ];
  const title = `${data.summary.model} · ${data.summary.data} · ${inLanguage(data.task, language)}`;
  return page(title, sections.filter((section) => section !== "").join("\n"), language);
}

/** Picks the metric that judges the run, where the data does not name one. */
function primaryMetricOf({ primaryMetric, summary }: ReportData): string {
  const names = Object.keys(summary.metrics.test ?? summary.metrics.validation ?? summary.metrics.train ?? {});
  const usual = ["accuracy", "macroF1", "f1", "map50", "r2", "bitsPerCharacter", "loss"];
  return primaryMetric ?? usual.find((name) => names.includes(name)) ?? names[0] ?? "loss";
}

/** The best measurement that there is: test, or else validation, or else training. */
function judged(summary: RunSummary, metric: string): { value: number; label: Bilingual } | undefined {
  for (const { split, label } of [...SPLITS].reverse()) {
    const value = summary.metrics[split]?.[metric];
    if (value !== undefined) return { value, label };
  }
  return undefined;
}

function header(data: ReportData, primary: string): string {
  const { summary, task } = data;
  const result = judged(summary, primary);
  const tiles: [string, Bilingual][] = [];
  if (result !== undefined) {
    tiles.push([formatMetric(primary, result.value), joined(result.label, metricLabel(primary))]);
  }
  const loss = primary === "loss" ? undefined : judged(summary, "loss");
  if (loss !== undefined) tiles.push([formatMetric("loss", loss.value), joined(loss.label, metricLabel("loss"))]);
  tiles.push([both(formatDuration(summary.trainSeconds)), { en: "training time", zh: "训练用时" }]);
  tiles.push([formatCount(summary.parameters), { en: "parameters", zh: "参数量" }]);
  const when = data.createdAt.slice(0, 16).replace("T", " ");
  return `<header>
<p>${both(task)} · ${both(when)}</p>
<h1>${bothMarkup(`${both(summary.model)} on ${both(summary.data)}`, `${both(summary.model)} · ${both(summary.data)}`)}</h1>
${lead(data)}
</header>
<div class="tiles">${tiles.map(([value, label]) => `<div class="tile"><b>${value}</b><span>${both(label)}</span></div>`).join("")}</div>
${(data.notes ?? []).map((note) => `<p class="soft">${both(note)}</p>`).join("")}`;
}

const joined = (a: Bilingual, b: Bilingual): Bilingual => ({
  en: `${inLanguage(a, "en")} ${inLanguage(b, "en")}`,
  zh: `${inLanguage(a, "zh")}${inLanguage(b, "zh")}`,
});

/** The result in a sentence. */
function lead({ confusion, regression }: ReportData): string {
  if (confusion !== undefined) {
    const total = confusion.counts.flat().reduce((sum, n) => sum + n, 0);
    const right = confusion.counts.reduce((sum, row, i) => sum + (row[i] ?? 0), 0);
    if (total === 0) return "";
    const [n, percent] = [formatInteger(total), formatPercent(right / total)];
    const worst = mostConfused(confusion);
    const en = `Of ${n} examples that it had not seen, it gets ${percent} right.`;
    const zh = `在 ${n} 个从未见过的样本上，答对 ${percent}。`;
    if (worst === undefined) return paragraph(en, zh, "lead");
    const { truth, prediction, count } = worst;
    const times = count === 1 ? "once" : count === 2 ? "twice" : `${formatInteger(count)} times`;
    return paragraph(
      `${en} Its most frequent mistake: ${quoted(truth)} taken for ${quoted(prediction)}, ${times}.`,
      `${zh}最常见的错误是把${quoted(truth)}认成${quoted(prediction)}，共 ${formatInteger(count)} 次。`,
      "lead",
    );
  }
  if (regression !== undefined && regression.truth.length > 0) {
    const errors = regression.truth.map((truth, i) => Math.abs((regression.prediction[i] as number) - truth));
    const unit = regression.unit === undefined ? "" : ` ${regression.unit}`;
    const typical = formatNumber(median(errors)) + unit;
    const n = formatInteger(errors.length);
    return paragraph(
      `On ${n} examples that it had not seen, half of its predictions of ${quoted(regression.target)} are off by less than ${typical}.`,
      `在 ${n} 个从未见过的样本上，对${quoted(regression.target)}的预测有一半误差小于 ${typical}。`,
      "lead",
    );
  }
  return "";
}

const quoted = (name: string): string => `“${name}”`;

function mostConfused({
  labels,
  counts,
}: NonNullable<ReportData["confusion"]>): { truth: string; prediction: string; count: number } | undefined {
  let worst = { truth: "", prediction: "", count: 0 };
  counts.forEach((row, i) =>
    row.forEach((count, j) => {
      if (i !== j && count > worst.count) worst = { truth: labels[i] ?? String(i), prediction: labels[j] ?? String(j), count };
    }),
  );
  return worst.count === 0 ? undefined : worst;
}

/** Loss, the primary metric and the learning rate over the steps, as far as they were recorded. */
function curves(data: ReportData, primary: string): string {
  const { history, bestStep } = data;
  const seriesOf = (metric: string): Series[] =>
    SPLITS.filter(({ split }) => split !== "test").map(({ split, label }) => ({
      name: label,
      points: history
        .filter((record) => record.split === split && record.metrics[metric] !== undefined)
        .map((record): Point => [record.step, record.metrics[metric] as number]),
      smooth: split === "train",
    }));
  const chart = (metric: string): string => {
    const series = seriesOf(metric).filter((one) => one.points.length > 1);
    if (series.length === 0) return "";
    const range = extent(series.flatMap((one) => one.points.map(([, y]) => y)));
    const logY = !isFraction(metric) && range !== undefined && range[0] > 0 && range[1] > 20 * range[0];
    const label = metricLabel(metric);
    return card(
      lineChart({
        ...chartStyle(data.language),
        title: joined(label, { en: "over the steps", zh: "随步数的变化" }),
        series,
        xLabel: { en: "step", zh: "步数" },
        yLabel: logY ? joined(label, { en: "(logarithmic)", zh: "（对数坐标）" }) : label,
        logY,
        width: 500,
        yDomain: isFraction(metric) ? [undefined, 1] : undefined,
        mark: bestStep === undefined ? undefined : { x: bestStep, label: { en: "best", zh: "最佳" } },
      }),
    );
  };
  const rates = history.filter((record) => record.learningRate !== undefined);
  const varies = new Set(rates.map((record) => record.learningRate)).size > 1;
  const rate = !varies
    ? ""
    : card(
        lineChart({
          ...chartStyle(data.language),
          title: { en: "learning rate over the steps", zh: "学习率随步数的变化" },
          series: [{ name: "", points: rates.map((record): Point => [record.step, record.learningRate as number]) }],
          xLabel: { en: "step", zh: "步数" },
          yLabel: { en: "learning rate", zh: "学习率" },
          width: 1026,
          height: 150,
        }),
        "full",
      );
  const charts = [chart("loss"), primary === "loss" ? "" : chart(primary), rate].join("");
  return charts === "" ? "" : `${heading("How it learned", "学习过程")}<div class="row">${charts}</div>`;
}

function metricsTable({ metrics, measuredTrainExamples }: RunSummary): string {
  const present = SPLITS.filter(({ split }) => Object.keys(metrics[split] ?? {}).length > 0);
  const names = [...new Set(present.flatMap(({ split }) => Object.keys(metrics[split] ?? {})))];
  if (names.length === 0) return "";
  const rows = names.map((name) => {
    const cells = present.map(({ split }) => {
      const value = metrics[split]?.[name];
      return `<td class="n">${value === undefined ? "–" : formatMetric(name, value)}</td>`;
    });
    const better = moreIsBetter(name) ? "↑" : "↓";
    return `<tr><th>${both(metricLabel(name))} <span class="soft" aria-hidden="true">${better}</span></th>${cells.join("")}</tr>`;
  });
  const head = present.map(({ label }) => `<th class="n">${both(label)}</th>`).join("");
  return `${heading("How well it does", "效果如何")}${paragraph(
    "The test examples were used neither for training nor for choosing the best step. ↑ more is better, ↓ less is better.",
    "测试集既没有参与训练，也没有参与挑选最佳步数。↑ 越大越好，↓ 越小越好。",
    "soft",
  )}${
    measuredTrainExamples === undefined
      ? ""
      : paragraph(
          `The training column is measured on a sample of ${formatInteger(measuredTrainExamples)} examples.`,
          `训练集一列只在 ${formatInteger(measuredTrainExamples)} 个样本上测得。`,
          "soft",
        )
  }${card(`<table><thead><tr><th></th>${head}</tr></thead><tbody>${rows.join("")}</tbody></table>`, "fit")}`;
}

type Explain = (method: string) => string;

/** Explains how to read the attributions of an input. */
const WHAT_IT_SAW: Readonly<Record<ExampleInput["kind"], readonly [en: Explain, zh: Explain]>> = {
  image: [
    (method) => `On the right of each picture, what it looked at (${method}): orange spoke for the prediction, blue against it.`,
    (method) => `每张图右侧是模型关注的位置（${method}）：橙色支持预测结果，蓝色反对。`,
  ],
  text: [
    (method) => `Shaded is what moved the prediction (${method}): orange spoke for it, blue against it.`,
    (method) => `底色表示哪些词元影响了预测（${method}）：橙色支持，蓝色反对。`,
  ],
  features: [
    (method) => `The bars say what moved the prediction (${method}): orange up, blue down.`,
    (method) => `条形表示哪些特征影响了预测（${method}）：橙色推高，蓝色拉低。`,
  ],
};

async function examplesSection({ examples = [], attributionMethod, regression, language = "en" }: ReportData): Promise<string> {
  const wrong = examples.filter((example) => !example.correct);
  const right = examples.filter((example) => example.correct);
  const method = attributionMethod ?? { en: "an attribution", zh: "归因" };
  const [en, zh] = WHAT_IT_SAW[examples[0]?.input.kind ?? "features"];
  const explained = examples.some((example) => example.attribution !== undefined);
  const what = paragraph(en(inLanguage(method, "en")), zh(inLanguage(method, "zh")), "soft");
  const group = async (title: Bilingual, group: readonly ReportExample[]): Promise<string> =>
    group.length === 0 ? "" : `<h3>${both(title)}</h3>${await exampleCards(group, language)}`;
  const titles: readonly [Bilingual, Bilingual] =
    regression === undefined
      ? [
          { en: "Where it was most sure, and wrong", zh: "最有把握却答错的" },
          { en: "Some that it got right", zh: "一些答对的" },
        ]
      : [
          { en: "Where it was furthest off", zh: "误差最大的" },
          { en: "Where it was close", zh: "预测接近的" },
        ];
  return `${heading("What it looked at", "它看到了什么")}${explained ? what : ""}${await group(titles[0], wrong)}${await group(titles[1], right)}`;
}

/** Measurements, with what was predicted before. */
function beside(measured: Bilingual, predicted: Bilingual | undefined): Bilingual {
  if (predicted === undefined) return measured;
  return {
    en: `${inLanguage(measured, "en")} (predicted: ${inLanguage(predicted, "en")})`,
    zh: `${inLanguage(measured, "zh")}（预测：${inLanguage(predicted, "zh")}）`,
  };
}

/** Steps, their time and their work, where the model was trained in steps. */
function stepRows({ steps, stepMs, flopsPerStep, predicted }: RunSummary): [Bilingual, Bilingual][] {
  if (steps === 0) return [];
  const perSecond = flopsPerStep / (stepMs / 1000);
  const rate = Number.isFinite(perSecond) ? ` (${formatCount(perSecond)}FLOP/s)` : "";
  return [
    [{ en: "steps", zh: "训练步数" }, formatInteger(steps)],
    [
      { en: "time per step (median)", zh: "每步用时（中位数）" },
      beside(
        formatDuration(stepMs / 1000),
        predicted?.stepMs === undefined ? undefined : formatDuration(predicted.stepMs / 1000),
      ),
    ],
    ...(flopsPerStep === 0
      ? []
      : [
          [{ en: "work per step", zh: "每步计算量" }, `${formatCount(flopsPerStep)}FLOP${rate}`] satisfies [Bilingual, Bilingual],
        ]),
  ];
}

function makingSection({ summary, task, facts = [], command, descent }: ReportData): string {
  const rows: [Bilingual, Bilingual][] = [
    [{ en: "task", zh: "任务" }, task],
    [{ en: "model", zh: "模型" }, summary.model],
    [{ en: "data", zh: "数据" }, summary.data],
    ...facts.map(({ label, value }): [Bilingual, Bilingual] => [label, value]),
    [{ en: "parameters", zh: "参数量" }, formatInteger(summary.parameters)],
    ...stepRows(summary),
    [{ en: "training time", zh: "训练用时" }, formatDuration(summary.trainSeconds)],
    [
      { en: "peak memory", zh: "内存峰值" },
      beside(
        `${formatInteger(summary.peakMemoryMiB)} MiB`,
        summary.predicted === undefined ? undefined : `${formatInteger(summary.predicted.peakMemoryMiB)} MiB`,
      ),
    ],
    [{ en: "device", zh: "设备" }, summary.device],
    [{ en: "seed", zh: "随机种子" }, String(summary.seed)],
  ];
  const table = rows.map(([label, value]) => `<tr><th>${both(label)}</th><td>${both(value)}</td></tr>`).join("");
  return `${heading("How it was made", "训练详情")}${card(`<table><tbody>${table}</tbody></table>`, "fit")}
<h3>${both({ en: "To do it again", zh: "复现命令" })}</h3>
<pre><code>${both(command)}</code></pre>
<footer>${bothMarkup(`Made by Descent ${both(descent)}.`, `由 Descent ${both(descent)} 生成。`)}</footer>`;
}
