/** @module The page of `descent data labels`: examples whose labels deserve a look, in both languages, one file without a script. */
import type { Bilingual, Language } from "../charts/charts.js";
import { barChart, escapeXml } from "../charts/charts.js";
import { card, chartStyle, heading, page, paragraph, tile } from "../report/page.js";
import { both, formatPercent } from "../report/words.js";
import { toBase64 } from "../util/base64.js";
import { formatInteger } from "../util/text.js";
import type { LabelIssue, LabelReport } from "./label-issues-node.js";

const SHOWN = 60;
const SHOWN_OTHERS = 16;

/** Images of examples by their index; none for texts and tables. */
export type Thumbnails = ReadonlyMap<number, Uint8Array>;

/** The indices of the examples whose images a page shows. */
export const indicesShown = ({ issues, ambiguous, outOfDistribution }: LabelReport): readonly number[] => [
  ...new Set(
    [...issues.slice(0, SHOWN), ...ambiguous.slice(0, SHOWN_OTHERS), ...outOfDistribution.slice(0, SHOWN_OTHERS)].map(
      ({ index }) => index,
    ),
  ),
];

function example({ row, index, given, suggested, confidence, shown }: LabelIssue, thumbnails: Thumbnails): string {
  const image = thumbnails.get(index);
  const picture =
    image === undefined
      ? `<div>${escapeXml(shown)}</div>`
      : `<img class="whole" src="data:image/jpeg;base64,${toBase64(image)}" alt="${escapeXml(shown)}">`;
  const where = image === undefined ? both({ en: `row ${row}`, zh: `第 ${row} 行` }) : escapeXml(shown);
  const labelled = `<b>${escapeXml(given)}</b> <span class="soft">${formatPercent(confidence)}</span>`;
  const rather = given === suggested ? "" : `<div>${both({ en: "rather", zh: "更像" })} <b>${escapeXml(suggested)}</b></div>`;
  return `<figure>${picture}<figcaption>${labelled}${rather}<div class="soft">${where}</div></figcaption></figure>`;
}

function examples(issues: readonly LabelIssue[], thumbnails: Thumbnails): string {
  const kind = thumbnails.size > 0 ? "thumbs" : "wide";
  return `<div class="examples ${kind}">${issues.map((issue) => example(issue, thumbnails)).join("")}</div>`;
}

/** The page of a report on labels. */
export function labelPage(report: LabelReport, thumbnails: Thumbnails = new Map(), language: Language = "en"): string {
  const { name, model, examples: count, confidentIssues, accuracy, overlaps, issues, ambiguous, outOfDistribution } = report;
  const bars = overlaps.slice(0, 15).map(({ a, b, count: n }) => ({ label: `${a} / ${b}`, value: n }));
  const title: Bilingual = { en: "Classes taken for each other", zh: "相互混淆的类别" };
  const body = [
    `<header><p>${both({ en: "Labels", zh: "标签" })}</p><h1>${escapeXml(name)}</h1></header>`,
    `<div class="tiles">${[
      tile(formatInteger(count), { en: "examples", zh: "样本" }),
      tile(formatInteger(confidentIssues), { en: "confidently of another class", zh: "有把握地属于其他类别" }),
      tile(formatPercent(confidentIssues / count), { en: "of all labels", zh: "占全部标签" }),
      tile(formatPercent(accuracy), { en: `agree with ${model}`, zh: `与 ${model} 一致` }),
    ].join("")}</div>`,
    paragraph(
      "Each example was judged by a model that was not trained on it. The worst come first; a person decides.",
      "每个样本都由未用它训练过的模型判断。最可疑的排在最前；是否更正由人决定。",
    ),
    heading("Probably wrong", "可能标错"),
    issues.length === 0
      ? paragraph("No label is confidently of another class.", "没有标签被有把握地判为其他类别。", "soft")
      : examples(issues.slice(0, SHOWN), thumbnails),
    ...(bars.length === 0
      ? []
      : [
          heading("Classes taken for each other", "相互混淆的类别"),
          card(barChart({ ...chartStyle(language), title, bars, format: formatInteger })),
        ]),
    heading("Ambiguous", "模棱两可"),
    examples(ambiguous.slice(0, SHOWN_OTHERS), thumbnails),
    heading("Unlike all classes", "不像任何类别"),
    examples(outOfDistribution.slice(0, SHOWN_OTHERS), thumbnails),
  ];
  return page(name, body.join(""), language);
}
