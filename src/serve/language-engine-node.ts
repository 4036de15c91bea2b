/**
 * @module The engine of a language model from files: a run, a checkpoint's folder, a GGUF file.
 */
import { join } from "node:path";
import type { GeneratedSequence, SequenceGenerator, SequenceOptions, SequenceToken } from "../generate/sequence.js";
import { type DecoderModel, Generator, isDecoder } from "../generate/index.js";
import { Transformer } from "../models/index.js";
import { type AdapterFactors, MixedAdapters, takeAdapters } from "../nn/index.js";
import { exists } from "../util/regular-file-node.js";
import { loadAdapters } from "../train/node.js";
import type { TextSource } from "../tasks/use/text-generator-node.js";
import { ConfigError } from "../util/errors.js";
import { TaskQueue } from "../util/task-queue.js";
import { decoderEngine } from "./decoder-engine.js";
import type { AdapterSpec } from "./engine.js";
import { LanguageEngine } from "./language-engine.js";
import type { OpenEngineOptions } from "./model-engine-node.js";

/** Texts of a model with an encoder, one after another. */
class SerialGenerator implements SequenceGenerator {
  readonly maxPositions: number;
  readonly #generator: Generator;
  readonly #queue = new TaskQueue();

  constructor(generator: Generator) {
    this.#generator = generator;
    this.maxPositions = generator.maxPositions;
  }

  generate(prompt: readonly number[], options: SequenceOptions): GeneratedSequence {
    if (options.constraint !== undefined || options.logprobs !== undefined)
      throw new ConfigError("model: expected a decoder alone for schemas and log-probabilities, got one with an encoder");
    return { cachedTokens: 0, [Symbol.asyncIterator]: () => this.#tokens(prompt, options) };
  }

  async *#tokens(prompt: readonly number[], options: SequenceOptions): AsyncGenerator<SequenceToken, void> {
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

/** The factors of adapters: PEFT folders, or runs that keep one. ConfigError for those that train whole modules as well, and what is none of this model. */
async function adapterFactors(model: DecoderModel, adapters: readonly AdapterSpec[]): Promise<AdapterFactors[]> {
  const all: AdapterFactors[] = [];
  for (const { name, path } of adapters) {
    const own = join(path, "adapter");
    const { weights, adapted } = await loadAdapters((await exists(own)) ? own : path, model);
    if (adapted.saved.length > 0)
      throw new ConfigError(`--adapter ${name}: expected only low-rank changes, got whole modules: ${adapted.saved.join(", ")}`);
    all.push(takeAdapters(model, weights));
  }
  return all;
}

/** Opens a language model as an engine. Errors: those of `ContinuousBatch.create`; ConfigError for a model that generates no text. */
export async function languageEngine(path: string, source: TextSource, options: OpenEngineOptions): Promise<LanguageEngine> {
  const { model, weights, tokenizer, endTokens, isTemplated, chat, rewrites } = source;
  const use = { device: options.device, threads: options.threads, rewrites };
  const parts = { name: path, tokenizer, endTokens, isTemplated, chat };
  const adapted = options.adapters ?? [];
  if (adapted.length > 0 && !isDecoder(model))
    throw new ConfigError(`--adapter: expected a text generator to adapt, got ${model.constructor.name}`);
  if (model instanceof Transformer)
    return new LanguageEngine({
      ...parts,
      task: "sequence-to-sequence",
      generator: new SerialGenerator(await Generator.create(model, weights, use)),
    });
  if (!isDecoder(model))
    throw new ConfigError(
      `${path}: expected a model that generates text (GPT-2, Llama, Mistral, Qwen2, or the Transformer), got ${model.constructor.name}`,
    );
  const adapters = adapted.length === 0 ? undefined : MixedAdapters.into(model, await adapterFactors(model, adapted));
  return decoderEngine(
    { ...parts, model, weights },
    { ...use, limits: options.limits, observe: options.observe },
    adapters && { adapters, names: adapted.map(({ name }) => name) },
  );
}
