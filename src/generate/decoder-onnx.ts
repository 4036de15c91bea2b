/**
 * @module A generating model, with its cache of keys and values, as ONNX files for text generation with another runtime: a decoder is one file, a
 * model with an encoder two.
 */
import type { Tensor, TensorData } from "../graph/index.js";
import { Graph, input, symbol } from "../graph/index.js";
import type { KeyValues } from "../models/index.js";
import { GrowingCache, Transformer } from "../models/index.js";
import type { Module } from "../nn/index.js";
import { exportGraph } from "../onnx/index.js";
import { lowerGraph, resolveForUse } from "../ops/index.js";
import type { DecoderModel } from "./decoder-model.js";
import { boundWeights, readSource, sourceInputs } from "./decoder-model.js";

/** Options of a language model's ONNX file. */
export interface DecoderOnnxOptions {
  readonly metadata?: ReadonlyMap<string, string>;
  readonly graphName?: string;
}

const [N, T, S, P] = [symbol("N"), symbol("T"), symbol("S"), symbol("P")];

/** The bytes of a graph of the model with its weights, for use. */
function bytesOf(
  model: Module,
  weights: ReadonlyMap<string, TensorData>,
  inputs: readonly Tensor[],
  traced: Readonly<Record<string, Tensor>>,
  options: DecoderOnnxOptions,
): Uint8Array {
  return exportGraph(lowerGraph(new Graph(resolveForUse(traced)), "onnx"), {
    ...options,
    ...boundWeights(model, weights),
    inputs,
  });
}

/**
 * The bytes of an ONNX file that reads tokens behind those that it has read already.
 *
 * Shapes: `input_ids`, `position_ids` int64 [N, T] and `past_key_values.L.key`, `.value` [N, g, P, d] for each layer L → `logits` [N, T, V] and
 * `present.L.key`, `.value` [N, g, P + T, d], which are the next call's past; P is 0 at first. The texts of a batch are of one length. With an encoder
 * the names are `past_key_values.L.decoder.key`, …, and `encoderOnnx`'s outputs are inputs too: `past_key_values.L.encoder.key`, `.value` [N, h, S, d],
 * the same at each call, with `encoder_attention_mask` int64 [N, S].
 * Errors: ConfigError for missing weights.
 * Checked against: ONNX Runtime's Python package, the same tokens, scripts/golden/check-decoder.py.
 */
export function decoderOnnx(
  model: DecoderModel | Transformer,
  weights: ReadonlyMap<string, TensorData>,
  options: DecoderOnnxOptions = {},
): Uint8Array {
  const tokens = input("input_ids", [N, T], "int64");
  const positions = input("position_ids", [N, T], "int64");
  const cache = new GrowingCache({ ...model.decoderShape, batch: N, past: P });
  const flat = (layers: readonly KeyValues[]): Tensor[] => layers.flatMap(({ key, value }) => [key, value]);
  const inputs = [tokens, positions, ...flat(cache.past)];
  let logits: Tensor;
  if (model instanceof Transformer) {
    const given = sourceInputs(model, "int64");
    logits = model.decode(tokens, { ...given, positions, cache });
    inputs.push(given.sourceMask, ...flat(given.source));
  } else logits = model.forward(tokens, { positions, cache });
  return bytesOf(model, weights, inputs, { logits, ...cache.outputs }, options);
}

/**
 * The bytes of an ONNX file that reads a source once, for the decoder.
 *
 * Shapes: `input_ids`, `attention_mask` (1 at tokens that are not padding) int64 [N, S] → `last_hidden_state` [N, S, D] and `present.L.encoder.key`,
 * `.value` [N, h, S, d] for each layer L of the decoder.
 * Errors: ConfigError for missing weights.
 * Checked against: as `decoderOnnx`.
 */
export function encoderOnnx(
  model: Transformer,
  weights: ReadonlyMap<string, TensorData>,
  options: DecoderOnnxOptions = {},
): Uint8Array {
  const tokens = input("input_ids", [N, S], "int64");
  const mask = input("attention_mask", [N, S], "int64");
  const { states, present } = readSource(model, tokens, mask);
  return bytesOf(model, weights, [tokens, mask], { last_hidden_state: states, ...present }, options);
}
