/**
 * @module Attributions of many examples at once: a row of dots for each feature (beeswarm), and what one feature did over its values
 * (dependence).
 *
 * Source: the summary and dependence plots of shap (Lundberg, Lee 2017).
 */
import type { ChartOptions, Bilingual } from "./frame.js";
import { extent, labelWidth, linearScale, lineFrom, short, svgLabel, svgRoot, textAt, textWidth } from "./frame.js";
import { cssColor, sequentialColor } from "./color-map.js";

/** A feature's attribution in one example, and its own value, which decides the colour: 0 the least, 1 the greatest, NaN grey. */
export interface SwarmPoint {
  readonly attribution: number;
  readonly value: number;
}

/** Options of a beeswarm. */
export interface BeeswarmOptions extends ChartOptions {
  /** Drawn in this order. */
  readonly features: readonly { readonly label: Bilingual; readonly points: readonly SwarmPoint[] }[];
  readonly xLabel: Bilingual;
}

const ROW = 34;
const RADIUS = 2.6;
/** More dots than this hide each other. */
const MOST_DOTS = 400;
const LOW: Bilingual = { en: "low", zh: "低" };
const HIGH: Bilingual = { en: "high", zh: "高" };
const VALUE: Bilingual = { en: "value of the feature", zh: "特征值" };

const dotColor = (value: number): string => (Number.isNaN(value) ? "#9aa5b1" : cssColor(sequentialColor(0.1 + 0.75 * value)));

/** Offsets from the row's middle, so that dots do not cover each other while there is room. */
export function swarmOffsets(positions: readonly number[], radius: number, room: number): number[] {
  const columns = new Map<number, number>();
  return positions.map((x) => {
    const column = Math.round(x / (2 * radius));
    const count = columns.get(column) ?? 0;
    columns.set(column, count + 1);
    const offset = Math.ceil(count / 2) * 2 * radius * (count % 2 === 0 ? 1 : -1);
    return Math.max(-room, Math.min(room, offset));
  });
}

/** Draws each example as a dot: right where the feature raised the score, left where it lowered it. */
export function beeswarmChart(options: BeeswarmOptions): string {
  const { features, width = 640, language } = options;
  const left = Math.min(width * 0.4, 16 + Math.max(0, ...features.map(({ label }) => labelWidth(label))));
  const x = linearScale(extent([0, ...features.flatMap(({ points }) => points.map((p) => p.attribution))]) ?? [0, 1], [
    left,
    width - 16,
  ]);
  const bottom = 8 + features.length * ROW;
  const rows = features.map(({ label, points }, i) => {
    const middle = 8 + (i + 0.5) * ROW;
    const every = Math.max(1, Math.ceil(points.length / MOST_DOTS));
    const shown = points.filter((p, k) => k % every === 0 && Number.isFinite(p.attribution));
    const positions = shown.map((p) => x(p.attribution));
    const offsets = swarmOffsets(positions, RADIUS, ROW / 2 - RADIUS);
    const dots = shown.map(
      (p, k) =>
        `<circle cx="${short(positions[k] as number)}" cy="${short(middle + (offsets[k] as number))}" r="${RADIUS}" fill="${dotColor(p.value)}"/>`,
    );
    return (
      textAt(left - 8, middle + 4, svgLabel(label, language), "end") +
      lineFrom(left, middle, width - 16, middle, "grid") +
      dots.join("")
    );
  });
  const ticks = x.ticks.map((tick) => textAt(x(tick), bottom + 16, x.format(tick), "mid soft"));
  const body =
    rows.join("") +
    lineFrom(x(0), 4, x(0), bottom, "axis") +
    ticks.join("") +
    textAt(width - 16, bottom + 34, svgLabel(options.xLabel, language), "end soft") +
    valueLegend(left, bottom + 26, language);
  return svgRoot(body, { ...options, width, height: bottom + 44 });
}

/** Draws the legend of the dots' colours. */
function valueLegend(x: number, y: number, language: ChartOptions["language"]): string {
  const cells = Array.from(
    { length: 12 },
    (_, i) => `<rect x="${short(x + 30 + i * 6)}" y="${short(y)}" width="6" height="9" fill="${dotColor(i / 11)}"/>`,
  );
  return (
    textAt(x + 24, y + 9, svgLabel(LOW, language), "end soft") +
    cells.join("") +
    textAt(x + 108, y + 9, `${svgLabel(HIGH, language)} · ${svgLabel(VALUE, language)}`, "soft")
  );
}

/** Options of a dependence chart. */
export interface DependenceOptions extends ChartOptions {
  /** The feature's value, its attribution, and another feature's value as 0…1, which decides the colour. */
  readonly points: readonly { readonly x: number; readonly y: number; readonly color?: number }[];
  readonly xLabel: Bilingual;
  readonly yLabel: Bilingual;
}

/** Draws a feature's attributions over its values. */
export function dependenceChart(options: DependenceOptions): string {
  const { width = 420, height = 300, language } = options;
  const finite = options.points.filter((p) => Number.isFinite(p.x) && Number.isFinite(p.y));
  const [top, bottom] = [30, height - 40];
  const y = linearScale(extent([0, ...finite.map((p) => p.y)]) ?? [0, 1], [bottom, top]);
  const left = 14 + Math.max(...y.ticks.map((tick) => textWidth(y.format(tick))));
  const right = width - 14;
  const x = linearScale(extent(finite.map((p) => p.x)) ?? [0, 1], [left + 6, right]);
  const every = Math.max(1, Math.ceil(finite.length / 1500));
  const dots = finite
    .filter((_, i) => i % every === 0)
    .map((p) => `<circle cx="${short(x(p.x))}" cy="${short(y(p.y))}" r="2.6" fill="${dotColor(p.color ?? 0.4)}" opacity="0.8"/>`);
  const body =
    y.ticks
      .map((tick) => lineFrom(left, y(tick), right, y(tick), "grid") + textAt(left - 6, y(tick) + 4, y.format(tick), "end"))
      .join("") +
    x.ticks.map((tick) => textAt(x(tick), bottom + 17, x.format(tick), "mid")).join("") +
    lineFrom(left, y(0), right, y(0), "axis") +
    dots.join("") +
    textAt(left, 16, svgLabel(options.yLabel, language), "soft") +
    textAt(right, height - 6, svgLabel(options.xLabel, language), "end soft");
  return svgRoot(body, { ...options, width, height });
}
