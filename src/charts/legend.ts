/** @module The bar of colours beside a picture of attributions, with the numbers that they stand for. */
import { formatNumber } from "../util/text.js";
import { cssColor, divergingColor, sequentialColor } from "./color-map.js";
import { escapeXml, short, textAt } from "./frame.js";

export interface LegendOptions {
  /** The value of the strongest colour. */
  readonly scale: number;
  /** Whether values below zero have a colour of their own. */
  readonly signed: boolean;
  readonly x: number;
  readonly y: number;
  readonly width: number;
  /** Sets legends of one page apart. */
  readonly id?: string;
}

const STOPS = 16;
/** Height of the bar and its numbers, in pixels. */
export const LEGEND_HEIGHT = 30;

/** A horizontal bar from −scale (or 0) to scale, as part of an SVG. */
export function colorLegend({ scale, signed, x, y, width, id = "legend" }: LegendOptions): string {
  const from = signed ? -1 : 0;
  const color = signed ? divergingColor : sequentialColor;
  const stops = Array.from({ length: STOPS + 1 }, (_, i) => {
    const at = i / STOPS;
    return `<stop offset="${short(at * 100)}%" stop-color="${cssColor(color(from + at * (1 - from)))}"/>`;
  });
  const ticks = signed ? [-scale, 0, scale] : [0, scale / 2, scale];
  const anchors = ["", "mid", "end"];
  return (
    `<defs><linearGradient id="${escapeXml(id)}">${stops.join("")}</linearGradient></defs>` +
    `<rect x="${short(x)}" y="${short(y)}" width="${short(width)}" height="10" rx="2" fill="url(#${escapeXml(id)})"/>` +
    ticks.map((tick, i) => textAt(x + (i / 2) * width, y + 25, escapeXml(formatNumber(tick)), anchors[i] as string)).join("")
  );
}
