/**
 * @module Continuous batching: texts of many senders are generated together, a token of each in one run; one that ends makes room for the next at once, and
 * long prompts are read in pieces between the tokens of others.
 *
 * Source: Yu et al. 2022, "Orca" (iteration-level scheduling); prompts in pieces: Agrawal et al. 2023, arXiv:2308.16369.
 */
import type { TensorData } from "../graph/index.js";
import { fromNumbers, input, symbol } from "../graph/index.js";
import { ChunkCache } from "../models/chunk-cache.js";
import type { MixedAdapters } from "../nn/index.js";
import { resolveForUse } from "../ops/index.js";
import type { CompileOptions, Executable } from "../runtime/index.js";
import { compile, platformRuntime, resolveDevice } from "../runtime/index.js";
import { afterDispose, ConfigError } from "../util/errors.js";
import { nextTurn } from "../util/next-turn.js";
import { timeNow } from "../util/time-now.js";
import type { DecoderModel } from "./decoder-model.js";
import { boundWeights, continuer, fitsInPlace } from "./decoder-model.js";
import type { Rewrites } from "./generator.js";
import { PrefixCache } from "./prefix-cache.js";
import { checkSampling } from "./sampling.js";
import type { GeneratedSequence, SequenceGenerator, SequenceOptions } from "./sequence.js";
import { logprobsOf, nextToken, Sequence } from "./sequence.js";
import { Slots } from "./slots.js";
import { StepValues } from "./step-values.js";

export interface BatchedOptions extends Pick<CompileOptions, "device" | "threads" | "runtime"> {
  readonly rewrites?: Rewrites;
  /** Those that were put into the model. */
  readonly adapters?: MixedAdapters;
  /** Texts at once. */
  readonly maxStreams: number;
  /** Tokens of a prompt between two tokens of others. */
  readonly promptChunk: number;
  readonly prefixCacheTokens: number;
  readonly observe?: (run: {
    readonly kind: "prompt" | "token";
    readonly rows: number;
    readonly waiting: number;
    readonly runMs: number;
  }) => void;
}

const int32 = (shape: readonly number[], values: ArrayLike<number>): TensorData => fromNumbers("int32", shape, values);

/** Keys and values are another's where another adapter has read the same. */
const ownerOf = ({ owner = "", adapter = 0 }: SequenceOptions): string => `${adapter} ${owner}`;

/** Nobody else waits: a prompt is read in larger pieces. */
const ALONE_FACTOR = 4;

/** Two graphs: of pieces of prompts, and of one token of each text. */
function traced(model: DecoderModel, isInPlace: boolean) {
  const [N, T, C] = [symbol("N"), symbol("T"), symbol("C")];
  const cache = new ChunkCache({ ...model.decoderShape, batch: N, past: C });
  const logits = model.forward(input("tokens", [N, T], "int32"), {
    positions: input("positions", [N, T], "int32"),
    cache,
    at: input("last", [N], "int32"),
  });
  const { step, inPlace } = continuer(model, isInPlace);
  return { chunk: { logits, ...cache.outputs }, step, inPlace };
}

/** Generates texts together with a model whose weights are constants. Owned: dispose it. */
export class ContinuousBatch implements SequenceGenerator {
  readonly maxPositions: number;
  readonly #vocabSize: number;
  readonly #options: BatchedOptions;
  readonly #chunk: Executable;
  readonly #step: Executable;
  readonly #values: StepValues;
  readonly #slots: Slots;
  readonly #prefixes: PrefixCache;
  /** Texts that are generated, row by row; the one whose prompt is read has the row behind them. */
  #active: Sequence[] = [];
  #reading: Sequence | undefined;
  #waiting: Sequence[] = [];
  #isWorking = false;
  #isDisposed = false;

  private constructor(parts: { model: DecoderModel; chunk: Executable; step: Executable; options: BatchedOptions }) {
    this.#options = parts.options;
    this.#chunk = parts.chunk;
    this.#step = parts.step;
    this.#values = new StepValues(parts.step);
    this.#slots = new Slots(parts.model.decoderShape, parts.options.maxStreams + 1);
    this.#prefixes = new PrefixCache(parts.options.prefixCacheTokens);
    this.maxPositions = parts.model.config.maxPositions ?? Infinity;
    this.#vocabSize = parts.model.config.vocabSize;
  }

  /** Compiles a model with its weights, by parameter path. */
  static async create(
    model: DecoderModel,
    weights: ReadonlyMap<string, TensorData>,
    options: BatchedOptions,
  ): Promise<ContinuousBatch> {
    const { names, values } = boundWeights(model, weights);
    const runtime = options.runtime ?? (await platformRuntime());
    const device = await resolveDevice(runtime, options.device);
    const isInPlace = device === "cpu" && runtime.writesInPlace && fitsInPlace(model.decoderShape);
    const { chunk, step, inPlace } = traced(model, isInPlace);
    const { threads, rewrites = {} } = options;
    const common: CompileOptions = { device, runtime, names, values, threads };
    return new ContinuousBatch({
      model,
      chunk: await compile(resolveForUse(chunk), { ...common, rewrite: rewrites.prompt }),
      step: await compile(resolveForUse(step), {
        ...common,
        arena: true,
        inPlace,
        rewrite: rewrites.step,
      }),
      options,
    });
  }

  /** Texts that wait for a place. */
  get waiting(): number {
    return this.#waiting.length + (this.#reading === undefined ? 0 : 1);
  }

  /** Texts that are generated. */
  get active(): number {
    return this.#active.length;
  }

  /**
   * Generates a text behind a prompt, together with others.
   *
   * Errors: ConfigError for an empty prompt, one that leaves no room for a token, and options out of range; SessionError once this has been disposed.
   */
  generate(prompt: readonly number[], options: SequenceOptions): GeneratedSequence {
    if (this.#isDisposed) throw afterDispose("generator");
    checkSampling(options);
    if (prompt.length === 0) throw new ConfigError("prompt: expected at least one token, got none");
    if (prompt.length >= this.maxPositions)
      throw new ConfigError(`prompt: expected fewer than the model's ${this.maxPositions} tokens, got ${prompt.length}; cut it`);
    const stray = prompt.find((token) => !Number.isInteger(token) || token < 0 || token >= this.#vocabSize);
    if (stray !== undefined)
      throw new ConfigError(`prompt: expected tokens of the vocabulary, 0 to ${this.#vocabSize - 1}, got ${stray}`);
    const sequence = new Sequence(prompt, options);
    this.#waiting.push(sequence);
    if (!this.#isWorking) {
      this.#isWorking = true;
      void this.#work();
    }
    return sequence;
  }

  async #work(): Promise<void> {
    try {
      while (this.#active.length > 0 || this.#reading !== undefined || this.#waiting.length > 0) {
        this.#leave();
        await this.#read();
        await this.#advance();
        // New texts, and those that are given up, are heard of between steps.
        await nextTurn();
      }
    } catch (error) {
      for (const sequence of [...this.#active, ...(this.#reading === undefined ? [] : [this.#reading]), ...this.#waiting])
        sequence.end(error);
      this.#active = [];
      this.#reading = undefined;
      this.#waiting = [];
    } finally {
      this.#isWorking = false;
    }
  }

  /** Takes out those that have ended, or were given up. */
  #leave(): void {
    const isGone = (sequence: Sequence): boolean => {
      const { signal } = sequence.options;
      if (!sequence.isOver && signal?.aborted === true) sequence.end(signal.reason);
      return sequence.isOver;
    };
    this.#waiting = this.#waiting.filter((sequence) => !isGone(sequence));
    for (let row = this.#active.length - 1; row >= 0; row--) {
      const sequence = this.#active[row] as Sequence;
      if (!isGone(sequence)) continue;
      this.#remember(sequence, row);
      const last = this.#active.length - 1;
      this.#slots.copy(last, row);
      this.#active[row] = this.#active[last] as Sequence;
      this.#active.pop();
      // The one whose prompt is read lies right behind those that are generated.
      if (this.#reading !== undefined) this.#slots.copy(last + 1, last);
    }
    if (this.#reading !== undefined && isGone(this.#reading)) this.#reading = undefined;
  }

  #remember({ context, options }: Sequence, row: number): void {
    const tokens = context.slice(0, this.#slots.lengths[row]);
    if (this.#prefixes.takes(tokens)) this.#prefixes.add(ownerOf(options), tokens, this.#slots.take(row, tokens.length));
  }

  /** Inputs that say which adapters are used. */
  #adapterFeeds(sequences: readonly Sequence[]): Record<string, TensorData> {
    return this.#options.adapters?.rows(sequences.map(({ options }) => options.adapter ?? 0)) ?? {};
  }

  /** Reads a piece of a prompt, if one waits and there is a place for it. */
  async #read(): Promise<void> {
    const row = this.#active.length;
    if (this.#reading === undefined) {
      const next = row < this.#options.maxStreams ? this.#waiting.shift() : undefined;
      if (next === undefined) return;
      this.#reading = next;
      next.startedAt = timeNow();
      this.#slots.clear(row);
      const known = this.#prefixes.find(ownerOf(next.options), next.prompt);
      if (known !== undefined) this.#slots.put(row, known.row, known.length);
      next.cachedTokens = known?.length ?? 0;
    }
    const reading = this.#reading;
    const from = this.#slots.lengths[row] as number;
    const size = this.#options.promptChunk * (row === 0 ? ALONE_FACTOR : 1);
    const tokens = reading.prompt.slice(from, from + size);
    const start = performance.now();
    const { logits, ...present } = await this.#chunk.call({
      tokens: int32([1, tokens.length], tokens),
      positions: int32(
        [1, tokens.length],
        Array.from(tokens.keys(), (i) => from + i),
      ),
      last: int32([1], [tokens.length - 1]),
      ...this.#adapterFeeds([reading]),
      ...this.#slots.feeds(row, 1),
    });
    this.#slots.append(present, row, [tokens.length]);
    this.#options.observe?.({ kind: "prompt", rows: tokens.length, waiting: this.waiting, runMs: performance.now() - start });
    if (from + tokens.length < reading.prompt.length) return;
    this.#reading = undefined;
    this.#active.push(reading);
    this.#choose(reading, (logits as TensorData).data as Float32Array);
  }

  /** One more token of each text. */
  async #advance(): Promise<void> {
    const going = this.#active.length;
    // Those that have just ended are taken out first.
    if (going === 0 || this.#active.some(({ isOver }) => isOver)) return;
    const start = performance.now();
    const slots = this.#slots;
    const lengths = slots.lengths.slice(0, going);
    slots.reserve(Math.max(...lengths) + 1);
    const feeds = {
      tokens: int32(
        [going, 1],
        this.#active.map(({ context }) => context.at(-1) as number),
      ),
      positions: int32([going, 1], lengths),
      ...this.#adapterFeeds(this.#active),
      ...slots.feeds(0, going),
    };
    const { logits, ...present } = await this.#values.run(feeds, going);
    const ones = new Array<number>(going).fill(1);
    if (Object.keys(present).length === 0) slots.advance(0, ones);
    else slots.append(present, 0, ones);
    this.#options.observe?.({ kind: "token", rows: going, waiting: this.waiting, runMs: performance.now() - start });
    const data = (logits as TensorData).data as Float32Array;
    const width = data.length / going;
    for (const [row, sequence] of this.#active.entries()) this.#choose(sequence, data.subarray(row * width, (row + 1) * width));
  }

  /** Chooses a text's next token. An error of its constraint ends it alone. */
  #choose(sequence: Sequence, logits: Float32Array): void {
    const { options, context, counts } = sequence;
    try {
      const token = nextToken(logits, sequence);
      context.push(token);
      counts.set(token, (counts.get(token) ?? 0) + 1);
      sequence.generated++;
      options.constraint?.accept(token);
      sequence.push({ token, ...(options.logprobs === undefined ? {} : logprobsOf(logits, token, options.logprobs)) });
      const isFull = context.length >= this.maxPositions;
      const isWhole = options.constraint?.isComplete === true || options.endTokens.includes(token);
      if (isWhole || sequence.generated >= options.maxTokens || isFull) sequence.end();
    } catch (error) {
      sequence.end(error);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isDisposed = true;
    for (const sequence of [...this.#active, ...this.#waiting]) sequence.end(afterDispose("generator"));
    this.#reading?.end(afterDispose("generator"));
    while (this.#isWorking) await new Promise((resolve) => setTimeout(resolve, 1));
    this.#values[Symbol.dispose]();
    await this.#chunk.dispose();
    await this.#step.dispose();
  }

  /** For code without `await using`. */
  dispose(): Promise<void> {
    return this[Symbol.asyncDispose]();
  }
}
