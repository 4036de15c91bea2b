/**
 * @module Gemm and the recurrent layers as files write them.
 */
import type { Tensor } from "../graph/index.js";
import { staticDim } from "../graph/index.js";
import * as ops from "../ops/index.js";
import type { Call } from "./call.js";
import { type Conversion, type GivenAttributes, apply, plainAttributes } from "./conversion.js";
import { own } from "../util/record.js";

function gemm(c: Call): readonly Tensor[] {
  const bias = c.optional(2);
  return apply("Gemm", [c.x(0), c.x(1), bias], plainAttributes(c, ops.opNamed("Gemm")));
}

const ACTIVATIONS: Readonly<Record<string, readonly string[]>> = {
  LSTM: ["Sigmoid", "Tanh", "Tanh"],
  GRU: ["Sigmoid", "Tanh"],
  RNN: ["Tanh"],
};

/** Attributes of a recurrent layer that others do not have. */
function ownAttributes(c: Call, directions: number): GivenAttributes {
  const usual = own(ACTIVATIONS, c.node.opType) as readonly string[];
  const activations = c.strings("activations") ?? [];
  if (c.node.opType === "RNN") {
    const each = activations.length === 0 ? new Array<string>(directions).fill("Tanh") : activations.slice(0, directions);
    return { activations: each, activation_alpha: c.floats("activation_alpha"), activation_beta: c.floats("activation_beta") };
  }
  if (activations.some((a, i) => a.toLowerCase() !== usual[i % usual.length]?.toLowerCase()))
    c.unsupported(`activations ${activations.join(", ")}`);
  return c.node.opType === "GRU" ? { linear_before_reset: c.flag("linear_before_reset") } : {};
}

/** A recurrent layer; with `layout` 1 the file has examples before steps, and before directions. */
function recurrent(c: Call): readonly Tensor[] {
  const byExample = c.int("layout", 0) === 1;
  const swapped = (t: Tensor): Tensor => (byExample ? t.swapAxes(0, 1) : t);
  const inputs = c.inputs.map((operand, i) => {
    const t = operand?.tensor() ?? null;
    return t !== null && (i === 0 || i === 5 || i === 6) ? swapped(t) : t;
  });
  while (inputs.at(-1) === null) inputs.pop();
  const hidden_size = c.int("hidden_size", staticDim(c.x(2).shape[2], c.where));
  const direction = c.string("direction").toLowerCase();
  const attributes = { direction, hidden_size, ...ownAttributes(c, direction === "bidirectional" ? 2 : 1) };
  const [y, ...states] = apply(c.node.opType, inputs, attributes) as [Tensor, ...Tensor[]];
  // [T, D, N, H] → [N, T, D, H].
  return [byExample ? y.transpose([2, 0, 1, 3]) : y, ...states.map(swapped)];
}

/** Products of matrices, and layers made of them. */
export const LINALG: readonly (readonly [string, Conversion])[] = [
  ["Gemm", gemm],
  ["LSTM", recurrent],
  ["GRU", recurrent],
  ["RNN", recurrent],
];
