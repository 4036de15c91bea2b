/**
 * @module The training examples behind answers, as pictures and as a page.
 */
import type { Bilingual, ChartOptions, Language } from "../../charts/charts.js";
import { barChart, escapeXml } from "../../charts/charts.js";
import { short, svgLabel, svgRoot, textAt } from "../../charts/frame.js";
import type { PixelImage } from "../../charts/image.js";
import { imagePng, pngDataUrl } from "../../charts/image.js";
import { card, chartStyle, page, paragraph } from "../../report/page.js";
import { both } from "../../report/words.js";
import type { View } from "../view.js";
import type { InfluenceResult, Influences, InfluentialExample } from "./influence-node.js";

const SIDE = 84;
const GAP = 10;
const ROW = SIDE + 58;
const RAISED: Bilingual = { en: "steps on these raised the answer", zh: "在这些样本上的训练使该答案的得分升高" };
const LOWERED: Bilingual = { en: "steps on these lowered it", zh: "在这些样本上的训练使它降低" };

const number = (value: number): string => `${value < 0 ? "−" : "+"}${Number(Math.abs(value).toPrecision(2))}`;

/** An example in one line: a text by itself, a row by its values. */
export function exampleText({ input, name }: View, most = 70): string {
  const whole =
    input.kind === "text"
      ? input.text
      : input.kind === "features"
        ? input.names.map((column, i) => `${column} = ${input.values[i]}`).join(", ")
        : name;
  return whole.length <= most ? whole : `${whole.slice(0, most - 1)}…`;
}

const titleOf = ({ view, label }: Influences): Bilingual => ({
  en: `Training examples that "${label}" leans on: ${exampleText(view, 40)}`,
  zh: `“${label}”所依据的训练样本：${exampleText(view, 40)}`,
});

async function thumbnail(image: PixelImage, x: number, y: number): Promise<string> {
  const sharp = image.width < SIDE ? ' style="image-rendering:pixelated"' : "";
  return `<image x="${short(x)}" y="${short(y)}" width="${SIDE}" height="${SIDE}"${sharp} href="${pngDataUrl(await imagePng(image))}"/>`;
}

/** Images side by side, the input first, each with its label and its influence. */
async function imagesChart(one: Influences, look: Partial<ChartOptions>): Promise<string> {
  const { language } = look;
  const rows = [
    [RAISED, one.raising],
    [LOWERED, one.lowering],
  ] as const;
  const most = Math.max(1, ...rows.map(([, examples]) => examples.length));
  const left = SIDE + 3 * GAP;
  const cell = async ({ view, label, value }: InfluentialExample, x: number, y: number): Promise<string> => {
    const picture = view.input.kind === "image" ? await thumbnail(view.input.image, x, y) : "";
    return picture + textAt(x, y + SIDE + 14, escapeXml(label.slice(0, 13))) + textAt(x, y + SIDE + 28, number(value), "soft");
  };
  const bodies = await Promise.all(
    rows.map(async ([title, examples], r) => {
      const y = 22 + r * ROW;
      const cells = await Promise.all(examples.map((each, i) => cell(each, left + i * (SIDE + GAP), y)));
      return textAt(left, y - 7, svgLabel(title, language), "soft") + cells.join("");
    }),
  );
  const own = one.view.input.kind === "image" ? await thumbnail(one.view.input.image, GAP, 22) : "";
  const body = own + textAt(GAP, 22 + SIDE + 14, escapeXml(one.label.slice(0, 13))) + bodies.join("");
  return svgRoot(body, { title: titleOf(one), ...look, width: left + Math.max(most * (SIDE + GAP), 280), height: 22 + 2 * ROW });
}

/** The most influential examples of one answer: thumbnails of images, bars for texts and rows. */
export async function influenceChart(one: Influences, look: Partial<ChartOptions>): Promise<string> {
  if (one.view.input.kind === "image") return imagesChart(one, look);
  const all = [...one.raising, ...[...one.lowering].reverse()];
  return barChart({
    title: titleOf(one),
    ...look,
    bars: all.map(({ view, label, value }) => ({ label: `${label}: ${exampleText(view)}`, value })),
    format: number,
    width: 760,
  });
}

/** The page of several inputs. */
export async function influencePage(
  model: string,
  { influences, remarks }: InfluenceResult,
  language: Language,
): Promise<string> {
  const look = chartStyle(language);
  const parts = await Promise.all(
    influences.map(async (one) => {
      const classes = one.view.input.kind === "image" ? "fit" : "fit legible";
      const text = one.view.input.kind === "image" ? "" : `<p>${escapeXml(exampleText(one.view, 400))}</p>`;
      return `<h3>${escapeXml(one.label)} · ${escapeXml(exampleText(one.view, 60))}</h3>${text}${card(await influenceChart(one, look), classes)}`;
    }),
  );
  const body = `<header><p>${both({ en: "Training examples that answers lean on", zh: "答案所依据的训练样本" })}</p><h1>${escapeXml(model)}</h1></header>
${paragraph(
  "An influence above 0: steps of training on this example raised the score of the answer; below 0: they lowered it (TracIn).",
  "影响大于 0：在该样本上的训练步使这个答案的得分升高；小于 0：使它降低（TracIn）。",
)}
${remarks.map((remark) => `<p class="soft">${both(remark)}</p>`).join("")}
${parts.join("\n")}`;
  return page(model, body, language);
}
