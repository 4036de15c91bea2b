/** @module Charts of amounts: horizontal bars (also left and right of zero), histograms, and predicted against true. */
import { formatNumber } from "../util/text.js";
import type { ChartOptions, Bilingual } from "./frame.js";
import { escapeXml, extent, labelWidth, linearScale, lineFrom, short, svgLabel, svgRoot, textAt, textWidth } from "./frame.js";

export interface BarChartOptions extends ChartOptions {
  /** Drawn in this order; values below zero go left, in another colour. */
  readonly bars: readonly { readonly label: Bilingual; readonly value: number }[];
  readonly format?: (value: number) => string;
  /** The end of the scale, where the greatest value should not decide: 1 for fractions. */
  readonly maximum?: number;
}

const ROW = 22;
const LINE = 14;
/** Fonts differ from the estimate of `textWidth` by so much; a label that is cut is worse than one with air. */
const WIDEST_FONT = 1.15;
const roomFor = (text: string): number => WIDEST_FONT * textWidth(text.trimEnd());

/** A label in lines no wider than `room`: broken after a space, `=`, `_` or `-` where there is one, never cut. */
function labelLines(label: Bilingual, room: number): Bilingual[] {
  // Bilingual labels are the page's own words, and short.
  if (typeof label !== "string" || roomFor(label) <= room) return [label];
  const lines = [""];
  for (const word of label.split(/(?<=[\s=_-])/)) {
    if (lines.at(-1) !== "" && roomFor(`${lines.at(-1)}${word}`) > room) lines.push("");
    for (const character of word) {
      if (roomFor(`${lines.at(-1)}${character}`) > room) lines.push("");
      lines[lines.length - 1] += character;
    }
  }
  return lines.map((line) => line.trim());
}

/** Horizontal bars, one a row: importance of features, a metric per class. */
export function barChart(options: BarChartOptions): string {
  const { bars, format = formatNumber, width = 420, language } = options;
  const lines = bars.map((bar) => labelLines(bar.label, width * 0.45));
  const tops = [4];
  for (const { length } of lines) tops.push((tops.at(-1) as number) + ROW + (length - 1) * LINE);
  const height = (tops.at(-1) as number) + 4;
  const labels = WIDEST_FONT * Math.max(0, ...lines.flat().map(labelWidth)) + 10;
  const numbers = Math.max(0, ...bars.map((bar) => roomFor(format(bar.value)))) + 8;
  const greatest = options.maximum ?? Math.max(0, ...bars.map((bar) => bar.value));
  const least = Math.min(0, ...bars.map((bar) => bar.value));
  const leftRoom = least < 0 ? numbers : 0;
  const x = linearScale([least, greatest > least ? greatest : least + 1], [labels + leftRoom, width - numbers]);
  const zero = x(0);
  const rows = bars.map((bar, i) => {
    const texts = lines[i] as Bilingual[];
    const top = (tops[i] as number) + ((texts.length - 1) * LINE) / 2;
    const end = x(bar.value);
    const negative = bar.value < 0;
    return (
      texts.map((text, k) => textAt(labels - 8, (tops[i] as number) + 15 + k * LINE, svgLabel(text, language), "end")).join("") +
      `<rect x="${short(Math.min(zero, end))}" y="${top + 3}" width="${short(Math.abs(end - zero))}" height="${ROW - 7}" rx="2" class="f${negative ? 0 : 1}"/>` +
      textAt(negative ? end - 5 : end + 5, top + 15, escapeXml(format(bar.value)), negative ? "end soft" : "soft")
    );
  });
  return svgRoot(rows.join("") + lineFrom(zero, 2, zero, height - 2, "axis"), { ...options, width, height });
}

export interface HistogramOptions extends ChartOptions {
  /** Values to be counted; or `counted`, where they are. */
  readonly values?: readonly number[];
  readonly buckets?: number;
  /** Counts in equal ranges between `low` and `high`. */
  readonly counted?: { readonly low: number; readonly high: number; readonly counts: readonly number[] };
  readonly xLabel: Bilingual;
  readonly yLabel: Bilingual;
}

/** Draws how often values fall in each of `buckets` equal ranges. */
export function histogramChart(options: HistogramOptions): string {
  const { values = [], width = 420, height = 300, language, counted } = options;
  const buckets = counted?.counts.length ?? options.buckets ?? 30;
  const [low, high] = counted === undefined ? (extent(values) ?? [0, 1]) : [counted.low, counted.high];
  const span = high - low || Math.abs(low) || 1;
  const counts = counted === undefined ? Array.from({ length: buckets }, () => 0) : [...counted.counts];
  for (const value of values) {
    if (!Number.isFinite(value)) continue;
    const bucket = Math.min(buckets - 1, Math.floor(((value - low) / span) * buckets));
    counts[bucket] = (counts[bucket] as number) + 1;
  }
  const box = { left: 20 + textWidth(String(Math.max(...counts))), right: width - 12, top: 30, bottom: height - 40 };
  const x = linearScale([low, low + span], [box.left, box.right]);
  const y = linearScale([0, Math.max(1, ...counts)], [box.bottom, box.top], 4);
  const grid = y.ticks.map(
    (tick) => lineFrom(box.left, y(tick), box.right, y(tick), "grid") + textAt(box.left - 6, y(tick) + 4, y.format(tick), "end"),
  );
  const columns = counts.map((count, i) => {
    const from = low + (i * span) / buckets;
    const to = low + ((i + 1) * span) / buckets;
    if (count === 0) return "";
    const told = `${formatNumber(from)} … ${formatNumber(to)}: ${count}`;
    return (
      `<rect x="${short(x(from) + 0.5)}" y="${short(y(count))}" width="${short(Math.max(1, x(to) - x(from) - 1))}" ` +
      `height="${short(box.bottom - y(count))}" class="f0"><title>${told}</title></rect>`
    );
  });
  const zero = low < 0 && high > 0 ? lineFrom(x(0), box.top, x(0), box.bottom, "axis dash") : "";
  const ticks = x.ticks.map((tick) => textAt(x(tick), box.bottom + 17, x.format(tick), "mid"));
  const body =
    [...grid, ...columns, zero, ...ticks].join("") +
    lineFrom(box.left, box.bottom, box.right, box.bottom, "axis") +
    textAt(box.left, 16, svgLabel(options.yLabel, language), "soft") +
    textAt(box.right, height - 6, svgLabel(options.xLabel, language), "end soft");
  return svgRoot(body, { ...options, width, height });
}

export interface ScatterOptions extends ChartOptions {
  readonly points: readonly (readonly [x: number, y: number])[];
  readonly xLabel: Bilingual;
  readonly yLabel: Bilingual;
}

const MOST_DOTS = 1500;

/** Dots on axes of one scale, with the diagonal on which prediction and truth agree. */
export function scatterChart(options: ScatterOptions): string {
  const { width = 420, height = 380, language } = options;
  const finite = options.points.filter(([x, y]) => Number.isFinite(x) && Number.isFinite(y));
  const domain = extent(finite.flat()) ?? [0, 1];
  const margin = (domain[1] - domain[0]) * 0.03;
  const padded = [domain[0] - margin, domain[1] + margin] as const;
  const top = 30;
  const bottom = height - 40;
  const y = linearScale(padded, [bottom, top]);
  const left = 14 + Math.max(...y.ticks.map((tick) => textWidth(y.format(tick))));
  const right = width - 12;
  const x = linearScale(padded, [left, right]);
  const grid = y.ticks.map(
    (tick) => lineFrom(left, y(tick), right, y(tick), "grid") + textAt(left - 6, y(tick) + 4, y.format(tick), "end"),
  );
  const ticks = x.ticks.map((tick) => textAt(x(tick), bottom + 17, x.format(tick), "mid"));
  const every = Math.max(1, Math.ceil(finite.length / MOST_DOTS));
  const opacity = short(Math.max(0.2, Math.min(0.8, 300 / finite.length)));
  const dots = finite
    .filter((_, i) => i % every === 0)
    .map(([px, py]) => `<circle cx="${short(x(px))}" cy="${short(y(py))}" r="2.5"/>`);
  const body =
    [...grid, ...ticks].join("") +
    lineFrom(left, bottom, right, bottom, "axis") +
    lineFrom(x(padded[0]), y(padded[0]), x(padded[1]), y(padded[1]), "axis dash") +
    `<g class="f0" opacity="${opacity}">${dots.join("")}</g>` +
    textAt(left, 16, svgLabel(options.yLabel, language), "soft") +
    textAt(right, height - 6, svgLabel(options.xLabel, language), "end soft");
  return svgRoot(body, { ...options, width, height });
}
