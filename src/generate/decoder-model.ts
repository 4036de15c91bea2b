/**
 * @module A model that writes, as graphs: what a decoder is, its parameters with their numbers, and the two traces that are compiled for writing.
 */
import type { Dim, Tensor, TensorData } from "../graph/index.js";
import { input, symbol } from "../graph/index.js";
import type { AttentionCache, DecoderInputs, KeyValues, Transformer } from "../models/index.js";
import { PromptCache, RoomyCache } from "../models/index.js";
import type { Module } from "../nn/index.js";
import { ConfigError } from "../util/errors.js";

/** Sizes of a decoder's cache. */
export interface DecoderShape {
  readonly layers: number;
  readonly groups: number;
  readonly headSize: number;
}

/** A model that continues texts: `Gpt2`, `Llama`, or another that takes a cache. */
export interface DecoderModel extends Module {
  readonly decoderShape: DecoderShape;
  readonly config: { readonly maxPositions?: number };
  forward(tokens: Tensor, inputs?: DecoderInputs): Tensor;
}

/** A model's parameters with their paths and numbers. ConfigError for numbers that are missing. */
export function boundNumbers(
  model: Module,
  numbers: ReadonlyMap<string, TensorData>,
): { readonly names: Map<Tensor, string>; readonly values: Map<Tensor, TensorData> } {
  const names = new Map<Tensor, string>();
  const values = new Map<Tensor, TensorData>();
  for (const [path, parameter] of model.state()) {
    const data = numbers.get(path);
    if (data === undefined) throw new ConfigError(`generator: expected numbers for ${path}, got none`);
    names.set(parameter, path);
    values.set(parameter, data);
  }
  return { names, values };
}

/** One graph for a prompt (or a source), one for a token. */
export interface Traces {
  readonly prompt: Record<string, Tensor>;
  readonly step: Record<string, Tensor>;
}

const [N, T, S, C] = ["N", "T", "S", "C"].map((name) => symbol(name)) as [Dim, Dim, Dim, Dim];
const stepInputs = (): { tokens: Tensor; positions: Tensor } => ({
  tokens: input("tokens", [N, 1], "int32"),
  positions: input("positions", [N, 1], "int32"),
});

/** The two graphs of a decoder: all of a prompt at once, then token by token. */
export function continuer(model: DecoderModel): Traces {
  const prompt = new PromptCache();
  const at = input("last", [N], "int32");
  const first = model.forward(input("tokens", [N, T], "int32"), { cache: prompt, at });
  const cache = new RoomyCache({ ...model.decoderShape, batch: N, past: C });
  const { tokens, positions } = stepInputs();
  const next = model.forward(tokens, { positions, cache });
  return { prompt: { logits: first, ...prompt.outputs }, step: { logits: next, ...cache.outputs } };
}

/** The two graphs of a model with an encoder: the source's keys and values for each layer, then the target token by token. */
export function translator(model: Transformer): Traces {
  const mask = input("mask", [N, S], "int32");
  const states = model.model.forward(input("tokens", [N, S], "int32"), mask);
  const prompt = Object.fromEntries(
    model.sourceKeyValues(states).flatMap(({ key, value }, layer) => [
      [`source.${layer}.key`, key],
      [`source.${layer}.value`, value],
    ]),
  );
  const { groups, headSize, layers } = model.decoderShape;
  const source = Array.from({ length: layers }, (_, layer): KeyValues => ({
    key: input(`source.${layer}.key`, [N, groups, S, headSize]),
    value: input(`source.${layer}.value`, [N, groups, S, headSize]),
  }));
  const cache: AttentionCache = new RoomyCache({ ...model.decoderShape, batch: N, past: C });
  const { tokens, positions } = stepInputs();
  const logits = model.decode(tokens, { source, sourceMask: input("source.mask", [N, S], "int32"), positions, cache });
  return { prompt, step: { logits, ...cache.outputs } };
}
