/**
 * @module Charts as SVG text: pure functions from numbers to a string, in Node and in the browser.
 */
import { formatNumber } from "../util/text.js";
import type { ChartOptions, Bilingual, Scale } from "./frame.js";
import {
  escapeXml,
  extent,
  inLanguage,
  labelWidth,
  linearScale,
  lineFrom,
  logScale,
  SERIES_COLORS,
  short,
  spokenLanguage,
  svgLabel,
  svgRoot,
  textAt,
  textWidth,
} from "./frame.js";

export type { ChartOptions, Bilingual, Language } from "./frame.js";
export { CHART_CSS, escapeXml, inLanguage } from "./frame.js";
export { barChart, histogramChart, scatterChart } from "./bars.js";
export { confusionChart } from "./matrix.js";

/** A point of a line, in the units of its axes. */
export type Point = readonly [x: number, y: number];

/** A line of a chart, named in both languages. */
export interface Series {
  /** Shown in the legend, unless empty. */
  readonly name: Bilingual;
  /** In the order of x; a value that is not finite breaks the line. */
  readonly points: readonly Point[];
  /** Draws the values faintly, and their moving average over them: for a loss that jumps from step to step. */
  readonly smooth?: boolean;
}

/** Options of a line chart. */
export interface LineChartOptions extends ChartOptions {
  readonly series: readonly Series[];
  readonly xLabel: Bilingual;
  readonly yLabel: Bilingual;
  /** Logarithmic y; values that are not positive are left out. */
  readonly logY?: boolean;
  /** The range of y, where the data alone should not decide: `[undefined, 1]` ends at 1. */
  readonly yDomain?: readonly [number | undefined, number | undefined];
  /** A line at an x that deserves one: the best step. */
  readonly mark?: { readonly x: number; readonly label: Bilingual };
}

// More points than this cannot be told apart on the chart, and only make the file large.
const MOST_POINTS = 500;
const MARKED_POINTS = 40;

/**
 * Curves over steps, with a legend, ticks and a grid.
 *
 * @example
 * import { lineChart } from "descentjs/charts";
 * const both = (en: string, zh: string) => ({ en, zh });
 * const series = [{ name: both("training", "训练"), points: [[0, 1], [1, 0.5]] as const }];
 * const svg = lineChart({ title: both("Loss", "损失"), series, xLabel: both("step", "步数"), yLabel: both("loss", "损失") });
 * console.log(svg.startsWith("<svg")); // true
 */
export function lineChart(options: LineChartOptions): string {
  const { width = 640, height = 300, logY = false, language } = options;
  const series = options.series.slice(0, SERIES_COLORS).map((one) => ({
    ...one,
    points: logY ? one.points.map(([x, y]): Point => [x, y > 0 ? y : NaN]) : one.points,
  }));
  const finite = series.flatMap((one) => one.points.filter(([x, y]) => Number.isFinite(x) && Number.isFinite(y)));
  const ys = extent(finite.map(([, y]) => y)) ?? (logY ? [0.1, 1] : [0, 1]);
  const xs = extent(finite.map(([x]) => x)) ?? [0, 1];
  const pad = logY ? 1 : (ys[1] - ys[0]) * 0.04;
  const yDomain = [
    options.yDomain?.[0] ?? (logY ? ys[0] / 1.08 : ys[0] - pad),
    options.yDomain?.[1] ?? (logY ? ys[1] * 1.08 : ys[1] + pad),
  ] as const;

  const top = 34;
  const bottom = height - 40;
  const y = logY ? logScale(yDomain, [bottom, top]) : linearScale(yDomain, [bottom, top]);
  const left = 14 + Math.max(...y.ticks.map((tick) => textWidth(y.format(tick))), 20);
  const x = linearScale(xs, [left, width - 16], Math.max(3, Math.floor(width / 90)));

  const parts = [
    axes(x, y, { left, right: width - 16, top, bottom }),
    textAt(left, 16, svgLabel(options.yLabel, language), "soft"),
  ];
  parts.push(textAt(width - 16, height - 6, svgLabel(options.xLabel, language), "end soft"));
  if (options.mark !== undefined && Number.isFinite(x(options.mark.x))) {
    const at = x(options.mark.x);
    const side = at > (left + width) / 2 ? "end" : "";
    parts.push(lineFrom(at, top, at, bottom, "axis dash"));
    parts.push(textAt(at + (side === "end" ? -5 : 5), bottom - 6, svgLabel(options.mark.label, language), `soft ${side}`.trim()));
  }
  series.forEach((one, i) => {
    const drawn = one.smooth === true && one.points.length > MARKED_POINTS;
    if (drawn) parts.push(path(envelope(one.points), x, y, `line faint s${i}`));
    const points = thinned(drawn ? smoothed(one.points) : one.points);
    parts.push(path(points, x, y, `line s${i}`));
    if (points.length <= MARKED_POINTS) parts.push(dots(points, x, y, i, options, one.name));
  });
  parts.push(legend(series, width - 16, language));
  return svgRoot(parts.join(""), { ...options, width, height });
}

/** Grid, ticks, and the x axis. */
export function axes(x: Scale, y: Scale, box: { left: number; right: number; top: number; bottom: number }): string {
  const parts: string[] = [];
  for (const tick of y.ticks) {
    parts.push(lineFrom(box.left, y(tick), box.right, y(tick), "grid"));
    parts.push(textAt(box.left - 6, y(tick) + 4, escapeXml(y.format(tick)), "end"));
  }
  for (const tick of x.ticks) {
    parts.push(lineFrom(x(tick), box.bottom, x(tick), box.bottom + 4, "axis"));
    parts.push(textAt(x(tick), box.bottom + 17, escapeXml(x.format(tick)), "mid"));
  }
  return parts.join("") + lineFrom(box.left, box.bottom, box.right, box.bottom, "axis");
}

function path(points: readonly Point[], x: Scale, y: Scale, classes: string): string {
  let d = "";
  let pen = "M";
  for (const [px, py] of points) {
    if (Number.isFinite(py)) {
      d += `${pen}${short(x(px))} ${short(y(py))}`;
      pen = "L";
    } else pen = "M";
  }
  return d === "" ? "" : `<path d="${d}" class="${classes}"/>`;
}

/** A dot for each point, with its numbers as a tooltip. */
function dots(points: readonly Point[], x: Scale, y: Scale, series: number, options: LineChartOptions, name: Bilingual): string {
  const language = spokenLanguage(options);
  return points
    .filter(([, py]) => Number.isFinite(py))
    .map(([px, py]) => {
      const told = `${inLanguage(name, language)}: ${formatNumber(py)} (${inLanguage(options.xLabel, language)} ${formatNumber(px)})`;
      return `<circle cx="${short(x(px))}" cy="${short(y(py))}" r="3" class="f${series}"><title>${escapeXml(told)}</title></circle>`;
    })
    .join("");
}

function legend(series: readonly Series[], right: number, language: ChartOptions["language"]): string {
  const parts: string[] = [];
  let at = right;
  for (let i = series.length - 1; i >= 0; i--) {
    const { name } = series[i] as Series;
    if (name === "") continue;
    at -= labelWidth(name);
    parts.push(textAt(at, 16, svgLabel(name, language)));
    parts.push(lineFrom(at - 20, 12, at - 6, 12, `line s${i}`));
    at -= 34;
  }
  return parts.join("");
}

/** The mean over a window of about a thirtieth of the curve, centred, so that it does not lag; narrower at the ends. */
function smoothed(points: readonly Point[]): Point[] {
  const sums = [0];
  const counts = [0];
  for (const [, y] of points) {
    sums.push((sums.at(-1) as number) + (Number.isFinite(y) ? y : 0));
    counts.push((counts.at(-1) as number) + (Number.isFinite(y) ? 1 : 0));
  }
  const reach = Math.max(2, Math.round(points.length / 60));
  return points.map(([x], i) => {
    const half = Math.min(reach, i, points.length - 1 - i);
    const between = (totals: readonly number[]): number => (totals[i + half + 1] as number) - (totals[i - half] as number);
    return [x, between(counts) === 0 ? NaN : between(sums) / between(counts)];
  });
}

/** At most MOST_POINTS points, each the mean of its share. */
function thinned(points: readonly Point[]): readonly Point[] {
  if (points.length <= MOST_POINTS) return points;
  return shares(points, MOST_POINTS).map((share) => {
    const mean = (axis: 0 | 1): number => share.reduce((sum, point) => sum + point[axis], 0) / share.length;
    return [mean(0), mean(1)];
  });
}

/** The least and the greatest of each share, so that no spike is lost. */
function envelope(points: readonly Point[]): readonly Point[] {
  if (points.length <= MOST_POINTS) return points;
  return shares(points, MOST_POINTS / 2).flatMap((share) => {
    const finite = share.filter(([, y]) => Number.isFinite(y));
    if (finite.length === 0) return share.slice(0, 1);
    const least = finite.reduce((a, b) => (b[1] < a[1] ? b : a));
    const most = finite.reduce((a, b) => (b[1] > a[1] ? b : a));
    return least[0] <= most[0] ? [least, most] : [most, least];
  });
}

function shares(points: readonly Point[], count: number): Point[][] {
  return Array.from({ length: count }, (_, i) =>
    points.slice(Math.floor((i * points.length) / count), Math.floor(((i + 1) * points.length) / count)),
  );
}
