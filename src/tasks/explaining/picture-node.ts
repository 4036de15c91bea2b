/**
 * @module Explanations as pictures: heat maps over images, words in colour, stairs of columns; SVG, PNG, and text for a terminal.
 */
import { barChart, escapeXml, inLanguage } from "../../charts/charts.js";
import type { Bilingual, Language } from "../../charts/charts.js";
import { heatMapChart } from "../../charts/heat-map.js";
import { shadedTextChart } from "../../charts/shaded-text.js";
import { tokenMatrixChart } from "../../charts/token-matrix.js";
import type { Contribution } from "../../charts/waterfall.js";
import { waterfallChart } from "../../charts/waterfall.js";
import { loadSharp } from "../../vision/sharp-node.js";
import { methodTitle } from "../../report/explanation-words.js";
import type { Explanation } from "./explain-node.js";
import { sum } from "../../util/vectors.js";
import { contributions, pixelMap, tokenRows } from "./summary.js";

/** Makes the title of an input's picture. */
const titleOf = ({ view, example }: Explanation): Bilingual => ({
  en: `Why ${view.name}: ${example.label}`,
  zh: `${view.name} 为何是 ${example.label}`,
});

/** The method, and the score that it was asked about. */
const captionOf = ({ method, example }: Explanation, language: Language): string =>
  `${inLanguage(methodTitle(method), language)} · ${example.label}`;

const GAP: Bilingual = { en: "gap", zh: "差额" };
/** A gap that is no wider than this share of the strongest part is not seen. */
const NARROW = 0.01;

/** The rest that the parts lack of the score, as a step of its own: the stairs end at the score, not at the method's sum. */
function gapOf({ example: { gap = 0 } }: Explanation, given: readonly Contribution[]): Contribution[] {
  const widest = Math.max(0, ...given.map(({ value }) => Math.abs(value)));
  return Math.abs(gap) <= NARROW * widest ? [] : [{ label: GAP, value: -gap }];
}

/** The SVG of one input, with a part for each method. All explanations are of the same input. */
export async function explanationSvg(explanations: readonly Explanation[], language: Language): Promise<string> {
  const [first] = explanations as [Explanation];
  const { input } = first.view;
  const title = titleOf(first);
  if (input.kind === "image") {
    const maps = explanations.map((one) => ({ attribution: pixelMap(one), label: captionOf(one, language) }));
    return heatMapChart({ title, language, image: input.image, maps, boxes: first.view.boxes });
  }
  const parts = explanations.map((one) => {
    if (one.tokens !== undefined) return matrixOf(one, title, language);
    const given = contributions(one);
    if (input.kind === "text")
      return shadedTextChart({
        title,
        language,
        text: input.text,
        offsets: input.offsets,
        values: given.map(({ value }) => value),
      });
    return one.example.gap === undefined
      ? barChart({ title, language, bars: given.slice(0, MOST_BARS), width: 560 })
      : waterfallChart({
          title,
          language,
          base: one.example.baselineScore ?? 0,
          contributions: [...given, ...gapOf(one, given)],
        });
  });
  return stacked(
    parts,
    explanations.map((one) => captionOf(one, language)),
    inLanguage(title, language),
  );
}

/** The matrix of a text that was written: a row for each of its tokens, a column for each that was read. */
const matrixOf = (one: Explanation, title: Bilingual, language: Language): string =>
  tokenMatrixChart({
    title,
    language,
    sources: one.view.parts?.names ?? [],
    targets: one.view.written?.tokens ?? [],
    values: tokenRows(one),
    sourceLabel: { en: "read", zh: "读入" },
    targetLabel: { en: "written", zh: "写出" },
  });

const MOST_BARS = 12;
const CAPTION = 24;
/** Space between columns of pictures. */
const BESIDE = 16;

/** Stacks pictures, each below its caption, in as many columns as make the whole about as wide as it is high. */
export function stacked(parts: readonly string[], captions: readonly string[], title: string): string {
  const sizes = parts.map((part) => {
    const [, w = "0", h = "0"] = /viewBox="0 0 ([\d.]+) ([\d.]+)"/.exec(part) ?? [];
    return { w: Number(w), h: CAPTION + Number(h) };
  });
  const wide = Math.max(1, ...sizes.map(({ w }) => w));
  const columns = Math.max(1, Math.round(Math.sqrt(sum(sizes.map(({ h }) => h)) / wide)));
  const rows = Math.ceil(parts.length / columns);
  let height = 0;
  const body: string[] = [];
  for (let row = 0; row < rows; row++) {
    const from = row * columns;
    parts.slice(from, from + columns).forEach((part, column) => {
      const { w = 0, h = 0 } = sizes[from + column] ?? {};
      const x = column * (wide + BESIDE);
      body.push(
        `<text x="${x + 4}" y="${height + 17}" font-family="system-ui, sans-serif" font-size="13" font-weight="600" fill="#333b45">${escapeXml(captions[from + column] ?? "")}</text>`,
        // Inline, since the chart's own style has its height follow the page.
        part.replace("<svg ", `<svg x="${x}" y="${height + CAPTION}" style="width:${w}px;height:${h - CAPTION}px" `),
      );
    });
    height += Math.max(...sizes.slice(from, from + columns).map(({ h }) => h));
  }
  const width = columns * (wide + BESIDE) - BESIDE;
  return `<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="${escapeXml(title)}" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}">${body.join("")}</svg>`;
}

const DENSITY = 144;

/** An SVG as PNG on white, at one and a half times its size. */
export const svgToPng = async (svg: string): Promise<Uint8Array> =>
  (await loadSharp())(Buffer.from(svg), { density: DENSITY }).flatten({ background: "#ffffff" }).png().toBuffer();

/** Whether the package that `svgToPng` needs is installed. */
export const hasPng = (): Promise<boolean> =>
  loadSharp().then(
    () => true,
    () => false,
  );
