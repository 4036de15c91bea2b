import assert from "node:assert/strict";
import { test } from "node:test";
import type { Tensor } from "../graph/index.js";
import { constant, fromNumbers, input, sizeOf, tensor } from "../graph/index.js";
import { customGradient, dropout, randomInputs, resolveMode, silu, softmaxCrossEntropy } from "../ops/index.js";
import { evaluate } from "../runtime/index.js";
import type { RefValue } from "../../test/reference/index.js";
import { evaluateReference } from "../../test/reference/index.js";
import { Random } from "../util/random.js";
import { checkpoint, grad, hessian, hessianVectorProduct, jacobian, jvp, vmap } from "./index.js";

const random = new Random("autodiff.test");
const draw = (shape: readonly number[], name = "x"): [Tensor, RefValue] => {
  const data = Float64Array.from({ length: sizeOf(shape) }, () => random.normal());
  return [input(name, shape, "float64"), { dtype: "float64", shape, data }];
};
const run = (outputs: readonly Tensor[], ...feeds: readonly (readonly [Tensor, RefValue])[]): number[][] =>
  evaluateReference(outputs, new Map(feeds)).map((v) => [...v.data]);

function near(got: readonly number[] | undefined, expected: readonly number[] | undefined, tolerance = 1e-10): void {
  assert.equal(got?.length, expected?.length);
  got?.forEach((value, i) => {
    const wanted = expected?.[i] as number;
    assert.ok(
      Math.abs(value - wanted) <= tolerance * Math.max(1, Math.abs(wanted)),
      `element ${i}: expected ${wanted}, got ${value}`,
    );
  });
}

test("the Hessian's product with a vector equals its closed form, ½(A + Aᵀ)v + 12x²v", () => {
  const [x, vx] = draw([4]);
  const [a, va] = draw([4, 4], "a");
  const [v, vv] = draw([4], "v");
  const y = x.matMul(a).mul(x).sum().mul(0.5).add(x.pow(4).sum());
  const product = hessianVectorProduct(y, x, v);
  const expected = Array.from({ length: 4 }, (_, i) => {
    let sum = 12 * (vx.data[i] as number) ** 2 * (vv.data[i] as number);
    for (let j = 0; j < 4; j++)
      sum += 0.5 * ((va.data[4 * i + j] as number) + (va.data[4 * j + i] as number)) * (vv.data[j] as number);
    return sum;
  });
  const [got, full] = run([product, hessian(y, x).matMul(v)], [x, vx], [a, va], [v, vv]);
  near(got, expected);
  near(full, expected);
});

test("the gradient of a gradient penalty equals central differences", () => {
  const [x, vx] = draw([5, 3]);
  const [w, vw] = draw([3, 4], "w");
  const [u, vu] = draw([4, 1], "u");
  const score = x.matMul(w).tanh().matMul(u);
  const slope = grad(score.sum(), x).square().sum(1).sqrt();
  const penalty = slope.sub(1).square().mean();
  const [dw] = run([grad(penalty, w)], [x, vx], [w, vw], [u, vu]);
  const h = 1e-4;
  const at = (i: number, step: number): number => {
    const data = Float64Array.from(vw.data);
    data[i] = (data[i] as number) + step;
    return run([penalty], [x, vx], [w, { ...vw, data }], [u, vu])[0]?.[0] as number;
  };
  const expected = Array.from(vw.data, (_, i) => (8 * (at(i, h) - at(i, -h)) - (at(i, 2 * h) - at(i, -2 * h))) / (12 * h));
  near(dw, expected, 1e-8);
});

test("the Jacobian of softmax is diag(p) − p·pᵀ", async () => {
  const x = tensor([0.3, -1, 2]);
  const p = x.softmax();
  const got = await evaluate({ j: jacobian(p, x), p });
  const q = [...got.p.data] as number[];
  assert.deepEqual(got.j.shape, [3, 3]);
  near(
    [...got.j.data] as number[],
    q.flatMap((a, i) => q.map((b, j) => (i === j ? a : 0) - a * b)),
    1e-6,
  );
});

test("the Jacobian of a matrix with respect to a matrix has both shapes, and the chain rule holds", () => {
  const [x, vx] = draw([2, 3]);
  const [w, vw] = draw([3, 2], "w");
  const y = silu(x.matMul(w));
  const j = jacobian(y, w);
  assert.deepEqual(j.shape, [2, 2, 3, 2]);
  const [dy, vdy] = draw([2, 2], "dy");
  const [dw, vdw] = draw([3, 2], "dw");
  const [matrix, row, column] = run([j, grad(y, w, { dy }), jvp(y, w, dw)], [x, vx], [w, vw], [dy, vdy], [dw, vdw]) as [
    number[],
    number[],
    number[],
  ];
  near(
    row,
    Array.from({ length: 6 }, (_, k) => vdy.data.reduce((sum, d, i) => sum + d * (matrix[6 * i + k] as number), 0)),
  );
  near(
    column,
    Array.from({ length: 4 }, (_, i) => vdw.data.reduce((sum, d, k) => sum + d * (matrix[6 * i + k] as number), 0)),
  );
});

test("jvp along several inputs equals a difference quotient, and is 0 where nothing depends", () => {
  const [x, vx] = draw([3]);
  const [w, vw] = draw([3], "w");
  const [dx, vdx] = draw([3], "dx");
  const y = x.mul(w.exp()).sin();
  const shifted = (t: number): RefValue => ({ ...vx, data: vx.data.map((v, i) => v + t * (vdx.data[i] as number)) });
  const at = (t: number): number[] => run([y], [x, shifted(t)], [w, vw])[0] as number[];
  const [forward, backward] = [at(1e-5), at(-1e-5)];
  const zero = w.mul(0);
  const [got] = run([jvp(y, [x, w], [dx, zero])], [x, vx], [w, vw], [dx, vdx]);
  near(
    got,
    forward.map((f, i) => (f - (backward[i] as number)) / 2e-5),
    1e-7,
  );
  const [none] = run([jvp(w.sin(), x, dx)], [x, vx], [w, vw], [dx, vdx]);
  assert.deepEqual(none, [0, 0, 0]);
  assert.throws(() => jvp(y, x, tensor([1, 2])), /expected a direction \[3\], got \[2\]/);
});

test("per-example gradients equal those of one example at a time", async () => {
  const n = 4;
  const data = (shape: readonly number[], key: string): Tensor =>
    constant(
      fromNumbers(
        "float32",
        shape,
        Array.from({ length: sizeOf(shape) }, (_, i) => new Random(key, i).normal()),
      ),
    );
  const [x, w, b] = [data([n, 3], "x"), data([3, 5], "w"), data([5], "b")];
  const labels = tensor([1, 4, 0, 1], "int64");
  const loss = (image: Tensor, label: Tensor): Tensor => softmaxCrossEntropy(image.matMul(w).tanh().add(b), label);
  const each = vmap((image, label) => grad(loss(image, label), [w, b]))(x, labels);
  const one = Array.from({ length: n }, (_, i) =>
    grad(loss(x.slice(0, i, i + 1).squeeze(0), labels.slice(0, i, i + 1).squeeze(0)), [w, b]),
  );
  const got = await evaluate({ w: each[0] as Tensor, b: each[1] as Tensor });
  const singles = await evaluate(
    Object.fromEntries(
      one.flatMap(([dw, db], i) => [
        [`w${i}`, dw],
        [`b${i}`, db],
      ]),
    ) as Record<string, Tensor>,
  );
  assert.deepEqual(got.w.shape, [n, 3, 5]);
  for (const name of ["w", "b"] as const) {
    near(
      [...got[name].data] as number[],
      Array.from({ length: n }, (_, i) => [...(singles[`${name}${i}`]?.data ?? [])] as number[]).flat(),
      1e-6,
    );
  }
});

test("vmap nests, takes any axis, shares what is not mapped, and unrolls an op without a rule", () => {
  const [x, vx] = draw([3, 2]);
  const [y, vy] = draw([2, 4], "y");
  const outer = vmap((column) => vmap((row) => row.mul(column).sum())(x), { axes: [1] })(y);
  const [got, product] = run([outer, x.matMul(y).transpose()], [x, vx], [y, vy]);
  near(got, product);
  const half = customGradient(
    (xs) => (xs[0] as Tensor).mul(0.5).sum(),
    (dy, _y, xs) => [dy.mul((xs[0] as Tensor).mul(0).add(7))],
  );
  const [mapped, gradient] = run([vmap((row) => half(row))(x), grad(vmap((row) => half(row))(x).sum(), x)], [x, vx]);
  near(
    mapped,
    [0, 1, 2].map((i) => 0.5 * ((vx.data[2 * i] as number) + (vx.data[2 * i + 1] as number))),
  );
  near(gradient, new Array<number>(6).fill(7));
  const [constantOut] = run([vmap(() => tensor([1, 2]))(x)], [x, vx]);
  assert.deepEqual(constantOut, [1, 2, 1, 2, 1, 2]);
  assert.throws(() => vmap((a) => a, { axes: [null] })(x), /expected an argument with an axis to map/);
  assert.throws(() => vmap((a) => a)(x, y), /as many examples, got 3 and 2/);
});

test("a checkpointed part has the value, gradients and second gradients of the part itself", () => {
  const [x, vx] = draw([4, 3]);
  const [w, vw] = draw([3, 3], "w");
  const hidden = w.mul(2); // captured, and itself a function of a captured tensor
  const block = (h: Tensor): Tensor => h.matMul(w).tanh().matMul(hidden).add(h);
  const plain = block(block(x));
  const part = checkpoint((h) => block(h));
  const kept = part(part(x));
  const outputs = [plain, kept].flatMap((y) => {
    const gradients = grad(y.square().sum(), [x, w]);
    return [y, ...gradients, grad((gradients[0] as Tensor).square().sum(), w)];
  });
  const values = run(outputs, [x, vx], [w, vw]);
  for (let i = 0; i < 4; i++) near(values[i + 4], values[i]);
});

test("a checkpointed part computes its inner values again, with the same dropout mask", async () => {
  const x = tensor([
    [1, 2, 3, 4],
    [5, 6, 7, 8],
    [1, 1, 1, 1],
  ]);
  const part = checkpoint((h) => dropout(h.exp(), 0.5).square());
  const y = part(x);
  const gradient = grad(y.sum(), x);
  const { map } = resolveMode([y, gradient], "train", randomInputs());
  const scalar = (value: number) => ({ dtype: "uint32" as const, shape: [], data: Uint32Array.of(value) });
  const got = await evaluate({ y: map(y), gradient: map(gradient) }, { seed: scalar(3), step: scalar(1) });
  // y = (m·eˣ)², dy/dx = 2y.
  near(
    [...got.gradient.data] as number[],
    ([...got.y.data] as number[]).map((v) => 2 * v),
    1e-5,
  );
  assert.ok(got.y.data.some((v) => v === 0) && got.y.data.some((v) => Number(v) > 0));
});
