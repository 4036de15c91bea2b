/**
 * @module An engine as the HTTP side knows it: a model that is described in plain JSON, and calls that cross the border of a process. What is behind it
 * may be a child process, the same process, or a page.
 */
import type { DType, StringData, TensorData } from "../graph/index.js";
import type { Timing } from "./trace.js";

/** One input: a text, an image's bytes (or its base64), a row of a table. */
export type Instance = string | Uint8Array | Readonly<Record<string, unknown>>;

/** A tensor of a model's file: −1 is a free dimension. */
export interface TensorSpec {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
}

/** The calls that a model answers. */
export type Capability = "predict" | "explain" | "infer" | "complete" | "chat" | "embed";

/** A model in plain JSON. */
export interface ModelDescription {
  readonly task: string;
  /** The kind of its inputs. */
  readonly takes: "text" | "image" | "table" | "tensors" | "prompt";
  readonly capabilities: readonly Capability[];
  readonly inputs: readonly TensorSpec[];
  readonly outputs: readonly TensorSpec[];
  readonly classes?: readonly string[];
  /** Names of a table's columns. */
  readonly columns?: readonly string[];
  /** Tokens of a prompt and its answer together. */
  readonly contextLength?: number;
  /** The form in which a chat template writes calls of tools; left out where it takes none. */
  readonly toolForm?: ToolForm;
  /** Decisions that were made when it was opened. */
  readonly remarks: readonly string[];
}

/** `<tool_call>{…}</tool_call>`, `[TOOL_CALLS] […]`, or JSON with `name` and `parameters`. */
export type ToolForm = "tags" | "list" | "json";

/** Inputs of a prediction. */
export interface PredictParams {
  readonly instances: readonly Instance[];
}

/** Answers, one for each instance, with remarks. */
export interface PredictResult {
  readonly answers: readonly Readonly<Record<string, unknown>>[];
  /** Sentences on what was decided for the sender: texts that were cut. */
  readonly notes: readonly string[];
}

/** Inputs of an explanation. */
export interface ExplainParams {
  readonly instances: readonly Instance[];
  readonly method?: string;
  readonly target?: string;
  readonly samples?: number;
  readonly seed?: number;
  readonly picture?: boolean;
}

/** The share of one part of an input: a word, a column. */
export interface Share {
  readonly label: string;
  readonly value: number;
}

/** Explanation of one instance. */
export interface ExplainedInstance {
  readonly method: string;
  readonly target: string;
  readonly score: number;
  /** The difference between the sum of all shares and what it should be. */
  readonly gap?: number;
  readonly contributions?: readonly Share[];
  /** One value a pixel, of an image. */
  readonly map?: { readonly height: number; readonly width: number; readonly values: readonly number[] };
  readonly remarks: readonly string[];
  /** An SVG document, on request. */
  readonly picture?: string;
}

/** A tensor with its name. */
export interface NamedTensor {
  readonly name: string;
  readonly data: TensorData | StringData;
}

/** Tensors that go into a model. */
export interface InferParams {
  readonly inputs: readonly NamedTensor[];
}

/** Tensors that come out of a model. */
export interface InferResult {
  readonly outputs: readonly NamedTensor[];
}

/** Sampling and ends of a generated text. */
export interface GenerateParams {
  readonly prompt: string | readonly number[];
  /** A conversation's text has its special tokens already. */
  readonly isConversation: boolean;
  readonly maxTokens?: number;
  readonly temperature: number;
  readonly topP?: number;
  readonly topK?: number;
  readonly frequencyPenalty?: number;
  readonly presencePenalty?: number;
  readonly seed: number;
  readonly stop: readonly string[];
  /** Number of likeliest tokens are told beside each; left out, no log-probabilities at all. */
  readonly logprobs?: number;
  /** A JSON schema that the text has to follow (`true` is any JSON object), between two texts. */
  readonly format?: { readonly schema: unknown; readonly before?: string; readonly after?: string };
  /** The owner whose prompts may be reused: one cache for each. */
  readonly owner: string;
  /** Added to logits of tokens by id. */
  readonly logitBias?: Readonly<Record<string, number>>;
  /** The adapter that writes, by its name. */
  readonly adapter?: string;
}

/** A token with its log-probability, and the likeliest ones beside it. */
export interface TokenLogprob {
  readonly token: string;
  readonly bytes: readonly number[];
  readonly logprob: number;
  readonly top: readonly { readonly token: string; readonly bytes: readonly number[]; readonly logprob: number }[];
}

/** A piece of a text as it comes. */
export interface GenerateEvent {
  readonly text: string;
  readonly logprobs?: readonly TokenLogprob[];
}

/** End of a generated text: why, and how many tokens. */
export interface GenerateResult {
  readonly finish: "stop" | "length";
  readonly promptTokens: number;
  /** Tokens of the prompt that were in the cache. */
  readonly cachedTokens: number;
  readonly tokens: number;
}

/** A conversation as text, by the model's own template. */
export interface ConversationParams {
  readonly messages: readonly Readonly<Record<string, unknown>>[];
  readonly tools?: readonly unknown[];
}

/** Texts, or their tokens, to embed. */
export interface EmbedParams {
  readonly inputs: readonly (string | readonly number[])[];
  readonly adapter?: string;
}

/** Embeddings, one for each input. */
export interface EmbedResult {
  readonly embeddings: readonly Float32Array[];
  readonly tokens: number;
}

/** Calls by name, with what they take and give. */
export interface EngineCalls {
  readonly predict: { readonly params: PredictParams; readonly result: PredictResult; readonly event: never };
  readonly explain: { readonly params: ExplainParams; readonly result: readonly ExplainedInstance[]; readonly event: never };
  readonly infer: { readonly params: InferParams; readonly result: InferResult; readonly event: never };
  readonly generate: { readonly params: GenerateParams; readonly result: GenerateResult; readonly event: GenerateEvent };
  readonly conversation: { readonly params: ConversationParams; readonly result: string; readonly event: never };
  readonly embed: { readonly params: EmbedParams; readonly result: EmbedResult; readonly event: never };
}

/** Calls that an engine answers. */
export type EngineMethod = keyof EngineCalls;

/** The calls in words, for messages on a model that lacks them. */
export const CALL_WORDS: Readonly<Record<EngineMethod, string>> = {
  predict: "predict",
  explain: "explain",
  infer: "take tensors",
  generate: "generate text",
  conversation: "chat",
  embed: "embed texts",
};

/** The result of a call. */
export type EngineResult<M extends EngineMethod> = Promise<EngineCalls[M]["result"]>;

/** Options of a call: a signal that ends it, and what hears its events. */
export interface CallOptions<M extends EngineMethod = EngineMethod> {
  readonly signal?: AbortSignal;
  /** When the call was made, where it has waited since, as `performance.now()` has it. */
  readonly since?: number;
  readonly onEvent?: (event: EngineCalls[M]["event"]) => void;
  /** Told before the result when the engine worked on it. */
  readonly onTiming?: ((timing: Timing) => void) | undefined;
}

/** A model that answers calls. */
export interface Engine {
  readonly description: ModelDescription;
  call<M extends EngineMethod>(method: M, params: EngineCalls[M]["params"], options?: CallOptions<M>): EngineResult<M>;
}

/** A batch that an engine ran, for metrics. */
export interface ObservedBatch {
  readonly kind: "predict" | "prompt" | "token";
  /** Rows that ran together. */
  readonly rows: number;
  /** Rows still waiting. */
  readonly waiting: number;
  /** Milliseconds that the oldest row waited, and that the run took. */
  readonly waitMs: number;
  readonly runMs: number;
}

/** A low-rank adapter of a model: a folder of PEFT's, or a run that was trained with `--lora`. */
export interface AdapterSpec {
  readonly name: string;
  readonly path: string;
}

/** Limits of one request to an engine, and of batches. */
export interface EngineLimits {
  /** Inputs of one request. */
  readonly maxInstances: number;
  readonly maxMegapixels: number;
  /** Tokens, or pixels, of one batch with its padding. */
  readonly maxBatchTokens: number;
  readonly maxBatchPixels: number;
  /** An input that waits for others waits no longer. */
  readonly maxDelayMs: number;
  /** Inputs, and samples of a method, of one request for explanations. */
  readonly maxExplained: number;
  readonly maxSamples: number;
  /** Texts that are written at once. */
  readonly maxStreams: number;
  /** Tokens of a prompt that are read between two tokens of others. */
  readonly promptChunk: number;
  /** Tokens of prompts that are kept, for each key. */
  readonly prefixCacheTokens: number;
}

/** Limits of an engine, unless told otherwise. */
export const ENGINE_LIMITS: EngineLimits = {
  maxInstances: 256,
  maxMegapixels: 20,
  maxBatchTokens: 512,
  maxBatchPixels: 8 * 224 * 224,
  maxDelayMs: 1,
  maxExplained: 4,
  maxSamples: 1024,
  maxStreams: 8,
  promptChunk: 128,
  prefixCacheTokens: 2048,
};
