/**
 * @module Elementwise ops as files write them: operands aligned by attributes, any number of operands, limits and types.
 */
import type { DType, Tensor } from "../graph/index.js";
import { constant, DTYPES, isFloat, normalizeAxis } from "../graph/index.js";
import * as ops from "../ops/index.js";
import { emitOne } from "../ops/index.js";
import { DataError } from "../util/errors.js";
import { range } from "../util/range.js";
import type { Call, Operand } from "./call.js";
import { operandOf, operandOfKnown } from "./call.js";
import { castThrough } from "./convert-quantize.js";
import { castKnown } from "./known.js";
import { dtypeOf } from "./numbers.js";
import { type Conversion, activation, apply } from "./conversion.js";

/** Before opset 7 an operand could be aligned at an axis by attributes. */
function aligned(c: Call, a: Tensor, b: Tensor): Tensor {
  if (c.opset >= 7 || c.int("broadcast", 0) === 0 || c.attribute("axis") === undefined) return b;
  const trailing = a.rank - normalizeAxis(c.int("axis"), a.rank, c.where) - b.rank;
  return trailing > 0 ? b.unsqueeze(...range(b.rank, b.rank + trailing)) : b;
}

const binary =
  (name: string): Conversion =>
  (c) =>
    apply(name, [c.x(0), aligned(c, c.x(0), c.x(1))], {});

/** ONNX's Max, Min, Sum and Mean take any number of operands. */
const variadic =
  (join: (a: Tensor, b: Tensor) => Tensor): Conversion =>
  (c) => [c.tensors().reduce(join)];

function clip(c: Call): readonly Tensor[] {
  const x = c.x(0);
  const limit = (i: number, name: string): Tensor | null => {
    const t = c.optional(i);
    if (t !== null) return t.rank === 0 ? t : t.reshape([]);
    return c.attribute(name) === undefined ? null : constant(c.float(name), x.dtype);
  };
  return apply("Clip", [x, limit(1, "min"), limit(2, "max")], {});
}

/** The type that a Cast names: a code, or before opset 6 its name. */
function castTo(c: Call): DType {
  const to = c.attribute("to");
  if (to?.type !== "string") return dtypeOf(c.int("to"), c.where);
  const name = to.value.toLowerCase();
  const dtype = ({ float: "float32", double: "float64" }[name] ?? name) as DType;
  if (!(dtype in DTYPES)) throw new DataError(`${c.where}: expected an element type, got "${to.value}"`);
  return dtype;
}

function cast(x: Operand, to: DType): readonly (Tensor | Operand)[] {
  const known = x.known === undefined ? undefined : castKnown(x.known, to);
  if (known !== undefined) return [operandOfKnown(known)];
  const made = castThrough(x, to);
  return [x.straight === undefined || isFloat(to) ? made : { ...operandOf(made), straight: x.straight }];
}

function pow(c: Call): readonly Tensor[] {
  const x = c.x(0);
  return apply("Pow", [x, aligned(c, x, c.x(1)).cast(x.dtype)], {});
}

function isInf(c: Call): readonly Tensor[] {
  const x = c.x(0);
  const [below, above] = [c.flag("detect_negative", true), c.flag("detect_positive", true)];
  if (below && above) return apply("IsInf", [x], {});
  return [below ? x.equal(-Infinity) : above ? x.equal(Infinity) : constant(0, "bool").expand(x.shape)];
}

/** The softmax over the last axis that a tensor comes from, through changes of its type; null if there is none. */
function softmaxBehind(t: Tensor): { readonly x: Tensor; readonly types: readonly DType[] } | null {
  const types: DType[] = [];
  let at = t;
  while (at.node.op === "Cast" || at.node.op === "Identity") {
    types.unshift(at.dtype);
    at = at.node.inputs[0] as Tensor;
  }
  if (at.node.op !== "Softmax" || normalizeAxis(at.node.attributes["axis"] as number, at.rank, "Softmax") !== at.rank - 1)
    return null;
  return { x: at.node.inputs[0] as Tensor, types };
}

/**
 * A choice. Attention writes 0 over the rows of a softmax that see nothing, which are NaN: there the softmax is taken of zeros instead, or its gradient
 * would be NaN as well (0 · NaN).
 */
function where(c: Call): readonly Tensor[] {
  const [condition, a, b] = [c.x(0), c.x(1), c.x(2)];
  const found = condition.dtype === "bool" && isFloat(b.dtype) ? softmaxBehind(b) : null;
  const isNan = condition.node.op === "IsNaN" && condition.node.inputs[0] === b;
  const ofRows = condition.rank > 0 && condition.rank <= b.rank && condition.shape[condition.rank - 1] === 1;
  if (found === null || !(isNan || ofRows)) return [condition.where(a, b)];
  const { x, types } = found;
  const empty = isNan ? x.reduceMax(-1, true).equal(-Infinity) : condition;
  const taken = types.reduce((t, type) => t.cast(type), empty.where(constant(0, x.dtype), x).softmax(-1)); // prettier-ignore
  return [(isNan ? empty.or(apply("IsNaN", [taken], {})[0] as Tensor) : condition).where(a, taken)];
}

/** Arithmetic, comparisons, limits, casts and activations. */
export const ELEMENTWISE: readonly (readonly [string, Conversion])[] = [
  ...["Add", "Sub", "Mul", "Div", "Equal", "Less", "Greater", "And", "Or", "Xor", "PRelu"].map((name): [string, Conversion] => [
    name,
    binary(name),
  ]),
  ["Max", variadic((a, b) => a.max(b))],
  ["Min", variadic((a, b) => a.min(b))],
  ["Sum", variadic((a, b) => a.add(b))],
  [
    "Mean",
    (c) => [
      c
        .tensors()
        .reduce((a, b) => a.add(b))
        .mul(1 / c.inputs.length),
    ],
  ],
  ["Pow", pow],
  ["Where", where],
  ["Clip", clip],
  ["IsInf", isInf],
  ["Cast", (c) => cast(c.operand(0), castTo(c))],
  ["CastLike", (c) => cast(c.operand(0), c.operand(1).dtype)],
  ["Softsign", activation((x) => x.div(x.abs().add(1)))],
  ["ThresholdedRelu", activation((x, c) => x.greater(c.float("alpha")).where(x, 0))],
  ["Celu", activation((x, c) => x.max(0).add(x.div(c.float("alpha")).exp().sub(1).mul(c.float("alpha")).min(0)))],
  [
    "Shrink",
    activation((x, c) => {
      const [limit, bias] = [c.float("lambd", 0.5), c.float("bias", 0)];
      return x.less(-limit).where(x.add(bias), x.greater(limit).where(x.sub(bias), 0));
    }),
  ],
  [
    "Swish",
    activation((x, c) =>
      c.float("alpha", 1) === 1 ? emitOne(ops.opNamed("Silu"), [x], {}) : x.mul(x.mul(c.float("alpha", 1)).sigmoid()),
    ),
  ],
  [
    "BitwiseNot",
    activation((x) =>
      emitOne(
        ops.opNamed("BitwiseXor"),
        [x, constant(x.dtype.startsWith("u") ? 2 ** (8 * DTYPES[x.dtype].bytes) - 1 : -1, x.dtype)],
        {},
      ),
    ),
  ],
];
