/**
 * @module A text as explanations show it: its tokens, joined to words.
 */
import { tokenOffsets } from "../../text/words.js";
import type { View } from "../view.js";
import type { TextInfo } from "./texts.js";
import { tokenizerOf } from "./texts.js";

/** Finds the index of the last element that begins at or before `at`; −1 where none does. */
function indexAt(offsets: readonly (readonly [number, number])[], at: number): number {
  let [low, high] = [0, offsets.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((offsets[middle] as readonly [number, number])[0] <= at) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/** The words of a text, and which one each of its tokens belongs to; tokens of the template, as [CLS], to none. */
export async function viewOfText(
  info: TextInfo,
  text: string,
  options: { readonly specialTokens?: boolean } = {},
): Promise<View> {
  const { offsets } = await (await tokenizerOf(info)).encode(text, { maxLength: info.maxLength, ...options });
  const words = tokenOffsets(text, "words");
  const partOf = Int32Array.from({ length: offsets.length / 2 }, (_, t) => {
    const [start, end] = [offsets[2 * t] as number, offsets[2 * t + 1] as number];
    if (end <= start) return -1;
    // A token may begin with the blank before its word.
    const from = start + (text.slice(start, end).length - text.slice(start, end).trimStart().length);
    const word = indexAt(words, from);
    return word >= 0 && from < (words[word] as readonly [number, number])[1] ? word : -1;
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
