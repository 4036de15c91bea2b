/**
 * @module The engine of a language model from files: a run, a checkpoint's folder, a GGUF file.
 */
import { join } from "node:path";
import {
  ContinuousBatch,
  type SequenceOptions,
  type SequenceWriter,
  type WrittenSequence,
  type WrittenToken,
} from "../generate/continuous-batch.js";
import { type DecoderModel, Generator, isDecoder } from "../generate/index.js";
import type { Tensor, TensorData } from "../graph/index.js";
import { fromNumbers, input, symbol } from "../graph/index.js";
import { boundWeights } from "../generate/index.js";
import { Gpt2, Llama, Transformer } from "../models/index.js";
import { type AdapterFactors, MixedAdapters, takeAdapters } from "../nn/index.js";
import { resolveForUse } from "../ops/index.js";
import { compile, type Executable } from "../runtime/index.js";
import { exists } from "../run/run-folder-reader-node.js";
import { loadAdapters } from "../train/node.js";
import type { TextSource } from "../tasks/use/text-generator-node.js";
import { ConfigError } from "../util/errors.js";
import { defined } from "../util/record.js";
import { TaskQueue } from "../util/task-queue.js";
import { type AdapterSpec, ENGINE_LIMITS } from "./engine.js";
import { LanguageEngine } from "./language-engine.js";
import type { OpenEngineOptions } from "./model-engine-node.js";

/** Texts of a model with an encoder, one after another. */
class SerialWriter implements SequenceWriter {
  readonly maxPositions: number;
  readonly #generator: Generator;
  readonly #queue = new TaskQueue();

  constructor(generator: Generator) {
    this.#generator = generator;
    this.maxPositions = generator.maxPositions;
  }

  write(prompt: readonly number[], options: SequenceOptions): WrittenSequence {
    if (options.constraint !== undefined || options.logprobs !== undefined)
      throw new ConfigError("model: expected a decoder alone for schemas and log-probabilities, got one with an encoder");
    return { cachedTokens: 0, [Symbol.asyncIterator]: () => this.#written(prompt, options) };
  }

  async *#written(prompt: readonly number[], options: SequenceOptions): AsyncGenerator<WrittenToken, void> {
    const tokens = await this.#queue.run(async () => {
      const all: number[] = [];
      for await (const { token } of this.#generator.stream(prompt, options)) all.push(token);
      return all;
    });
    for (const token of tokens) yield { token };
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#generator.dispose();
  }
}

/** The states of a text's tokens behind the last layer. */
const statesOf = (model: DecoderModel, tokens: Tensor): Tensor | undefined =>
  model instanceof Gpt2 ? model.transformer.forward(tokens) : model instanceof Llama ? model.model.forward(tokens) : undefined;

/** The mean of the last states of a text, of length 1; the graph is compiled when it is first asked for. */
function embedderOf(
  model: DecoderModel,
  weights: ReadonlyMap<string, TensorData>,
  threads: number | undefined,
  adapters: MixedAdapters | undefined,
): (ids: readonly number[], adapter: number) => Promise<Float32Array> {
  let executable: Promise<Executable> | undefined;
  const make = (): Promise<Executable> => {
    const states = statesOf(model, input("tokens", [symbol("N"), symbol("T")], "int32"));
    if (states === undefined) throw new ConfigError("model: expected one that gives embeddings, got another");
    return compile(resolveForUse({ mean: states.mean(1) }), { ...boundWeights(model, weights), ...defined({ threads }) });
  };
  return async (ids, adapter) => {
    executable ??= make();
    const tokens = fromNumbers("int32", [1, ids.length], ids);
    const { mean } = await (await executable).call({ tokens, ...adapters?.rows([adapter]) });
    const values = (mean as TensorData).data as Float32Array;
    const length = Math.hypot(...values);
    return values.map((value) => value / (length || 1));
  };
}

/** The factors of adapters: PEFT folders, or runs that keep one. ConfigError for those that train whole modules as well, and what is none of this model. */
async function adapterFactors(model: DecoderModel, adapters: readonly AdapterSpec[]): Promise<AdapterFactors[]> {
  const all: AdapterFactors[] = [];
  for (const { name, path } of adapters) {
    const own = join(path, "adapter");
    const { weights, adapted } = await loadAdapters((await exists(own)) ? own : path, model);
    if (adapted.saved.length > 0)
      throw new ConfigError(`--adapter ${name}: expected low-rank changes alone, got whole modules: ${adapted.saved.join(", ")}`);
    all.push(takeAdapters(model, weights));
  }
  return all;
}

/** Opens a language model as an engine. Errors: those of `ContinuousBatch.create`; ConfigError for a model that generates no text. */
export async function languageEngine(path: string, source: TextSource, options: OpenEngineOptions): Promise<LanguageEngine> {
  const { model, weights, tokenizer, endTokens, isTemplated, chat, rewrites } = source;
  const { maxStreams, promptChunk, prefixCacheTokens } = { ...ENGINE_LIMITS, ...options.limits };
  const use = defined({ device: options.device, threads: options.threads, rewrites });
  const parts = { name: path, tokenizer, endTokens, isTemplated, ...defined({ chat }) };
  const adapted = options.adapters ?? [];
  if (adapted.length > 0 && !isDecoder(model))
    throw new ConfigError(`--adapter: expected a decoder that writes texts to adapt, got ${model.constructor.name}`);
  if (model instanceof Transformer)
    return new LanguageEngine({
      ...parts,
      task: "sequence-to-sequence",
      writer: new SerialWriter(await Generator.create(model, weights, use)),
    });
  if (!isDecoder(model))
    throw new ConfigError(
      `${path}: expected a model that generates text (GPT-2, Llama, Mistral, Qwen2, or the Transformer), got ${model.constructor.name}`,
    );
  const adapters = adapted.length === 0 ? undefined : MixedAdapters.into(model, await adapterFactors(model, adapted));
  const writer = await ContinuousBatch.create(model, weights, {
    ...use,
    ...defined({ adapters }),
    maxStreams,
    promptChunk,
    prefixCacheTokens,
    observe: (run) => options.observe?.({ ...run, waitMs: 0 }),
  });
  const engine = new LanguageEngine({
    ...parts,
    task: "language-modeling",
    writer,
    embed: embedderOf(model, weights, options.threads, adapters),
    adapters: adapted.map(({ name }) => name),
  });
  // The first run of a session takes longer than others.
  await engine.call("generate", {
    prompt: [0],
    isConversation: true,
    maxTokens: 2,
    temperature: 0,
    seed: 0,
    stop: [],
    owner: "",
  });
  return engine;
}
