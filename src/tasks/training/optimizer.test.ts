import assert from "node:assert/strict";
import { test } from "node:test";
import type { OptimizerOptions } from "./optimizer.js";
import { makeOptimizer } from "./optimizer.js";

const base: OptimizerOptions = { optimizer: "adamw", schedule: "cosine", lr: 0.01, weightDecay: 0.05, totalSteps: 90 };

/** The named part of the optimizer that the words make. */
function part(name: string, options: Partial<OptimizerOptions>): Record<string, unknown> | undefined {
  const { parts } = makeOptimizer({ ...base, ...options }).description as { parts: Record<string, unknown>[] };
  return parts.find((each) => each["name"] === name);
}
const scheduleOf = (options: Partial<OptimizerOptions>): unknown => part("learningRate", options)?.["schedule"];

test("schedules that need lengths take shares of the run, at least one step", () => {
  assert.deepEqual(scheduleOf({ schedule: "step" }), { name: "step", stepSize: 30, gamma: 0.1, peak: 0.01 });
  assert.deepEqual((scheduleOf({ schedule: "multi-step" }) as { milestones: number[] }).milestones, [45, 68]);
  assert.equal((scheduleOf({ schedule: "step", totalSteps: 1 }) as { stepSize: number }).stepSize, 1);
  const { gamma } = scheduleOf({ schedule: "exponential" }) as { gamma: number };
  assert.ok(Math.abs(gamma ** base.totalSteps - 0.01) < 1e-12, "a hundredth is left at the end");
});

test("SGD has Nesterov momentum; beta1 reaches those that have one, and no other", () => {
  assert.deepEqual(part("momentum", { optimizer: "sgd", beta1: 0.5 }), {
    name: "momentum",
    momentum: 0.9,
    nesterov: true,
    dampening: 0,
  });
  for (const optimizer of ["adam", "adamw"]) assert.equal(part("adam", { optimizer, beta1: 0.5 })?.["beta1"], 0.5);
  assert.equal(part("adam", {})?.["beta1"], 0.9);
});

test("clipping comes first, for it is the gradient that is clipped and not the step", () => {
  const { parts } = makeOptimizer({ ...base, clipNorm: 2 }).description as { parts: Record<string, unknown>[] };
  assert.deepEqual(parts[0], { name: "clipByGlobalNorm", limit: 2 });
  assert.equal(part("clipByGlobalNorm", {}), undefined);
});

test("weights are clipped last, by a number or a percentile", () => {
  const last = (clipWeights: string): unknown =>
    (makeOptimizer({ ...base, clipNorm: 2, clipWeights }).description as { parts: unknown[] }).parts.at(-1);
  assert.deepEqual(last("0.5"), { name: "weightClipping", limit: 0.5 });
  assert.deepEqual(last("99.5%"), { name: "weightClipping", percentile: 99.5 });
  for (const bad of ["", "%", "0", "-1", "101%", "0%", "half", "Infinity"])
    assert.throws(() => makeOptimizer({ ...base, clipWeights: bad }), {
      name: "ConfigError",
      message: /--clip-weights: expected/,
    });
});

test("AdamW's decay is decoupled: after Adam's scaling, where SGD's is before its momentum", () => {
  const order = (optimizer: string): unknown[] =>
    (makeOptimizer({ ...base, optimizer }).description as { parts: { name: string }[] }).parts.map(({ name }) => name);
  assert.deepEqual(order("adamw"), ["adam", "weightDecay", "learningRate"]);
  assert.deepEqual(order("sgd"), ["weightDecay", "momentum", "learningRate"]);
});

test("an unknown name is refused with the nearest right one", () => {
  assert.throws(() => makeOptimizer({ ...base, optimizer: "adamm" }), { name: "ConfigError", message: /adam/ });
  assert.throws(() => makeOptimizer({ ...base, schedule: "cosin" }), { name: "ConfigError", message: /cosine/ });
});
