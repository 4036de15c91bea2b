/**
 * @module The page of a comparison, in both languages: a table, intervals and learning curves as pictures, and what they say.
 */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Bilingual, Language } from "../charts/charts.js";
import { escapeXml, lineChart } from "../charts/charts.js";
import { card, chartStyle, heading, page, paragraph } from "../report/page.js";
import { both } from "../report/words.js";
import { formatCount, formatInteger } from "../util/text.js";
import type { Comparison, ModelFigures } from "./figures.js";
import { findings, shown } from "./verdict.js";

const METRICS: Readonly<Record<Comparison["metric"], Bilingual>> = {
  accuracy: { en: "accuracy", zh: "准确率" },
  rmse: { en: "root mean squared error", zh: "均方根误差" },
};
const KINDS: Readonly<Record<ModelFigures["kind"], Bilingual>> = {
  network: { en: "network", zh: "神经网络" },
  traditional: { en: "traditional", zh: "传统模型" },
  compressed: { en: "compressed", zh: "压缩模型" },
};

/** A file's size as people write it. */
export const bytes = (size: number): string => (size < 1e6 ? `${(size / 1e3).toFixed(1)} KB` : `${(size / 1e6).toFixed(1)} MB`);
/** Milliseconds as people write them. */
export const milliseconds = (ms: number): string => (ms < 0.1 ? `${(1000 * ms).toFixed(0)} µs` : `${ms.toPrecision(3)} ms`);
export const seconds = (s: number): string => `${s.toPrecision(3)} s`;

interface Figure {
  readonly title: Bilingual;
  readonly cell: (model: ModelFigures) => string;
}

/** A value whose unit stands beside it already. */
const bare = (metric: Comparison["metric"], value: number): string => shown(metric, value).replace(" %", "");

/** The figures of each model, for the page and the terminal alike. */
export const figuresOf = ({ metric, seeds }: Comparison): readonly Figure[] => [
  { title: METRICS[metric], cell: (m) => `${shown(metric, m.value)} [${bare(metric, m.low)}, ${bare(metric, m.high)}]` },
  ...(seeds === 1
    ? []
    : [
        {
          title: { en: `over ${seeds} seeds`, zh: `${seeds} 个种子` },
          cell: ({ bySeed = [] }: ModelFigures) =>
            bySeed.length < 2 ? "–" : `${bare(metric, Math.min(...bySeed))} … ${shown(metric, Math.max(...bySeed))}`,
        },
      ]),
  ...(metric === "accuracy"
    ? [
        {
          title: { en: "calibration error", zh: "校准误差" },
          cell: (m: ModelFigures) => (m.calibrationError ?? Number.NaN).toFixed(3),
        },
      ]
    : []),
  { title: { en: "parameters", zh: "参数量" }, cell: (m) => formatInteger(m.parameters) },
  { title: { en: "file", zh: "文件" }, cell: (m) => bytes(m.sizeBytes) },
  { title: { en: "FLOPs", zh: "FLOPs" }, cell: (m) => (m.flops === undefined ? "–" : formatCount(m.flops)) },
  { title: { en: "training", zh: "训练" }, cell: (m) => seconds(m.trainSeconds) },
  {
    title: { en: "1 row: p50, p95", zh: "1 行：p50、p95" },
    cell: (m) => `${milliseconds(m.one.p50)}, ${milliseconds(m.one.p95)}`,
  },
  {
    title: { en: "32 rows: p50, p95", zh: "32 行：p50、p95" },
    cell: (m) => `${milliseconds(m.many.p50)}, ${milliseconds(m.many.p95)}`,
  },
  { title: { en: "memory", zh: "内存" }, cell: (m) => `${m.memoryMiB.toFixed(0)} MiB` },
  {
    title: { en: "energy of 1,000", zh: "1000 次的能耗" },
    cell: (m) => `${m.joulesPer1000.toPrecision(2)} J${m.energy === "modelled" ? " *" : ""}`,
  },
];

/** A column for each model: all figures are seen at once, and models stand side by side. */
function table(comparison: Comparison): string {
  const { models } = comparison;
  const head = models.map(
    ({ name, kind }) => `<th class="n">${escapeXml(name)}<br><span class="soft">${both(KINDS[kind])}</span></th>`,
  );
  const rows = figuresOf(comparison).map(({ title, cell }) => {
    const cells = models.map((model) => `<td class="n">${escapeXml(cell(model))}</td>`).join("");
    return `<tr><th>${both(title)}</th>${cells}</tr>`;
  });
  return `<table><thead><tr><th></th>${head.join("")}</tr></thead><tbody>${rows.join("")}</tbody></table>`;
}

function curves({ models, metric }: Comparison): string {
  const series = models.flatMap(({ name, curve }) =>
    curve.length < 2 ? [] : [{ name, points: curve.map(({ examples, value }) => [examples, value] as const) }],
  );
  if (series.length === 0) return "";
  const chart = lineChart({
    ...chartStyle(),
    title: { en: "The metric against the amount of training data", zh: "指标随训练数据量的变化" },
    series,
    xLabel: { en: "training examples", zh: "训练样本数" },
    yLabel: METRICS[metric],
    width: 900,
  });
  return `${heading("Learning curves", "学习曲线")}${card(chart, "full")}`;
}

function standIn({ standIn: tree }: Comparison): string {
  if (tree === undefined) return "";
  const importance = tree.importance
    .map(({ name, value }) => `<tr><th>${escapeXml(name)}</th><td class="n">${value.toPrecision(3)}</td></tr>`)
    .join("");
  return [
    heading("A tree that imitates the network", "模仿神经网络的树"),
    paragraph(
      `Read from above: each line is a leaf. The table has the mean size of each column's exact Shapley value.`,
      `每一行是一个叶子；表中是各列精确 Shapley 值的平均大小。`,
    ),
    `<pre>${escapeXml(tree.rules.join("\n"))}</pre>`,
    card(`<table><tbody>${importance}</tbody></table>`, "fit"),
  ].join("");
}

/** The page's markup. */
export function comparisonPage(comparison: Comparison, language: Language): string {
  const { task, data, seed, seeds, examples, models } = comparison;
  const last = seed + seeds - 1;
  const modelled = models.some(({ energy }) => energy === "modelled");
  const body = [
    `<header><p>${escapeXml(task)}</p><h1>${escapeXml(data.split("/").at(-1) ?? data)}</h1>`,
    paragraph(
      `${models.length} models on one split: ${examples.train} training and ${examples.test} test examples, ${seeds === 1 ? `seed ${seed}` : `seeds ${seed} to ${last}`}.`,
      `${models.length} 个模型，同一划分：${examples.train} 个训练样本、${examples.test} 个测试样本，随机种子 ${seeds === 1 ? seed : `${seed} 至 ${last}`}。`,
      "lead",
    ),
    "</header>",
    heading("Findings", "结论"),
    `<ul>${findings(comparison)
      .map((finding) => `<li>${both(finding)}</li>`)
      .join("")}</ul>`,
    heading("Figures", "数据"),
    card(table(comparison), "full"),
    paragraph(
      "In brackets: the interval that holds the true value in 95 of 100 cases, by bootstrap over the test examples. Latency, memory and energy were measured in a process of its own.",
      "方括号内是对测试样本做自助法得到的 95 % 区间。延迟、内存与能耗在单独的进程中测得。",
      "soft",
    ),
    modelled
      ? paragraph(
          "* Energy is modelled: busy processor seconds times 8 watts; this machine shows no counters.",
          "* 能耗为估算：处理器忙碌秒数乘以 8 瓦；本机不提供能耗计数器。",
          "soft",
        )
      : "",
    ...models.flatMap(({ remarks }) => remarks.map((remark) => `<p class="soft">${escapeXml(remark)}</p>`)),
    curves(comparison),
    standIn(comparison),
  ];
  return page(`descent compare: ${data}`, body.join("\n"), language);
}

export const writePage = (folder: string, comparison: Comparison, language: Language): Promise<void> =>
  writeFile(join(folder, "report.html"), comparisonPage(comparison, language));
