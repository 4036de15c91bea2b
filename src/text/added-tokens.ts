/**
 * @module Added tokens (special ones, and words put in by hand): they are found in a text before anything else is done to it,
 * those marked as normalized after the normalizer.
 */
import type { Normalize } from "./normalizers.js";
import type { AddedTokenJson, TokenizerJson } from "./tokenizer-json.js";
import { TrackedText } from "./tracked-text.js";

/** A part of a text: an added token, or text in which there is none. */
export interface Section {
  readonly text: TrackedText;
  readonly id?: number;
}

const WORD = /[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}]/u;
const escape = (text: string): string => text.replaceAll(/[$()*+.?[\\\]^{|}/-]/g, "\\$&");

/** Finds added tokens in texts: the leftmost, and of those that begin there the longest. */
class Finder {
  readonly #tokens = new Map<string, AddedTokenJson>();
  readonly #pattern: RegExp | undefined;

  constructor(tokens: readonly (readonly [content: string, token: AddedTokenJson])[]) {
    for (const [content, token] of tokens) if (content !== "") this.#tokens.set(content, token);
    const contents = [...this.#tokens.keys()].sort((a, b) => b.length - a.length);
    this.#pattern = contents.length === 0 ? undefined : new RegExp(contents.map(escape).join("|"), "gu");
  }

  split(text: TrackedText): Section[] {
    if (this.#pattern === undefined) return [{ text }];
    const sections: Section[] = [];
    const source = text.text;
    let at = 0;
    for (const match of source.matchAll(this.#pattern)) {
      const token = this.#tokens.get(match[0]) as AddedTokenJson;
      let [from, to] = [match.index, match.index + match[0].length];
      // The space that an earlier token took is not there for this one.
      if (from < at) continue;
      if (token.single_word && (touchesWord(source.slice(0, from), "end") || touchesWord(source.slice(to), "start"))) continue;
      if (token.lstrip) while (from > at && /\p{White_Space}/u.test(source[from - 1] as string)) from--;
      if (token.rstrip) while (to < source.length && /\p{White_Space}/u.test(source[to] as string)) to++;
      if (from > at) sections.push({ text: text.slice(at, from) });
      sections.push({ text: text.slice(from, to), id: token.id });
      at = to;
    }
    if (at < source.length) sections.push({ text: text.slice(at) });
    return sections;
  }
}

function touchesWord(text: string, side: "start" | "end"): boolean {
  const character = side === "start" ? Array.from(text.slice(0, 2))[0] : Array.from(text.slice(-2)).at(-1);
  return character !== undefined && WORD.test(character);
}

/** Cuts texts at added tokens, and normalizes what lies between. */
export class AddedTokens {
  readonly #plain: Finder;
  readonly #normalized: Finder;
  readonly #normalize: Normalize;

  constructor(json: TokenizerJson, normalize: Normalize) {
    const isNormalized = (token: AddedTokenJson): boolean => token.normalized ?? !token.special;
    const tokens = json.added_tokens;
    this.#normalize = normalize;
    this.#plain = new Finder(tokens.filter((token) => !isNormalized(token)).map((token) => [token.content, token] as const));
    this.#normalized = new Finder(
      tokens.filter(isNormalized).map((token) => [normalize(TrackedText.of(token.content)).text, token] as const),
    );
  }

  split(text: TrackedText): Section[] {
    return this.#plain
      .split(text)
      .flatMap((section) => (section.id === undefined ? this.#normalized.split(this.#normalize(section.text)) : [section]))
      .filter((section) => section.text.length > 0);
  }
}
