/**
 * @module A language model as an engine: prompts and conversations in, text out as it comes, with the likelihoods and within the schema that were asked for.
 */
import type { SequenceGenerator, SequenceOptions, SequenceToken } from "../generate/sequence.js";
import { TokenConstraint, TokenTree } from "../generate/constraint/automaton.js";
import { bytes, type GrammarNode, sequence } from "../generate/constraint/grammar.js";
import { ANY_OBJECT, schemaGrammar } from "../generate/constraint/json-schema.js";
import { tokenBytes } from "../generate/constraint/token-bytes.js";
import { TextStream } from "../generate/text-stream.js";
import type { ChatMessage, ChatTemplate, Tokenizer } from "../text/index.js";
import { ConfigError } from "../util/errors.js";
import { timeNow } from "../util/time-now.js";
import type {
  CallOptions,
  ConversationParams,
  EmbedParams,
  EmbedResult,
  Engine,
  EngineCalls,
  EngineMethod,
  EngineResult,
  GenerateParams,
  GenerateResult,
  ModelDescription,
  TokenLogprob,
  ToolForm,
} from "./engine.js";
import { CALL_WORDS } from "./engine.js";

/** A language model, and what surrounds it. */
export interface LanguageParts {
  readonly name: string;
  readonly task: string;
  readonly generator: SequenceGenerator;
  readonly tokenizer: Tokenizer;
  readonly endTokens: readonly number[];
  readonly chat?: ChatTemplate;
  /** Texts begin as the tokenizer's template has it. */
  readonly isTemplated: boolean;
  /** The mean of a text's last hidden states; left out where there is no such thing. */
  readonly embed?: (ids: readonly number[], adapter: number) => Promise<Float32Array>;
  readonly remarks?: readonly string[];
  /** Names of adapters, in the order of their numbers from 1 on. */
  readonly adapters?: readonly string[];
}

/** Tokens where a sender says no number. */
const USUAL_TOKENS = 1024;
/** Grammars that are kept: a program sends the same schema with each request. */
const MOST_GRAMMARS = 16;
const decoder = new TextDecoder();

/** The form in which a template writes calls of tools. */
function toolFormOf(chat: ChatTemplate | undefined): ToolForm | undefined {
  if (chat === undefined || !/\btools\b/.test(chat.source)) return undefined;
  if (chat.source.includes("<tool_call>")) return "tags";
  return chat.source.includes("[TOOL_CALLS]") ? "list" : "json";
}

/** Answers calls with a language model. Owned: dispose it. */
export class LanguageEngine implements Engine, AsyncDisposable {
  readonly description: ModelDescription;
  readonly #parts: LanguageParts;
  readonly #grammars = new Map<string, GrammarNode>();
  #bytes: readonly (Uint8Array | undefined)[] | undefined;
  #tree: TokenTree | undefined;

  constructor(parts: LanguageParts) {
    this.#parts = parts;
    const { chat, embed, generator, task, remarks = [] } = parts;
    const { maxPositions } = generator;
    this.description = {
      task,
      takes: "prompt",
      capabilities: [
        "complete",
        ...(chat === undefined ? [] : (["chat"] as const)),
        ...(embed === undefined ? [] : (["embed"] as const)),
      ],
      inputs: [{ name: "text_input", dtype: "string", shape: [-1] }],
      outputs: [{ name: "text_output", dtype: "string", shape: [-1] }],
      contextLength: Number.isFinite(maxPositions) ? maxPositions : undefined,
      toolForm: toolFormOf(chat),
      remarks,
    };
  }

  call<M extends EngineMethod>(method: M, params: EngineCalls[M]["params"], options: CallOptions<M> = {}): EngineResult<M> {
    return this.#call(method, params as never, options as CallOptions) as EngineResult<M>;
  }

  async #call(method: EngineMethod, params: never, options: CallOptions): Promise<unknown> {
    const { signal } = options;
    if (method === "generate") return this.#generate(params, options);
    if (method === "conversation") return this.#conversation(params);
    if (method === "embed") return this.#embed(params, signal);
    throw new ConfigError(`model: expected one that can ${CALL_WORDS[method]}, got a language model; use /v1/completions`);
  }

  #conversation({ messages, tools }: ConversationParams): string {
    const { chat, name } = this.#parts;
    if (chat === undefined)
      throw new ConfigError(`model: expected one with a chat template, got ${name}, which has none; use /v1/completions`);
    if (tools !== undefined && this.description.toolForm === undefined)
      throw new ConfigError(`tools: expected a model whose chat template takes tools, got ${name}; leave them out`);
    return chat.render(messages as readonly ChatMessage[], tools === undefined ? {} : { variables: { tools } });
  }

  async #ids(prompt: string | readonly number[], isConversation: boolean): Promise<readonly number[]> {
    if (typeof prompt !== "string") return prompt;
    const { tokenizer, isTemplated } = this.#parts;
    return Array.from((await tokenizer.encode(prompt, { specialTokens: isTemplated && !isConversation })).ids);
  }

  /** The bytes of each token. */
  get #tokenBytes(): readonly (Uint8Array | undefined)[] {
    return (this.#bytes ??= tokenBytes(this.#parts.tokenizer));
  }

  #constraint({ schema, before = "", after = "" }: NonNullable<GenerateParams["format"]>): TokenConstraint {
    const key = JSON.stringify([schema, before, after]);
    let grammar = this.#grammars.get(key);
    if (grammar === undefined) {
      grammar = sequence(bytes(before), schema === true ? ANY_OBJECT : schemaGrammar(schema), bytes(after));
      if (this.#grammars.size >= MOST_GRAMMARS) this.#grammars.delete(this.#grammars.keys().next().value as string);
      this.#grammars.set(key, grammar);
    }
    this.#tree ??= new TokenTree(this.#tokenBytes);
    return new TokenConstraint(grammar, this.#tree, this.#tokenBytes, this.#parts.endTokens);
  }

  /** The number of an adapter. ConfigError for one that there is not. */
  #adapterNumber(name: string | undefined): number {
    if (name === undefined) return 0;
    const found = this.#parts.adapters?.indexOf(name) ?? -1;
    if (found < 0) throw new ConfigError(`adapter: expected one that was loaded, got ${name}`);
    return found + 1;
  }

  #sequenceOptions(params: GenerateParams, room: number, signal: AbortSignal | undefined): SequenceOptions {
    const {
      maxTokens = USUAL_TOKENS,
      temperature,
      topP,
      topK,
      frequencyPenalty,
      presencePenalty,
      seed,
      logprobs,
      owner,
      logitBias,
      format,
    } = params;
    return {
      maxTokens: Math.max(1, Math.min(maxTokens, room)),
      endTokens: this.#parts.endTokens,
      temperature,
      seed,
      owner,
      adapter: this.#adapterNumber(params.adapter),
      topP,
      topK,
      frequencyPenalty,
      presencePenalty,
      logprobs,
      signal,
      logitBias: logitBias && new Map(Object.entries(logitBias).map(([id, bias]) => [Number(id), bias])),
      constraint: format && this.#constraint(format),
    };
  }

  #told({ token, logprob = 0, top = [] }: SequenceToken): TokenLogprob {
    const shown = (id: number, value: number) => {
      const found = this.#tokenBytes[id] ?? new TextEncoder().encode(this.#parts.tokenizer.idToToken(id) ?? "");
      return { token: decoder.decode(found), bytes: Array.from(found), logprob: value };
    };
    return { ...shown(token, logprob), top: top.map((each) => shown(each.token, each.logprob)) };
  }

  async #generate(params: GenerateParams, { onEvent, signal, onTiming }: CallOptions<"generate">): Promise<GenerateResult> {
    const { generator, tokenizer, endTokens } = this.#parts;
    const ids = await this.#ids(params.prompt, params.isConversation);
    if (ids.length === 0) throw new ConfigError("prompt: expected at least one token, got none");
    if (ids.length >= generator.maxPositions)
      throw new ConfigError(
        `prompt: expected fewer than the model's ${generator.maxPositions} tokens, got ${ids.length}; cut it`,
      );
    const options = this.#sequenceOptions(params, generator.maxPositions - ids.length, signal);
    const written = generator.generate(ids, options);
    const text = new TextStream((each) => tokenizer.decode(each), params.stop);
    let tokens = 0;
    let isStopped = false;
    for await (const each of written) {
      tokens++;
      isStopped = endTokens.includes(each.token);
      if (isStopped) break;
      const piece = await text.push(each.token);
      if (piece !== "" || params.logprobs !== undefined)
        onEvent?.({ text: piece, logprobs: params.logprobs === undefined ? undefined : [this.#told(each)] });
      if (text.stopped) break;
    }
    const rest = await text.finish();
    if (rest !== "") onEvent?.({ text: rest });
    onTiming?.({ startedAt: written.startedAt ?? timeNow(), endedAt: timeNow() });
    const isWhole = isStopped || text.stopped || options.constraint?.isComplete === true;
    return { finish: isWhole ? "stop" : "length", promptTokens: ids.length, cachedTokens: written.cachedTokens, tokens };
  }

  async #embed({ inputs, adapter }: EmbedParams, signal?: AbortSignal): Promise<EmbedResult> {
    const { embed, name, generator } = this.#parts;
    if (embed === undefined) throw new ConfigError(`model: expected one that gives embeddings, got ${name}`);
    const embeddings: Float32Array[] = [];
    let tokens = 0;
    for (const [i, given] of inputs.entries()) {
      signal?.throwIfAborted();
      const ids = await this.#ids(given, false);
      if (ids.length === 0) throw new ConfigError(`input ${i + 1}: expected at least one token, got none`);
      if (ids.length > generator.maxPositions)
        throw new ConfigError(
          `input ${i + 1}: expected at most the model's ${generator.maxPositions} tokens, got ${ids.length}; cut it`,
        );
      tokens += ids.length;
      embeddings.push(await embed(ids, this.#adapterNumber(adapter)));
    }
    return { embeddings, tokens };
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve(this.#parts.generator[Symbol.asyncDispose]());
  }
}
