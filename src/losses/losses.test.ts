import assert from "node:assert/strict";
import { test } from "node:test";
import { grad } from "../autodiff/index.js";
import type { DType, Tensor } from "../graph/index.js";
import { constant, fromNumbers, input, symbol } from "../graph/index.js";
import { assertClose, assertLossCase, type LossCase, readGolden, stored, valuesOf } from "../../test/suites/loss-golden.js";
import { ConfigError, DTypeError, ShapeError } from "../util/errors.js";
import type { Loss } from "./index.js";
import {
  binaryCrossEntropyWithLogits,
  cosineEmbedding,
  crossEntropy,
  klDivergence,
  lossFrom,
  meanSquaredError,
} from "./index.js";

const golden = readGolden("losses");

const lossOf = ({ loss, options, like }: LossCase): Loss =>
  like === undefined
    ? lossFrom({ name: loss, ...options })
    : (output, target) => cosineEmbedding(output, target, constant(stored(like)), options);

for (const c of golden.cases) {
  const target = (dtype: DType): Tensor => constant(stored(c.target.dtype === "float64" ? { ...c.target, dtype } : c.target));
  test(`${c.loss} ${JSON.stringify(c.options)} of ${c.target.dtype} [${c.target.shape}]: value and gradient as PyTorch's`, async () => {
    await assertLossCase(c, (x, dtype) => lossOf(c)(x, target(dtype)), { value: 1e-5, gradient: 1e-5 });
  });
}

const logits = (rows: readonly (readonly number[])[], dtype: DType = "float64"): Tensor =>
  constant(fromNumbers(dtype, [rows.length, rows[0]?.length ?? 0], rows.flat()));
const labels = (...values: readonly number[]): Tensor => constant(fromNumbers("int64", [values.length], values));

test("cross-entropy does not move when all logits shift; equal logits give ln K at any size", () => {
  const rows = [
    [0.3, -2, 1.5],
    [4, 0, -1],
  ];
  const [base] = valuesOf(crossEntropy(logits(rows), labels(2, 1)));
  for (const shift of [1e4, -1e4]) {
    const shifted = rows.map((row) => row.map((x) => x + shift));
    assertClose(valuesOf(crossEntropy(logits(shifted), labels(2, 1)))[0] as number[], base as number[], 1e-9, `shift ${shift}`);
  }
  for (const size of [0, 1e6, -1e6]) {
    const value = crossEntropy(logits([[size, size, size, size]]), labels(3));
    assertClose(valuesOf(value)[0] as number[], [Math.log(4)], 1e-9, `logits ${size}`);
  }
});

test("cross-entropy's gradient is (softmax − one-hot)/N; labels of every integer type and probabilities agree", () => {
  const x = logits([
    [1, 2, 3],
    [0, -1, 5],
  ]);
  const rows = [
    [1, 2, 3],
    [0, -1, 5],
  ];
  const expected = rows.flatMap((row, n) => {
    const sum = row.reduce((s, v) => s + Math.exp(v), 0);
    return row.map((v, k) => (Math.exp(v) / sum - (k === [2, 0][n] ? 1 : 0)) / 2);
  });
  const oneHot = logits([
    [0, 0, 1],
    [1, 0, 0],
  ]);
  for (const target of [labels(2, 0), labels(2, 0).cast("int32"), labels(2, 0).cast("uint8"), oneHot]) {
    assertClose(valuesOf(grad(crossEntropy(x, target), x))[0] as number[], expected, 1e-12, target.dtype);
  }
});

test("a batch that is all ignored has loss and gradient 0, not NaN", () => {
  const x = logits([[1, 2, 3]]);
  const loss = crossEntropy(x, labels(-100), { ignoreIndex: -100 });
  const [value, dx] = valuesOf(loss, grad(loss, x)) as [number[], number[]];
  assertClose(value, [0], 0, "loss");
  assertClose(dx, [0, 0, 0], 0, "gradient");
});

test("binary cross-entropy is finite and linear at huge logits", () => {
  const x = logits([[1e4, -1e4, 1e4, -1e4]]);
  const value = binaryCrossEntropyWithLogits(x, logits([[1, 0, 0, 1]]), { reduction: "none" });
  assert.deepEqual(valuesOf(value)[0], [0, 0, 1e4, 1e4]);
});

test("the divergence of a distribution from itself is 0", () => {
  const p = logits([[0.25, 0.5, 0.25, 0]]);
  const shifted = p.add(1e-300).log();
  assertClose(valuesOf(klDivergence(shifted, p))[0] as number[], [0], 1e-12, "divergence");
});

test("small unsigned labels can be ignored by a negative index, and by one of their own", () => {
  const x = logits([
    [1, 2, 3],
    [0, -1, 5],
  ]);
  const [one] = valuesOf(crossEntropy(logits([[1, 2, 3]]), labels(2)));
  const bytes = (...values: number[]): Tensor => constant(fromNumbers("uint8", [values.length], values));
  const byOwn = crossEntropy(x, bytes(2, 255), { ignoreIndex: 255 });
  assertClose(valuesOf(byOwn)[0] as number[], one as number[], 1e-12, "255");
  // −100 among bytes would be 156, which is a class like any other.
  const equal = logits([Array.from({ length: 160 }, () => 0)]);
  const none = crossEntropy(equal, bytes(156), { ignoreIndex: -100 });
  assertClose(valuesOf(none)[0] as number[], [Math.log(160)], 1e-12, "156");
});

test("both forms of a loss are one: with options, and called directly; both trace with free dimensions", () => {
  const x = input("x", [symbol("N"), 3]);
  const y = input("y", [symbol("N"), 3]);
  const made: Loss = meanSquaredError({ reduction: "none" });
  assert.deepEqual(made(x, y).shape, meanSquaredError(x, y, { reduction: "none" }).shape);
  const direct: Loss = meanSquaredError;
  assert.equal(direct(x, y).rank, 0);
  assert.equal(crossEntropy(x, input("t", [symbol("N")], "int64")).rank, 0);
});

test("targets that do not fit are refused, with both shapes", () => {
  const x = input("x", [4, 3]);
  const refused = (make: () => unknown, kind: new (message: string) => Error, message: RegExp): void =>
    assert.throws(make, (error: Error) => error instanceof kind && message.test(error.message));
  refused(() => meanSquaredError(x, input("y", [4])), ShapeError, /meanSquaredError: expected a target \[4, 3\], got \[4\]/);
  refused(() => crossEntropy(x, input("t", [5], "int64")), ShapeError, /crossEntropy: expected labels \[4\], got \[5\]/);
  refused(() => crossEntropy(x, input("t", [4], "bool")), DTypeError, /expected integer labels or probabilities, got bool/);
  refused(() => crossEntropy(x, input("t", [4], "int64"), { classWeights: [1] }), ConfigError, /expected 3 class weights, got 1/);
  refused(() => lossFrom({ name: "crossentrpy" }), ConfigError, /did you mean "crossEntropy"/);
  refused(() => crossEntropy(x, x, { labelSmoothing: 2 }), ConfigError, /labelSmoothing: expected a number from 0 to 1, got 2/);
  refused(
    () => lossFrom({ name: "huber", beta: 1 }),
    ConfigError,
    /loss huber: unknown option "beta"; did you mean "delta"|expected/,
  );
});
