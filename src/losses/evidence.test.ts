/** @module The evidence penalty against its closed form for a linear model. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { constant, fromNumbers, input, toNumbers } from "../graph/index.js";
import { grad } from "../autodiff/index.js";
import { evaluate } from "../runtime/index.js";
import { evidencePenalty } from "./index.js";

// logits = x·W: ∂/∂x_d Σ_k ln softmax_k = Σ_k W_dk·(1 − K·p_k).
const W = [
  [1, -2],
  [0.5, 3],
  [-1, 1],
];
const X = [
  [0.2, -0.4, 1],
  [1.5, 0.3, -0.7],
];
const OUTSIDE = [
  [1, 0, 1],
  [0, 1, 0],
];

function closedForm(x: readonly number[], outside: readonly number[], scale: (d: number) => number): number {
  const z = [0, 1].map((k) => x.reduce((sum, v, d) => sum + v * (W[d]?.[k] ?? 0), 0));
  const total = z.reduce((sum, v) => sum + Math.exp(v), 0);
  const p = z.map((v) => Math.exp(v) / total);
  return outside.reduce((sum, a, d) => {
    const g = p.reduce((s, pk, k) => s + (W[d]?.[k] ?? 0) * (1 - 2 * pk), 0);
    return sum + (a * g * scale(d)) ** 2;
  }, 0);
}

test("the penalty of a linear model is its closed form, to features and to their presence", async () => {
  const x = input("x", [2, 3]);
  const logits = x.matMul(constant(fromNumbers("float32", [3, 2], W.flat())));
  const outside = constant(fromNumbers("float32", [2, 3], OUTSIDE.flat()));
  const data = fromNumbers("float32", [2, 3], X.flat());
  const tokens = input("tokens", [2, 3, 1]);
  const tokenLogits = tokens.reshape([2, 3]).matMul(constant(fromNumbers("float32", [3, 2], W.flat())));
  const found = await evaluate(
    {
      plain: evidencePenalty(logits, x, outside),
      presence: evidencePenalty(tokenLogits, tokens, outside, { presence: true }),
      again: grad(evidencePenalty(logits, x, outside), x)
        .square()
        .sum(),
    },
    { x: data, tokens: { ...data, shape: [2, 3, 1] } },
  );
  const mean = (scale: (i: number) => (d: number) => number): number =>
    X.reduce((sum, row, i) => sum + closedForm(row, OUTSIDE[i] ?? [], scale(i)) / 2, 0);
  const [plain] = toNumbers(found.plain);
  const [presence] = toNumbers(found.presence);
  assert.ok(Math.abs((plain ?? NaN) - mean(() => () => 1)) < 1e-5, `${plain}`);
  assert.ok(Math.abs((presence ?? NaN) - mean((i) => (d) => X[i]?.[d] ?? 0)) < 1e-5, `${presence}`);
  assert.ok((toNumbers(found.again)[0] ?? 0) > 0, "it has a gradient of its own");
});

test("logits that are no matrix are refused", () => {
  const x = input("x", [2, 3]);
  assert.throws(() => evidencePenalty(x.sum(1), x, x), /evidencePenalty: expected logits \[N, K\], got \[2\]/);
});
