/**
 * @module Beam search over one text: pure bookkeeping, fed with logits and asked for tokens.
 */
import { expectInteger } from "../util/described.js";
import type { SamplingOptions } from "./sampling.js";
import { logSoftmax, penalizeRepetition } from "./sampling.js";

/** Options of beam search. */
export interface BeamOptions extends Pick<SamplingOptions, "repetitionPenalty"> {
  /** Number of beams. */
  readonly beams: number;
  /** Sums of logarithms are divided by length to this power: above 0 longer texts gain. */
  readonly lengthPenalty?: number;
  /** Ends as soon as there are as many finished texts as beams, whatever the others might become. */
  readonly earlyStopping?: boolean;
}

interface Hypothesis {
  readonly tokens: readonly number[];
  readonly score: number;
}

/** The next step: row `from[i]` of the last batch continues as row i, with token `tokens[i]`. */
export interface BeamStep {
  readonly from: readonly number[];
  readonly tokens: readonly number[];
}

/** The indices of the `count` largest elements, the largest first, of equal ones the first: a vocabulary is not worth sorting for a few of it. */
function largest(values: Float64Array, count: number): number[] {
  const found: number[] = [];
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as number;
    if (found.length === count && !(value > (values[found[count - 1] as number] as number))) continue;
    let at = found.length;
    while (at > 0 && value > (values[found[at - 1] as number] as number)) at--;
    found.splice(at, 0, i);
    if (found.length > count) found.pop();
  }
  return found;
}

/**
 * Keeps the `beams` likeliest beginnings of a text.
 *
 * Source: Graves 2012 and Sutskever et al. 2014, section 3.2, in the form of Hugging Face's `generate(num_beams=…)`: 2·beams candidates a step,
 * of which those that end are set aside.
 * Checked against: transformers 5.24, the same tokens, generator.test.ts.
 */
export class BeamSearch {
  readonly #options: BeamOptions;
  readonly #prompt: readonly number[];
  readonly #ends: ReadonlySet<number>;
  readonly #finished: Hypothesis[] = [];
  #running: Hypothesis[];
  #done = false;

  /** `prompt` is what counts for repetitions; lengths count the new tokens. */
  constructor(prompt: readonly number[], endTokens: Iterable<number>, options: BeamOptions) {
    expectInteger("beams", options.beams, 1);
    this.#options = options;
    this.#prompt = prompt;
    this.#ends = new Set(endTokens);
    this.#running = [{ tokens: [], score: 0 }];
  }

  get done(): boolean {
    return this.#done;
  }

  #value({ score, tokens }: Hypothesis): number {
    return score / Math.max(1, tokens.length) ** (this.#options.lengthPenalty ?? 1);
  }

  /** Takes the logits of each running row, [V] each (one row at first), and says how the next batch is made. */
  advance(logits: readonly ArrayLike<number>[]): BeamStep {
    const { beams, repetitionPenalty = 1, earlyStopping = false } = this.#options;
    const candidates: { row: number; token: number; score: number }[] = [];
    for (const [row, hypothesis] of this.#running.entries()) {
      const logarithms = logSoftmax(logits[row] as ArrayLike<number>);
      if (repetitionPenalty !== 1) penalizeRepetition(logarithms, [...this.#prompt, ...hypothesis.tokens], repetitionPenalty);
      const scores = logarithms.map((value) => hypothesis.score + value);
      for (const token of largest(scores, 2 * beams)) candidates.push({ row, token, score: scores[token] as number });
    }
    candidates.sort((a, b) => b.score - a.score || a.row - b.row || a.token - b.token);
    const next: { row: number; hypothesis: Hypothesis }[] = [];
    for (const [rank, { row, token, score }] of candidates.slice(0, 2 * beams).entries()) {
      const hypothesis = { tokens: [...(this.#running[row] as Hypothesis).tokens, token], score };
      if (!this.#ends.has(token)) {
        if (next.length < beams) next.push({ row, hypothesis });
      } else if (rank < beams) this.#finish(hypothesis);
    }
    this.#running = next.map(({ hypothesis }) => hypothesis);
    const best = this.#running[0];
    const full = this.#finished.length >= beams;
    const worst = Math.min(...this.#finished.map((f) => this.#value(f)));
    this.#done = best === undefined || (full && (earlyStopping || this.#value(best) <= worst));
    return { from: next.map(({ row }) => row), tokens: next.map(({ hypothesis }) => hypothesis.tokens.at(-1) as number) };
  }

  #finish(hypothesis: Hypothesis): void {
    this.#finished.push(hypothesis);
    this.#finished.sort((a, b) => this.#value(b) - this.#value(a));
    this.#finished.length = Math.min(this.#finished.length, this.#options.beams);
  }

  /** The best texts found, the best first: their new tokens and scores. Running ones count as finished. */
  results(): { readonly tokens: readonly number[]; readonly score: number }[] {
    const all = this.#done ? this.#finished : [...this.#finished, ...this.#running];
    return all
      .map((hypothesis) => ({ tokens: hypothesis.tokens, score: this.#value(hypothesis) }))
      .sort((a, b) => b.score - a.score)
      .slice(0, this.#options.beams);
  }
}
