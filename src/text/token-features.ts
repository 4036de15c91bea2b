/**
 * @module Features of a token's form, a fixed number with names, and the vocabulary that turns them into numbers: the evidence of taggers that
 * learn from little data.
 */
import type { TokenUnit } from "./words.js";

/** One value for each slot of a token; equal values in different slots are different features. */
export type TokenFeatures = readonly string[];

/** `McDonald's-2` → `XxXx'x-d`: kinds of characters, each run once. */
export const wordShape = (word: string): string =>
  word
    .replace(/\p{Lu}/gu, "X")
    .replace(/\p{Ll}/gu, "x")
    .replace(/\p{Lo}/gu, "c")
    .replace(/\p{N}/gu, "d")
    .replace(/([Xxcd])\1+/g, "$1");

/** Matches ideographs. */
export const IDEOGRAPHIC = /\p{sc=Han}/u;

function wordFeatures(word: string, first: boolean): string[] {
  const lower = word.toLowerCase();
  const points = Array.from(word);
  const short = IDEOGRAPHIC.test(word) ? 1 : 2;
  const end = (n: number): string => points.slice(-n).join("");
  const begin = (n: number): string => points.slice(0, n).join("");
  const shape = wordShape(word);
  return [
    lower,
    word,
    `${shape}${first ? "^" : ""}`,
    `${Math.min(points.length, 9)}${shape[0] ?? ""}`,
    end(short),
    end(short + 1),
    begin(short),
    begin(short + 1),
  ];
}

/** Number of values that `featuresOf` gives a token. */
export const FEATURE_SLOTS: Readonly<Record<TokenUnit, number>> = { words: 8, characters: 4 };

/**
 * Features of each token of a text. Words: in lower case, as written, shape, length, ends and beginnings of two and three letters (of one and two ideographs). Characters: itself,
 * its kind, and the pairs with its neighbours.
 */
export function featuresOf(tokens: readonly string[], unit: TokenUnit): TokenFeatures[] {
  if (unit === "words") return tokens.map((word, i) => wordFeatures(word, i === 0));
  return tokens.map((token, i) => [
    token,
    wordShape(token),
    `${tokens[i - 1] ?? ""} ${token}`,
    `${token} ${tokens[i + 1] ?? ""}`,
  ]);
}
