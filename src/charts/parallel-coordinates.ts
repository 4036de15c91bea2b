/**
 * @module Settings as lines across one axis for each option, the last for the figure that they came to: the colour is that figure.
 *
 * Source: Inselberg 1985, "The plane with parallel coordinates".
 */
import { cssColor, sequentialColor } from "./color-map.js";
import type { Bilingual, ChartOptions, Scale } from "./frame.js";
import {
  escapeXml,
  extent,
  inLanguage,
  linearScale,
  lineFrom,
  logScale,
  short,
  spokenLanguage,
  svgLabel,
  svgRoot,
  textAt,
  textWidth,
} from "./frame.js";

/** An axis: of numbers, or of a few words in order. */
export interface ParallelAxis {
  readonly label: Bilingual;
  readonly scale: "linear" | "log" | "words";
}

export interface ParallelLine {
  readonly name: string;
  /** One for each axis; undefined where there is none. */
  readonly values: readonly (number | string | boolean | undefined)[];
  readonly isBest?: boolean;
}

export interface ParallelCoordinatesOptions extends ChartOptions {
  /** The last one is the figure that gives lines their colour. */
  readonly axes: readonly ParallelAxis[];
  readonly lines: readonly ParallelLine[];
}

/** Places of values on an axis, and what stands beside it. */
interface PlacedAxis {
  readonly at: (value: number | string | boolean) => number;
  readonly marks: readonly { readonly y: number; readonly text: string }[];
}

/** Words one below another; numbers among themselves with the highest above. */
function wordAxis(values: readonly (number | string | boolean)[], top: number, bottom: number): PlacedAxis {
  const isNumeric = values.every((value) => typeof value === "number");
  const words = [...new Set(isNumeric ? values.toSorted((a, b) => b - a).map(String) : values.map(String))];
  const gap = (bottom - top) / Math.max(1, words.length);
  const at = (value: number | string | boolean): number => top + gap * (words.indexOf(String(value)) + 0.5);
  return { at, marks: words.map((text) => ({ y: at(text), text })) };
}

function numberAxis(values: readonly number[], scale: "linear" | "log", top: number, bottom: number): PlacedAxis {
  const domain = extent(values) ?? [0, 1];
  const made: Scale = (scale === "log" && domain[0] > 0 ? logScale : linearScale)(domain, [bottom - 8, top + 8]);
  const marks = made.ticks.map((tick) => ({ y: made(tick), text: made.format(tick) }));
  return { at: (value) => made(Number(value)), marks };
}

/** Draws parallel coordinates: dark lines are low figures, light ones high; the best is drawn last, and thick. */
export function parallelCoordinates(options: ParallelCoordinatesOptions): string {
  const { axes, lines, width = Math.max(480, 150 * axes.length), height = 340, language } = options;
  const [top, bottom] = [40, height - 18];
  const spoken = spokenLanguage(options);
  const columns = axes.map((_, i) => lines.map(({ values }) => values[i]).filter((v) => v !== undefined));
  const placed = axes.map(({ scale }, i) =>
    scale === "words" ? wordAxis(columns[i] ?? [], top, bottom) : numberAxis((columns[i] ?? []).map(Number), scale, top, bottom),
  );
  const widest = (axis: PlacedAxis | undefined): number =>
    Math.max(20, ...(axis?.marks ?? []).map(({ text }) => textWidth(text)));
  const labelHalf = (i: number): number => textWidth(inLanguage(axes[i]?.label ?? "", spoken)) / 2;
  const left = 14 + Math.max(labelHalf(0), widest(placed[0]) + 8);
  const right = width - 14 - labelHalf(axes.length - 1);
  const xOf = (i: number): number => left + ((right - left) * i) / Math.max(1, axes.length - 1);
  const figures = (columns.at(-1) ?? []).map(Number);
  const [low, high] = extent(figures) ?? [0, 1];
  const drawn = [...lines]
    .sort((a, b) => Number(a.isBest === true) - Number(b.isBest === true))
    .map(({ name, values, isBest }) => {
      const points = values.flatMap((value, i) =>
        value === undefined ? [] : [`${short(xOf(i))} ${short((placed[i] as PlacedAxis).at(value))}`],
      );
      const figure = values.at(-1);
      const share = figure === undefined ? 0 : high === low ? 0.5 : (Number(figure) - low) / (high - low);
      const stroke = figure === undefined ? "#8b949e" : cssColor(sequentialColor(0.1 + 0.75 * share));
      const told = `${name}: ${axes.map(({ label }, i) => `${inLanguage(label, spoken)} ${values[i] ?? "–"}`).join(", ")}`;
      return (
        `<path d="M${points.join("L")}" fill="none" stroke="${stroke}" stroke-width="${isBest === true ? 4 : 1.5}"` +
        `${figure === undefined ? ' stroke-dasharray="4 4"' : ""}><title>${escapeXml(told)}</title></path>`
      );
    });
  const frame = axes.map(({ label }, i) => {
    const marks = (placed[i]?.marks ?? []).map(
      ({ y, text }) => lineFrom(xOf(i) - 3, y, xOf(i) + 3, y, "axis") + textAt(xOf(i) - 6, y + 4, escapeXml(text), "end"),
    );
    return lineFrom(xOf(i), top, xOf(i), bottom, "axis") + marks.join("") + textAt(xOf(i), 22, svgLabel(label, language), "mid");
  });
  return svgRoot([...drawn, ...frame].join(""), { ...options, width, height });
}
