/**
 * @module The page of a sweep, in both languages: what was found, the lines of all settings, and the table.
 */
import type { Language } from "../charts/charts.js";
import { escapeXml } from "../charts/charts.js";
import type { ParallelAxis } from "../charts/parallel-coordinates.js";
import { parallelCoordinates } from "../charts/parallel-coordinates.js";
import { card, chartStyle, heading, page, paragraph } from "../report/page.js";
import { both, metricLabel } from "../report/words.js";
import { kebabCase } from "../util/option.js";
import type { SweepResult } from "./result.js";
import { finding, tableOf } from "./result.js";
import type { Dimension } from "./space.js";

const scaleOf = (dimension: Dimension): ParallelAxis["scale"] => (dimension.kind === "range" ? dimension.scale : "words");

/** The picture of a sweep. */
export function sweepChart({ recipe, trials }: SweepResult, standalone = true): string {
  const axes: ParallelAxis[] = [
    ...recipe.dimensions.map((dimension) => ({ label: kebabCase(dimension.name), scale: scaleOf(dimension) })),
    { label: metricLabel(recipe.metric), scale: "linear" },
  ];
  return parallelCoordinates({
    ...(standalone ? {} : chartStyle()),
    title: { en: "Settings and what they came to", zh: "各组设置及其结果" },
    axes,
    lines: trials.map((trial, i) => ({
      name: `${trial.number}`,
      values: [...recipe.dimensions.map(({ name }) => trial.setting[name]), trial.mean],
      isBest: i === 0,
    })),
    width: Math.max(600, 150 * axes.length),
  });
}

function table(result: SweepResult): string {
  const { head, rows } = tableOf(result);
  const titles = head.map((title) => `<th class="n">${escapeXml(title)}</th>`).join("");
  const lines = rows.map((row) => `<tr>${row.map((text) => `<td class="n">${escapeXml(text)}</td>`).join("")}</tr>`);
  return `<table><thead><tr>${titles}</tr></thead><tbody>${lines.join("")}</tbody></table>`;
}

/** The page's markup. */
export function sweepPage(result: SweepResult, language: Language): string {
  const { recipe, trials, command } = result;
  const failed = trials.filter(({ remark }) => remark !== undefined);
  const data = String(recipe.options["data"] ?? "");
  const body = [
    `<header><p>${escapeXml(recipe.task)}</p><h1>${escapeXml(data.split("/").at(-1) ?? data)}</h1>`,
    paragraph(
      `${trials.length} settings (${recipe.method}), ${recipe.seeds.length === 1 ? "one seed" : `${recipe.seeds.length} seeds each`}, compared by ${recipe.metric} on the validation part.`,
      `${trials.length} 组设置（${recipe.method}），每组 ${recipe.seeds.length} 个随机种子，按验证集上的 ${recipe.metric} 比较。`,
      "lead",
    ),
    "</header>",
    heading("Finding", "结论"),
    `<p>${both(finding(result))}</p>`,
    `<pre>${escapeXml(command)}</pre>`,
    heading("All settings", "全部设置"),
    card(sweepChart(result, false), "full"),
    paragraph(
      "A line is a setting; light lines came to high figures, the thick one is the best.",
      "一条线是一组设置；颜色越浅，结果的数值越高，粗线是最好的一组。",
      "soft",
    ),
    heading("Figures", "数据"),
    card(table(result), "full"),
    ...failed.map(({ number, remark }) => `<p class="soft">${number}: ${escapeXml(remark ?? "")}</p>`),
  ];
  return page(`descent sweep: ${data}`, body.join("\n"), language);
}
