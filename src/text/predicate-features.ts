/**
 * @module Features of a word relative to a predicate of its sentence, for labelling the predicate's arguments. No syntax is used.
 */
import type { TokenFeatures } from "./token-features.js";
import { featuresOf, IDEOGRAPHIC } from "./token-features.js";

/** Words between two, in steps that grow, with their side. */
function distance(from: number, to: number): string {
  const words = Math.abs(to - from);
  const step = words <= 4 ? words : words <= 6 ? 6 : words <= 10 ? 10 : words <= 20 ? 20 : 99;
  return `${to < from ? "-" : "+"}${step}`;
}

/** The feature where no predicate is given: its own features are all the same. */
const NONE = "-";

/** Number of features that depend on the predicate. */
const RELATIVE = 8;

/** Words of few letters are those that hold a sentence together: of, to, and, 的, 在; marks as well. */
const isShort = (word: string): boolean => word.length <= (IDEOGRAPHIC.test(word) ? 1 : 3);

const ending = (word: string): string =>
  Array.from(word)
    .slice(IDEOGRAPHIC.test(word) ? -1 : -3)
    .join("");

/**
 * Features of each word of a sentence, as `featuresOf` gives them, with its neighbours and with what it is to the predicate at `predicate`. Without one
 * they are for finding predicates.
 *
 * Source: the lexical and positional features of Xue and Palmer 2004, table 1, without those of the parse tree.
 */
export function predicateFeatures(words: readonly string[], predicate?: number): TokenFeatures[] {
  const own = featuresOf(words, "words");
  const lower = words.map((word) => word.toLowerCase());
  const at = (i: number): string => lower[i] ?? "";
  const verb = predicate === undefined ? NONE : at(predicate);
  return own.map((features, i) => {
    const [before, word, after] = [at(i - 1), at(i), at(i + 1)];
    const around = [`${before} ${word}`, `${word} ${after}`, before, after, ending(before), ending(after)];
    if (predicate === undefined) return [...features, ...around, ...new Array<string>(RELATIVE).fill(NONE)];
    const far = distance(predicate, i);
    const side = i === predicate ? "=" : far.slice(0, 1);
    const between = lower.slice(Math.min(i, predicate) + 1, Math.max(i, predicate)).filter(isShort);
    return [
      ...features,
      ...around,
      far,
      `${far} ${ending(word)}`,
      `${side} ${verb}`,
      `${far} ${verb}`,
      `${side} ${word}`,
      `${word} ${verb}`,
      `${side} ${between.slice(0, 3).join(" ")}`,
      `${side} ${between.slice(-2).join(" ")} ${ending(word)}`,
    ];
  });
}
