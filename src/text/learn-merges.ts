/**
 * @module Learning byte-pair merges: the pair of symbols that stands side by side most often becomes one symbol, again and again.
 * Knows nothing of texts: words are given with how often they occur.
 */
import { ConfigError } from "../util/errors.js";

/** Words, as the symbols that they are made of before any merge, and how often each occurs. */
export interface WordCounts {
  /** Symbols of all words, one word after another. */
  readonly symbols: Int32Array;
  /** The start of each word in `symbols`, and the end of the last one. */
  readonly starts: Int32Array;
  readonly counts: ArrayLike<number>;
}

export interface LearnOptions {
  /** Symbols at which to stop. */
  readonly vocabularySize: number;
  /** The least count of a pair that is merged. */
  readonly minFrequency: number;
  /** Joins two symbols, as a text. */
  readonly join: (left: string, right: string) => string;
  readonly onMerge?: (size: number) => void;
  readonly signal?: AbortSignal;
}

/** Pairs by count, the largest on top; of equal counts the pair with the smaller symbols. */
class PairHeap {
  readonly #counts: number[] = [];
  readonly #pairs: number[] = [];

  get size(): number {
    return this.#pairs.length;
  }

  #before(i: number, j: number): boolean {
    const difference = (this.#counts[i] as number) - (this.#counts[j] as number);
    return difference > 0 || (difference === 0 && (this.#pairs[i] as number) < (this.#pairs[j] as number));
  }

  #swap(i: number, j: number): void {
    const [count, pair] = [this.#counts[i] as number, this.#pairs[i] as number];
    this.#counts[i] = this.#counts[j] as number;
    this.#pairs[i] = this.#pairs[j] as number;
    this.#counts[j] = count;
    this.#pairs[j] = pair;
  }

  push(pair: number, count: number): void {
    let i = this.#pairs.push(pair) - 1;
    this.#counts.push(count);
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (!this.#before(i, parent)) return;
      this.#swap(i, parent);
      i = parent;
    }
  }

  pop(): { pair: number; count: number } {
    const top = { pair: this.#pairs[0] as number, count: this.#counts[0] as number };
    const [pair, count] = [this.#pairs.pop() as number, this.#counts.pop() as number];
    if (this.#pairs.length === 0) return top;
    this.#pairs[0] = pair;
    this.#counts[0] = count;
    for (let i = 0; ;) {
      const left = 2 * i + 1;
      if (left >= this.#pairs.length) return top;
      const right = left + 1;
      const child = right < this.#pairs.length && this.#before(right, left) ? right : left;
      if (!this.#before(child, i)) return top;
      this.#swap(child, i);
      i = child;
    }
  }
}

/** The count of a pair, and the positions at which it began when it was seen: some of them are out of date. */
interface PairPositions {
  count: number;
  positions: number[] | Int32Array;
}

// Both symbols in one number that a map takes as a key, in the order of (left, right).
const SHIFT = 2 ** 26;

/** Pair counts on one side of a merge, by the neighbouring symbol: the new pair, and the decrease of the old one. */
class Side {
  readonly fresh: (PairPositions | undefined)[] = [];
  readonly #lost: number[] = [];
  /** Neighbours that this merge has met. */
  #met: number[] = [];

  #meet(symbol: number): void {
    if (this.#lost[symbol] !== undefined) return;
    // No holes: they would make an array of this size a dictionary.
    for (let i = this.#lost.length; i <= symbol; i++) {
      this.#lost.push(0);
      this.fresh.push(undefined);
    }
  }

  add(symbol: number, at: number, weight: number): void {
    this.#meet(symbol);
    const pair = this.fresh[symbol];
    if (pair === undefined) {
      this.fresh[symbol] = { count: weight, positions: [at] };
      this.#met.push(symbol);
    } else {
      pair.count += weight;
      (pair.positions as number[]).push(at);
    }
  }

  lose(symbol: number, weight: number): void {
    this.#meet(symbol);
    if (this.#lost[symbol] === 0) this.#met.push(symbol);
    this.#lost[symbol] = (this.#lost[symbol] as number) + weight;
  }

  /** Returns the counts so far, and resets them. */
  drain(visit: (symbol: number, fresh: PairPositions | undefined, lost: number) => void): void {
    const met = this.#met;
    this.#met = [];
    for (const symbol of met) {
      const [fresh, lost] = [this.fresh[symbol], this.#lost[symbol] as number];
      this.fresh[symbol] = undefined;
      this.#lost[symbol] = 0;
      if (fresh !== undefined || lost > 0) visit(symbol, fresh, lost);
    }
  }
}

/** Symbols in a row per word, from which pairs are cut out; a merged pair's right symbol is gone. */
class Words {
  readonly #symbols: Int32Array;
  /** The next position in the word; −1 at its end, −2 where the symbol is gone. */
  readonly #next: Int32Array;
  readonly #previous: Int32Array;
  readonly #weights: Int32Array;
  readonly #before = new Side();
  readonly #after = new Side();
  readonly pairs = new Map<number, PairPositions>();

  constructor({ symbols, starts, counts }: WordCounts) {
    this.#symbols = symbols.slice();
    this.#next = new Int32Array(symbols.length);
    this.#previous = new Int32Array(symbols.length);
    this.#weights = new Int32Array(symbols.length);
    for (let word = 0; word < starts.length - 1; word++) {
      const [start, end] = [starts[word] as number, starts[word + 1] as number];
      const count = counts[word] as number;
      for (let i = start; i < end; i++) {
        this.#next[i] = i + 1 < end ? i + 1 : -1;
        this.#previous[i] = i > start ? i - 1 : -1;
        this.#weights[i] = count;
      }
    }
    this.#findPairs();
  }

  /** All pairs to begin with: their positions are counted first, so that each has an array of its size. */
  #findPairs(): void {
    const [symbols, next] = [this.#symbols, this.#next];
    let kinds = 0;
    for (const symbol of symbols) kinds = Math.max(kinds, symbol + 1);
    const sizes = new Map<number, number>();
    const dense = kinds <= 2048 ? new Int32Array(kinds * kinds) : undefined;
    for (let i = 0; i < symbols.length; i++) {
      if (next[i] === -1) continue;
      const [left, right] = [symbols[i] as number, symbols[i + 1] as number];
      if (dense !== undefined) dense[left * kinds + right] = (dense[left * kinds + right] as number) + 1;
      else sizes.set(left * SHIFT + right, (sizes.get(left * SHIFT + right) ?? 0) + 1);
    }
    dense?.forEach((size, k) => size > 0 && sizes.set(Math.floor(k / kinds) * SHIFT + (k % kinds), size));
    // From here on `dense` holds where a pair's next position goes.
    dense?.fill(0);
    const filled = new Map<number, number>();
    const byDense: PairPositions[] = [];
    for (const [key, size] of sizes) {
      const pair: PairPositions = { count: 0, positions: new Int32Array(size) };
      this.pairs.set(key, pair);
      if (dense !== undefined) dense[Math.floor(key / SHIFT) * kinds + (key % SHIFT)] = byDense.push(pair) - 1;
      else filled.set(key, byDense.push(pair) - 1);
    }
    const used = new Int32Array(byDense.length);
    for (let i = 0; i < symbols.length; i++) {
      if (next[i] === -1) continue;
      const [left, right] = [symbols[i] as number, symbols[i + 1] as number];
      const slot = (dense === undefined ? filled.get(left * SHIFT + right) : dense[left * kinds + right]) as number;
      const pair = byDense[slot] as PairPositions;
      pair.count += this.#weights[i] as number;
      pair.positions[used[slot] as number] = i;
      used[slot] = (used[slot] as number) + 1;
    }
  }

  /** Puts `merged` in place of a pair everywhere; tells of each pair that is new, or more frequent, through it. */
  merge(key: number, merged: number, onGrown: (key: number, count: number) => void): void {
    const { positions } = this.pairs.get(key) as PairPositions;
    this.pairs.delete(key);
    const [symbols, nexts, previous, weights] = [this.#symbols, this.#next, this.#previous, this.#weights];
    const [left, right] = [Math.floor(key / SHIFT), key % SHIFT];
    // Of overlapping pairs (aaa) the first in the word counts; where left and right differ, order makes no difference.
    const inOrder = left === right ? Int32Array.from(positions).sort() : positions;
    for (let p = 0; p < inOrder.length; p++) {
      const at = inOrder[p] as number;
      const second = nexts[at] as number;
      // The left symbol of an old position may be gone, or be another by now.
      if (second < 0 || symbols[at] !== left || symbols[second] !== right) continue;
      const [before, after, weight] = [previous[at] as number, nexts[second] as number, weights[at] as number];
      symbols[at] = merged;
      nexts[at] = after;
      nexts[second] = -2;
      if (before >= 0) {
        const symbol = symbols[before] as number;
        this.#before.lose(symbol, weight);
        this.#before.add(symbol, before, weight);
      }
      if (after >= 0) {
        const symbol = symbols[after] as number;
        previous[after] = at;
        this.#after.lose(symbol, weight);
        // Side by side with one that this merge made before: one pair, whichever side it is seen from.
        if (symbol === merged) this.#before.add(symbol, at, weight);
        else this.#after.add(symbol, at, weight);
      }
    }
    const losses: [key: number, lost: number][] = [];
    const settle = (fresh: PairPositions | undefined, freshKey: number, oldKey: number, lost: number): void => {
      if (fresh !== undefined) onGrown(freshKey, this.#grow(freshKey, fresh));
      if (lost > 0) losses.push([oldKey, lost]);
    };
    this.#before.drain((symbol, fresh, lost) => settle(fresh, symbol * SHIFT + merged, symbol * SHIFT + left, lost));
    this.#after.drain((symbol, fresh, lost) => settle(fresh, merged * SHIFT + symbol, right * SHIFT + symbol, lost));
    // Only now: a pair may have come and gone within this merge.
    for (const [lostKey, lost] of losses) {
      const pair = this.pairs.get(lostKey);
      if (pair !== undefined) pair.count -= lost;
    }
  }

  #grow(key: number, fresh: PairPositions): number {
    const pair = this.pairs.get(key);
    if (pair === undefined) {
      this.pairs.set(key, fresh);
      return fresh.count;
    }
    pair.count += fresh.count;
    pair.positions = [...pair.positions, ...fresh.positions];
    return pair.count;
  }
}

/**
 * Merges in the order in which they were learned, each as two symbols; `vocabulary` grows by what they give.
 *
 * Errors: ConfigError if there are more symbols to begin with than asked for.
 * Cost: 16 thousand merges of 30 MB of text in 7 to 10 seconds (docs/text.md).
 * Source: Sennrich, Haddow, Birch, Neural machine translation of rare words with subword units, 2016, arXiv:1508.07909.
 * Differs from the source: pairs keep their positions, so that a merge touches only the words that have it. Ties go to the
 * smaller symbols, as in Hugging Face's trainer, whose merges these are.
 * Checked against: tokenizers 0.23 (Python), all merges, in train.test.ts.
 */
export async function learnMerges(
  words: WordCounts,
  vocabulary: string[],
  options: LearnOptions,
): Promise<[left: number, right: number][]> {
  const { vocabularySize, minFrequency, join, onMerge, signal } = options;
  if (vocabulary.length > vocabularySize)
    throw new ConfigError(
      `tokenizer: expected a vocabulary of at least ${vocabulary.length} (special tokens and characters), got ${vocabularySize}`,
    );
  const idOf = new Map(vocabulary.map((symbol, id) => [symbol, id]));
  const state = new Words(words);
  const heap = new PairHeap();
  for (const [key, { count }] of state.pairs) heap.push(key, count);
  const merges: [number, number][] = [];
  let rested = performance.now();
  while (vocabulary.length < vocabularySize && heap.size > 0) {
    const { pair, count } = heap.pop();
    const now = state.pairs.get(pair)?.count ?? 0;
    if (count !== now) {
      // Counts only fall while a pair waits (a rise is pushed anew), so what comes to the top in time is the largest.
      if (now > 0 && now < count) heap.push(pair, now);
      continue;
    }
    if (count < Math.max(1, minFrequency)) break;
    const [left, right] = [Math.floor(pair / SHIFT), pair % SHIFT];
    const symbol = join(vocabulary[left] as string, vocabulary[right] as string);
    // Two ways may lead to one symbol.
    const id = idOf.get(symbol) ?? vocabulary.push(symbol) - 1;
    idOf.set(symbol, id);
    merges.push([left, right]);
    state.merge(pair, id, (key, count) => heap.push(key, count));
    if (merges.length % 64 === 0 && performance.now() - rested > 100) {
      onMerge?.(vocabulary.length);
      // Others get a turn: progress is drawn, an abort is heard.
      await new Promise((resolve) => setTimeout(resolve, 0));
      signal?.throwIfAborted();
      rested = performance.now();
    }
  }
  return merges;
}
