/**
 * @module Lengths that a file takes to be equal though that cannot be told while they are free: ⌊(H + 15)/16⌋ and 2·⌊(H + 31)/32⌋, which meet
 * where a picture is made smaller and larger again, are the same for the sizes that the model is made for. A Reshape says so: it changes
 * nothing where they are, and is refused where they are not.
 */
import type { Dim, Shape } from "../graph/index.js";
import { dimEquals, isStatic, symbolName } from "../graph/index.js";
import { type Operand, operandOf } from "./call.js";

/** Ops whose operands are broadcast against each other. */
const BROADCASTING: ReadonlySet<string> = new Set(
  "Add Sub Mul Div Pow Max Min Sum Mean Where Equal Less LessOrEqual Greater GreaterOrEqual And Or Xor".split(" "),
);

/** Whether one of two lengths has to be computed: two free axes of inputs may differ, and one be 1. */
const mayBeEqual = (a: Dim, b: Dim): boolean =>
  typeof a !== "number" && typeof b !== "number" && !(symbolName(a) !== undefined && symbolName(b) !== undefined);

/** The shape with lengths of `like`, aligned at the last axis, in place of those that are taken for equal to them. */
const withLengths = (shape: Shape, like: Shape, isKept: (axis: number) => boolean): Shape =>
  shape.map((d, i) => {
    const other = like[i + like.length - shape.length];
    return other !== undefined && !isKept(i) && !dimEquals(d, other) && mayBeEqual(d, other) ? other : d;
  });

/** A node's operands, with lengths that it takes to be equal made so. `axis` is the one along which Concat joins. */
export function reconciled(op: string, inputs: readonly (Operand | null)[], axis: number): readonly (Operand | null)[] {
  if (!BROADCASTING.has(op) && op !== "Concat") return inputs;
  const first = inputs.find((operand) => operand !== null && !isStatic(operand.shape));
  if (first === undefined || first === null) return inputs;
  return inputs.map((operand) => {
    if (operand === null || operand === first || isStatic(operand.shape)) return operand;
    const { length } = operand.shape;
    const along = op === "Concat" ? (axis < 0 ? axis + length : axis) : -1;
    const shape = withLengths(operand.shape, first.shape, (i) => i === along);
    return shape.every((d, i) => dimEquals(d, operand.shape[i] as Dim)) ? operand : operandOf(operand.tensor().reshape(shape));
  });
}
