/** @module A matrix of the influence of each token of one text on each token of another: source × target, or a text with itself. */
import { formatNumber, truncateToWidth } from "../util/text.js";
import { cssColor, divergingColor } from "./color-map.js";
import type { ChartOptions, Bilingual } from "./frame.js";
import { escapeXml, short, svgLabel, svgRoot, textAt, textWidth } from "./frame.js";
import { colorLegend, LEGEND_HEIGHT } from "./legend.js";

/** Options of a matrix of tokens by tokens. */
export interface TokenMatrixOptions extends ChartOptions {
  /** Tokens that were written: one row each. */
  readonly targets: readonly string[];
  /** Tokens that were read: one column each. */
  readonly sources: readonly string[];
  /** `values[target][source]`. */
  readonly values: readonly ArrayLike<number>[];
  readonly sourceLabel: Bilingual;
  readonly targetLabel: Bilingual;
}

const MOST_COLUMNS = 16;

/** A token as it can be seen: blanks and line ends are shown. */
const visible = (token: string): string => truncateToWidth(token.replaceAll("\n", "⏎").replace(/^ +$/, "·"), MOST_COLUMNS);

/** Draws a matrix: orange where a source token raised the score of a target token, blue where it lowered it. */
export function tokenMatrixChart(options: TokenMatrixOptions): string {
  const { values, language } = options;
  const sources = options.sources.map(visible);
  const targets = options.targets.map(visible);
  const cell = Math.max(12, Math.min(30, Math.floor(760 / Math.max(1, sources.length))));
  const scale = Math.max(...values.flatMap((row) => Array.from(row, Math.abs)), Number.MIN_VALUE);
  const left = 14 + Math.max(0, ...targets.map(textWidth));
  const top = 30 + 0.75 * Math.max(0, ...sources.map(textWidth));
  const right = left + cell * sources.length;
  const bottom = top + cell * targets.length;
  const legend = Math.min(220, Math.max(120, right - left));
  const parts = sources.map((token, i) => {
    const x = left + i * cell + cell / 2;
    return `<text x="${short(x)}" y="${short(top - 6)}" transform="rotate(-45 ${short(x)} ${short(top - 6)})">${escapeXml(token)}</text>`;
  });
  targets.forEach((token, t) => {
    parts.push(textAt(left - 6, top + t * cell + cell / 2 + 4, escapeXml(token), "end"));
    sources.forEach((source, s) => {
      const value = values[t]?.[s] ?? 0;
      parts.push(
        `<rect x="${short(left + s * cell + 0.5)}" y="${short(top + t * cell + 0.5)}" width="${cell - 1}" height="${cell - 1}" ` +
          `fill="${cssColor(divergingColor(value / scale))}"><title>${escapeXml(`${source} → ${token}: ${formatNumber(value)}`)}</title></rect>`,
      );
    });
  });
  const body =
    textAt(left, 14, `${svgLabel(options.sourceLabel, language)} → ${svgLabel(options.targetLabel, language)} ↓`, "soft") +
    parts.join("") +
    colorLegend({ scale, signed: true, x: left, y: bottom + 12, width: legend, id: "token-matrix" });
  const slanted = 0.75 * textWidth(sources.at(-1) ?? "");
  const width = Math.max(options.width ?? 0, right + slanted + 12, left + legend + 12);
  return svgRoot(body, { ...options, width, height: bottom + 12 + LEGEND_HEIGHT });
}
