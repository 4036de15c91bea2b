/**
 * @module Gemm and the recurrent layers as files write them.
 */
import type { Tensor } from "../graph/index.js";
import { staticDim } from "../graph/index.js";
import * as ops from "../ops/index.js";
import type { Call } from "./call.js";
import { type Conversion, apply, plainAttributes } from "./conversion.js";

function gemm(c: Call): readonly Tensor[] {
  const bias = c.optional(2);
  return apply("Gemm", [c.x(0), c.x(1), bias], plainAttributes(c, ops.opNamed("Gemm")));
}

const ACTIVATIONS: Readonly<Record<string, readonly string[]>> = { LSTM: ["Sigmoid", "Tanh", "Tanh"], GRU: ["Sigmoid", "Tanh"] };

function recurrent(c: Call): readonly Tensor[] {
  const usual = ACTIVATIONS[c.node.opType] as readonly string[];
  const activations = c.strings("activations");
  if (activations?.some((a, i) => a.toLowerCase() !== usual[i % usual.length]?.toLowerCase()))
    c.unsupported(`activations ${activations.join(", ")}`);
  const inputs = c.inputs.map((operand) => operand?.tensor() ?? null);
  while (inputs.at(-1) === null) inputs.pop();
  const hidden_size = c.int("hidden_size", staticDim(c.x(2).shape[2], c.where));
  const linear = c.node.opType === "GRU" ? { linear_before_reset: c.flag("linear_before_reset") } : {};
  return apply(c.node.opType, inputs, { direction: c.string("direction").toLowerCase(), hidden_size, ...linear });
}

/** Products of matrices, and layers made of them. */
export const LINALG: readonly (readonly [string, Conversion])[] = [
  ["Gemm", gemm],
  ["LSTM", recurrent],
  ["GRU", recurrent],
];
