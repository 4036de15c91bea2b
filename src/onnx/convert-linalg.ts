/**
 * @module Gemm and the recurrent layers as files write them.
 */
import type { Tensor } from "../graph/index.js";
import { constant, fromNumbers, staticDim } from "../graph/index.js";
import * as ops from "../ops/index.js";
import type { Call } from "./call.js";
import { type Conversion, type GivenAttributes, apply, plainAttributes } from "./conversion.js";
import { own } from "../util/record.js";

function gemm(c: Call): readonly Tensor[] {
  const bias = c.optional(2);
  return apply("Gemm", [c.x(0), c.x(1), bias], plainAttributes(c, ops.opNamed("Gemm")));
}

/**
 * An einsum whose terms may repeat a label, which takes a diagonal: the second one gets a label of its own, and an identity matrix says that the two are
 * the same.
 */
function einsumNode(c: Call): readonly Tensor[] {
  const equation = c.string("equation").replaceAll(" ", "");
  const [left = "", right] = equation.split("->");
  const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ".split("");
  const unused = letters.filter((letter) => !equation.includes(letter));
  const operands = c.tensors();
  const identities: { readonly term: string; readonly matrix: Tensor }[] = [];
  const terms = left.split(",").map((term, i) => {
    const x = operands[i] as Tensor;
    const labels = term.replace("...", "·".repeat(Math.max(0, x.rank - (term.length - 3)))).split("");
    const told = labels.map((label, axis) => {
      if (label === "·" || labels.indexOf(label) === axis) return label;
      const other = unused.shift() ?? c.unsupported(`the equation ${equation}, of so many labels,`);
      const length = staticDim(x.shape[axis], c.where);
      const ones = Array.from({ length: length * length }, (_, at) => (at % (length + 1) === 0 ? 1 : 0));
      identities.push({ term: `${label}${other}`, matrix: constant(fromNumbers(x.dtype, [length, length], ones)) });
      return other;
    });
    return told.join("").replace(/·+/, "...") + (term.includes("...") && !told.includes("·") ? "..." : "");
  });
  // Labels that occur once, as the equation was written, are the result where it names none.
  const once = letters.filter((letter) => left.split(letter).length === 2).sort();
  const result = right ?? `${left.includes("...") ? "..." : ""}${once.join("")}`;
  const given = [...terms, ...identities.map(({ term }) => term)].join(",");
  const written = identities.length === 0 ? equation : `${given}->${result}`;
  return [ops.einsum(written, ...operands, ...identities.map(({ matrix }) => matrix))];
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
  ["Einsum", einsumNode],
  ["Gemm", gemm],
  ["LSTM", recurrent],
  ["GRU", recurrent],
  ["RNN", recurrent],
];
