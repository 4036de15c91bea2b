import assert from "node:assert/strict";
import { test } from "node:test";
import { grad } from "../autodiff/index.js";
import type { Tensor } from "../graph/index.js";
import { input, tensor, toNumbers } from "../graph/index.js";
import { evaluate } from "../runtime/index.js";
import { Random } from "../util/random.js";
import {
  attentionDivergence,
  hiddenCosine,
  relationalAngle,
  relationalDistance,
  softTargets,
  topKSoftTargets,
  valueRelation,
} from "./distillation.js";

const value = async (t: Tensor): Promise<number> => toNumbers((await evaluate({ t }))["t"])[0] as number;
const softmax = (row: readonly number[]): number[] => {
  const sum = row.reduce((s, v) => s + Math.exp(v), 0);
  return row.map((v) => Math.exp(v) / sum);
};
const divergence = (p: readonly number[], q: readonly number[]): number =>
  p.reduce((sum, v, i) => sum + v * Math.log(v / (q[i] as number)), 0);
const near = (got: number, expected: number, tolerance = 1e-5): void =>
  assert.ok(Math.abs(got - expected) < tolerance * Math.max(1, Math.abs(expected)), `expected ${expected}, got ${got}`);
const rows = (seed: number, n: number, d: number): number[][] => {
  const random = new Random(seed, "distillation");
  return Array.from({ length: n }, () => Array.from({ length: d }, () => random.normal()));
};
const [s, t] = [rows(1, 3, 4), rows(2, 3, 4)] as const;
const mean = (values: readonly number[]): number => values.reduce((sum, v) => sum + v, 0) / values.length;

test("soft targets: T² KL of softened distributions, 0 for equal logits, shifts do not count", async () => {
  const expected = mean(
    s.map((row, i) => 9 * divergence(softmax((t[i] as number[]).map((v) => v / 3)), softmax(row.map((v) => v / 3)))),
  );
  near(await value(softTargets(tensor(s), tensor(t), { temperature: 3 })), expected);
  near(await value(softTargets(tensor(s), tensor(s.map((row) => row.map((v) => v + 100))), { temperature: 2 })), 0);
});

test("soft targets at high temperature have the gradient of squared differences of centred logits", async () => {
  // Hinton et al. 2015, equation 4: (1/N)·(zᵢ − vᵢ), for logits of mean 0, with T² in the loss.
  const centred = (all: readonly number[][]): number[][] => all.map((row) => row.map((v) => v - mean(row)));
  const x = input("x", [3, 4]);
  const g = grad(softTargets(x, tensor(centred(t)), { temperature: 1000 }), x);
  const got = toNumbers(
    (await evaluate({ g }, { x: { dtype: "float32", shape: [3, 4], data: Float32Array.from(centred(s).flat()) } }))["g"],
  );
  centred(s)
    .flat()
    .forEach((v, i) => near((got[i] as number) * 12, v - (centred(t).flat()[i] as number), 2e-3));
});

test("top-k soft targets: all k are the whole loss up to the shares, one is the cross-entropy of the best", async () => {
  const order = t.map((row) => row.map((_, i) => i).sort((a, b) => (row[b] as number) - (row[a] as number)));
  const of = (k: number) => ({
    values: tensor(t.map((row, i) => (order[i] as number[]).slice(0, k).map((j) => row[j] as number))),
    indices: tensor(
      order.map((places) => places.slice(0, k)),
      "int64",
    ),
  });
  near(
    await value(topKSoftTargets(tensor(s), of(4), { temperature: 2 })),
    await value(softTargets(tensor(s), tensor(t), { temperature: 2 })),
  );
  near(
    await value(topKSoftTargets(tensor(s), of(1))),
    mean(s.map((row, i) => -Math.log(softmax(row)[order[i]?.[0] as number] as number))),
  );
});

test("attention and value relations: closed forms, 0 for a teacher of its own", async () => {
  const [p, q] = [s.map(softmax), t.map(softmax)] as const;
  near(
    await value(attentionDivergence(tensor([[p]]), tensor([[q]]))),
    mean(p.map((row, i) => divergence(q[i] as number[], row))),
  );
  near(await value(valueRelation(tensor([[s]]), tensor([[s]]))), 0);
  assert.ok((await value(valueRelation(tensor([[s]]), tensor([[rows(5, 3, 7)]])))) > 0);
  near(await value(hiddenCosine(tensor([s]), tensor([s.map((row) => row.map((v) => 2 * v))]))), 0);
});

test("relations between examples do not see the scale, and have finite gradients", async () => {
  const turned = s.map((row) => row.map((_, i) => 3 * (row[3 - i] as number)));
  near(await value(relationalDistance(tensor(s), tensor(turned))), 0);
  near(await value(relationalAngle(tensor(s), tensor(turned))), 0);
  const x = input("x", [3, 4]);
  const g = grad(relationalDistance(x, tensor(t)).add(relationalAngle(x, tensor(t))), x);
  const got = toNumbers(
    (await evaluate({ g }, { x: { dtype: "float32", shape: [3, 4], data: Float32Array.from(s.flat()) } }))["g"],
  );
  assert.ok(got.every(Number.isFinite) && got.some((v) => v !== 0));
});
