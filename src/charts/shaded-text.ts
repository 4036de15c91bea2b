/** @module A text, each of its words on a ground that says what it did, wrapped into lines, with a legend: Chinese, and from right to left, too. */
import { cssColor, divergingColor, isLight } from "./color-map.js";
import type { Bilingual, ChartOptions } from "./frame.js";
import { escapeXml, short, svgLabel, svgRoot, textAt, textWidth } from "./frame.js";
import { colorLegend, LEGEND_HEIGHT } from "./legend.js";

/** Options of a shaded text: positions of its tokens, and a value for each. */
export interface ShadedTextOptions extends ChartOptions {
  readonly text: string;
  /** Start and end of each word, in UTF-16 units. */
  readonly offsets: ArrayLike<number>;
  /** The attribution of each word. */
  readonly values: ArrayLike<number>;
  readonly caption?: Bilingual;
}

const SIZE = 16;
const LINE = 30;
const SCALE = SIZE / 12;
/** Letters that are written from right to left. */
const RIGHT_TO_LEFT = /[\u0590-\u08FF\uFB1D-\uFDFF\uFE70-\uFEFF]/gu;

interface Piece {
  readonly text: string;
  readonly value: number | undefined;
}

/** Words with their values, and what stands between them. */
function piecesOf(text: string, offsets: ArrayLike<number>, values: ArrayLike<number>): Piece[] {
  const pieces: Piece[] = [];
  let at = 0;
  for (let w = 0; 2 * w < offsets.length; w++) {
    const [start, end] = [offsets[2 * w] as number, offsets[2 * w + 1] as number];
    if (start > at) pieces.push({ text: text.slice(at, start), value: undefined });
    pieces.push({ text: text.slice(Math.max(at, start), end), value: values[w] ?? 0 });
    at = end;
  }
  return at < text.length ? [...pieces, { text: text.slice(at), value: undefined }] : pieces;
}

/** Draws a text whose words are orange where they raised the score, and blue where they lowered it. */
export function shadedTextChart(options: ShadedTextOptions): string {
  const { text, offsets, values, width = 640, language } = options;
  const scale = Math.max(...Array.from(values, Math.abs), Number.MIN_VALUE);
  const isReversed = (text.match(RIGHT_TO_LEFT)?.length ?? 0) > text.length / 3;
  const top = options.caption === undefined ? 8 : 30;
  let [x, line] = [10, 0];
  const parts: string[] = [];
  for (const { text: piece, value } of piecesOf(text.replaceAll("\n", " "), offsets, values)) {
    const wide = textWidth(piece) * SCALE * 1.12;
    if (value !== undefined && x > 10 && x + wide > width - 10) [x, line] = [10, line + 1];
    const left = isReversed ? width - x - wide : x;
    const y = top + line * LINE;
    if (value !== undefined) {
      const color = divergingColor(value / scale);
      parts.push(
        `<rect x="${short(left - 2)}" y="${short(y)}" width="${short(wide + 4)}" height="24" rx="4" fill="${cssColor(color)}"><title>${escapeXml(`${piece}: ${Number(value.toPrecision(3))}`)}</title></rect>` +
          `<text x="${short(left + wide / 2)}" y="${short(y + 17)}" class="mid" style="font-size:${SIZE}px;fill:${isLight(color) ? "#1b2129" : "#fff"}">${escapeXml(piece)}</text>`,
      );
    } else if (piece.trim() !== "")
      parts.push(
        `<text x="${short(left + wide / 2)}" y="${short(y + 17)}" class="mid soft" style="font-size:${SIZE}px">${escapeXml(piece)}</text>`,
      );
    x += wide + (value === undefined ? 0 : 6);
  }
  const bottom = top + (line + 1) * LINE;
  const caption = options.caption === undefined ? "" : textAt(10, 18, svgLabel(options.caption, language), "soft");
  const legend = colorLegend({ scale, signed: true, x: 10, y: bottom + 6, width: 200, id: "shaded-text" });
  return svgRoot(caption + parts.join("") + legend, { ...options, width, height: bottom + 6 + LEGEND_HEIGHT });
}
