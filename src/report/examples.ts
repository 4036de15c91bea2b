/** @module The examples of a report: what went in, what came out, what should have, and what the model looked at. */
import type { Language } from "../charts/charts.js";
import { barChart, escapeXml } from "../charts/charts.js";
import type { PixelImage } from "../charts/image.js";
import { attributionPng, imagePng, pngDataUrl } from "../charts/image.js";
import { waterfallChart } from "../charts/waterfall.js";
import { shadedText } from "./text.js";
import { measureTitle } from "./explanation-words.js";
import { both, formatPercent } from "./words.js";

/** An input as a person would look at it. */
export type ExampleInput =
  | { readonly kind: "image"; readonly image: PixelImage }
  | { readonly kind: "features"; readonly names: readonly string[]; readonly values: readonly string[] }
  /** `positions`: start and end of each token. */
  | { readonly kind: "text"; readonly text: string; readonly offsets: ArrayLike<number> };

/** An example of a report: input, truth, prediction, and what the answer leant on. */
export interface ReportExample {
  readonly input: ExampleInput;
  /** One value a pixel (summed over channels), one a feature, or one a token. Positive speaks for the prediction, or raises it. */
  readonly attribution?: ArrayLike<number>;
  /** The score of the baseline, where the attributions begin from one: they are drawn as stairs then. */
  readonly base?: number;
  /** Measures of how far the attribution can be believed, by name. */
  readonly faithfulness?: Readonly<Record<string, number>>;
  readonly truth: string;
  readonly prediction: string;
  /** For regression: near enough, by the caller's measure. */
  readonly correct: boolean;
  /** The likeliest classes, the likeliest first. */
  readonly scores?: readonly { readonly label: string; readonly probability: number }[];
  /** The example's name: a row or file of the data. */
  readonly name?: string;
}

const MOST_FEATURES = 8;
// Smaller pictures are enlarged with sharp pixels, so that a digit looks like one.
const SMALL = 96;

/** A grid of cards. */
export async function exampleCards(examples: readonly ReportExample[], language: Language): Promise<string> {
  const cards = await Promise.all(examples.map((example) => exampleCard(example, language)));
  const wide = examples.some((example) => example.input.kind !== "image");
  return `<div class="examples${wide ? " wide" : ""}">${cards.join("")}</div>`;
}

/** A figure that was rounded to zero has no sign. */
const unsigned = (figure: string): string => (Number(figure) === 0 ? figure.replace("-", "") : figure);

async function exampleCard(example: ReportExample, language: Language): Promise<string> {
  const { input, attribution, faithfulness = {}, truth, prediction, correct, scores = [], name } = example;
  const picture =
    input.kind === "image"
      ? await pair(input.image, attribution, truth)
      : input.kind === "text"
        ? shadedText(input.text, input.offsets, attribution)
        : featureSteps(input, example, language);
  const verdict =
    prediction === truth
      ? `<b>${escapeXml(prediction)}</b> <span class="soft">${both({ en: "correct", zh: "正确" })}</span>`
      : `<b>${escapeXml(prediction)}</b> <span class="soft">${both({ en: "in truth", zh: "实际为" })}</span> ${escapeXml(truth)}`;
  const rows = scores.map(
    ({ label, probability }) =>
      `<span>${escapeXml(label)}</span><i style="width:${Math.max(1, probability * 100).toFixed(1)}%"></i><span>${formatPercent(probability)}</span>`,
  );
  const measured = Object.entries(faithfulness)
    .map(([measure, value]) => `${both(measureTitle(measure))} ${unsigned(value.toFixed(2))}`)
    .join(" · ");
  const believed = measured === "" ? "" : `<div class="soft">${measured}</div>`;
  const which = name === undefined ? "" : `<div class="soft">${escapeXml(name)}</div>`;
  return `<figure class="${correct ? "right" : "wrong"}">${picture}<figcaption>${verdict}${
    rows.length === 0 ? "" : `<div class="scores">${rows.join("")}</div>`
  }${believed}${which}</figcaption></figure>`;
}

async function pair(image: PixelImage, attribution: ArrayLike<number> | undefined, truth: string): Promise<string> {
  const classes = Math.max(image.width, image.height) <= SMALL ? ' class="small"' : "";
  const tag = (png: Uint8Array, alt: string): string =>
    `<img${classes} alt="${escapeXml(alt)}" width="${image.width}" height="${image.height}" src="${pngDataUrl(png)}">`;
  const shown = tag(await imagePng(image), truth);
  const seen = attribution === undefined ? "" : tag(await attributionPng(image, attribution), "attribution · 归因");
  return `<div class="pair" style="--ratio:${image.width}/${image.height}">${shown}${seen}</div>`;
}

/** The features that mattered most, with their values; or simply the first ones. */
function featureSteps(
  { names, values }: Extract<ExampleInput, { kind: "features" }>,
  { attribution, base }: ReportExample,
  language: Language,
): string {
  const label = (i: number): string => `${names[i]} = ${values[i]}`;
  if (attribution === undefined) {
    return `<div class="soft">${names
      .slice(0, MOST_FEATURES)
      .map((_, i) => escapeXml(label(i)))
      .join("<br>")}</div>`;
  }
  const title = { en: "what moved the prediction", zh: "影响预测的特征" };
  if (base !== undefined) {
    const contributions = names.map((_, i) => ({ label: label(i), value: attribution[i] as number }));
    return waterfallChart({ title, language, base, contributions, most: MOST_FEATURES, standalone: false, width: 460 });
  }
  const order = names.map((_, i) => i).sort((a, b) => Math.abs(attribution[b] as number) - Math.abs(attribution[a] as number));
  return barChart({
    title,
    language,
    bars: order.slice(0, MOST_FEATURES).map((i) => ({ label: label(i), value: attribution[i] as number })),
    format: (value) => `${value > 0 ? "+" : ""}${Number(value.toPrecision(3))}`,
    standalone: false,
    width: 400,
  });
}
