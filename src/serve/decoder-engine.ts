/**
 * @module `descentjs/serve/decoder`: the engine of a decoder whose weights are at hand, in Node or in a page: texts are written together, token by token.
 */
import { ContinuousBatch } from "../generate/continuous-batch.js";
import type { DecoderModel, Rewrites } from "../generate/index.js";
import { boundWeights } from "../generate/index.js";
import type { Tensor, TensorData } from "../graph/index.js";
import { fromNumbers, input, symbol } from "../graph/index.js";
import { Gpt2, Llama } from "../models/index.js";
import type { MixedAdapters } from "../nn/index.js";
import { resolveForUse } from "../ops/index.js";
import { compile, type DeviceChoice, type Executable } from "../runtime/index.js";
import { ConfigError } from "../util/errors.js";
import { ENGINE_LIMITS, type EngineLimits, type ObservedBatch } from "./engine.js";
import { LanguageEngine, type LanguageParts } from "./language-engine.js";

/** A decoder, and what surrounds it. */
export interface DecoderParts extends Pick<LanguageParts, "name" | "tokenizer" | "endTokens" | "chat" | "isTemplated"> {
  readonly model: DecoderModel;
  readonly weights: ReadonlyMap<string, TensorData>;
}

/** Options of a decoder's engine: its device and limits, and who is told of its runs. */
export interface DecoderEngineOptions {
  readonly device?: DeviceChoice;
  readonly threads?: number;
  /** Kernels of quantized weights. */
  readonly rewrites?: Rewrites;
  readonly limits?: Partial<EngineLimits>;
  readonly observe?: (batch: ObservedBatch) => void;
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
    return compile(resolveForUse({ mean: states.mean(1) }), { ...boundWeights(model, weights), threads });
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

/**
 * Opens a decoder as an engine, in a page as well; `adapted` names the adapters that were put into it.
 *
 * Errors: those of `ContinuousBatch.create`.
 */
export async function decoderEngine(
  { model, weights, ...parts }: DecoderParts,
  { limits, observe, ...use }: DecoderEngineOptions = {},
  adapted?: { readonly adapters: MixedAdapters; readonly names: readonly string[] },
): Promise<LanguageEngine> {
  const { maxStreams, promptChunk, prefixCacheTokens } = { ...ENGINE_LIMITS, ...limits };
  const generator = await ContinuousBatch.create(model, weights, {
    ...use,
    adapters: adapted?.adapters,
    maxStreams,
    promptChunk,
    prefixCacheTokens,
    observe: (run) => observe?.({ ...run, waitMs: 0 }),
  });
  const engine = new LanguageEngine({
    ...parts,
    task: "language-modeling",
    generator,
    embed: embedderOf(model, weights, use.threads, adapted?.adapters),
    adapters: adapted?.names,
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
