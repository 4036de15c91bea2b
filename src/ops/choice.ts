/**
 * @module Where, Clip, Cast, and identities, element by element.
 */
import type { DType } from "../graph/index.js";
import { broadcastShapes, formatShape, isFloat, Tensor } from "../graph/index.js";
import { ShapeError } from "../util/errors.js";
import { anyDType, broadcastBatch, build1, isBool, isNumeric, type None, unary, type Unary } from "./elementwise-op.js";
import type { Op, TensorLike } from "./op.js";
import { asTensor, emitOne, expectDType, expectSameDType, moves, perElement } from "./op.js";

/** Elements of `a` where the condition holds, else of `b`. */
export const Where: Op<None, readonly [Tensor, Tensor, Tensor]> = {
  name: "Where",
  domain: "",
  attributes: {},
  infer: ([condition, a, b], _attributes, where) => {
    expectDType(where, condition.dtype, isBool, "a bool condition");
    expectSameDType(where, a, b);
    const shape = broadcastShapes(condition.shape, a.shape, b.shape);
    if (shape === undefined) {
      const got = [condition, a, b].map((t) => formatShape(t.shape)).join(", ");
      throw new ShapeError(`${where}: expected shapes that broadcast, got ${got}`);
    }
    return [{ shape, dtype: a.dtype }];
  },
  gradient: ({ inputs: [condition, a], dy, needs }) => {
    const zero = asTensor(0, a.dtype);
    return [null, needs[1] ? where(condition, dy, zero) : null, needs[2] ? where(condition, zero, dy) : null];
  },
  cost: moves,
  batch: broadcastBatch(() => Where),
  // The engine has no kernel that chooses between truth values.
  lower: ({ inputs: [condition, a, b], target }) =>
    a.dtype === "bool" && target !== "onnx" ? [condition.and(a).or(condition.not().and(b))] : undefined,
};

/** min(max(x, low), high); a limit that is null is none. The gradient passes where low ≤ x ≤ high, as in PyTorch. */
export const Clip: Op<None, readonly [Tensor, Tensor | null, Tensor | null]> = {
  name: "Clip",
  domain: "",
  attributes: {},
  infer: ([x, low, high], _attributes, where) => {
    expectDType(where, x.dtype, isNumeric, "numbers");
    for (const limit of [low, high]) {
      if (limit === null) continue;
      expectSameDType(where, x, limit);
      if (limit.rank !== 0)
        throw new ShapeError(`${where}: expected scalar limits, got ${formatShape(limit.shape)}; use min and max`);
    }
    return [x];
  },
  gradient: ({ inputs: [x, low, high], dy, needs }) => {
    const zero = asTensor(0, x.dtype);
    // Where the limits cross, the upper one holds everywhere.
    const crossed = low !== null && high !== null ? low.greater(high) : null;
    const above = high === null ? null : crossed === null ? x.greater(high) : x.greater(high).or(crossed);
    const below = low === null ? null : crossed === null ? x.less(low) : x.less(low).and(crossed.not());
    const outside = below !== null && above !== null ? below.or(above) : (below ?? above);
    return [
      outside === null ? dy : where(outside, zero, dy),
      needs[1] && below !== null ? where(below, dy, zero) : null,
      needs[2] && above !== null ? where(above, dy, zero) : null,
    ];
  },
  cost: perElement(2),
  batch: ({ inputs: [x, low, high], mapped }) => {
    if (!mapped[1] && !mapped[2]) return [emitOne(Clip, [x, low, high], {})];
    const tail = Array.from({ length: mapped[0] ? x.rank - 1 : x.rank }, (_, i) => i + 1);
    const limit = (t: Tensor, i: number): Tensor => (mapped[i] && tail.length > 0 ? t.unsqueeze(...tail) : t);
    let y = x;
    if (low !== null) y = y.max(limit(low, 1));
    if (high !== null) y = y.min(limit(high, 2));
    return [y];
  },
};

/** Conversion between element types; floats to integers truncate towards zero. */
export const Cast: Op<{ to: DType }, Unary> = {
  name: "Cast",
  domain: "",
  attributes: { to: "dtype" },
  infer: ([x], { to }) => [{ shape: x.shape, dtype: to }],
  gradient: ({ inputs: [x], dy, attributes: { to } }) => [isFloat(to) ? dy.cast(x.dtype) : null],
  cost: moves,
  batch: broadcastBatch(() => Cast),
};

/** y = x: a name of its own for a value. */
export const Identity = unary("Identity", { takes: anyDType, dx: ({ dy }) => dy, flops: 0 });

/** x, through which no gradient passes. */
export const StopGradient = unary("StopGradient", {
  domain: "descent",
  takes: anyDType,
  dx: () => null,
  flops: 0,
  lower: ({ inputs: [x] }) => [x],
});
/** The table's choices, limits and conversions. */
export const choices = [Where, Clip, Cast, Identity, StopGradient] as const;

/** x itself, and a constant on the way back: no gradient goes through. Shape and type of x. */
export const stopGradient = build1(StopGradient);
/** The same value as a node of its own: a place to cut a graph, or to name. Shape and type of x. */
export const identity = build1(Identity);

/**
 * Elements of `a` where `condition`, else of `b`. All three broadcast to the result's shape; `condition` is bool, the type is a's. ShapeError if they do
 * not broadcast.
 */
export function where(condition: Tensor, a: TensorLike, b: TensorLike): Tensor {
  const dtype = a instanceof Tensor ? a.dtype : b instanceof Tensor ? b.dtype : "float32";
  return emitOne(Where, [condition, asTensor(a, dtype), asTensor(b, dtype)], {});
}

/** x held between two limits; leave one out with null. The limits broadcast; shape and type of x. */
export function clip(x: Tensor, low: TensorLike | null, high: TensorLike | null): Tensor {
  const limit = (value: TensorLike | null): Tensor | null => (value === null ? null : asTensor(value, x.dtype));
  return emitOne(Clip, [x, limit(low), limit(high)], {});
}

/** The same value in another element type; the tensor itself if it has it already. Shape of x. */
export const cast = (x: Tensor, to: DType): Tensor => (x.dtype === to ? x : emitOne(Cast, [x], { to }));
