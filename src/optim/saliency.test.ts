import assert from "node:assert/strict";
import { test } from "node:test";
import type { Tensor } from "../graph/index.js";
import { Parameter, tensor, toNumbers } from "../graph/index.js";
import { zerosInit } from "../nn/index.js";
import { evaluate } from "../runtime/index.js";
import { chain, maskKey, saliency, saliencyKey, sgd, weightClipping, weightMask } from "./index.js";
import type { Part } from "./index.js";

const weights = [
  [1, -2],
  [3, -4],
];
const gradients = [
  [1, 1],
  [0, 2],
];

/** The weights and the slots after one step of plain descent at rate 0.5, with other parts around it. */
async function step(
  before: readonly Part[],
  behind: readonly Part[],
  slots: ReadonlyMap<string, Tensor> = new Map(),
): Promise<Map<string, number[]>> {
  const optimizer = chain(...before, sgd({ learningRate: 0.5 }), ...behind);
  const parameter = new Parameter([2, 2], { initializer: zerosInit });
  const state = new Map(
    [...optimizer.slots(new Map([["w", parameter]]))].map(([key, { initial }]) => [
      key,
      slots.get(key) ??
        tensor([
          [Number(initial), Number(initial)],
          [Number(initial), Number(initial)],
        ]),
    ]),
  );
  const scalars = new Map(optimizer.scalarNames.map((name) => [name, tensor([0.5]).reshape([])]));
  const updated = optimizer.update({
    parameters: new Map([["w", tensor(weights)]]),
    gradients: new Map([["w", tensor(gradients)]]),
    state,
    scalars,
  });
  const values = await evaluate(Object.fromEntries([...updated.parameters, ...updated.state]));
  return new Map(Object.entries(values).map(([name, t]) => [name, [...toNumbers(t)]]));
}

test("weights are bounded by the percentile of their own magnitudes after a step", async () => {
  // After the step: 0.5, −2.5, 3, −5; half of the magnitudes lie below 3.
  assert.deepEqual((await step([], [weightClipping({ percentile: 50 })])).get("w"), [0.5, -2.5, 3, -3]);
  assert.deepEqual((await step([], [weightClipping(1)])).get("w"), [0.5, -1, 1, -1]);
  assert.throws(() => weightClipping({ percentile: 101 }));
});

test("what a mask has at 0 stays 0, and the mask as it is", async () => {
  const after = await step(
    [],
    [weightMask()],
    new Map([
      [
        maskKey("w"),
        tensor([
          [0, 1],
          [1, 0],
        ]),
      ],
    ]),
  );
  assert.deepEqual(
    [after.get("w")?.map(Math.abs), after.get(maskKey("w"))],
    [
      [0, 2.5, 3, 0],
      [0, 1, 1, 0],
    ],
  );
});

test("saliency changes no update: squares of g·w, or what moves weights away from 0", async () => {
  const taylor = await step([saliency("taylor")], []);
  assert.deepEqual(
    [taylor.get("w"), taylor.get(saliencyKey("w"))],
    [
      [0.5, -2.5, 3, -5],
      [1, 4, 0, 64],
    ],
  );
  assert.deepEqual(
    (await step([saliency("movement")], [])).get(saliencyKey("w"))?.map((v) => v + 0),
    [-1, 2, 0, 8],
  );
});
