/**
 * @module Points of a trade between two figures, numbered, with the line through those that no other one beats.
 */
import type { Bilingual, ChartOptions } from "./frame.js";
import {
  escapeXml,
  extent,
  inLanguage,
  linearScale,
  lineFrom,
  short,
  spokenLanguage,
  svgLabel,
  svgRoot,
  textAt,
  textWidth,
} from "./frame.js";
import { axes } from "./charts.js";

/** A point of a Pareto chart: on the front or behind, within the limits or not. */
export interface ParetoPoint {
  readonly name: Bilingual;
  readonly x: number;
  readonly y: number;
  /** Whether no other point beats it. */
  readonly isFront: boolean;
  /** Whether it meets what was asked for. */
  readonly isMet: boolean;
}

/** Options of a Pareto chart. */
export interface ParetoOptions extends ChartOptions {
  readonly points: readonly ParetoPoint[];
  readonly xLabel: Bilingual;
  readonly yLabel: Bilingual;
  /** Limits of what was asked for: at most x, at least y. */
  readonly limits?: { readonly x?: number; readonly y?: number };
}

/** Draws the points of a Pareto front: filled where the limits are met, hollow where not; the numbers are those of the list. */
export function paretoChart(options: ParetoOptions): string {
  const { width = 640, height = 340, points, limits = {}, language } = options;
  const finite = points.filter(({ x, y }) => Number.isFinite(x) && Number.isFinite(y));
  const range = (values: readonly (number | undefined)[]): readonly [number, number] => {
    const [low, high] = extent(values.filter((v) => v !== undefined)) ?? [0, 1];
    const pad = (high - low) * 0.08 || 0.01;
    return [low - pad, high + pad];
  };
  const [top, bottom] = [34, height - 40];
  const y = linearScale(range([...finite.map((p) => p.y), limits.y]), [bottom, top]);
  const left = 14 + Math.max(...y.ticks.map((tick) => textWidth(y.format(tick))), 20);
  const right = width - 16;
  const x = linearScale(range([...finite.map((p) => p.x), limits.x]), [left, right], 6);
  const front = finite.filter((p) => p.isFront).sort((a, b) => a.x - b.x);
  const line = front.map((p, i) => `${i === 0 ? "M" : "L"}${short(x(p.x))} ${short(y(p.y))}`).join("");
  const spoken = spokenLanguage(options);
  const drawn = finite.map((p) => {
    const at = points.indexOf(p) + 1;
    const shape = p.isMet ? 'class="f0"' : 'class="line s1"';
    const told = `${at}. ${inLanguage(p.name, spoken)}: ${x.format(p.x)}, ${y.format(p.y)}`;
    return (
      `<circle cx="${short(x(p.x))}" cy="${short(y(p.y))}" r="5" ${shape}><title>${escapeXml(told)}</title></circle>` +
      textAt(x(p.x) + 8, y(p.y) - 6, String(at))
    );
  });
  const parts = [
    axes(x, y, { left, right, top, bottom }),
    textAt(left, 16, svgLabel(options.yLabel, language), "soft"),
    textAt(right, height - 6, svgLabel(options.xLabel, language), "end soft"),
    limits.x === undefined ? "" : lineFrom(x(limits.x), top, x(limits.x), bottom, "axis dash"),
    limits.y === undefined ? "" : lineFrom(left, y(limits.y), right, y(limits.y), "axis dash"),
    line === "" ? "" : `<path d="${line}" class="line s2"/>`,
    ...drawn,
  ];
  return svgRoot(parts.join(""), { ...options, width, height });
}
