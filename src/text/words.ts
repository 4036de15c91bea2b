/**
 * @module Texts cut into words or characters, with their offsets, as corpora with a tag for each token have them. It is not a tokenizer with a
 * vocabulary (`tokenizer.ts`): nothing is learned, and nothing is unknown.
 */

/** The unit of a token: a word or a mark, or a character. */
export type TokenUnit = "words" | "characters";

const HAN = /[\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}]/u;

// In this order: addresses; @names and #topics; runs of characters written without spaces; a word before n't; the short forms behind a word; words; numbers; any mark.
const WORD = new RegExp(
  [
    String.raw`(?:https?:\/\/|www\.)[^\s<>"]*[^\s<>".,;:!?)\]}'’]`,
    String.raw`[@#][\p{L}\p{N}_]+`,
    String.raw`[\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}]+`,
    String.raw`[\p{L}\p{M}]+(?=n['’]t\b)|n['’]t\b|['’](?:s|re|ve|ll|d|m)\b`,
    String.raw`\p{N}+(?:[.,:]\p{N}+)*|[\p{L}\p{M}\p{N}_]+`,
    String.raw`\S`,
  ].join("|"),
  "giu",
);

/** Signs of several code points, as readers see them: joined emoji, flags, letters with marks behind them. */
const JOINED = /\u200d|[\p{M}\p{Emoji_Modifier}\p{Regional_Indicator}]/u;

/** Joins tokens that are parts of one sign. */
function wholeSigns(text: string, offsets: readonly [number, number][]): [number, number][] {
  if (!JOINED.test(text)) return [...offsets];
  const begins = new Set([text.length]);
  for (const { index } of new Intl.Segmenter("en", { granularity: "grapheme" }).segment(text)) begins.add(index);
  const joined: [number, number][] = [];
  for (const [start, end] of offsets) {
    const last = joined.at(-1);
    if (last !== undefined && last[1] === start && !begins.has(start)) last[1] = end;
    else joined.push([start, end]);
  }
  return joined;
}

/**
 * Finds the offsets of a text's tokens, in UTF-16 units. Characters are signs as readers see them (grapheme clusters), and no word ends within one; spaces are no
 * tokens. Words in scripts without spaces are those of the platform's `Intl.Segmenter`.
 */
export function tokenOffsets(text: string, unit: TokenUnit): [start: number, end: number][] {
  return wholeSigns(text, plainOffsets(text, unit));
}

function plainOffsets(text: string, unit: TokenUnit): [start: number, end: number][] {
  const offsets: [number, number][] = [];
  if (unit === "characters") {
    let at = 0;
    for (const character of text) {
      if (character.trim() !== "") offsets.push([at, at + character.length]);
      at += character.length;
    }
    return offsets;
  }
  const segmenter = new Intl.Segmenter("zh", { granularity: "word" });
  for (const { 0: word, index } of text.matchAll(WORD)) {
    if (!HAN.test(word)) offsets.push([index, index + word.length]);
    else
      for (const { segment, index: inside } of segmenter.segment(word))
        offsets.push([index + inside, index + inside + segment.length]);
  }
  return offsets;
}

/** Tokens that a source has cut, where characters are wanted: a word of several ideographs becomes its characters, others stay. */
export function cutWords(text: string, tokens: readonly (readonly [number, number])[]): (readonly [number, number])[] {
  return tokens.flatMap(([start, end]) => {
    const word = text.slice(start, end);
    if (end - start < 2 || !HAN.test(word)) return [[start, end] as const];
    return tokenOffsets(word, "characters").map(([from, to]) => [start + from, start + to] as const);
  });
}
