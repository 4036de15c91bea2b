/**
 * @module A generating model as graphs: the interface of a decoder, its parameters with their weights, and the two traces that are compiled for generation.
 */
import type { Dim, Tensor, TensorData } from "../graph/index.js";
import { input, symbol } from "../graph/index.js";
import type { DecoderInputs, DecoderShape, TargetInputs, Transformer } from "../models/index.js";
import { Gpt2, InPlaceCache, Llama, pastInputs, presentOutputs, PromptCache, PreallocatedCache } from "../models/index.js";
import type { Module } from "../nn/index.js";
import { ConfigError } from "../util/errors.js";

/** A model that continues texts: `Gpt2`, `Llama`, or another that takes a cache. */
export interface DecoderModel extends Module {
  readonly decoderShape: DecoderShape;
  readonly config: { readonly vocabSize: number; readonly maxPositions?: number };
  forward(tokens: Tensor, inputs?: DecoderInputs): Tensor;
}

/** True for models that generate texts token by token. */
export const isDecoder = (model: Module): model is DecoderModel => model instanceof Gpt2 || model instanceof Llama;

/** A model's parameters with their paths and weights. ConfigError for missing weights. */
export function boundWeights(
  model: Module,
  weights: ReadonlyMap<string, TensorData>,
): { readonly names: Map<Tensor, string>; readonly values: Map<Tensor, TensorData> } {
  const names = new Map<Tensor, string>();
  const values = new Map<Tensor, TensorData>();
  for (const [path, parameter] of model.state()) {
    const data = weights.get(path);
    if (data === undefined) throw new ConfigError(`generator: expected weights for ${path}, got none`);
    names.set(parameter, path);
    values.set(parameter, data);
  }
  return { names, values };
}

/** One graph for a prompt (or a source), one for a token. */
export interface Traces {
  readonly prompt: Record<string, Tensor>;
  readonly step: Record<string, Tensor>;
  /** By output name of a step, the input whose memory it takes. */
  readonly inPlace: Record<string, string>;
}

const [N, T, S, C] = ["N", "T", "S", "C"].map((name) => symbol(name)) as [Dim, Dim, Dim, Dim];
const stepInputs = (): { tokens: Tensor; positions: Tensor } => ({
  tokens: input("tokens", [N, 1], "int32"),
  positions: input("positions", [N, 1], "int32"),
});

/** Chooses the cache of a step: all of it in place, or the new keys and values alone. */
const stepCache = (shape: DecoderShape, inPlace: boolean): InPlaceCache | PreallocatedCache =>
  new (inPlace ? InPlaceCache : PreallocatedCache)({ ...shape, batch: N, past: C });

/** The engine's kernel takes heads of such sizes alone. */
const HEAD_MULTIPLE = 8;

/** Tells whether steps of such a decoder may be traced to write in place. */
export const fitsInPlace = ({ headSize }: DecoderShape): boolean => headSize % HEAD_MULTIPLE === 0;

/** The step's graph with what its cache says. */
const stepWith = (logits: Tensor, cache: InPlaceCache | PreallocatedCache): Pick<Traces, "step" | "inPlace"> => ({
  step: { logits, ...cache.outputs },
  inPlace: cache instanceof InPlaceCache ? cache.inPlace : {},
});

/** The two graphs of a decoder: all of a prompt at once, then token by token. */
export function continuer(model: DecoderModel, inPlace: boolean): Traces {
  const prompt = new PromptCache();
  const at = input("last", [N], "int32");
  const first = model.forward(input("tokens", [N, T], "int32"), { cache: prompt, at });
  const cache = stepCache(model.decoderShape, inPlace);
  const { tokens, positions } = stepInputs();
  const next = model.forward(tokens, { positions, cache });
  return { prompt: { logits: first, ...prompt.outputs }, ...stepWith(next, cache) };
}

/** Encodes a source once: its states, and their keys and values for each layer of the decoder, as outputs. */
export function readSource(
  model: Transformer,
  tokens: Tensor,
  mask: Tensor,
): { states: Tensor; present: Record<string, Tensor> } {
  const states = model.model.forward(tokens, mask); // [N, S, D]
  return { states, present: presentOutputs(model.sourceKeyValues(states), "encoder") };
}

export const SOURCE_MASK = "encoder_attention_mask";

/** The same as inputs of what writes. */
export function sourceInputs(
  model: Transformer,
  maskType: "int32" | "int64",
): Required<Pick<TargetInputs, "source" | "sourceMask">> {
  const source = pastInputs({ ...model.decoderShape, side: "encoder", batch: N, past: S });
  return { source, sourceMask: input(SOURCE_MASK, [N, S], maskType) };
}

/**
 * The token that a target begins with, and those that are never written: the padding, which Marian's checkpoints give a logit that may be the
 * largest.
 */
export function targetRules({ config }: Transformer): { readonly startToken: number; readonly suppressed: readonly number[] } {
  const { startToken, padToken, endToken } = config;
  return {
    startToken: startToken ?? padToken ?? 0,
    suppressed: padToken === undefined || padToken === endToken ? [] : [padToken],
  };
}

/** The two graphs of a model with an encoder: the source's keys and values for each layer, then the target token by token. */
export function translator(model: Transformer, inPlace: boolean): Traces {
  const { present } = readSource(model, input("tokens", [N, S], "int32"), input("mask", [N, S], "int32"));
  const cache = stepCache(model.decoderShape, inPlace);
  const { tokens, positions } = stepInputs();
  const logits = model.decode(tokens, { ...sourceInputs(model, "int32"), positions, cache });
  return { prompt: present, ...stepWith(logits, cache) };
}
