/**
 * @module Predicates and their arguments as a picture: for each predicate the sentence, with an arc to each argument. SVG, readable in a page and alone.
 */
import { escapeXml } from "../../../charts/charts.js";
import type { LabelSpan } from "../../../util/tags.js";
import { labelColor } from "../marked-text.js";

/** A predicate (a word) with its arguments (spans of words). */
export interface PicturedProposition {
  readonly predicate: number;
  readonly arguments: readonly LabelSpan[];
}

const FONT = 15;
const SMALL = 11;
const GAP = 10;
const MARGIN = 12;
const LEVEL = 24;

/** Width of a text in ems: letters of other scripts are as wide as high. */
const ems = (text: string): number => Array.from(text, (c) => (c.charCodeAt(0) > 0x2e7f ? 1 : 0.58)).reduce((a, b) => a + b, 0);

interface Arc extends LabelSpan {
  readonly from: number;
  readonly to: number;
  readonly level: number;
}

/** Arcs one above the other where they would cross or cover: the shortest lies lowest. */
function arcsOf({ predicate, arguments: roles }: PicturedProposition, centers: readonly number[]): Arc[] {
  const middle = (span: LabelSpan): number => ((centers[span.start] ?? 0) + (centers[span.end - 1] ?? 0)) / 2;
  const from = centers[predicate] ?? 0;
  const sorted = [...roles].sort((a, b) => Math.abs(middle(a) - from) - Math.abs(middle(b) - from));
  const levels = { left: 0, right: 0 };
  return sorted.map((role): Arc => ({
    ...role,
    from,
    to: middle(role),
    level: ++levels[middle(role) < from ? "left" : "right"],
  }));
}

/** One band: arcs over words. */
function band(
  words: readonly string[],
  starts: readonly number[],
  proposition: PicturedProposition,
  labels: readonly string[],
  top: number,
): { svg: string; height: number } {
  const widths = words.map((word) => ems(word) * FONT);
  const centers = starts.map((start, i) => start + (widths[i] as number) / 2);
  const arcs = arcsOf(proposition, centers);
  const levels = arcs.reduce((most, { level }) => Math.max(most, level), 0);
  const line = top + levels * LEVEL + SMALL + 4;
  const parts = arcs.map(({ from, to, level, label }) => {
    const color = labelColor(label, labels);
    const high = line - level * LEVEL;
    const bend = Math.min(8, Math.abs(to - from) / 2) * Math.sign(to - from);
    const path = `M${from.toFixed(1)} ${line}V${high + 8}Q${from.toFixed(1)} ${high} ${(from + bend).toFixed(1)} ${high}H${(to - bend).toFixed(1)}Q${to.toFixed(1)} ${high} ${to.toFixed(1)} ${high + 8}V${line}`;
    return `<path d="${path}" fill="none" stroke="${color}"/><text x="${((from + to) / 2).toFixed(1)}" y="${high - 3}" text-anchor="middle" font-size="${SMALL}" fill="${color}">${escapeXml(label)}</text>`;
  });
  const colorOf = (word: number): string | undefined => {
    const arc = arcs.find(({ start, end }) => word >= start && word < end);
    return arc === undefined ? undefined : labelColor(arc.label, labels);
  };
  const texts = words.map((word, i) => {
    const isPredicate = i === proposition.predicate;
    const style = isPredicate ? ' font-weight="700" text-decoration="underline"' : "";
    return `<text x="${centers[i]?.toFixed(1)}" y="${line + FONT + 3}" text-anchor="middle" font-size="${FONT}" fill="${colorOf(i) ?? "currentColor"}"${style}>${escapeXml(word)}</text>`;
  });
  return { svg: [...parts, ...texts].join(""), height: line + FONT + 12 - top };
}

/**
 * The picture of a sentence: a band for each predicate, or the bare sentence where there is none. Colours follow the roles' order in `labels`.
 *
 * Differs from what is usual: words stand in one line however long the sentence is; a page scrolls it.
 */
export function rolesSvg(
  words: readonly string[],
  propositions: readonly PicturedProposition[],
  labels: readonly string[],
): string {
  const starts: number[] = [];
  let x = MARGIN;
  for (const word of words) {
    starts.push(x);
    x += ems(word) * FONT + GAP;
  }
  let y = MARGIN;
  const bands: string[] = [];
  for (const proposition of propositions.length === 0 ? [{ predicate: -1, arguments: [] }] : propositions) {
    const { svg, height } = band(words, starts, proposition, labels, y);
    bands.push(svg);
    y += height;
  }
  const [width, height] = [Math.ceil(x + MARGIN), Math.ceil(y + MARGIN)];
  const style = "color:#1b2129;font-family:system-ui,'Noto Sans CJK SC','PingFang SC','Microsoft YaHei',sans-serif";
  return `<svg xmlns="http://www.w3.org/2000/svg" role="img" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" style="${style}"><title>${escapeXml(words.join(" "))}</title><rect width="100%" height="100%" rx="8" fill="#ffffff"/>${bands.join("")}</svg>\n`;
}
