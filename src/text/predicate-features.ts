/**
 * @module What a word looks like from a predicate of its sentence: features for labelling the predicate's arguments. No syntax is used.
 */
import type { TokenFeatures } from "./token-features.js";
import { featuresOf } from "./token-features.js";

/** Words between two, in steps that grow, with their side. */
function distance(from: number, to: number): string {
  const words = Math.abs(to - from);
  const step = words <= 4 ? words : words <= 6 ? 6 : words <= 10 ? 10 : words <= 20 ? 20 : 99;
  return `${to < from ? "-" : "+"}${step}`;
}

/** Where no predicate is given: its own features are all the same. */
const NONE = "-";

/**
 * Features of each word of a sentence, as `featuresOf` gives them, with its neighbours and with what it is to the predicate at `predicate`. Without one
 * they are for finding predicates.
 *
 * Source: the lexical and positional features of Xue and Palmer 2004, table 1, without those of the parse tree.
 */
export function predicateFeatures(words: readonly string[], predicate?: number): TokenFeatures[] {
  const own = featuresOf(words, "words");
  const lower = words.map((word) => word.toLowerCase());
  const verb = predicate === undefined ? NONE : (lower[predicate] as string);
  return own.map((features, i) => {
    const around = [
      `${lower[i - 1] ?? ""} ${lower[i]}`,
      `${lower[i]} ${lower[i + 1] ?? ""}`,
      lower[i - 1] ?? "",
      lower[i + 1] ?? "",
    ];
    if (predicate === undefined) return [...features, ...around, ...new Array<string>(6).fill(NONE)];
    const far = distance(predicate, i);
    const side = i === predicate ? "=" : far[0];
    return [
      ...features,
      ...around,
      far,
      `${far} ${features[5]}`,
      `${side} ${verb}`,
      `${far} ${verb}`,
      `${side} ${lower[i]}`,
      `${lower[i]} ${verb}`,
    ];
  });
}
