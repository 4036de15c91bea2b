/**
 * @module A generating model, from a run or a checkpoint's folder: prompts and conversations in, text out as it comes.
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import * as z from "zod";
import type { BeamOptions, DecoderModel, Rewrites, StreamOptions } from "../../generate/index.js";
import { Generator, isDecoder, TextStream } from "../../generate/index.js";
import type { TensorData } from "../../graph/index.js";
import { Transformer } from "../../models/index.js";
import type { Module } from "../../nn/index.js";
import type { ChatMessage, ChatTemplate, Tokenizer } from "../../text/node.js";
import { loadChatTemplate, loadTokenizer } from "../../text/node.js";
import { loadPretrained, pretrainedConfig, tokenizerOfCheckpoint } from "../../train/pretrained-node.js";
import { exists } from "../../util/regular-file-node.js";
import { ConfigError } from "../../util/errors.js";
import { parseJsonWith } from "../../util/schema.js";
import type { TextInfo } from "../texts/texts.js";
import { tokenizerOf } from "../texts/texts.js";
import type { UseOptions } from "../trained-model.js";
import { chatTemplateIn } from "./gguf-node.js";
import { openTrained } from "./trained-node.js";

type GeneratingModel = DecoderModel | Transformer;

/** A model, and what surrounds it. */
export interface TextSource {
  readonly model: Module;
  readonly weights: ReadonlyMap<string, TensorData>;
  /** Kernels of quantized weights. */
  readonly rewrites?: Rewrites;
  readonly tokenizer: Tokenizer;
  readonly endTokens: readonly number[];
  readonly chat?: ChatTemplate;
  /** Whether weights lie in their file, mapped into memory. */
  readonly isMapped?: boolean;
  /** Texts begin as the tokenizer's template has it. */
  readonly isTemplated: boolean;
}

export interface TextGenerationOptions extends Omit<StreamOptions, "endTokens" | "slide"> {
  /** Texts that end the generation; they are not part of the result. */
  readonly stop?: readonly string[];
}

const endSchema = z.looseObject({ eos_token_id: z.union([z.number().int(), z.array(z.number().int())]).nullish() });

/** The tokens that end a text, by `generation_config.json`, `config.json`, or the tokenizer. */
async function endTokensIn(folder: string, tokenizer: Tokenizer): Promise<readonly number[]> {
  for (const file of ["generation_config.json", "config.json"]) {
    const path = join(folder, file);
    if (!(await exists(path))) continue;
    const { eos_token_id: found } = parseJsonWith(endSchema, await readFile(path, "utf8"), path);
    if (found !== undefined && found !== null) return [found].flat();
  }
  return tokenizer.special.eos === undefined ? [] : [tokenizer.special.eos];
}

async function openFolder(folder: string, mapped: TextSourceOptions["mapped"]): Promise<TextSource> {
  const { model, weights, tokenizer, isMapped } = await loadPretrained(folder, { mapped });
  await tokenizerOfCheckpoint(folder, { tokenizer });
  const read = await loadTokenizer(folder);
  const chat = await loadChatTemplate(folder);
  const endTokens = await endTokensIn(folder, read);
  return { model, weights, tokenizer: read, endTokens, isTemplated: true, chat, isMapped };
}

async function openRunFolder(path: string, options: UseOptions): Promise<TextSource> {
  const { model } = await openTrained(path, options);
  const info = model.info as TextInfo;
  if (typeof info.tokenizer !== "string")
    throw new ConfigError(`${path}: expected a run of a task of texts, got one of ${model.task.name}`);
  const tokenizer = await tokenizerOf(info);
  const end = (info as TextInfo & { readonly endId?: number }).endId ?? tokenizer.special.eos;
  const used = model.writer?.() ?? { model: model.model, weights: model.weights };
  const isTemplated = used.model instanceof Transformer;
  const chat = chatTemplateIn(info, path);
  return { ...used, tokenizer, endTokens: end === undefined ? [] : [end], isTemplated, chat };
}

const canGenerate = (model: Module): model is GeneratingModel => isDecoder(model) || model instanceof Transformer;

/** Options of opening, and whether the weights of a checkpoint's folder stay in their file; `auto` where they take more than half of what memory is free. */
export interface TextSourceOptions extends UseOptions {
  readonly mapped?: boolean | "auto";
}

/** Opens a run or a checkpoint. Errors: those of `loadPretrained` and of run folders; ConfigError for a run of no task of texts. */
export async function openTextSource(path: string, { mapped, ...options }: TextSourceOptions = {}): Promise<TextSource> {
  const isCheckpoint = (await pretrainedConfig(path)) !== undefined;
  return isCheckpoint ? openFolder(path, mapped) : openRunFolder(path, options);
}

/** Generates text with a run or a checkpoint. Owned: dispose it. */
export class TextGenerator implements AsyncDisposable {
  readonly #source: TextSource;
  readonly #generator: Generator;
  /** Reads a source and generates another text, instead of continuing the given one. */
  readonly translates: boolean;

  /** Whether weights stay in their file, mapped into memory. */
  get isMapped(): boolean {
    return this.#source.isMapped === true;
  }

  private constructor(source: TextSource, generator: Generator) {
    this.#source = source;
    this.#generator = generator;
    this.translates = source.model instanceof Transformer;
  }

  /** Errors: those of `loadPretrained` and of run folders; ConfigError for a model that does not generate text. */
  static async open(path: string, { mapped = "auto", ...options }: TextSourceOptions = {}): Promise<TextGenerator> {
    const source = await openTextSource(path, { ...options, mapped });
    const { model } = source;
    if (!canGenerate(model))
      throw new ConfigError(
        `${path}: expected a model that generates text (GPT-2, Llama, Mistral, Qwen2, or the Transformer, as Marian and Pegasus), got ${model.constructor.name}`,
      );
    return new TextGenerator(
      source,
      await Generator.create(model, source.weights, {
        ...options,
        constant: source.isMapped !== true,
        rewrites: source.rewrites,
      }),
    );
  }

  /** The text that a conversation is to this model. ConfigError if it has no chat template. */
  conversation(messages: readonly ChatMessage[], options: { readonly where: string }): string {
    if (this.#source.chat === undefined)
      throw new ConfigError(`${options.where}: expected a model with a chat template, got one without; leave --chat out`);
    return this.#source.chat.render(messages);
  }

  /**
   * The tokens of a prompt; of one that is too long the end, which the model continues. A conversation has its own special tokens.
   * ConfigError for an empty prompt, and for a source that is too long.
   */
  async prompt(text: string, kind: "text" | "conversation" = "text"): Promise<{ ids: readonly number[]; left: number }> {
    const { tokenizer, isTemplated } = this.#source;
    const { ids } = await tokenizer.encode(text, { specialTokens: isTemplated && kind === "text" });
    if (ids.length === 0) throw new ConfigError("generate: expected a prompt, got an empty one");
    const most = this.#generator.maxPositions;
    if (this.translates && ids.length > most)
      throw new ConfigError(`generate: expected a source of at most ${most} tokens, got ${ids.length}; cut it`);
    return { ids: Array.from(ids.length > most ? ids.subarray(-most) : ids), left: Math.max(0, ids.length - most) };
  }

  /** Generates the continuation, piece by piece. */
  async *generate(
    prompt: readonly number[],
    { stop = [], ...options }: TextGenerationOptions = {},
  ): AsyncGenerator<string, { tokens: number }> {
    const { tokenizer, endTokens } = this.#source;
    const text = new TextStream((ids) => tokenizer.decode(ids), stop);
    let tokens = 0;
    for await (const { token } of this.#generator.stream(prompt, { ...options, endTokens, slide: true })) {
      tokens++;
      if (endTokens.includes(token)) break;
      const piece = await text.push(token);
      if (piece !== "") yield piece;
      if (text.stopped) break;
    }
    const rest = await text.finish();
    if (rest !== "") yield rest;
    return { tokens };
  }

  /** The likeliest texts that beam search finds, the best first. */
  async beams(
    prompt: readonly number[],
    options: BeamOptions & Pick<TextGenerationOptions, "maxTokens" | "signal" | "stop">,
  ): Promise<{ readonly text: string; readonly tokens: number; readonly score: number }[]> {
    const { tokenizer, endTokens } = this.#source;
    const found = await this.#generator.beamSearch(prompt, { ...options, endTokens });
    return Promise.all(
      found.map(async ({ tokens, score }) => {
        const text = new TextStream((ids) => tokenizer.decode(ids), options.stop);
        for (const token of tokens) if (!endTokens.includes(token)) await text.push(token);
        await text.finish();
        return { text: text.text, tokens: tokens.length, score };
      }),
    );
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#generator.dispose();
  }

  /** For code without `await using`. */
  dispose(): Promise<void> {
    return this[Symbol.asyncDispose]();
  }
}
