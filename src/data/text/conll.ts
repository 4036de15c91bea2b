/**
 * @module Named entities in columns, as CoNLL's shared tasks have them: one token a line, its tag in the last column, an empty
 * line after each sentence. BIO, BIOES, BMES and BILOU are told apart by their letters.
 */
import type { LabelledText } from "./labelled-text.js";
import { inText, joinerOf, joinTokens } from "./labelled-text.js";
import { blocks } from "./lines.js";
import { DataError } from "../../util/errors.js";
import { findBrokenTag, schemeOf, spansOfTags } from "../../util/tags.js";

export interface ConllOptions {
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

interface Sentence {
  readonly tokens: string[];
  readonly tags: string[];
  readonly lines: number[];
}

/**
 * Reads CoNLL columns: the first is the token, the last its tag.
 *
 * Errors: DataError, with the line, for a line without two columns and for a tag that breaks the scheme (unless `repair`), and
 * for a file without a sentence.
 */
export function parseConll(content: string, where: string, options: ConllOptions = {}): ReadTexts {
  const sentences: Sentence[] = [];
  for (const block of blocks(content)) {
    const sentence: Sentence = { tokens: [], tags: [], lines: [] };
    for (const { number, text } of block) {
      if (text.startsWith("-DOCSTART-")) continue;
      const token = text.slice(0, firstGap(text));
      const tag = text.slice(Math.max(text.lastIndexOf("\t"), text.lastIndexOf(" ")) + 1);
      if (token === "" || tag === "" || token.length === text.length)
        throw new DataError(`${where}, line ${number}: expected a token and a tag, got "${text.slice(0, 40)}"`);
      sentence.tokens.push(token);
      sentence.tags.push(tag);
      sentence.lines.push(number);
    }
    if (sentence.tokens.length > 0) sentences.push(sentence);
  }
  if (sentences.length === 0) throw new DataError(`${where}: expected at least one sentence, got an empty file`);
  const repaired = checkTags(sentences, where, options.repair === true);
  const joiner = options.joiner ?? joinerOf(allTokens(sentences));
  const texts = sentences.map(({ tokens, tags }): LabelledText => {
    const { text, offsets } = joinTokens(tokens, joiner);
    return { text, tokens: offsets, spans: inText(spansOfTags(tags), offsets) };
  });
  return {
    texts,
    notes: repaired === 0 ? [] : [`${where}: the tags of ${repaired} sentences broke their scheme and were repaired`],
  };
}

/** Finds the end of the first column. */
function firstGap(line: string): number {
  const [tab, space] = [line.indexOf("\t"), line.indexOf(" ")];
  if (tab < 0 || space < 0) return Math.max(tab, space) < 0 ? line.length : Math.max(tab, space);
  return Math.min(tab, space);
}

function* allTokens(sentences: readonly Sentence[]): Generator<string> {
  for (const { tokens } of sentences) yield* tokens;
}

/** Sentences whose tags break the scheme. */
function checkTags(sentences: readonly Sentence[], where: string, repair: boolean): number {
  const seen = new Set<string>();
  for (const { tags } of sentences) for (const tag of tags) seen.add(tag);
  const scheme = schemeOf(seen);
  let broken = 0;
  for (const { tags, lines } of sentences) {
    const found = findBrokenTag(tags, scheme);
    if (found === undefined) continue;
    const remedy = "correct the tag, or accept such tags as conlleval does (repair, --repair)";
    if (!repair)
      throw new DataError(`${where}, line ${lines[Math.min(found.at, lines.length - 1)]}: ${found.problem}; ${remedy}`);
    broken++;
  }
  return broken;
}
