/**
 * @module The steps from an answer's base value to its score, part by part: as stairs (waterfall), or as two arrows that meet
 * (force).
 *
 * Source: the plots of those names in shap (Lundberg, Lee 2017). Differs: colours are blue and orange, and parts that are left out are summed
 * in a last row that says how many they are.
 */
import { formatNumber } from "../util/text.js";
import type { ChartOptions, Bilingual } from "./frame.js";
import {
  escapeXml,
  extent,
  inLanguage,
  labelWidth,
  linearScale,
  lineFrom,
  short,
  spokenLanguage,
  svgLabel,
  svgRoot,
  textAt,
  textWidth,
} from "./frame.js";

/** One feature, word or part of a picture, and what it did to the score. */
export interface Contribution {
  readonly label: Bilingual;
  readonly value: number;
}

/** Options of a waterfall of contributions. */
export interface ContributionOptions extends ChartOptions {
  /** The score without any of them. */
  readonly base: number;
  readonly contributions: readonly Contribution[];
  /** The largest number of rows; the weakest others are summed. 10 by default. */
  readonly most?: number;
}

const ROW = 26;
const BASE: Bilingual = { en: "base value", zh: "基准值" };
const SCORE: Bilingual = { en: "score", zh: "得分" };

const others = (count: number): Bilingual => ({ en: `${count} others`, zh: `其余 ${count} 项` });
const signed = (value: number): string => `${value < 0 ? "−" : "+"}${Number(Math.abs(value).toPrecision(3))}`;

/** The strongest contributions first, the rest in one. */
export function strongest(contributions: readonly Contribution[], most: number): readonly Contribution[] {
  const order = [...contributions].sort((a, b) => Math.abs(b.value) - Math.abs(a.value));
  if (order.length <= most) return order;
  const rest = order.slice(most - 1);
  return [...order.slice(0, most - 1), { label: others(rest.length), value: rest.reduce((sum, { value }) => sum + value, 0) }];
}

/** Draws a waterfall from the base value (bottom) to the score (top); the strongest contribution is the last step. */
export function waterfallChart(options: ContributionOptions): string {
  const { base, width = 560, language, most = 10 } = options;
  const rows = strongest(options.contributions, most);
  const score = options.contributions.reduce((sum, { value }) => sum + value, base);
  const ends = [score];
  for (const { value } of rows) ends.push((ends.at(-1) as number) - value);
  const left = Math.min(width * 0.45, 16 + Math.max(0, ...rows.map(({ label }) => labelWidth(label))));
  const room = 8 + Math.max(...rows.map(({ value }) => textWidth(signed(value))), 0);
  const x = linearScale(extent([base, ...ends]) ?? [0, 1], [left + room, width - room]);
  const top = 24;
  const height = top + rows.length * ROW + 34;
  const bottom = top + rows.length * ROW;
  const grid = x.ticks.map(
    (tick) => lineFrom(x(tick), top, x(tick), bottom, "grid") + textAt(x(tick), bottom + 15, x.format(tick), "mid soft"),
  );
  const steps = rows.map(({ label, value }, i) => {
    const [to, from] = [x(ends[i] as number), x(ends[i + 1] as number)];
    const y = top + i * ROW;
    const isNegative = value < 0;
    return (
      textAt(left - 8, y + 17, svgLabel(label, language), "end") +
      `<rect x="${short(Math.min(from, to))}" y="${y + 4}" width="${short(Math.max(1, Math.abs(to - from)))}" height="${ROW - 8}" rx="2" class="f${isNegative ? 0 : 1}"/>` +
      lineFrom(from, y + 4, from, Math.min(bottom, y + ROW + ROW - 4), "axis dash") +
      textAt(isNegative ? to - 4 : to + 4, y + 17, escapeXml(signed(value)), isNegative ? "end" : "")
    );
  });
  const told = (name: Bilingual, value: number): string => `${svgLabel(name, language)} ${escapeXml(formatNumber(value))}`;
  const body =
    [...grid, ...steps].join("") +
    textAt(x(score), 14, told(SCORE, score), anchorAt(x(score), width)) +
    textAt(x(base), height - 4, told(BASE, base), anchorAt(x(base), width));
  return svgRoot(body, { ...options, width, height });
}

const anchorAt = (x: number, width: number): string => (x > width - 70 ? "end" : x < 70 ? "" : "mid");

/** Draws a force plot: what raised the score comes from the left, what lowered it from the right, and they meet at the score. */
export function forceChart(options: ContributionOptions): string {
  const { base, width = 720, language, most = 10 } = options;
  const rows = strongest(options.contributions, most);
  const score = options.contributions.reduce((sum, { value }) => sum + value, base);
  const up = rows.filter(({ value }) => value > 0);
  const down = rows.filter(({ value }) => value < 0);
  const total = (parts: readonly Contribution[]): number => parts.reduce((sum, { value }) => sum + Math.abs(value), 0);
  const x = linearScale(extent([score - total(up), score + total(down), base]) ?? [0, 1], [12, width - 12]);
  const [top, high] = [34, 24];
  const middle = top + high / 2;
  /** Blocks from the score outwards, each an arrow that points to it. */
  const blocks = (parts: readonly Contribution[], side: -1 | 1): string => {
    let near = score;
    return parts
      .map(({ label, value }) => {
        const far = near + side * Math.abs(value);
        const [tip, end] = [x(near), x(far)];
        near = far;
        const shoulder = tip + side * Math.min(6, Math.abs(end - tip) / 2);
        const shape = [
          [tip, middle],
          [shoulder, top],
          [end, top],
          [end, top + high],
          [shoulder, top + high],
        ].map((point) => point.map((at) => short(at)).join(","));
        const fits = labelWidth(label) <= Math.abs(end - tip) - 4;
        return (
          `<polygon points="${shape.join(" ")}" class="f${side < 0 ? 1 : 0}">` +
          `<title>${escapeXml(`${inLanguage(label, spokenLanguage(options))} ${signed(value)}`)}</title></polygon>` +
          (fits ? textAt((tip + end) / 2, top + high + 16, svgLabel(label, language), "mid") : "")
        );
      })
      .join("");
  };
  const height = top + high + 50;
  const ticks = x.ticks.map((tick) => textAt(x(tick), height - 8, x.format(tick), "mid soft"));
  const body =
    blocks(up, -1) +
    blocks(down, 1) +
    lineFrom(12, height - 24, width - 12, height - 24, "axis") +
    ticks.join("") +
    lineFrom(x(score), top - 6, x(score), top + high + 4, "axis") +
    textAt(x(score), top - 12, `${svgLabel(SCORE, language)} ${escapeXml(formatNumber(score))}`, anchorAt(x(score), width)) +
    lineFrom(x(base), top - 2, x(base), height - 24, "axis dash") +
    (Math.abs(x(base) - x(score)) < 130
      ? ""
      : textAt(x(base), top - 12, `${svgLabel(BASE, language)} ${escapeXml(formatNumber(base))}`, anchorAt(x(base), width)));
  return svgRoot(body, { ...options, width, height });
}
