/**
 * @module A text that is generated beside others: its options, its tokens as they come, and the choice of the next one.
 */
import { Random } from "../util/random.js";
import type { TokenConstraint } from "./constraint/automaton.js";
import type { SamplingOptions } from "./sampling.js";
import { argMax, chooseToken, logSoftmax } from "./sampling.js";

/** Options of one text to generate. */
export interface SequenceOptions extends SamplingOptions {
  readonly maxTokens: number;
  readonly endTokens: readonly number[];
  readonly seed?: number;
  readonly signal?: AbortSignal;
  /** Subtracted from a token's logit for each time it was generated, and once if it was. */
  readonly frequencyPenalty?: number;
  readonly presencePenalty?: number;
  /** Added to logits, by token. */
  readonly logitBias?: ReadonlyMap<number, number>;
  readonly constraint?: TokenConstraint;
  /** Number of likeliest tokens to report; left out, none, and no log-probability either. */
  readonly logprobs?: number;
  /** The sender, whose cached prefixes may be reused. */
  readonly owner?: string;
  /** The number of the adapter that generates it; 0 is none. */
  readonly adapter?: number;
}

/** A token that was chosen. */
export interface SequenceToken {
  readonly token: number;
  /** ln softmax before sampling's changes, and that of the likeliest. */
  readonly logprob?: number;
  readonly top?: readonly { readonly token: number; readonly logprob: number }[];
}

/** Generates texts: many together, or one after another. */
export interface SequenceGenerator extends AsyncDisposable {
  readonly maxPositions: number;
  generate(prompt: readonly number[], options: SequenceOptions): GeneratedSequence;
}

/** A text as its sender sees it: tokens as they come, and what was cached. */
export interface GeneratedSequence extends AsyncIterable<SequenceToken> {
  /** Tokens of the prompt that were in the cache; known once the first token is there. */
  readonly cachedTokens: number;
  /** When reading began, in milliseconds since 1970; known once the first token is there. */
  readonly startedAt?: number;
}

/** A text under way. */
export class Sequence implements GeneratedSequence {
  readonly prompt: readonly number[];
  readonly options: SequenceOptions;
  readonly random: Random;
  /** The prompt and the tokens generated so far. */
  readonly context: number[];
  readonly counts = new Map<number, number>();
  cachedTokens = 0;
  startedAt = 0;
  generated = 0;
  isOver = false;
  #queue: SequenceToken[] = [];
  #failure: unknown;
  #wake: (() => void) | undefined;

  constructor(prompt: readonly number[], options: SequenceOptions) {
    this.prompt = prompt;
    this.options = options;
    this.random = new Random(options.seed ?? 0, "generate");
    this.context = [...prompt];
  }

  push(token: SequenceToken): void {
    this.#queue.push(token);
    this.#wake?.();
  }

  end(failure?: unknown): void {
    this.isOver = true;
    this.#failure = failure;
    this.#wake?.();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<SequenceToken, void> {
    try {
      for (;;) {
        const next = this.#queue.shift();
        if (next !== undefined) yield next;
        else if (this.#failure !== undefined) throw this.#failure;
        else if (this.isOver) return;
        else await new Promise<void>((resolve) => (this.#wake = resolve));
      }
    } finally {
      // Nothing more is generated for a listener that has left.
      this.isOver = true;
    }
  }
}

/** The next token: logits, biases, penalties and constraint, then sampling. */
export function nextToken(logits: Float32Array, { options, context, counts, random }: Sequence): number {
  const { frequencyPenalty = 0, presencePenalty = 0, logitBias, constraint, temperature = 1, repetitionPenalty = 1 } = options;
  const isPlain = frequencyPenalty === 0 && presencePenalty === 0 && logitBias === undefined && constraint === undefined;
  if (isPlain && temperature === 0 && repetitionPenalty === 1) return argMax(logits);
  if (isPlain) return chooseToken(logits, context, options, random);
  const changed = new Float64Array(logits);
  for (const [token, count] of counts) changed[token] = (changed[token] as number) - count * frequencyPenalty - presencePenalty;
  for (const [token, bias] of logitBias ?? []) if (token < changed.length) changed[token] = (changed[token] as number) + bias;
  constraint?.apply(changed);
  return chooseToken(changed, context, options, random);
}

/** Finds the log-probability of a token, and of the `count` likeliest. */
export function logprobsOf(logits: Float32Array, token: number, count: number): Pick<SequenceToken, "logprob" | "top"> {
  const logarithms = logSoftmax(logits);
  const found: number[] = [];
  const most = count === 0 ? 0 : logarithms.length;
  for (let id = 0; id < most; id++) {
    const value = logarithms[id] as number;
    if (found.length === count && value <= (logarithms[found[count - 1] as number] as number)) continue;
    let at = found.length;
    while (at > 0 && value > (logarithms[found[at - 1] as number] as number)) at--;
    found.splice(at, 0, id);
    found.length = Math.min(found.length, count);
  }
  return {
    logprob: logarithms[token],
    top: found.map((id) => ({ token: id, logprob: logarithms[id] as number })),
  };
}
