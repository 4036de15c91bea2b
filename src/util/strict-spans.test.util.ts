/**
 * @module Spans in seqeval's strict mode, which tests compare with.
 */
import type { LabelSpan, Tag, TagScheme } from "./tags.js";
import { continues, parsedTags } from "./tags.js";

/** Reads the spans that are complete by the scheme's rules, and no others: seqeval's strict mode. */
export function strictSpansOfTags(tags: readonly string[], scheme: TagScheme): LabelSpan[] {
  const all = parsedTags(tags);
  const spans: LabelSpan[] = [];
  for (let i = 0; i < all.length;) {
    const first = all[i] as Tag;
    let end = i + 1;
    if (first.prefix === "B") while (end < all.length && continues(all[end - 1] as Tag, all[end] as Tag)) end++;
    const last = all[end - 1] as Tag;
    const whole = first.prefix === "S" || (first.prefix === "B" && (scheme === "BIO" || last.prefix === "E"));
    if (whole) spans.push({ start: i, end, label: first.label });
    i = end;
  }
  return spans;
}
