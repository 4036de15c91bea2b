/**
 * @module Labelled spans of a sequence, and the tags per token that encode them: BIO (IOB2) and BIOES; BMES and BILOU are
 * BIOES in other letters.
 */
import { own } from "./record.js";

/** Tokens start … end − 1 with a label. */
export interface LabelSpan {
  readonly start: number;
  readonly end: number;
  readonly label: string;
}

/** A span as a key, equal for equal spans. */
export const spanKey = ({ start, end, label }: LabelSpan): string => `${start} ${end} ${label}`;

export type TagScheme = "BIO" | "BIOES";

type Prefix = "B" | "I" | "E" | "S" | "O";

export interface Tag {
  readonly prefix: Prefix;
  /** `_` where the tag has none: `B` alone. */
  readonly label: string;
}

// BMES says M for inside; BILOU says L for the last and U for the only one.
const LETTERS: Readonly<Record<string, Prefix>> = { B: "B", I: "I", M: "I", E: "E", L: "E", S: "S", U: "S", W: "S", O: "O" };

const OUTSIDE: Tag = { prefix: "O", label: "_" };

/** A tag's letter in BIOES and its label; undefined if it is not a tag of any scheme. */
export function parseTag(tag: string): Tag | undefined {
  if (tag === "O") return OUTSIDE;
  const prefix = own(LETTERS, tag[0] ?? "");
  if (prefix === undefined || (tag.length > 1 && tag[1] !== "-")) return undefined;
  return { prefix, label: tag.slice(2) || "_" };
}

/** Parses tags; what cannot be read counts as outside, since readers refuse it before. */
export const parsedTags = (tags: readonly string[]): Tag[] => tags.map((tag) => parseTag(tag) ?? OUTSIDE);

/** Tells whether a token belongs to the same span as the one before, by the rules of conlleval. */
export const continues = (before: Tag, tag: Tag): boolean =>
  (before.prefix === "B" || before.prefix === "I") && (tag.prefix === "I" || tag.prefix === "E") && before.label === tag.label;

/**
 * Reads the spans of tags leniently: one that begins with I or E is a span as well, as in conlleval and in seqeval's
 * default mode. Works for tags of any scheme, without being told which.
 */
export function spansOfTags(tags: readonly string[]): LabelSpan[] {
  const spans: { start: number; end: number; label: string }[] = [];
  let before = OUTSIDE;
  for (const [i, tag] of parsedTags(tags).entries()) {
    const last = spans.at(-1);
    if (tag.prefix !== "O") {
      if (last !== undefined && continues(before, tag)) last.end = i + 1;
      else spans.push({ start: i, end: i + 1, label: tag.label });
    }
    before = tag;
  }
  return spans;
}

/**
 * Tags for spans of a sequence of `length` tokens. Spans must not overlap; of two that do, the earlier in the list
 * stands, and the other is returned in `dropped`.
 */
export function tagsOfSpans(
  spans: readonly LabelSpan[],
  length: number,
  scheme: TagScheme,
): { tags: string[]; dropped: LabelSpan[] } {
  const tags = new Array<string>(length).fill("O");
  const dropped: LabelSpan[] = [];
  for (const span of spans) {
    const { start, end, label } = span;
    if (end <= start || end > length || tags.slice(start, end).some((tag) => tag !== "O")) {
      dropped.push(span);
      continue;
    }
    for (let i = start; i < end; i++) tags[i] = `${i === start ? "B" : "I"}-${label}`;
    if (scheme === "BIOES") tags[end - 1] = `${end - start === 1 ? "S" : "E"}-${label}`;
  }
  return { tags, dropped };
}

/** The scheme that tags are written in: BIOES if any marks an end or a span of one token. */
export const schemeOf = (tags: Iterable<string>): TagScheme => {
  for (const tag of tags) {
    const prefix = parseTag(tag)?.prefix;
    if (prefix === "E" || prefix === "S") return "BIOES";
  }
  return "BIO";
};

/** The first tag that breaks its scheme, with what is wrong; undefined if none does. */
export function findBrokenTag(tags: readonly string[], scheme: TagScheme): { at: number; problem: string } | undefined {
  let before = OUTSIDE;
  for (let i = 0; i <= tags.length; i++) {
    const written = tags[i];
    const tag = written === undefined ? OUTSIDE : parseTag(written);
    if (tag === undefined) return { at: i, problem: `expected a tag such as O, B-PER or I-PER, got "${written}"` };
    const inside = tag.prefix === "I" || tag.prefix === "E";
    if (inside && !continues(before, tag))
      return { at: i, problem: `expected B-${tag.label} before ${written}, got ${i === 0 ? "nothing" : tags[i - 1]}` };
    const open = scheme === "BIOES" && (before.prefix === "B" || before.prefix === "I");
    if (open && !inside)
      return {
        at: i - 1,
        problem: `expected the end of ${before.label} to be marked, got ${tags[i - 1]} before ${written ?? "the end"}`,
      };
    before = tag;
  }
  return undefined;
}
