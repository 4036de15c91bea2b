import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import type { Tensor } from "../graph/index.js";
import { Graph, input, Parameter, sizeOf } from "../graph/index.js";
import { zerosInit } from "../nn/init.js";
import type { RefValue } from "../../test/reference/index.js";
import { evaluateReference } from "../../test/reference/index.js";
import { ConfigError } from "../util/errors.js";
import type { Json, Optimizer } from "./index.js";
import {
  adam,
  adamW,
  averagedWeights,
  chain,
  clipByGlobalNorm,
  cosine,
  lion,
  matchesPath,
  momentum,
  optimizerFrom,
  scaleByAdam,
  scheduleFrom,
  sgd,
  withGroups,
} from "./index.js";

type Numbers = Record<string, number[]>;
interface Golden {
  watched: number[];
  shapes: Record<string, number[]>;
  start: Numbers;
  optimizers: { name: string; optimizer: Json; values: Numbers[]; averages?: Numbers }[];
  schedules: { schedule: Json; rates: number[] }[];
  plateaus: { schedule: Json; values: number[]; rates: number[] }[];
}
const golden = JSON.parse(readFileSync(new URL("../../../test/golden/optim.json", import.meta.url), "utf8")) as Golden;
const STEPS = 100;

/** The gradients of scripts/golden/optim.py. */
function gradientAt(step: number, path: string, size: number): number[] {
  return Array.from({ length: size }, (_, i) => {
    const k = path === "a" ? i : 4 + i;
    return k === 6 && step % 2 === 1 ? 0 : Math.sin(0.37 * (step + 1) * (k + 1)) * 10 ** ((k % 3) - 1);
  });
}

/** Runs an optimizer's graph in float64 and gives parameters, state and metrics after each step. */
function* steps(optimizer: Optimizer): Generator<{ parameters: Numbers; state: Numbers; metrics: Numbers }> {
  const shapes = Object.entries(golden.shapes);
  const owned = new Map(
    shapes.map(([path, shape]) => [path, new Parameter(shape, { initializer: zerosInit, dtype: "float64" })] as const),
  );
  const leaf = (name: string, shape: readonly number[]): Tensor => input(name, shape, "float64");
  const parameters = new Map(shapes.map(([path, shape]) => [path, leaf(path, shape)]));
  const gradients = new Map(shapes.map(([path, shape]) => [path, leaf(`gradient of ${path}`, shape)]));
  const slots = optimizer.slots(owned);
  const state = new Map([...slots].map(([key, slot]) => [key, leaf(key, slot.shape)]));
  const scalars = new Map(optimizer.scalarNames.map((name) => [name, leaf(name, [])]));
  const out = optimizer.update({ parameters, gradients, state, scalars });
  assert.deepEqual([...out.state.keys()].sort(), [...slots.keys()].sort());

  let values: Numbers = { ...golden.start };
  let slotValues: Numbers = Object.fromEntries(
    [...slots].map(([key, { shape, initial, path }]) => [
      key,
      initial === "parameter" ? (golden.start[path] as number[]) : Array.from({ length: sizeOf(shape) }, () => initial),
    ]),
  );
  for (let step = 0; step < STEPS; step++) {
    const host = optimizer.scalars({ step, learningRate: optimizer.schedule.at(step) });
    const feeds = new Map<Tensor, RefValue>();
    const feed = (t: Tensor, data: readonly number[]): void => {
      feeds.set(t, { dtype: "float64", shape: t.shape as number[], data: Float64Array.from(data) });
    };
    for (const [path, t] of parameters) feed(t, values[path] as number[]);
    for (const [path, t] of gradients) feed(t, gradientAt(step, path, (values[path] as number[]).length));
    for (const [key, t] of state) feed(t, slotValues[key] as number[]);
    for (const [name, t] of scalars) feed(t, [host[name] as number]);
    const groups = [out.parameters, out.state, out.metrics];
    const results = evaluateReference(
      groups.flatMap((group) => [...group.values()]),
      feeds,
    ).map((result) => [...result.data]);
    const [p, s, m] = groups.map((group) => Object.fromEntries([...group.keys()].map((key) => [key, results.shift()]))) as [
      Numbers,
      Numbers,
      Numbers,
    ];
    [values, slotValues] = [{ ...values, ...p }, s];
    yield { parameters: values, state: s, metrics: m };
  }
}

function assertClose(actual: readonly number[], expected: readonly number[], tolerance: number, what: string): void {
  assert.equal(actual.length, expected.length, what);
  expected.forEach((value, i) => {
    const error = Math.abs((actual[i] as number) - value);
    assert.ok(error <= tolerance * Math.max(1, Math.abs(value)), `${what}[${i}]: expected ${value}, got ${actual[i]}`);
  });
}

for (const { name, optimizer: description, values, averages } of golden.optimizers) {
  test(`${name}: 100 steps as PyTorch's`, () => {
    let step = 0;
    for (const { parameters, state } of steps(optimizerFrom(description))) {
      const place = golden.watched.indexOf(step++);
      if (place < 0) continue;
      for (const [path, expected] of Object.entries(values[place] as Numbers))
        assertClose(parameters[path] as number[], expected, 1e-9, `${name}, step ${step}, ${path}`);
      if (averages === undefined || step !== STEPS) continue;
      for (const [path, key] of averagedWeights(Object.keys(state)))
        assertClose(state[key] as number[], averages[path] as number[], 1e-9, `average of ${path}`);
    }
  });
}

test("Lion follows its paper's algorithm 2 in plain code", () => {
  const [learningRate, weightDecay, beta1, beta2] = [0.03, 0.2, 0.8, 0.95];
  const w: Numbers = structuredClone(golden.start);
  const m: Numbers = { a: [0, 0, 0, 0], b: [0, 0, 0] };
  let step = 0;
  for (const { parameters } of steps(lion({ learningRate, weightDecay, beta1, beta2 }))) {
    for (const path of ["a", "b"]) {
      const [wp, mp] = [w[path] as number[], m[path] as number[]];
      gradientAt(step, path, wp.length).forEach((g, i) => {
        const c = Math.sign(beta1 * (mp[i] as number) + (1 - beta1) * g);
        wp[i] = (wp[i] as number) - learningRate * (c + weightDecay * (wp[i] as number));
        mp[i] = beta2 * (mp[i] as number) + (1 - beta2) * g;
      });
      assertClose(parameters[path] as number[], wp, 1e-12, `step ${step}, ${path}`);
    }
    step++;
  }
});

for (const { schedule: description, rates } of golden.schedules) {
  const name = JSON.stringify(description);
  test(`schedule ${name}: 100 rates as PyTorch's`, () => {
    const schedule = scheduleFrom(description);
    assertClose(
      rates.map((_, step) => schedule.at(step)),
      rates,
      1e-12,
      name,
    );
    assert.deepEqual(schedule.description, description);
  });
}

for (const { schedule: description, values, rates } of golden.plateaus) {
  test(`schedule ${JSON.stringify(description)}: reductions as PyTorch's, its memory kept as JSON`, () => {
    const schedule = scheduleFrom(description);
    let state = schedule.memory?.initial;
    const got = values.map((value, step) => {
      state = schedule.memory?.observe(JSON.parse(JSON.stringify(state)) as Record<string, number>, value);
      return schedule.at(step, state === undefined ? {} : { state });
    });
    assertClose(got, rates, 1e-12, "rate");
    assert.ok(new Set(got).size > 1);
  });
}

test("a schedule that ends with the run asks for its length", () => {
  const schedule = cosine({ peak: 2, warmupSteps: 1 });
  assert.equal(schedule.at(0, { totalSteps: 11 }), 1); // half-way up: one step of warm-up
  assert.throws(() => schedule.at(5), ConfigError);
  assert.equal(schedule.at(11, { totalSteps: 11 }), 0);
  assert.equal(schedule.at(6, { totalSteps: 11 }), 1);
});

test("plain descent is w − lr·g, nothing more; Adam is ten nodes per parameter", () => {
  const nodesOf = (optimizer: Optimizer): string[] => {
    const owned = new Map([["w", new Parameter([3], { initializer: zerosInit })]]);
    const leaf = (name: string): Tensor => input(name, [3]);
    const out = optimizer.update({
      parameters: owned,
      gradients: new Map([["w", leaf("g")]]),
      state: new Map([...optimizer.slots(owned).keys()].map((key) => [key, leaf(key)])),
      scalars: new Map(optimizer.scalarNames.map((name) => [name, input(name, [])])),
    });
    const graph = new Graph(new Map([...out.parameters, ...out.state]));
    // Scalar nodes are once per step.
    return graph.nodes.filter((node) => node.outputs[0]?.rank === 1 && node.inputs.length > 0).map((node) => node.op);
  };
  assert.deepEqual(nodesOf(sgd({ learningRate: 0.1 })), ["Mul", "Sub"]);
  assert.deepEqual(nodesOf(sgd({ learningRate: 0.1, weightDecay: 0.1 })), ["Mul", "Mul", "Sub"]);
  assert.equal(nodesOf(adam()).length, 10);
  assert.equal(nodesOf(adamW()).length, 11);
  assert.deepEqual(nodesOf(chain(clipByGlobalNorm(1), sgd())), ["Mul", "Sub"]);
});

test("an optimizer's description makes the same optimizer, through JSON", () => {
  const optimizer = withGroups(
    chain(clipByGlobalNorm(2), adamW({ learningRate: cosine({ peak: 0.1, warmupSteps: 5, totalSteps: 100 }) })),
    [{ match: "b", frozen: true }],
  );
  const again = optimizerFrom(JSON.parse(JSON.stringify(optimizer.description)) as Json);
  assert.deepEqual(again.description, optimizer.description);
  assert.deepEqual([...steps(again)].at(-1), [...steps(optimizer)].at(-1));
});

test("a frozen parameter keeps its values and has no slots; the joint norm is of the others", () => {
  const optimizer = withGroups(chain(clipByGlobalNorm(1), adam()), [{ match: "b", frozen: true }]);
  for (const [step, { parameters, state, metrics }] of [...steps(optimizer)].entries()) {
    assert.deepEqual(parameters["b"], golden.start["b"]);
    assert.deepEqual(Object.keys(state), ["adam.momentum/a", "adam.square/a"]);
    assertClose(metrics["gradientNorm"] as number[], [Math.hypot(...gradientAt(step, "a", 4))], 1e-12, "norm");
  }
});

test("patterns match whole paths", () => {
  assert.ok(matchesPath("*.bias", "layers.0.bias"));
  assert.ok(!matchesPath("*.bias", "layers.0.bias2"));
  assert.ok(!matchesPath("fc1.weight", "fc1xweight"));
  assert.ok(matchesPath(["a", "encoder.*"], "encoder.layer.0.weight"));
});

test("what is wrong in a description is named, with the nearest right name", () => {
  const refused = (make: () => unknown, message: RegExp): void =>
    assert.throws(make, (error: Error) => error instanceof ConfigError && message.test(error.message));
  refused(() => optimizerFrom({ name: "adamw2" }), /unknown optimizer "adamw2"; did you mean "adamW"/);
  assert.deepEqual(optimizerFrom({ name: "adamw" }).description, adamW().description);
  refused(
    () => optimizerFrom({ name: "sgd", momentun: 0.9 }),
    /optimizer sgd: unknown option "momentun"; did you mean "momentum"/,
  );
  refused(() => optimizerFrom({ name: "adam", beta2: 1 }), /beta2: expected a number from 0 to below 1, got 1/);
  refused(() => scheduleFrom({ name: "step", peak: 1, stepSize: 0.5 }), /step: stepSize: expected an integer ≥ 1, got 0.5/);
  refused(() => scheduleFrom({ name: "cosine" }), /cosine: peak: expected a number ≥ 0, got undefined/);
  refused(() => sgd({ learningRate: NaN }), /peak: expected a number ≥ 0, got NaN/);
  refused(() => chain(momentum(), scaleByAdam()), /expected one part with a learning rate/);
  refused(() => chain(sgd(), adam()), /expected one part with a learning rate .* got 2/);
  refused(() => withGroups(sgd(), [{ match: "a", weightDecay: -1 }]), /weightDecay: expected a number ≥ 0, got -1/);
});
