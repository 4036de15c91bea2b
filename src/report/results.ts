/** @module The parts of a report that show predictions against the truth: class by class, or number by number. */
import { formatInteger } from "../util/text.js";
import type { Language } from "../charts/charts.js";
import { confusionChart, histogramChart, scatterChart } from "../charts/charts.js";
import type { ReportData } from "./data.js";
import { card, chartStyle, heading, paragraph } from "./page.js";
import { both, formatPercent, metricLabel } from "./words.js";

/** The confusion matrix, and precision, recall and F1 of each class. */
export function confusionSection(confusion: NonNullable<ReportData["confusion"]>, language: Language): string {
  const { labels, counts } = confusion;
  const matrix = confusionChart({
    ...chartStyle(language),
    title: { en: "confusion matrix", zh: "混淆矩阵" },
    description: { en: "rows: the truth; columns: the prediction", zh: "行为真实类别，列为预测类别" },
    labels,
    counts,
  });
  const rows = labels.map((label, i) => {
    const truePositives = counts[i]?.[i] ?? 0;
    const support = (counts[i] ?? []).reduce((sum, n) => sum + n, 0);
    const predicted = counts.reduce((sum, row) => sum + (row[i] ?? 0), 0);
    const precision = predicted === 0 ? NaN : truePositives / predicted;
    const recall = support === 0 ? NaN : truePositives / support;
    const f1 = predicted + support === 0 ? NaN : (2 * truePositives) / (predicted + support);
    const cell = (value: number): string => `<td class="n">${Number.isNaN(value) ? "–" : formatPercent(value)}</td>`;
    const bar = `<td class="bar"><i style="width:${((Number.isNaN(f1) ? 0 : f1) * 100).toFixed(1)}%"></i></td>`;
    return `<tr><th>${both(label)}</th>${cell(precision)}${cell(recall)}${cell(f1)}${bar}<td class="n">${formatInteger(support)}</td></tr>`;
  });
  const head = [metricLabel("precision"), metricLabel("recall"), metricLabel("f1")].map(
    (label) => `<th class="n">${both(label)}</th>`,
  );
  const table = `<table><thead><tr><th>${both({ en: "class", zh: "类别" })}</th>${head.join("")}<th></th><th class="n">${both({ en: "examples", zh: "样本数" })}</th></tr></thead><tbody>${rows.join("")}</tbody></table>`;
  return `${heading("Class by class", "逐类表现")}${paragraph(
    "Each row is a true class, each column what it was taken for: blue is right, orange is wrong, stronger is more of the row.",
    "每一行是一个真实类别，每一列是它被认成的类别：蓝色为正确，橙色为错误，颜色越深占该行的比例越高。",
    "soft",
  )}<div class="row">${card(matrix)}${card(table)}</div>`;
}

/** Predicted against true, and how the errors are distributed. */
export function regressionSection(
  { target, unit, truth, prediction }: NonNullable<ReportData["regression"]>,
  language: Language,
): string {
  const suffix = unit === undefined ? "" : ` (${unit})`;
  const residuals = truth.map((value, i) => (prediction[i] as number) - value);
  const scatter = scatterChart({
    ...chartStyle(language),
    title: { en: "predicted against true", zh: "预测值与真实值" },
    points: truth.map((value, i) => [value, prediction[i] as number] as const),
    xLabel: { en: `true ${target}${suffix}`, zh: `真实值：${target}${suffix}` },
    yLabel: { en: `predicted ${target}${suffix}`, zh: `预测值：${target}${suffix}` },
    width: 480,
  });
  const histogram = histogramChart({
    ...chartStyle(language),
    title: { en: "distribution of the errors", zh: "误差分布" },
    values: residuals,
    xLabel: { en: `prediction − truth${suffix}`, zh: `预测值 − 真实值${suffix}` },
    yLabel: { en: "examples", zh: "样本数" },
    width: 480,
    height: 380,
  });
  return `${heading("Predicted and true", "预测与真实")}${paragraph(
    "On the dashed diagonal a prediction is exact. Errors right of zero are too high, left of it too low.",
    "落在虚线对角线上的点预测完全准确。误差在零的右侧为偏高，左侧为偏低。",
    "soft",
  )}<div class="row">${card(scatter)}${card(histogram)}</div>`;
}
