/**
 * @module Explanations of a whole model as charts, and as one page: importance, beeswarms, dependence, and the slices where it is worst.
 */
import { beeswarmChart, dependenceChart } from "../../charts/beeswarm.js";
import type { Bilingual, ChartOptions, Language } from "../../charts/charts.js";
import { barChart, escapeXml } from "../../charts/charts.js";
import { heatMapChart } from "../../charts/heat-map.js";
import { sliceText } from "../../explain/index.js";
import { methodTitle } from "../../report/explanation-words.js";
import { card, chartStyle, heading, page, paragraph } from "../../report/page.js";
import { both, bothMarkup, formatPercent } from "../../report/words.js";
import type { GlobalExplanation, GlobalFeature, GlobalTarget } from "./global-node.js";
import type { FoundSlices } from "./slices-node.js";
import { SLICE_NAMES_ZH } from "./slices-names.js";
import { formatSignificant } from "../../util/text.js";

const MOST_FEATURES = 20;
const MOST_DEPENDENCE = 4;
/** A feature with fewer values is drawn by the beeswarm alone. */
const LEAST_VALUES = 5;

/** Ranks of a feature's values, scaled to 0…1; NaN for values that are not numbers. */
function ranked({ points }: GlobalFeature): number[] {
  const values = [...new Set(points.flatMap(({ value }) => (Number.isNaN(value) ? [] : [value])))].sort((a, b) => a - b);
  const place = new Map(values.map((value, i) => [value, values.length < 2 ? 0.5 : i / (values.length - 1)]));
  return points.map(({ value }) => place.get(value) ?? NaN);
}

type Look = Pick<ChartOptions, "language" | "spoken" | "standalone">;

/** The axis of attributions; `color` names the feature that decides the colour. */
const addedBy = (label: string, color?: string): Bilingual => ({
  en: `added to the score of ${label}${color === undefined ? "" : ` · colour: ${color}`}`,
  zh: `对 ${label} 得分的贡献${color === undefined ? "" : ` · 颜色：${color}`}`,
});

/** The mean sizes of attributions, as bars. */
export const importanceChart = ({ label, features }: GlobalTarget, look: Look): string =>
  barChart({
    title: { en: `What ${label} hangs on: mean |attribution|`, zh: `${label} 取决于什么：归因绝对值的均值` },
    ...look,
    bars: features.slice(0, MOST_FEATURES).map(({ name, meanAbsolute }) => ({ label: name, value: meanAbsolute })),
    format: (value) => formatSignificant(value),
    width: 560,
  });

/** A beeswarm chart: each example is a dot. */
export const swarmChart = ({ label, features }: GlobalTarget, look: Look): string =>
  beeswarmChart({
    title: { en: `What each feature added to ${label}, example by example`, zh: `每个样本里各特征对 ${label} 的贡献` },
    ...look,
    features: features.slice(0, MOST_FEATURES).map((feature) => {
      const values = ranked(feature);
      return {
        label: feature.name,
        points: feature.points.map(({ attribution }, i) => ({ attribution, value: values[i] as number })),
      };
    }),
    xLabel: addedBy(label),
    width: 680,
  });

/** The features of numbers whose dependence is drawn. */
export const dependent = ({ features }: GlobalTarget): GlobalFeature[] =>
  features
    .filter(({ points }) => new Set(points.flatMap(({ value }) => (Number.isNaN(value) ? [] : [value]))).size >= LEAST_VALUES)
    .slice(0, MOST_DEPENDENCE);

/** A feature's attributions over its values, coloured by the most important other feature of numbers. */
export function dependenceOf(target: GlobalTarget, feature: GlobalFeature, look: Look): string {
  const other = dependent(target).find(({ name }) => name !== feature.name);
  const colors = other === undefined ? undefined : ranked(other);
  return dependenceChart({
    title: { en: `${feature.name}, and what it added to ${target.label}`, zh: `${feature.name} 与它对 ${target.label} 的贡献` },
    ...look,
    points: feature.points.map(({ value, attribution }, i) => {
      const color = colors?.[i];
      return { x: value, y: attribution, ...(color === undefined || Number.isNaN(color) ? {} : { color }) };
    }),
    xLabel: feature.name,
    yLabel: addedBy(target.label, other?.name),
  });
}

/** The mean image of an answer, and where its images were looked at. */
export const mapChart = ({ label, count, map }: GlobalTarget, method: Bilingual, language: Language): Promise<string> | string =>
  map === undefined
    ? ""
    : heatMapChart({
        title: {
          en: `${label}: the mean of ${count} images, and where they were looked at`,
          zh: `${label}：${count} 张图像的均值，以及模型关注的位置`,
        },
        language,
        image: map.image,
        maps: [{ attribution: map.attribution, label: method }],
        width: 220,
      });

/** An error as it is read: a rate, or a size in the target's unit. */
export const errorText = (error: number, of: FoundSlices["of"]): string =>
  of === "rate" ? formatPercent(error) : formatSignificant(error);

const chance = (p: number): string => (p < 0.0001 ? "< 0.0001" : formatSignificant(p));

function slicesSection({ slices, of, error, examples }: FoundSlices): string {
  const rows = slices.map((slice) => {
    const name = bothMarkup(escapeXml(sliceText(slice)), escapeXml(sliceText(slice, "zh", SLICE_NAMES_ZH)));
    const { heldOut, searched, adjustedP, isSignificant } = slice;
    const cells = [
      errorText(searched.error, of),
      errorText(heldOut.error, of),
      errorText(heldOut.rest, of),
      String(heldOut.count),
      chance(adjustedP),
    ];
    return `<tr><th>${isSignificant ? "● " : ""}${name}</th>${cells.map((text) => `<td class="n">${escapeXml(text)}</td>`).join("")}</tr>`;
  });
  const titles: readonly Bilingual[] = [
    { en: "searched half", zh: "搜索的一半" },
    { en: "held-out half", zh: "留出的一半" },
    { en: "all others there", zh: "其余样本" },
    { en: "examples", zh: "样本数" },
    { en: "p, corrected", zh: "校正后的 p" },
  ];
  const head = titles.map((title) => `<th class="n">${both(title)}</th>`).join("");
  const [en, zh] =
    of === "rate"
      ? [
          `It errs in ${formatPercent(error)} of ${examples} examples.`,
          `在 ${examples} 个样本中，错误率为 ${formatPercent(error)}。`,
        ]
      : [
          `Its mean error over ${examples} examples is ${formatSignificant(error)}.`,
          `在 ${examples} 个样本上，平均误差为 ${formatSignificant(error)}。`,
        ];
  const how = paragraph(
    `${en} Slices were searched in one half of the examples and tested in the other; a dot marks those that are worse there beyond chance (p below 0.05, corrected by Holm).`,
    `${zh}在一半样本里搜索，在另一半里检验；圆点标出在那一半里也确实更差的部分（Holm 校正后 p 小于 0.05）。`,
    "soft",
  );
  const table =
    rows.length === 0
      ? ""
      : card(`<table><thead><tr><th></th>${head}</tr></thead><tbody>${rows.join("")}</tbody></table>`, "fit");
  const none = slices.some(({ isSignificant }) => isSignificant)
    ? ""
    : paragraph("No slice is worse beyond chance.", "没有哪一部分明显更差。");
  return `${heading("Where it is worst", "它在哪里最差")}${how}${none}${table}`;
}

async function targetSection(target: GlobalTarget, { kind, method }: GlobalExplanation, language: Language): Promise<string> {
  const look = chartStyle(language) as Look;
  const title = `<h3>${escapeXml(target.label)}</h3>`;
  if (kind === "image") return card(`${title}${await mapChart(target, methodTitle(method), language)}`);
  const dependence = kind === "table" ? dependent(target).map((feature) => card(dependenceOf(target, feature, look))) : [];
  return `${title}<div class="row">${card(importanceChart(target, look), "legible")}${card(swarmChart(target, look), "legible")}</div>${
    dependence.length === 0 ? "" : `<div class="row">${dependence.join("")}</div>`
  }`;
}

/** The page of a model over a data set. */
export async function globalPage(
  model: string,
  data: string,
  found: GlobalExplanation | undefined,
  slices: FoundSlices | undefined,
  language: Language,
): Promise<string> {
  const sections =
    found === undefined ? [] : await Promise.all(found.targets.map((target) => targetSection(target, found, language)));
  const title = `${model} · ${data}`;
  const by = found === undefined ? "" : howText(found);
  const remarks = (found?.remarks ?? []).map((remark) => `<p class="soft">${both(remark)}</p>`).join("");
  const body = `<header><p>${both({ en: "A model over a data set", zh: "数据集上的模型" })}</p><h1>${escapeXml(title)}</h1></header>
${found === undefined ? "" : heading("What it hangs on", "它取决于什么")}${by}${remarks}
${found?.kind === "image" ? `<div class="row">${sections.join("\n")}</div>` : sections.join("\n")}
${slices === undefined ? "" : slicesSection(slices)}`;
  return page(title, body, language);
}

/** Notes on how the section's charts were made and how to read them. */
function howText(found: GlobalExplanation): string {
  const { kind, examples } = found;
  const en =
    kind === "image"
      ? "On the left the mean image, on the right the mean size of attributions."
      : "Right of 0 a feature raised the score, left of it lowered it.";
  const zh = kind === "image" ? "左侧是平均图像，右侧是归因绝对值的均值。" : "0 右侧表示该特征使得分升高，左侧表示降低。";
  return paragraph(
    `By ${methodText(found, "en")}, over ${examples} examples. ${en}`,
    `方法：${methodText(found, "zh")}，共 ${examples} 个样本。${zh}`,
    "soft",
  );
}

const methodText = ({ method }: GlobalExplanation, language: Language): string => {
  const title = methodTitle(method);
  return typeof title === "string" ? title : title[language];
};
