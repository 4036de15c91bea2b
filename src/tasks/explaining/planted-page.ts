/**
 * @module Methods and measures that were scored on planted evidence, as a chart and as a page.
 */
import type { ChartOptions, Language } from "../../charts/charts.js";
import { barChart, escapeXml } from "../../charts/charts.js";
import { measureTitle, methodTitle } from "../../report/explanation-words.js";
import { card, chartStyle, heading, page, paragraph } from "../../report/page.js";
import { both, formatPercent } from "../../report/words.js";
import type { PlantedScores } from "./planted-scores.js";

/** Draws the share of cases in which each method puts the evidence first. */
export const plantedChart = ({ methods }: PlantedScores, look: Partial<ChartOptions>): string =>
  barChart({
    title: { en: "How often the planted evidence comes first", zh: "埋设的证据排在首位的比例" },
    ...look,
    bars: methods.map(({ name, first }) => ({ label: methodTitle(name), value: first })),
    format: (value) => formatPercent(value, 0),
    maximum: 1,
    width: 560,
  });

/** The page of both tables. */
export function plantedPage(model: string, scores: PlantedScores, language: Language): string {
  const { methods, measures, of, withEvidence, withoutEvidence, seeds } = scores;
  const figure = (value: number): string => (of === "accuracy" ? formatPercent(value) : value.toFixed(2));
  const rows = methods.map(
    ({ name, first, mass }) =>
      `<tr><th>${both(methodTitle(name))}</th><td class="n">${formatPercent(first, 0)}</td><td class="n">${formatPercent(mass, 0)}</td></tr>`,
  );
  const judged = measures.map(
    ({ name, agreement, isEvidence }) =>
      `<tr><th>${both(measureTitle(name))}</th><td class="n">${agreement.toFixed(2)}</td><td>${both(isEvidence ? { en: "shown as evidence", zh: "作为依据显示" } : { en: "not shown", zh: "不显示" })}</td></tr>`,
  );
  const head = `<tr><th></th><th class="n">${both({ en: "evidence first", zh: "证据居首" })}</th><th class="n">${both({ en: "its share", zh: "证据所占份额" })}</th></tr>`;
  const body = `<header><p>${both({ en: "Methods scored on planted evidence", zh: "用埋设的证据给方法打分" })}</p><h1>${escapeXml(model)}</h1></header>
${paragraph(
  `A twin of the model was trained on the same data with drawn labels and evidence that alone decides (${seeds} seed${seeds === 1 ? "" : "s"}). With the evidence it reaches ${figure(withEvidence)}, without it ${figure(withoutEvidence)}: so the right explanation is known.`,
  `在同样的数据上训练了模型的孪生：标签随机抽取，只有埋设的证据能决定标签（${seeds} 个种子）。有证据时为 ${figure(withEvidence)}，没有证据时为 ${figure(withoutEvidence)}：因此正确的解释是已知的。`,
)}
${heading("Methods", "方法")}
<div class="row">${card(plantedChart(scores, chartStyle(language)), "legible")}${card(`<table><thead>${head}</thead><tbody>${rows.join("")}</tbody></table>`, "fit")}</div>
${heading("Measures", "度量")}
${paragraph(
  "How far a measure's ranking of the methods agrees with the known truth (Spearman's correlation, 1 at best). Those below 0.5 are not shown as evidence.",
  "度量给出的方法排名与已知真相的一致程度（Spearman 相关系数，1 最好）。低于 0.5 的不作为依据显示。",
)}
${card(`<table><tbody>${judged.join("")}</tbody></table>`, "fit")}`;
  return page(model, body, language);
}
