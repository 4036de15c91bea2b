/**
 * @module Constants as files write them, and ops that make constants: shapes, ranges, one-hot rows.
 */
import type { Dim, DType, Tensor } from "../graph/index.js";
import { constant, dimCeilDiv, dimSub, fromNumbers, sizeOf, staticDim, symbolicSize } from "../graph/index.js";
import { DataError } from "../util/errors.js";
import * as ops from "../ops/index.js";
import { range } from "../util/range.js";
import type { Call, Operand } from "./call.js";
import { operandOf, operandOfKnown } from "./call.js";
import { type Known, knownOf, shapeOf } from "./known.js";
import { dtypeOf, numbersOfTensor } from "./numbers.js";
import { type Conversion, apply } from "./conversion.js";

/** Elements of a constant that is computed from a few bytes of the file: a longer range or a larger identity matrix is refused. */
const MAX_COMPUTED = 2 ** 24;

function expectFew(c: Call, count: number): void {
  if (!(count <= MAX_COMPUTED)) c.unsupported(`a constant of ${count} elements (at most ${MAX_COMPUTED})`);
}

/** The value of a Constant node, in whichever attribute it stands. */
function constantNode(c: Call): readonly Operand[] {
  const value = c.attribute("value");
  if (value?.type === "tensor") {
    const data = numbersOfTensor(value.value, c.where);
    // Small ones take part in the computation of shapes.
    if (data.data.length <= 4096) return [operandOfKnown(knownOf(data), () => constant(data))];
    return [operandOf(constant(data))];
  }
  const known = (dtype: DType, values: readonly number[], scalar: boolean): readonly Operand[] => [
    operandOfKnown({ dtype, shape: scalar ? [] : [values.length], values }),
  ];
  if (c.attribute("value_float") !== undefined) return known("float32", [c.float("value_float")], true);
  if (c.attribute("value_int") !== undefined) return known("int64", [c.int("value_int")], true);
  const floats = c.floats("value_floats");
  if (floats !== undefined) return known("float32", floats, false);
  const ints = c.ints("value_ints");
  return ints === undefined ? c.unsupported("a constant of text or in sparse form") : known("int64", ints, false);
}

function constantOfShape(c: Call): readonly (Tensor | Operand)[] {
  const value = c.attribute("value");
  const known: Known =
    value?.type === "tensor" ? knownOf(numbersOfTensor(value.value, c.where)) : { dtype: "float32", shape: [1], values: [0] };
  const shape = c.dims(0, "shape");
  const element = known.values[0];
  if (typeof element !== "number") throw new DataError(`${c.where}: expected a value of one element, got none`);
  const size = shape.every((d): d is number => typeof d === "number") ? sizeOf(shape) : Infinity;
  if (size <= 256)
    return [operandOfKnown({ dtype: known.dtype, shape: shape as number[], values: new Array<number>(size).fill(element) })];
  return [constant(element, known.dtype).expand(shape)];
}

/** start, start + step, …: known numbers are folded before; what remains counts up to a free dimension. */
function rangeNode(c: Call): readonly Tensor[] {
  const [start, limit, step] = [c.dims(0, "start")[0], c.dims(1, "limit")[0] as Dim, c.dims(2, "step")[0]];
  const { dtype } = c.operand(0);
  if (typeof start === "number" && typeof limit === "number" && typeof step === "number") {
    const count = Math.max(0, Math.ceil((limit - start) / step));
    expectFew(c, count);
    return [
      constant(
        fromNumbers(
          dtype,
          [count],
          range(0, count).map((i) => start + i * step),
        ),
      ),
    ];
  }
  if (typeof step !== "number" || !Number.isInteger(step) || step === 0)
    return c.unsupported(`a range to ${limit} in steps of ${step}`);
  if (step === 1 && typeof start === "number") return [ops.arange(dimSub(limit, start), start).cast(dtype)];
  const length = step > 0 ? dimSub(limit, start as Dim) : dimSub(start as Dim, limit);
  const count = ops.arange(dimCeilDiv(length, Math.abs(step))).mul(step);
  return [count.add(c.x(0).cast("int64")).cast(dtype)];
}

function oneHot(c: Call): readonly Tensor[] {
  return apply("OneHot", [c.x(0), c.x(2)], { axis: c.int("axis"), depth: c.numbers(1, "depth")[0] });
}

function eyeLike(c: Call): readonly Tensor[] {
  const { shape, dtype } = c.operand(0);
  const [rows, columns] = shape.map((d) => staticDim(d, c.where)) as [number, number];
  expectFew(c, rows * columns);
  const k = c.int("k", 0);
  const ones = Array.from({ length: rows * columns }, (_, i) => ((i % columns) - Math.floor(i / columns) === k ? 1 : 0));
  const to = c.attribute("dtype") === undefined ? dtype : dtypeOf(c.int("dtype"), c.where);
  return [constant(fromNumbers(to, [rows, columns], ones))];
}

/** Constants, shapes, ranges, identity and one-hot matrices. */
export const CONSTANTS: readonly (readonly [string, Conversion])[] = [
  ["Constant", constantNode],
  ["ConstantOfShape", constantOfShape],
  ["Range", rangeNode],
  ["Shape", (c) => [operandOfKnown(shapeOf(c.operand(0), c.int("start", 0), c.int("end", Number.MAX_SAFE_INTEGER)))]],
  ["Size", (c) => [operandOfKnown({ dtype: "int64", shape: [], values: [symbolicSize(c.operand(0).shape)], ofShape: true })]],
  ["OneHot", oneHot],
  ["EyeLike", eyeLike],
];
