/**
 * @module Sentences of tokens and tags, wherever they were read from, as texts with spans: the scheme of their tags is found, and checked.
 */
import type { LabelledText } from "./labelled-text.js";
import { inText, joinerOf, joinTokens } from "./labelled-text.js";
import { DataError } from "../../util/errors.js";
import { findBrokenTag, parseTag, schemeOf, spansOfTags } from "../../util/tags.js";

export interface TaggingOptions {
  /** Accepts tags that break their scheme, as conlleval does, instead of refusing them. */
  readonly repair?: boolean;
  /** The text between tokens; guessed from the script if left out. */
  readonly joiner?: string;
}

/** Texts that were read, and what was done to them. */
export interface ReadTexts {
  readonly texts: LabelledText[];
  /** In sentences for the user. */
  readonly notes: readonly string[];
}

export interface Sentence {
  readonly tokens: readonly string[];
  readonly tags: readonly string[];
  /** The place of a token in the source, as messages name it. */
  readonly placeOf: (token: number) => string;
}

/** A tag with its letter small, or with another sign behind it: `b-per`, `B_PER`. Undefined for what is none. */
function otherwiseWritten(tag: string): string | undefined {
  const found = /^([bioeslumw])[-_](.+)$/i.exec(tag);
  if (found !== null) return `${(found[1] as string).toUpperCase()}-${found[2]}`;
  return tag === "o" ? "O" : undefined;
}

/** Tells whether a text is a tag of some scheme, however it is written. */
export const isTag = (tag: string): boolean => parseTag(tag) !== undefined || otherwiseWritten(tag) !== undefined;

/** The tags of a source as BIO or BIOES has them, and what should be said of how they are written. */
interface TagReading {
  readonly read: (tag: string) => string;
  readonly note?: string;
  /** Whether spans may begin with I. */
  readonly lenient?: true;
}

/** Finds how tags are written: as schemes have them, in small letters or with other signs, or as labels alone, between which `O` stands. */
function readingOf(sentences: readonly Sentence[], repair: boolean): TagReading {
  const seen = new Set<string>();
  for (const { tags } of sentences) for (const tag of tags) seen.add(tag);
  const others = [...seen].filter((tag) => parseTag(tag) === undefined);
  // Who asks for a repair knows that the tags are broken.
  if (others.length === 0)
    return !repair && isIob1(sentences) ? { read: (tag) => tag, note: IOB1, lenient: true } : { read: (tag) => tag };
  if (others.every((tag) => otherwiseWritten(tag) !== undefined))
    return { read: (tag) => (parseTag(tag) === undefined ? (otherwiseWritten(tag) as string) : tag) };
  if (others.every((tag) => tag === "o" || SUFFIXED.test(tag)))
    return { read: (tag) => (tag === "o" ? "O" : tag.replace(SUFFIXED, "$2-$1")), note: BEHIND };
  const isBare = seen.has("O") && others.length === seen.size - 1 && seen.size <= Math.max(20, sentences.length / 2);
  if (!isBare || others.some((tag) => otherwiseWritten(tag) !== undefined)) return { read: (tag) => tag };
  return { read: (tag) => (tag === "O" ? tag : `I-${tag}`), note: BARE, lenient: true };
}

const IOB1 = "spans begin with I-, and B- only parts neighbours (IOB1)";
const BEHIND = "the letters of tags stand behind their labels";
const SUFFIXED = /^(.+)[-_]([BIESLUMW])$/;
const BARE = "tags are labels alone, so neighbours of one label are one span";

/** Fewer spans that begin with I are taken for mistakes. */
const ENOUGH = 5;

/** CoNLL-2003's own scheme: spans begin with I, and each B follows a span of its label. */
function isIob1(sentences: readonly Sentence[]): boolean {
  let begins = 0;
  for (const { tags } of sentences) {
    let before = "O";
    for (const tag of tags) {
      const { prefix, label } = parseTag(tag) ?? { prefix: "O", label: "_" };
      if (prefix === "E" || prefix === "S") return false;
      const follows = before !== "O" && parseTag(before)?.label === label;
      if (prefix === "B" && !follows) return false;
      if (prefix === "I" && !follows) begins++;
      before = tag;
    }
  }
  return begins >= ENOUGH;
}

/**
 * Sentences as texts with the spans of their tags.
 *
 * Errors: DataError, with the place, for a tag that breaks the scheme (unless `repair`), and where there is no sentence.
 */
export function textsOfSentences(sentences: readonly Sentence[], where: string, options: TaggingOptions): ReadTexts {
  if (sentences.length === 0) throw new DataError(`${where}: expected at least one sentence, got an empty file`);
  const { read, note, lenient } = readingOf(sentences, options.repair === true);
  const tagged = sentences.map(({ tags, ...rest }) => ({ ...rest, tags: tags.map(read) }));
  const repaired = lenient === true ? 0 : checkTags(tagged, where, options.repair === true);
  const joiner = options.joiner ?? joinerOf(allTokens(tagged));
  const texts = tagged.map(({ tokens, tags }): LabelledText => {
    const { text, offsets } = joinTokens(tokens, joiner);
    return { text, tokens: offsets, spans: inText(spansOfTags(tags), offsets) };
  });
  const notes = [
    ...(note === undefined ? [] : [`${where}: ${note}`]),
    ...(repaired === 0 ? [] : [`${where}: the tags of ${repaired} sentences broke their scheme and were repaired`]),
  ];
  return { texts, notes };
}

function* allTokens(sentences: readonly Sentence[]): Generator<string> {
  for (const { tokens } of sentences) yield* tokens;
}

/** Counts sentences whose tags break the scheme. */
function checkTags(sentences: readonly Sentence[], where: string, repair: boolean): number {
  const seen = new Set<string>();
  for (const { tags } of sentences) for (const tag of tags) seen.add(tag);
  const scheme = schemeOf(seen);
  let broken = 0;
  for (const { tags, placeOf } of sentences) {
    const found = findBrokenTag(tags, scheme);
    if (found === undefined) continue;
    const remedy = "correct the tag, or accept such tags as conlleval does (repair, --repair)";
    if (!repair) throw new DataError(`${where}, ${placeOf(Math.min(found.at, tags.length - 1))}: ${found.problem}; ${remedy}`);
    broken++;
  }
  return broken;
}
