import assert from "node:assert/strict";
import { test } from "node:test";
import type { Tensor } from "../graph/index.js";
import { fromNumbers, toNumbers } from "../graph/index.js";
import { Linear, Module } from "../nn/index.js";
import { sgd } from "../optim/index.js";
import { ConfigError } from "../util/errors.js";
import type { Objective } from "./step.js";
import { trainingStep } from "./step.js";
import { TrainingState } from "./state.js";

/** y = b·(a·x): one number in, one out, so that gradients are read off. */
class Pair extends Module {
  readonly a = new Linear(1, 1, { bias: false });
  readonly b = new Linear(1, 1, { bias: false });

  override forward(x: Tensor): Tensor {
    return x.pipe(this.a, this.b);
  }
}

const weights = new Map(
  [
    ["a.weight", 3],
    ["b.weight", 5],
  ].map(([path, value]) => [path as string, fromNumbers("float32", [1, 1], [value as number])]),
);

async function after(loss: (model: Pair, x: Tensor) => Objective): Promise<Record<string, number>> {
  const model = new Pair();
  const step = trainingStep({
    model,
    loss: ({ x }: { x: Tensor }) => loss(model, x),
    optimizer: sgd({ learningRate: 1 }),
  });
  await using state = await TrainingState.create(step, { weights });
  await state.run({ x: fromNumbers("float32", [1, 1], [2]) });
  return Object.fromEntries([...(await state.parameters())].map(([path, value]) => [path, toNumbers(value)[0] as number]));
}

test("losses: each part of a model follows its own loss, the rest the common one", async () => {
  // a·x = 6 and b·a·x = 30: d(−a·x)/da = −2 for a; d(b·a·x)/db = 6 for b, without a following it.
  const apart = await after((model, x) => {
    const [hidden, out] = [model.a.forward(x).sum(), model.b.forward(model.a.forward(x)).sum()];
    return { loss: hidden.neg(), losses: { b: out } };
  });
  assert.deepEqual(apart, { "a.weight": 5, "b.weight": -1 });
  // One loss for both: d(b·a·x)/da = 10, so that a goes to −7.
  const together = await after((model, x) => ({ loss: model.b.forward(model.a.forward(x)).sum() }));
  assert.deepEqual(together, { "a.weight": -7, "b.weight": -1 });
});

test("losses: a path without parameters is refused by name", async () => {
  await assert.rejects(
    after((model, x) => ({ loss: model.a.forward(x).sum(), losses: { critic: model.b.forward(x).sum() } })),
    (error: Error) => error instanceof ConfigError && error.message.includes('"critic"'),
  );
});
