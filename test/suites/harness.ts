/**
 * @module The common part of the suites: values for a row, comparison, difference quotients.
 */
import assert from "node:assert/strict";
import type { DType, Tensor } from "../../src/graph/index.js";
import { constant, fromNumbers, input, isFloat, isInteger, sizeOf } from "../../src/graph/index.js";
import { opNamed, resolveMode } from "../../src/ops/index.js";
import type { RefValue } from "../reference/index.js";
import { evaluateReference } from "../reference/index.js";
import { Random } from "../../src/util/random.js";
import type { OpCase, Operand } from "../cases/case.js";
import { caseName, normal } from "../cases/case.js";
import type { Tolerance } from "../tolerances.js";

/** Numbers of a row's operand, the same for every purpose. */
export function drawOperand(operand: Operand, floatType: DType, random: Random): RefValue {
  const dtype = operand.dtype ?? floatType;
  const drawn = (operand.domain ?? normal)(random, sizeOf(operand.shape));
  // Numbers that every floating type can hold: the same inputs for the engine's float32 and the interpreter's float64.
  const data = Float64Array.from(drawn, (v) => (isInteger(dtype) || dtype === "bool" ? Math.trunc(v) : Math.fround(v)));
  return { dtype, shape: operand.shape, data };
}

/** The leaves of a row (named `x0`, `x1`, … after `prefix`) and their numbers; `example` draws other numbers. */
export function instantiate(
  row: OpCase,
  floatType: DType,
  example = 0,
  prefix = "",
): { leaves: (Tensor | null)[]; feeds: Map<Tensor, RefValue> } {
  const feeds = new Map<Tensor, RefValue>();
  const leaves = row.operands.map((operand, i) => {
    if (operand === null) return null;
    const value = drawOperand(operand, floatType, new Random(caseName(row), i, example));
    const leaf = input(`${prefix}x${i}`, value.shape, value.dtype);
    feeds.set(leaf, value);
    return leaf;
  });
  return { leaves, feeds };
}

/** The tensors as they are in the row's mode, for ops that differ between training and use. */
export function resolved(row: OpCase, tensors: readonly Tensor[]): readonly Tensor[] {
  if (row.mode === undefined) return tensors;
  const { map } = resolveMode(tensors, row.mode, { seed: constant(11, "uint32"), step: constant(5, "uint32") });
  return tensors.map(map);
}

/** Tells whether the row's op has a gradient for its attributes: a rule, or the rules of its definition. */
export function hasGradient(row: OpCase): boolean {
  const op = opNamed(row.op);
  return row.noGradient === undefined && (typeof op.gradient === "function" || op.expand !== undefined);
}

/** Fails unless both have the same shape, and every element is near enough; NaN equals NaN. */
export function assertClose(got: RefValue, expected: RefValue, tolerance: Tolerance, what: string): void {
  assert.deepEqual(got.shape, expected.shape, `${what}: shape`);
  const scale = expected.data.reduce((max, v) => (Number.isFinite(v) ? Math.max(max, Math.abs(v)) : max), 0);
  const limit = tolerance.absolute + tolerance.relative * scale;
  got.data.forEach((value, i) => {
    const wanted = expected.data[i] as number;
    const near =
      Object.is(value, wanted) ||
      value === wanted ||
      Math.abs(value - wanted) <= limit ||
      (Number.isNaN(value) && Number.isNaN(wanted));
    if (!near)
      assert.fail(`${what}: element ${i} of [${got.shape.join(", ")}]: expected ${wanted}, got ${value} (limit ${limit})`);
  });
}

/** A step small enough to stay on one side of a kink 0.02 away, and large enough that rounding leaves 12 digits. */
const STEP = 1e-3;

/** d/dt f(t) at 0, to fourth order in the step h (Abramowitz and Stegun 1964, 25.3.6). */
export const differenceQuotient = (f: (t: number) => number, h = STEP): number =>
  (8 * (f(h) - f(-h)) - (f(2 * h) - f(-2 * h))) / (12 * h);

/** The feeds moved by t along a direction. */
export function moved(
  feeds: ReadonlyMap<Tensor, RefValue>,
  direction: ReadonlyMap<Tensor, Float64Array>,
  t: number,
): Map<Tensor, RefValue> {
  const result = new Map(feeds);
  for (const [leaf, d] of direction) {
    const value = feeds.get(leaf) as RefValue;
    result.set(leaf, { ...value, data: value.data.map((v, i) => v + t * (d[i] as number)) });
  }
  return result;
}

/** Directions to try: `dense` ones of ±1 everywhere (a wrong element shows in each), and single elements of each leaf. */
export function* directions(
  leaves: readonly Tensor[],
  feeds: ReadonlyMap<Tensor, RefValue>,
  random: Random,
  counts: { dense: number; single: number },
): Generator<Map<Tensor, Float64Array>> {
  const sizes = leaves.map((leaf) => (feeds.get(leaf) as RefValue).data.length);
  for (let k = 0; k < counts.dense; k++) {
    yield new Map(
      leaves.map((leaf, i) => [
        leaf,
        Float64Array.from({ length: sizes[i] as number }, () => (random.integer(2) === 0 ? -1 : 1)),
      ]),
    );
  }
  for (const [i, leaf] of leaves.entries()) {
    const order = random.permutation(sizes[i] as number);
    for (const place of order.slice(0, counts.single)) {
      const d = new Float64Array(sizes[i] as number);
      d[place] = 1;
      yield new Map([[leaf, d]]);
    }
  }
}

/** Σ direction · gradient. */
export function along(
  direction: ReadonlyMap<Tensor, Float64Array>,
  leaves: readonly Tensor[],
  gradients: readonly RefValue[],
): number {
  let sum = 0;
  leaves.forEach((leaf, k) => {
    direction.get(leaf)?.forEach((d, i) => {
      sum += d * ((gradients[k] as RefValue).data[i] as number);
    });
  });
  return sum;
}

/** Fails unless the gradients of the scalar `y` by `leaves` equal its difference quotients. */
export function assertGradients(
  y: Tensor,
  gradients: readonly Tensor[],
  leaves: readonly Tensor[],
  feeds: ReadonlyMap<Tensor, RefValue>,
  options: { random: Random; dense: number; single: number; step?: number; tolerance: Tolerance; what: string },
): void {
  const values = evaluateReference(gradients, feeds);
  const scalar = (at: ReadonlyMap<Tensor, RefValue>): number => evaluateReference([y], at)[0]?.data[0] as number;
  const scale = Math.max(
    1,
    Math.abs(scalar(feeds)),
    ...values.map((v) => v.data.reduce((max, x) => Math.max(max, Math.abs(x)), 0)),
  );
  const limit = options.tolerance.absolute + options.tolerance.relative * scale;
  for (const direction of directions(leaves, feeds, options.random, options)) {
    const expected = differenceQuotient((t) => scalar(moved(feeds, direction, t)), options.step);
    const got = along(direction, leaves, values);
    const by = [...direction.keys()].map((leaf) => String(leaf.node.attributes["name"])).join(", ");
    if (!(Math.abs(got - expected) <= limit)) {
      assert.fail(`${options.what} by ${by}: expected ${expected} (difference quotient), got ${got} (limit ${limit})`);
    }
  }
}

/** Fixed normal numbers of the same shapes as the tensors: what arrives at them when a gradient is checked. */
export function arriving(tensors: readonly Tensor[], random: Random): Tensor[] {
  return tensors.map((t) => {
    const shape = t.shape as readonly number[];
    const numbers = Float64Array.from({ length: sizeOf(shape) }, () => random.normal());
    return constant(fromNumbers(t.dtype, shape, numbers));
  });
}

/** The leaves of a row that gradients go to. */
export const differentiable = (row: OpCase, leaves: readonly (Tensor | null)[]): Tensor[] =>
  floating(leaves.filter((_, i) => row.operands[i]?.fixed === undefined));

/** The tensors that carry floating-point numbers. */
export const floating = (tensors: readonly (Tensor | null)[]): Tensor[] =>
  tensors.filter((t): t is Tensor => t !== null && isFloat(t.dtype));
