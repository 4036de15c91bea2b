/**
 * @module A decoder with its cache of keys and values as one ONNX file, for whoever writes text with another runtime.
 */
import type { Tensor, TensorData } from "../graph/index.js";
import { Graph, input, symbol } from "../graph/index.js";
import { GrowingCache } from "../models/index.js";
import { exportGraph } from "../onnx/index.js";
import { lowerGraph, resolveMode, seedInput, stepInput } from "../ops/index.js";
import type { DecoderModel } from "./decoder-model.js";
import { boundNumbers } from "./decoder-model.js";

/**
 * The bytes of an ONNX file that reads tokens behind those that it has read already.
 *
 * Shapes: `input_ids`, `position_ids` int64 [N, T] and `past_key_values.L.key`, `.value` [N, g, P, d] for each layer L → `logits` [N, T, V] and
 * `present.L.key`, `.value` [N, g, P + T, d], which are the next call's past; P is 0 at first. The texts of a batch are of one length.
 * Errors: ConfigError for numbers that are missing.
 * Checked against: ONNX Runtime's Python package, the same tokens, scripts/golden/check-decoder.py.
 */
export function decoderOnnx(
  model: DecoderModel,
  numbers: ReadonlyMap<string, TensorData>,
  options: { readonly metadata?: ReadonlyMap<string, string>; readonly graphName?: string } = {},
): Uint8Array {
  const { names, values } = boundNumbers(model, numbers);
  const shape = [symbol("N"), symbol("T")];
  const tokens = input("input_ids", shape, "int64");
  const positions = input("position_ids", shape, "int64");
  const cache = new GrowingCache({ ...model.decoderShape, batch: symbol("N"), past: symbol("P") });
  const traced: Record<string, Tensor> = { logits: model.forward(tokens, { positions, cache }), ...cache.outputs };
  const { map } = resolveMode(Object.values(traced), "eval", { seed: seedInput(), step: stepInput() });
  const outputs = Object.fromEntries(Object.entries(traced).map(([name, t]) => [name, map(t)]));
  const inputs = [tokens, positions, ...cache.past.flatMap(({ key, value }) => [key, value])];
  return exportGraph(lowerGraph(new Graph(outputs), "onnx"), { ...options, names, values, inputs });
}
