/**
 * @module Rows: a layer's product over [N, T, D] is a Gemm over the rows [N·T, D], and what treats each element or each row by itself is
 * computed on rows as well. The reshapes around it then meet and drop out: one token of GPT-2 takes 6 nodes less in each layer.
 */
import type { Node, Tensor } from "../../graph/index.js";
import { sameShape } from "../../graph/index.js";
import { elementwise } from "../elementwise.js";
import { emit } from "../op.js";
import { opOf } from "../table.js";

const ELEMENTWISE: ReadonlySet<string> = new Set(elementwise.map(({ name }) => name));
const NORMALIZATIONS: ReadonlySet<string> = new Set(["LayerNormalization", "RMSNormalization"]);

/** Attributes of the same node on a matrix; undefined for what mixes rows. */
function onMatrix({ op, attributes, inputs: [x] }: Node): Node["attributes"] | undefined {
  if (ELEMENTWISE.has(op)) return attributes;
  const axis = attributes["axis"];
  const isLast = axis === -1 || axis === (x?.rank ?? 0) - 1;
  return NORMALIZATIONS.has(op) && isLast ? { ...attributes, axis: -1 } : undefined;
}

/** The matrix of the same rows that a tensor was reshaped from. */
function matrixBehind(t: Tensor): Tensor | undefined {
  const [source] = t.node.op === "Reshape" ? t.node.inputs : [];
  return source?.rank === 2 && sameShape(source.shape.slice(-1), t.shape.slice(-1)) ? source : undefined;
}

/** The node on the rows behind its operands, reshaped; undefined where fewer of them are rows than not. */
export function onRows(node: Node, inputs: readonly (Tensor | null)[], isUsed: (t: Tensor) => boolean): Tensor | undefined {
  const [y, ...others] = node.outputs as readonly [Tensor, ...Tensor[]];
  const attributes = y.rank > 2 ? onMatrix(node) : undefined;
  if (attributes === undefined || others.some(isUsed)) return undefined;
  const whole = inputs.filter((t) => t !== null && t.rank > 1);
  const sources = whole.flatMap((t) => matrixBehind(t as Tensor) ?? []);
  const [first] = sources;
  if (first === undefined || 2 * sources.length < whole.length || !whole.every((t) => sameShape((t as Tensor).shape, y.shape)))
    return undefined;
  const rows = inputs.map((t) => (t !== null && t.rank > 1 ? (matrixBehind(t) ?? t).reshape(first.shape) : t));
  const [made] = emit(opOf(node), rows, attributes) as readonly [Tensor];
  return made.reshape(y.shape);
}
