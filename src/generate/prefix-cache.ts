/**
 * @module Beginnings of texts that were read before, with their keys and values: a conversation that goes on is not read again. Each owner has his own, so
 * that nobody learns from an answer's time what others have asked.
 */
import type { KeptRow } from "./slots.js";

/** A shorter beginning is read as fast as it is copied. */
const LEAST = 16;

interface Entry {
  readonly owner: string;
  readonly tokens: readonly number[];
  readonly row: KeptRow;
}

/** Counts how many tokens two texts begin with alike. */
function commonLength(a: readonly number[], b: readonly number[]): number {
  const most = Math.min(a.length, b.length);
  let length = 0;
  while (length < most && a[length] === b[length]) length++;
  return length;
}

/** Beginnings by owner, those used last first. */
export class PrefixCache {
  readonly #mostOfOne: number;
  #entries: Entry[] = [];

  /** Tokens that are kept for one owner; for all together twice as many. */
  constructor(mostOfOne: number) {
    this.#mostOfOne = mostOfOne;
  }

  /** The longest beginning of a prompt that the owner has, but for its last token, which has to be read in any case. */
  find(owner: string, prompt: readonly number[]): { readonly row: KeptRow; readonly length: number } | undefined {
    let best: Entry | undefined;
    let length = LEAST - 1;
    for (const entry of this.#entries) {
      if (entry.owner !== owner) continue;
      const common = Math.min(commonLength(entry.tokens, prompt), prompt.length - 1);
      if (common > length) [best, length] = [entry, common];
    }
    if (best === undefined) return undefined;
    const found = best;
    this.#entries = [found, ...this.#entries.filter((entry) => entry !== found)];
    return { row: found.row, length };
  }

  /** Whether a text of an owner would be kept. */
  takes(tokens: readonly number[]): boolean {
    return tokens.length >= LEAST && tokens.length <= this.#mostOfOne;
  }

  /** Keeps a text; what it goes on from, and what was used longest ago, is forgotten. */
  add(owner: string, tokens: readonly number[], row: KeptRow): void {
    const others = this.#entries.filter(
      (entry) => entry.owner !== owner || commonLength(entry.tokens, tokens) < entry.tokens.length,
    );
    let [own, all] = [0, 0];
    this.#entries = [{ owner, tokens: [...tokens], row }, ...others].filter((entry) => {
      const isOwn = entry.owner === owner;
      const fits = (!isOwn || own + entry.tokens.length <= this.#mostOfOne) && all + entry.tokens.length <= 2 * this.#mostOfOne;
      if (fits) all += entry.tokens.length;
      if (fits && isOwn) own += entry.tokens.length;
      return fits;
    });
  }
}
