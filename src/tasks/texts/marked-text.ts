/**
 * @module Texts with labelled spans as markup: each span coloured by its label, with the label behind it.
 */
import { escapeXml } from "../../charts/charts.js";
import type { LabelSpan } from "../../util/tags.js";
import { classColor } from "../../vision/index.js";

/** A span, and its tooltip. */
export interface Mark extends LabelSpan {
  readonly title?: string;
}

/** The colour of a label that is in no list. */
const UNKNOWN = "#777777";

/** The colour of a label, the same wherever the labels are the same. */
export function labelColor(label: string, labels: readonly string[]): string {
  const place = labels.indexOf(label);
  return place < 0 ? UNKNOWN : classColor(place);
}

/** Markup of a text; of spans that overlap the first stands. Colours follow the labels' order in `labels`. */
export function markedText(text: string, marks: readonly Mark[], labels: readonly string[]): string {
  const parts: string[] = [];
  let at = 0;
  for (const { start, end, label, title } of [...marks].sort((a, b) => a.start - b.start)) {
    if (start < at) continue;
    const color = labelColor(label, labels);
    const tip = title === undefined ? "" : ` title="${escapeXml(title)}"`;
    parts.push(
      escapeXml(text.slice(at, start)),
      `<mark${tip} style="color:inherit;background:${color}33;border-bottom:2px solid ${color};border-radius:3px;padding:0 2px">`,
      escapeXml(text.slice(start, end)),
      `<small style="color:${color};font-weight:650"> ${escapeXml(label)}</small></mark>`,
    );
    at = end;
  }
  return [...parts, escapeXml(text.slice(at))].join("");
}
