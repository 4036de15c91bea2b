/**
 * @module `Generator`: a decoder (or an encoder with one) compiled for generation, token by token, with a cache of keys and values.
 */
import type { Tensor, TensorData } from "../graph/index.js";
import { fromNumbers } from "../graph/index.js";
import type { DecoderShape } from "../models/index.js";
import { pastOf, Transformer } from "../models/index.js";
import { resolveForUse } from "../ops/index.js";
import type { CompileOptions, Executable } from "../runtime/index.js";
import { compile, platformRuntime, resolveDevice } from "../runtime/index.js";
import { afterDispose, ConfigError } from "../util/errors.js";
import { Random } from "../util/random.js";
import type { BeamOptions } from "./beam.js";
import { BeamSearch } from "./beam.js";
import type { DecoderModel } from "./decoder-model.js";
import { boundWeights, continuer, fitsInPlace, SOURCE_MASK, targetRules, translator } from "./decoder-model.js";
import { KeyValueStore } from "./key-value-store.js";
import type { SamplingOptions } from "./sampling.js";
import { checkSampling, chooseToken, logProbability } from "./sampling.js";
import { StepValues } from "./step-values.js";

/** Options of generating: tokens, ends, the seed. */
export interface GenerateOptions extends SamplingOptions {
  /** New tokens at most. */
  readonly maxTokens?: number;
  /** Tokens that end a text; they are the last of what comes back. */
  readonly endTokens?: readonly number[];
  readonly seed?: number;
  readonly signal?: AbortSignal;
}

/** Options of a stream; with `slide` the oldest tokens are forgotten where the room ends. */
export interface StreamOptions extends GenerateOptions {
  /** Continues where the model has no position left: the last half of the text is read again, and the rest forgotten. */
  readonly slide?: boolean;
}

/** A token that was chosen, and how likely it was before sampling's changes. */
export interface GeneratedToken {
  readonly token: number;
  readonly logProbability: number;
}

type Rows = readonly Float32Array[];

const int32 = (shape: readonly number[], values: ArrayLike<number>): TensorData => fromNumbers("int32", shape, values);

/** Rows of numbers of equal length, filled with 0 behind: [N, T]. */
function padded(rows: readonly (readonly number[])[]): TensorData {
  const length = Math.max(...rows.map((row) => row.length));
  return int32(
    [rows.length, length],
    rows.flatMap((row) => [...row, ...new Array<number>(length - row.length).fill(0)]),
  );
}

function rowsOf({ shape, data }: TensorData): Rows {
  const width = shape.at(-1) as number;
  return Array.from({ length: data.length / width }, (_, i) => (data as Float32Array).subarray(i * width, (i + 1) * width));
}

/** The texts of one batch while they are written: their cache, and what else a step is fed. */
interface Session {
  readonly store: KeyValueStore;
  readonly values: StepValues;
  /** Keys and values of the source, and its mask; none for a decoder alone. */
  fixed: Record<string, TensorData>;
}

/** Changes of the two files that the engine is given: for kernels of quantized weights. */
export interface Rewrites {
  readonly prompt?: NonNullable<CompileOptions["rewrite"]>;
  readonly step?: NonNullable<CompileOptions["rewrite"]>;
}

/** Options of `Generator.create`. */
export interface GeneratorOptions extends Pick<CompileOptions, "device" | "threads" | "runtime"> {
  readonly rewrites?: Rewrites;
  /** Whether weights become constants of the engine, which has copies of its own: faster, for twice the memory. True by default. */
  readonly constant?: boolean;
}

/**
 * Generates texts with a model whose weights are constants: compiled once, for any number and length of texts. Owned: dispose it.
 *
 * Errors: ConfigError for an option out of range, an empty prompt, or more tokens than the model has positions for.
 *
 * @example
 * import { Generator } from "descentjs/generate";
 * import { loadPretrained } from "descentjs/train";
 * const { model, weights } = await loadPretrained("path/to/gpt2", { as: "GPT2LMHeadModel" });
 * const generator = await Generator.create(model, weights);
 * const [tokens] = await generator.generate([[1, 2, 3]], { maxTokens: 4, temperature: 0 });
 * console.log(tokens?.length); // 4
 * await generator.dispose();
 */
export class Generator implements AsyncDisposable {
  readonly maxPositions: number;
  readonly #shape: DecoderShape;
  /** Weights that are given anew for each run, by name. */
  readonly #weights: Readonly<Record<string, TensorData>>;
  readonly #prompt: Executable;
  readonly #step: Executable;
  /** The token that a target begins with, for a model with an encoder. */
  readonly #startToken: number | undefined;
  readonly #suppressed: readonly number[];
  #isDisposed = false;

  private constructor(parts: {
    shape: DecoderShape;
    weights: Readonly<Record<string, TensorData>>;
    prompt: Executable;
    step: Executable;
    maxPositions: number;
    rules: ReturnType<typeof targetRules> | undefined;
  }) {
    this.#shape = parts.shape;
    this.#weights = parts.weights;
    this.#prompt = parts.prompt;
    this.#step = parts.step;
    this.#startToken = parts.rules?.startToken;
    this.#suppressed = parts.rules?.suppressed ?? [];
    this.maxPositions = parts.maxPositions;
  }

  /** Compiles a model with its weights, by parameter path. */
  static async create(
    model: DecoderModel | Transformer,
    weights: ReadonlyMap<string, TensorData>,
    { rewrites = {}, constant = true, ...options }: GeneratorOptions = {},
  ): Promise<Generator> {
    const bound = boundWeights(model, weights);
    const { names } = bound;
    const values = constant ? bound.values : undefined;
    const runtime = options.runtime ?? (await platformRuntime());
    const device = await resolveDevice(runtime, options.device);
    const compiled = (outputs: Record<string, Tensor>, more: CompileOptions = {}): Promise<Executable> => {
      return compile(resolveForUse(outputs), { ...options, device, runtime, ...more, names, values });
    };
    const isInPlace = device === "cpu" && runtime.writesInPlace && fitsInPlace(model.decoderShape);
    const traced = model instanceof Transformer ? translator(model, isInPlace) : continuer(model, isInPlace);
    return new Generator({
      shape: model.decoderShape,
      weights: constant ? {} : Object.fromEntries([...names].map(([t, name]) => [name, bound.values.get(t) as TensorData])),
      prompt: await compiled(traced.prompt, { rewrite: rewrites.prompt }),
      // A token makes some hundred small tensors, the same each time.
      step: await compiled(traced.step, {
        arena: true,
        inPlace: traced.inPlace,
        rewrite: rewrites.step,
      }),
      maxPositions: model.config.maxPositions ?? Infinity,
      rules: model instanceof Transformer ? targetRules(model) : undefined,
    });
  }

  /** Reads prompts (or sources), and gives the logits of each one's next token. Errors: SessionError once this has been disposed. */
  async #begin(prompts: readonly (readonly number[])[], values: StepValues): Promise<{ session: Session; logits: Rows }> {
    if (this.#isDisposed) throw afterDispose("generator");
    for (const prompt of prompts) {
      if (prompt.length === 0) throw new ConfigError("generator: expected a prompt of at least one token, got none");
      if (prompt.length > this.maxPositions)
        throw new ConfigError(
          `generator: expected at most ${this.maxPositions} tokens, got a prompt of ${prompt.length}; cut it`,
        );
    }
    const counts = prompts.map((prompt) => prompt.length);
    const tokens = padded(prompts);
    const store = new KeyValueStore(this.#shape, prompts.length);
    if (this.#startToken === undefined) {
      const { logits, ...present } = await this.#prompt.call({
        ...this.#weights,
        tokens,
        last: int32(
          [counts.length],
          counts.map((n) => n - 1),
        ),
      });
      store.append(present, counts);
      return { session: { store, values, fixed: {} }, logits: rowsOf(logits as TensorData) };
    }
    const mask = padded(counts.map((n) => new Array<number>(n).fill(1)));
    const source = pastOf(await this.#prompt.call({ ...this.#weights, tokens, mask }));
    const session: Session = { store, values, fixed: { ...source, [SOURCE_MASK]: mask } };
    return {
      session,
      logits: await this.#next(
        session,
        prompts.map(() => this.#startToken as number),
      ),
    };
  }

  /** One more token of each text; the logits of the next. */
  async #next({ store, values, fixed }: Session, tokens: readonly number[]): Promise<Rows> {
    const n = tokens.length;
    store.reserve(1);
    const feeds = {
      ...this.#weights,
      ...fixed,
      ...store.feeds(),
      tokens: int32([n, 1], tokens),
      positions: int32([n, 1], store.lengths),
    };
    const { logits, ...present } = await values.run(feeds, n);
    const counts = new Array<number>(n).fill(1);
    // What was written in place is no output of its own.
    if (Object.keys(present).length === 0) store.advance(counts);
    else store.append(present, counts);
    const rows = rowsOf(logits as TensorData);
    for (const row of rows) for (const token of this.#suppressed) row[token] = -Infinity;
    return rows;
  }

  /** Counts the new tokens that there is room for. */
  #limit(prompt: readonly number[], maxTokens: number): number {
    const used = this.#startToken === undefined ? prompt.length : 1;
    // The last token is not read, so it needs no position.
    return Math.min(maxTokens, this.maxPositions - used + 1);
  }

  /** Tokens one by one, as they are chosen. */
  async *stream(prompt: readonly number[], options: StreamOptions = {}): AsyncGenerator<GeneratedToken, void> {
    checkSampling(options);
    const { maxTokens = 128, endTokens = [], seed = 0, signal } = options;
    const slide = options.slide === true && this.#startToken === undefined;
    const random = new Random(seed, "generate");
    const limit = slide ? maxTokens : this.#limit(prompt, maxTokens);
    using values = new StepValues(this.#step);
    let { session, logits } = await this.#begin([prompt], values);
    const context = this.#startToken === undefined ? [...prompt] : [this.#startToken];
    for (let count = 1; count <= limit; count++) {
      signal?.throwIfAborted();
      const row = logits[0] as Float32Array;
      const token = chooseToken(row, context, options, random);
      context.push(token);
      yield { token, logProbability: logProbability(row, token) };
      if (endTokens.includes(token) || count === limit) return;
      if (slide && (session.store.lengths[0] as number) >= this.maxPositions)
        ({ session, logits } = await this.#begin([context.slice(-Math.ceil(this.maxPositions / 2))], values));
      else logits = await this.#next(session, [token]);
    }
  }

  /** The new tokens of several prompts, in one batch; each is drawn from its own random stream. */
  async generate(prompts: readonly (readonly number[])[], options: GenerateOptions = {}): Promise<number[][]> {
    checkSampling(options);
    const { maxTokens = 128, endTokens = [], seed = 0, signal } = options;
    const texts = prompts.map((prompt, i) => ({
      result: [] as number[],
      context: this.#startToken === undefined ? [...prompt] : [this.#startToken],
      random: new Random(seed, "generate", ...(i === 0 ? [] : [i])),
      limit: this.#limit(prompt, maxTokens),
    }));
    if (texts.length === 0) return [];
    using values = new StepValues(this.#step);
    let { session, logits } = await this.#begin(prompts, values);
    let running = texts;
    for (;;) {
      signal?.throwIfAborted();
      const chosen = running.map(({ result, context, random }, row) => {
        const token = chooseToken(logits[row] as Float32Array, context, options, random);
        context.push(token);
        result.push(token);
        return token;
      });
      const going = running.flatMap(({ result, limit }, row) =>
        result.length < limit && !endTokens.includes(chosen[row] as number) ? [row] : [],
      );
      if (going.length === 0) return texts.map(({ result }) => result);
      session = this.#select(session, going);
      running = going.map((row) => running[row] as (typeof texts)[number]);
      logits = await this.#next(
        session,
        going.map((row) => chosen[row] as number),
      );
    }
  }

  /** The likeliest texts that beam search finds, the best first, with their scores. */
  async beamSearch(
    prompt: readonly number[],
    options: BeamOptions & Pick<GenerateOptions, "maxTokens" | "endTokens" | "signal">,
  ): Promise<{ readonly tokens: readonly number[]; readonly score: number }[]> {
    const { maxTokens = 128, endTokens = [], signal } = options;
    const context = this.#startToken === undefined ? prompt : [this.#startToken];
    const search = new BeamSearch(context, endTokens, options);
    const limit = this.#limit(prompt, maxTokens);
    using values = new StepValues(this.#step);
    let { session, logits } = await this.#begin([prompt], values);
    // The row of the batch in which each running text lies.
    let rows: readonly number[] = [0];
    for (let count = 1; ; count++) {
      signal?.throwIfAborted();
      const { from, tokens } = search.advance(rows.map((row) => logits[row] as Float32Array));
      if (search.done || count === limit) return search.results();
      const parents = from.map((text) => rows[text] as number);
      rows = rowsAfter(parents);
      const order = Array.from(rows.keys()).sort((a, b) => (rows[a] as number) - (rows[b] as number));
      session = this.#select(
        session,
        order.map((text) => parents[text] as number),
        { isOneSource: true },
      );
      logits = await this.#next(
        session,
        order.map((text) => tokens[text] as number),
      );
    }
  }

  /** The batch whose row i continues row `from[i]`. Where all rows have one source, only their number counts for what is kept of it. */
  #select({ store, values, fixed }: Session, from: readonly number[], { isOneSource = false } = {}): Session {
    const same = from.length === store.lengths.length && (isOneSource || from.every((row, i) => row === i));
    store.reorder(from);
    return {
      store,
      values,
      fixed: same ? fixed : Object.fromEntries(Object.entries(fixed).map(([name, t]) => [name, selected(t, from)])),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isDisposed = true;
    await this.#prompt.dispose();
    await this.#step.dispose();
  }

  /** For code without `await using`. */
  dispose(): Promise<void> {
    return this[Symbol.asyncDispose]();
  }
}

/**
 * Rows for texts that continue those in `parents`: the first from each stays in its row, so that only the others are copied, into rows that nothing
 * goes on from. Where there are fewer than before, they are moved together.
 */
function rowsAfter(parents: readonly number[]): number[] {
  if (parents.some((parent) => parent >= parents.length)) return Array.from(parents.keys());
  const free = Array.from(parents.keys()).filter((row) => !parents.includes(row));
  return parents.map((parent, text) => (parents.indexOf(parent) === text ? parent : (free.pop() as number)));
}

/** Rows of the first axis. */
function selected({ dtype, shape, data }: TensorData, rows: readonly number[]): TensorData {
  const size = data.length / (shape[0] as number);
  const made = dtype === "int32" ? new Int32Array(rows.length * size) : new Float32Array(rows.length * size);
  rows.forEach((row, i) => made.set((data as Float32Array).subarray(row * size, (row + 1) * size), i * size));
  return { dtype, shape: [rows.length, ...shape.slice(1)], data: made };
}
