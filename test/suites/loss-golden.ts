/**
 * @module Losses and their gradients as PyTorch computed them (`scripts/golden`), and the comparison with them.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { grad } from "../../src/autodiff/index.js";
import type { DType, Tensor, TensorData } from "../../src/graph/index.js";
import { constant, fromNumbers, input } from "../../src/graph/index.js";
import { compile } from "../../src/runtime/index.js";
import type { RefValue } from "../reference/index.js";
import { evaluateReference } from "../reference/index.js";

export interface Stored {
  shape: number[];
  dtype: DType;
  data: number[];
}

export interface LossCase {
  loss: string;
  options: Record<string, unknown>;
  output: Stored;
  target: Stored;
  like?: Stored;
  value: Stored;
  gradient: number[];
}

/** The content of a file of test/golden: cases, and in `metric-learning` a layer's numbers. */
export const readGolden = (name: string): { readonly cases: LossCase[]; readonly cosineLinear?: Record<string, Stored> } =>
  JSON.parse(readFileSync(new URL(`../../../test/golden/${name}.json`, import.meta.url), "utf8")) as never;

export const stored = ({ dtype, shape, data }: Stored): TensorData => fromNumbers(dtype, shape, data);
export const exact = (s: Stored): RefValue => ({ dtype: s.dtype, shape: s.shape, data: Float64Array.from(s.data) });

/** Evaluates constant tensors, in float64. */
export const valuesOf = (...tensors: Tensor[]): number[][] => evaluateReference(tensors, new Map()).map(({ data }) => [...data]);

export function assertClose(actual: ArrayLike<number>, expected: readonly number[], tolerance: number, what: string): void {
  assert.equal(actual.length, expected.length, what);
  expected.forEach((value, i) => {
    const error = Math.abs((actual[i] as number) - value);
    assert.ok(error <= tolerance * Math.max(1, Math.abs(value)), `${what}[${i}]: expected ${value}, got ${actual[i]}`);
  });
}

/** The value of a loss, and the gradient of its sum weighted by place, as the golden scripts have them. */
export interface Traced {
  readonly x: Tensor;
  readonly value: Tensor;
  readonly gradient: Tensor;
}

function trace(c: LossCase, loss: (x: Tensor, dtype: DType) => Tensor, dtype: DType): Traced {
  const x = input("x", c.output.shape, dtype);
  const value = loss(x, dtype);
  const places = Array.from({ length: c.value.data.length }, (_, i) => i + 1);
  const weighted = value.rank === 0 ? value : value.mul(constant(fromNumbers(dtype, value.shape as number[], places))).sum();
  return { value, gradient: grad(weighted, x), x };
}

/** Compares with the reference in float64 and with the engine in float32, each with its tolerances; gives what the engine ran. */
export async function assertLossCase(
  c: LossCase,
  loss: (x: Tensor, dtype: DType) => Tensor,
  engine: { readonly value: number; readonly gradient: number },
): Promise<Traced> {
  const { value, gradient, x } = trace(c, loss, "float64");
  assert.deepEqual(value.shape, c.value.shape);
  const [v, dx] = evaluateReference([value, gradient], new Map([[x, { ...exact(c.output), dtype: "float64" }]]));
  assertClose(v?.data ?? [], c.value.data, 1e-9, "value");
  assertClose(dx?.data ?? [], c.gradient, 1e-9, "gradient");
  const single = trace(c, loss, "float32");
  await using executable = await compile({ value: single.value, gradient: single.gradient });
  const result = await executable.call({ x: fromNumbers("float32", c.output.shape, c.output.data) });
  assertClose(result["value"]?.data as Float32Array, c.value.data, engine.value, "value on the engine");
  assertClose(result["gradient"]?.data as Float32Array, c.gradient, engine.gradient, "gradient on the engine");
  return single;
}
