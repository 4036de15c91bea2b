/**
 * @module Texts cut into words or characters, with their offsets, as corpora with a tag for each token have them. It is no tokenizer with a
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

/**
 * Finds the offsets of a text's tokens, in UTF-16 units. Characters are code points; spaces are no tokens. Words in scripts without spaces are those of the
 * platform's `Intl.Segmenter`.
 */
export function tokenOffsets(text: string, unit: TokenUnit): [start: number, end: number][] {
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
