/**
 * @module An op of your own: the inverse of a matrix, which the engine has a kernel for and Descent has not. With its rules it is differentiated like any other: here
 * ridge regression finds its own λ, by the gradient of the error on held-out rows through the inverse.
 */
import { defineOp, emitOne, grad, input, ShapeError, tensor, compile, fromNumbers } from "descentjs";

/** Y = A⁻¹, A [.., n, n] float32 or float64; the engine's kernel is `com.microsoft.Inverse`. */
const Inverse = defineOp({
  name: "Inverse",
  domain: "com.microsoft",
  attributes: {},
  infer: ([a], _attributes, where) => {
    if (a.rank < 2 || a.shape.at(-1) !== a.shape.at(-2))
      throw new ShapeError(`${where}: expected square matrices, got [${a.shape}]`);
    return [a];
  },
  // ∂L/∂A = −Yᵀ · ∂L/∂Y · Yᵀ, of ops that have gradients themselves: so there are second ones, too.
  gradient: ({ y, dy }) => [y.swapAxes(-1, -2).matMul(dy).matMul(y.swapAxes(-1, -2)).neg()],
  cost: ({ outputs: [y] }) => {
    const n = Number(y.shape.at(-1));
    return { flops: 2 * n ** 3, bytes: 8 * n ** 2 };
  },
  // Leading axes are a batch anyway: `vmap` gives it one more.
  batch: ({ inputs: [a] }) => [inverse(a)],
});
const inverse = (a) => emitOne(Inverse, [a], {});

// Ten noisy rows of y = 2·x₀ − x₁ with eight columns, six of them of no use: without a penalty the noise is fitted, too.
const random = (i, j) => 2 * Math.abs((Math.sin(12.9898 * i + 78.233 * j) * 43758.5453) % 1) - 1;
const rows = (from, to) => Array.from({ length: to - from }, (_, i) => Array.from({ length: 8 }, (_, j) => random(from + i, j)));
const targets = (x, from) => x.map(([a, b], i) => [2 * a - b + 1.5 * random(from + i, 9)]);
const [train, held] = [rows(0, 10), rows(10, 60)];
const [X, y, V, t] = [train, targets(train, 0), held, targets(held, 10)].map((values) => tensor(values));

const logLambda = input("logLambda", []);
const identity = tensor(Array.from({ length: 8 }, (_, i) => Array.from({ length: 8 }, (_, j) => Number(i === j))));
const penalized = X.transpose().matMul(X).add(identity.mul(logLambda.exp())); // XᵀX + λ·1   [8, 8]
const w = inverse(penalized).matMul(X.transpose()).matMul(y); //                (XᵀX + λ·1)⁻¹ Xᵀ y   [8, 1]
const error = V.matMul(w).sub(t).square().mean(); // on rows that w has not seen

const step = await compile({ error, slope: grad(error, logLambda) });
let at = -3;
for (let k = 0; k <= 60; k++) {
  const found = await step.call({ logLambda: fromNumbers("float32", [], [at]) });
  if (k % 20 === 0) console.log(`λ ${Math.exp(at).toFixed(3)}: error ${found.error.data[0].toFixed(4)}`);
  at -= found.slope.data[0];
}
await step.dispose();
