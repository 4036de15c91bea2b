/**
 * @module The page of explanations: one file that can be explored. Methods side by side, another target, a threshold, the value under the pointer or
 * the arrow keys. Nothing is loaded from elsewhere.
 */
import type { Bilingual, Language } from "../charts/charts.js";
import { cssColor, divergingColor, sequentialColor } from "../charts/color-map.js";
import { escapeXml } from "../charts/charts.js";
import type { HeatMapBox } from "../charts/heat-map.js";
import type { PixelImage } from "../charts/image.js";
import { attributionScale, imagePng, pngDataUrl } from "../charts/image.js";
import { page } from "./page.js";
import { EXPLORER } from "./explanation-script.js";
import { both } from "./words.js";

/** One method's answer to one question. */
export interface PageMap {
  readonly method: string;
  readonly title: Bilingual;
  /** The score that was asked about. */
  readonly target: string;
  readonly score: number;
  /** One value a pixel, a word or a column; of a matrix row by row, a row for each token that was written. */
  readonly values: ArrayLike<number>;
  /** Figures beside the method's name, such as how far its sum is from the score's change. */
  readonly figures: readonly { readonly name: Bilingual; readonly value: string }[];
  readonly remarks: readonly Bilingual[];
}

/** An input with all that was asked about it. */
export interface PageInput {
  readonly name: string;
  readonly shown:
    | { readonly kind: "image"; readonly image: PixelImage; readonly boxes?: readonly HeatMapBox[] }
    /** Tokens that were read, and those that were written of them. */
    | { readonly kind: "matrix"; readonly sources: readonly string[]; readonly targets: readonly string[] }
    | { readonly kind: "text"; readonly text: string; readonly offsets: ArrayLike<number> }
    | { readonly kind: "features"; readonly names: readonly string[]; readonly values: readonly string[] };
  readonly maps: readonly PageMap[];
  /** Methods that could not be had, with the reason. */
  readonly missing: readonly { readonly title: Bilingual; readonly reason: string }[];
}

const COLORS = 64;
const STYLE = `<style>
.ask{display:flex;flex-wrap:wrap;gap:10px 22px;align-items:center;margin:14px 0}
.ask label{display:flex;gap:8px;align-items:center;font-size:14px}
.maps{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,300px),1fr));gap:14px}
.maps.wide{grid-template-columns:repeat(auto-fill,minmax(min(100%,460px),1fr))}
.maps.whole{grid-template-columns:1fr}
.maps canvas{width:100%;height:auto;border-radius:6px;display:block;cursor:crosshair;touch-action:none}
.maps figure{min-width:0}
.frame{position:relative}
.place{position:absolute;width:14px;height:14px;margin:-9px 0 0 -9px;border:2px solid #fff;outline:1px solid #000;pointer-events:none}
.maps canvas.small{image-rendering:pixelated}
.maps canvas:focus-visible{outline:2px solid var(--accent)}
.probe{font-variant-numeric:tabular-nums;min-height:1.5em;font-size:14px}
.shaded{line-height:2.1;font-size:17px}
.shaded{overflow-wrap:anywhere}
.shaded span{border-radius:4px;padding:2px 3px}
.shaded span:focus-visible{outline:2px solid var(--accent)}
.matrix{overflow:auto;max-height:75vh}
.matrix table{border-collapse:collapse;font-size:13px}
.matrix th{font-weight:400;white-space:pre;padding:2px 5px;text-align:end}
.matrix thead th{writing-mode:vertical-rl;text-align:start;vertical-align:bottom}
.matrix td{min-width:15px;height:15px;padding:0;border:1px solid transparent}
.matrix td.at{border-color:var(--accent)}
.matrix th.at{font-weight:700}
.bars{display:grid;grid-template-columns:fit-content(55%) 1fr max-content;gap:3px 10px;align-items:center;font-size:14px}
.bars span{overflow-wrap:anywhere}
.bars i{display:block;height:12px;border-radius:3px}
.legend{display:flex;align-items:center;gap:8px;font-size:13px;font-variant-numeric:tabular-nums}
.legend i{flex:1;height:10px;border-radius:3px}
details{font-size:14px;color:var(--soft)}
</style>`;

/** Values as bytes of their share of the scale: −127…127, in base64. */
function packed(values: ArrayLike<number>, scale: number): string {
  let binary = "";
  for (let i = 0; i < values.length; i++) {
    const share = Math.max(-1, Math.min(1, (values[i] as number) / scale));
    binary += String.fromCharCode(Math.round(share * 127) & 255);
  }
  return btoa(binary);
}

/** A bilingual text as an object of both. */
const bilingual = (text: Bilingual): { en: string; zh: string } => (typeof text === "string" ? { en: text, zh: text } : text);

function mapData({ title, target, score, values, figures, remarks }: PageMap, kind: PageInput["shown"]["kind"]): object {
  const { scale, signed: hasSigns } = attributionScale(values, values.length);
  // Words and columns are few: without the 99th percentile, and pale where they did nothing.
  const signed = kind !== "image" || hasSigns;
  return {
    title: bilingual(title),
    target,
    score,
    scale,
    signed,
    values: packed(values, scale),
    // Bytes are enough for colours. Of pixels there are too many for more.
    numbers: kind === "image" ? undefined : Array.from(values, (value) => Number(value.toPrecision(4))),
    figures: figures.map(({ name, value }) => ({ name: bilingual(name), value })),
    remarks: remarks.map(bilingual),
  };
}

async function inputData({ name, shown, maps, missing }: PageInput): Promise<object> {
  const what =
    shown.kind === "image"
      ? {
          kind: "image",
          width: shown.image.width,
          height: shown.image.height,
          png: pngDataUrl(await imagePng(shown.image)),
          boxes: shown.boxes ?? [],
        }
      : shown.kind === "text"
        ? { kind: "text", text: shown.text, offsets: Array.from(shown.offsets) }
        : shown.kind === "matrix"
          ? shown
          : { kind: "features", names: shown.names.map((label, i) => `${label} = ${shown.values[i]}`) };
  return {
    name,
    ...what,
    maps: maps.map((map) => mapData(map, shown.kind)),
    missing: missing.map(({ title, reason }) => ({ title: bilingual(title), reason })),
  };
}

const INTRODUCTION: Bilingual = {
  en: "Orange spoke for the score that was asked about, blue against it. Where a method has no sign, light is much and dark is little. Move over a picture or a text, or focus it and use the arrow keys (with Shift in larger steps), to read its numbers.",
  zh: "橙色支持所问的得分，蓝色反对。没有正负号的方法以明亮表示多、以深暗表示少。把指针移到图或文字上，或聚焦后用方向键（按住 Shift 步幅更大），可读出数值。",
};

/** The page of some inputs. */
export async function explanationPage(model: string, inputs: readonly PageInput[], language: Language): Promise<string> {
  const data = {
    diverging: Array.from({ length: 2 * COLORS + 1 }, (_, i) => cssColor(divergingColor((i - COLORS) / COLORS))),
    sequential: Array.from({ length: COLORS + 1 }, (_, i) => cssColor(sequentialColor(i / COLORS))),
    inputs: await Promise.all(inputs.map(inputData)),
  };
  // A closing tag inside the data must not end the script element that holds it.
  const json = JSON.stringify(data).replaceAll("<", "\\u003c");
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(EXPLORER));
  const sha256 = btoa(String.fromCharCode(...new Uint8Array(digest)));
  const title = `${language === "zh" ? "解释" : "Explanations"}: ${model}`;
  const body = `${STYLE}
<header><p>${both({ en: "Explanations", zh: "解释" })}</p><h1>${escapeXml(model)}</h1></header>
<p>${both(INTRODUCTION)}</p>
<div id="inputs"></div>
<noscript><p>${both({ en: "This page needs scripts to be allowed.", zh: "本页需要允许脚本运行。" })}</p></noscript>
<script type="application/json" id="data">${json}</script>`;
  return page(title, body, language, { text: EXPLORER, sha256 });
}
