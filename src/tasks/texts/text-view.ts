/**
 * @module A text as explanations show it: its tokens, joined to words.
 */
import { tokenOffsets } from "../../text/words.js";
import type { View } from "../view.js";
import type { TextInfo } from "./texts.js";
import { tokenizerOf } from "./texts.js";

type Offsets = readonly [start: number, end: number];

/** Finds the index of the last element that begins at or before `at`; −1 where none does. */
function indexAt(offsets: readonly Offsets[], at: number): number {
  let [low, high] = [0, offsets.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((offsets[middle] as Offsets)[0] <= at) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/** Words, those that one token lies across as one: `[MASK]`, or two marks that the vocabulary has together. */
function joinedWords(words: readonly Offsets[], tokens: readonly Offsets[]): readonly Offsets[] {
  const isJoined = new Uint8Array(words.length);
  for (const [from, end] of tokens) {
    const first = indexAt(words, from);
    if (first >= 0 && from < (words[first] as Offsets)[1]) isJoined.fill(1, first + 1, indexAt(words, end - 1) + 1);
  }
  const joined: Offsets[] = [];
  for (const [i, [start, end]] of words.entries()) {
    const before = isJoined[i] === 1 ? joined.pop() : undefined;
    joined.push([before?.[0] ?? start, end]);
  }
  return joined;
}

/** The words of a text, and which one each of its tokens belongs to; tokens of the template, as [CLS], to none. */
export async function viewOfText(
  info: TextInfo,
  text: string,
  options: { readonly specialTokens?: boolean } = {},
): Promise<View> {
  const { offsets } = await (await tokenizerOf(info)).encode(text, { maxLength: info.maxLength, ...options });
  const tokens = Array.from({ length: offsets.length / 2 }, (_, t): Offsets => {
    const [start, end] = [offsets[2 * t] as number, offsets[2 * t + 1] as number];
    // A token may begin with the blank before its word.
    return [start + (text.slice(start, end).length - text.slice(start, end).trimStart().length), end];
  });
  const words = joinedWords(
    tokenOffsets(text, "words"),
    tokens.filter(([from, end]) => end > from),
  );
  const partOf = Int32Array.from(tokens, ([from, end]) => {
    const word = end > from ? indexAt(words, from) : -1;
    return word >= 0 && from < (words[word] as Offsets)[1] ? word : -1;
  });
  // Words behind the end of what the model reads are no parts.
  const count = partOf.reduce((most, word) => Math.max(most, word + 1), 0);
  const seen = words.slice(0, count);
  return {
    name: text,
    input: { kind: "text", text, offsets: seen.flat() },
    parts: { names: seen.map(([start, end]) => text.slice(start, end)), partOf },
  };
}
