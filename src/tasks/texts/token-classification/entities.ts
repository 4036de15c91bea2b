/**
 * @module Entities of texts as spans of tokens: which tokens a text has, which of them a labelled span covers, and what a user should know of those of
 * a data set.
 */
import { alikeNotes } from "../../../util/alike.js";
import type { Dataset, LabelledText } from "../../../data/index.js";
import { labelledTextAt } from "../../../data/index.js";
import { joinerOf } from "../../../data/text/labelled-text.js";
import type { TokenUnit } from "../../../text/index.js";
import { DataError } from "../../../util/errors.js";
import type { LabelSpan } from "../../../util/tags.js";
import { tagsOfSpans } from "../../../util/tags.js";
import type { TagInfo } from "../tagging.js";
import { tokenOffsetsOf } from "../tagging.js";
import { usualTokenizer } from "../texts.js";

/** The parts of a data set as labelled texts. */
export interface TextParts {
  readonly train: readonly LabelledText[];
  readonly validation: readonly LabelledText[];
  readonly test: readonly LabelledText[];
}

export const textsOf = (data: Dataset): LabelledText[] => Array.from({ length: data.length }, (_, i) => labelledTextAt(data, i));

/**
 * Characters where the source's tokens are such, or where a text is written in them: words of Chinese and Japanese are cut in many ways, and a text that comes later in
 * none, so that only characters are the same in both.
 */
export function unitOf(texts: readonly LabelledText[]): TokenUnit {
  const offsets = texts.flatMap(({ tokens = [] }) => tokens);
  if (offsets.length === 0) return usualTokenizer(texts.map(({ text }) => text)) === "characters" ? "characters" : "words";
  const words = texts.slice(0, 1000).flatMap(({ text, tokens = [] }) => tokens.map(([start, end]) => text.slice(start, end)));
  if (joinerOf(words) === "") return "characters";
  const long = offsets.filter(([start, end]) => end - start > 1).length;
  return long * 20 < offsets.length ? "characters" : "words";
}

/** The tokens that spans of a text are made of; a span that cuts a token takes all of it. */
export function tokenSpans(spans: readonly LabelSpan[], offsets: readonly (readonly [number, number])[]): LabelSpan[] {
  return spans.flatMap(({ start, end, label }) => {
    const first = offsets.findIndex(([, tokenEnd]) => tokenEnd > start);
    const last = offsets.findLastIndex(([tokenStart]) => tokenStart < end);
    return first < 0 || last < first ? [] : [{ start: first, end: last + 1, label }];
  });
}

/** DataError where no text has labelled spans. */
export function expectSpans(texts: readonly LabelledText[], where: string): void {
  if (texts.every(({ spans }) => spans === undefined))
    throw new DataError(`${where}: expected texts with labelled spans (.conll, .bmes, or .jsonl with "spans"), got none`);
}

const count = (texts: readonly LabelledText[], is: (span: LabelSpan, text: LabelledText) => boolean): number =>
  texts.reduce((sum, text) => sum + (text.spans ?? []).filter((span) => is(span, text)).length, 0);

/** Spans of a text that overlap earlier ones, and so cannot be said by tags. */
const overlaps = (text: LabelledText, unit: TokenUnit): number => {
  const offsets = tokenOffsetsOf(text, unit);
  return tagsOfSpans(tokenSpans(text.spans ?? [], offsets), offsets.length, "BIO").dropped.length;
};

/** Makes the notes for the user: labels, and spans that are not learned or measured as they stand. */
export function entityNotes({ train, validation, test }: TextParts, { labels, unit }: TagInfo): string[] {
  const known = new Set(labels);
  const unknown = count([...validation, ...test], ({ label }) => !known.has(label));
  const overlapping = train.reduce((sum, text) => sum + overlaps(text, unit), 0);
  const cut = count(train, (span, text) => {
    const offsets = tokenOffsetsOf(text, unit);
    return !offsets.some(([start]) => start === span.start) || !offsets.some(([, end]) => end === span.end);
  });
  return [
    `${labels.length} labels (${labels.join(", ")}), tokens are ${unit}`,
    ...alikeNotes(labels, "labels"),
    ...(unknown > 0
      ? [`${unknown} spans of validation and test have labels that the training part lacks; they count as missed`]
      : []),
    ...(overlapping > 0 ? [`${overlapping} spans of the training part overlap others and were left out`] : []),
    ...(cut > 0 ? [`${cut} spans of the training part begin or end inside of a token, and were widened to it`] : []),
  ];
}
