/**
 * @module The update's kernel: built from its source, and the same numbers as the graph of each optimizer.
 */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { KERNELS, kernelsFile, kernelsPath } from "../../scripts/kernels.js";
import type { Tensor, TensorData } from "../graph/index.js";
import { fromNumbers, toNumbers } from "../graph/index.js";
import { crossEntropy } from "../losses/index.js";
import { BatchNorm1d, Embedding, Linear, Module } from "../nn/index.js";
import type { Optimizer } from "../optim/index.js";
import {
  adagrad,
  adam,
  adamW,
  chain,
  clipByGlobalNorm,
  clipByNorm,
  clipByValue,
  cosine,
  exponentialMovingAverage,
  lion,
  rmsprop,
  sgd,
} from "../optim/index.js";
import { inPlaceRule } from "../optim/in-place.js";
import { platformRuntime } from "../runtime/index.js";
import { Random } from "../util/random.js";
import { cutStep } from "./cut-step.js";
import type { BatchData } from "./step.js";
import type { InPlace } from "./flat-state.js";
import { inPlaceFor } from "./flat-state.js";
import { gradientName, trainingStep } from "./step.js";
import type { InitOptions } from "./state.js";
import { TrainingState } from "./state.js";

/** Sizes that fill no vector of four, one of a single number among them; a buffer; a frozen layer. */
class Net extends Module {
  readonly hidden = new Linear(5, 7);
  readonly norm = new BatchNorm1d(7);
  readonly frozen = new Linear(7, 9);
  readonly out = new Linear(9, 3);
  readonly scale = new Linear(1, 1, { bias: false });

  override forward(x: Tensor): Tensor {
    const hidden = this.norm.forward(this.hidden.forward(x)).tanh();
    const logits = this.out.forward(this.frozen.forward(hidden).tanh());
    return logits.mul(this.scale.forward(x.slice(1, 0, 1)).mean());
  }
}

const batchAt = (k: number): BatchData => {
  const random = new Random(7, "batch", k);
  const numbers = (n: number): Float64Array => Float64Array.from({ length: n }, () => random.normal());
  return {
    x: fromNumbers("float32", [6, 5], numbers(30)),
    label: fromNumbers(
      "int32",
      [6],
      Int32Array.from({ length: 6 }, () => random.integer(3)),
    ),
  };
};

const groups = [
  { match: "frozen.*", frozen: true },
  { match: "*.bias", weightDecay: 0, learningRateMultiplier: 3 },
];
const decayed = { weightDecay: 0.1, groups };

const OPTIMIZERS: Readonly<Record<string, Optimizer>> = {
  sgd: sgd({ learningRate: 0.05, ...decayed }),
  "sgd with momentum": sgd({ learningRate: 0.05, momentum: 0.9, ...decayed }),
  "sgd with nesterov": sgd({ learningRate: cosine({ peak: 0.05, totalSteps: 12 }), momentum: 0.9, nesterov: true, ...decayed }),
  "sgd with dampening": sgd({ learningRate: 0.05, momentum: 0.9, dampening: 0.3, ...decayed }),
  adam: adam({ learningRate: 0.02, ...decayed }),
  amsgrad: adam({ learningRate: 0.02, amsgrad: true, ...decayed }),
  "adam without a first mean": adam({ learningRate: 0.02, beta1: 0, groups }),
  adamW: adamW({ learningRate: 0.02, ...decayed }),
  lion: lion({ learningRate: 0.01, ...decayed }),
  "lion without a mean": lion({ learningRate: 0.01, beta1: 0, groups }),
  rmsprop: rmsprop({ learningRate: 0.01, ...decayed }),
  "rmsprop, centered": rmsprop({ learningRate: 0.01, centered: true, ...decayed }),
  adagrad: adagrad({ learningRate: 0.05, initialAccumulator: 0.1, ...decayed }),
  "adamW behind a global norm": chain(clipByGlobalNorm(0.1), adamW({ learningRate: 0.02, ...decayed })),
  "sgd behind norms": chain(clipByNorm(0.05), sgd({ learningRate: 0.5, groups })),
  "adam behind values": chain(clipByValue(0.01), adam({ learningRate: 0.02, groups })),
};

async function train(
  optimizer: Optimizer,
  updatesInPlace: boolean,
  options: InitOptions & { accumulate?: number; steps?: number; from?: number },
) {
  const { accumulate = 1, steps = 12, from = 0, ...init } = options;
  const model = new Net();
  const loss = ({ x, label }: { x: Tensor; label: Tensor }): Tensor => crossEntropy(model.forward(x), label);
  const step = trainingStep({ model, loss, optimizer, accumulate });
  const state = await TrainingState.create(step, { seed: 3, threads: 1, updatesInPlace, ...init });
  state.updates = from;
  const reported: Record<string, number>[] = [];
  for (let k = from; k < steps; k++) reported.push(await state.run(batchAt(k)));
  return { state, reported };
}

test("the kernels are those of their source", async () => {
  for (const kernel of KERNELS)
    assert.equal(
      (await kernelsFile(kernel)).replace(/\s/g, ""),
      (await readFile(kernelsPath(kernel.source), "utf8")).replace(/\s/g, ""),
    );
});

test("what has no kernel is left to the graph", () => {
  assert.equal(inPlaceRule(chain(adamW(), exponentialMovingAverage(0.9))), undefined);
  assert.equal(inPlaceRule(rmsprop({ momentum: 0.9 })), undefined);
});

const { writesInPlace } = await platformRuntime();
const skip = !writesInPlace && "only the direct engine works on the kernel's memory";
for (const [name, optimizer] of Object.entries(OPTIMIZERS)) {
  for (const accumulate of [1, 2]) {
    test(`in place as in the graph: ${name}, ${accumulate} a step`, { skip }, async () => {
      assert.notEqual(inPlaceRule(optimizer), undefined);
      const graph = await train(optimizer, false, { accumulate });
      const flat = await train(optimizer, true, { accumulate });
      const [expected, got] = [await graph.state.snapshot(), await flat.state.snapshot()];
      assert.deepEqual([...got.keys()], [...expected.keys()]);
      for (const [path, value] of expected) {
        const [a, b] = [toNumbers(value), toNumbers(got.get(path) ?? value)];
        const scale = Math.max(1e-3, ...a.map(Math.abs));
        const off = Math.max(...a.map((x, i) => Math.abs(x - (b[i] as number))));
        assert.ok(off <= 2e-5 * scale, `${path}: off by ${off} of ${scale}`);
      }
      graph.reported.forEach((metrics, k) => {
        assert.deepEqual(Object.keys(flat.reported[k] ?? {}), Object.keys(metrics));
        for (const [metric, value] of Object.entries(metrics))
          assert.ok(Math.abs((flat.reported[k]?.[metric] ?? NaN) - value) < 1e-4 * Math.max(1, value), `${metric} of step ${k}`);
      });
      await graph.state.dispose();
      await flat.state.dispose();
    });
  }
}

/** More than a million numbers, which threads share: two calls of the kernel, and one of a single number. */
class Wide extends Module {
  readonly hidden = new Linear(1, 1_500_000, { bias: false });
  readonly scale = new Linear(1, 1, { bias: false });

  override forward(x: Tensor): Tensor {
    return this.hidden.forward(x).mean(1, true).mul(this.scale.forward(x));
  }
}

/** Parameters and slots after three updates by random gradients in so many threads. */
function updated(optimizer: Optimizer, threads: number): ReadonlyMap<string, Float32Array> {
  const model = new Wide();
  const step = trainingStep({ model, optimizer, loss: ({ x }: { x: Tensor }) => model.forward(x).square().mean() });
  const { cut, flat } = inPlaceFor(step, true, threads) as InPlace;
  const at = (name: string): TensorData => flat.arrayOf(name) as TensorData;
  const random = new Random(1, "updated");
  for (const path of cut.trained.keys())
    for (const name of [path, gradientName(path)]) {
      const data = at(name).data as Float32Array;
      for (let i = 0; i < data.length; i++) data[i] = random.uniform() - 0.5;
    }
  for (let k = 1; k <= 3; k++)
    flat.update(
      optimizer.scalars({ step: k, learningRate: 0.01 }),
      () => ({ scale: 1, decay: 0.1 }),
      (path) => at(gradientName(path)),
    );
  flat[Symbol.dispose]();
  return new Map([...cut.trained.keys(), ...step.types.slots.keys()].map((name) => [name, at(name).data as Float32Array]));
}

for (const [name, optimizer] of Object.entries(OPTIMIZERS))
  test(`threads that share an update give the bits of one: ${name}`, { skip }, () => {
    const [one, four] = [updated(optimizer, 1), updated(optimizer, 4)];
    const wide = four.get("hidden.weight");
    assert.ok((wide?.buffer as unknown) instanceof SharedArrayBuffer);
    for (const [path, values] of one) {
      const [expected, got] = [values, four.get(path) ?? new Float32Array()].map((data) => new Uint32Array(data.slice().buffer)) as [Uint32Array, Uint32Array]; // prettier-ignore
      assert.equal(
        expected.findIndex((bits, i) => bits !== got[i]),
        -1,
        path,
      );
    }
  });

/** A table of words that is read, and one whose rows are the output's weights, too. */
class Words extends Module {
  readonly own = new Embedding(300, 6);
  readonly shared = new Embedding(9, 6);

  override forward(words: Tensor): Tensor {
    const read = this.own.forward(words).add(this.shared.forward(words.cast("float32").mul(0.03).cast("int32"))); // [N, T, 6]
    return read.tanh().mean(1).matMul(this.shared.weight.transpose()); // [N, 9]
  }
}

for (const clipped of [false, true]) {
  test(
    `rows of tables, some of them read twice, are summed as in the graph${clipped ? ", behind a global norm" : ""}`,
    { skip },
    async () => {
      const random = new Random("words");
      const words = Int32Array.from({ length: 40 }, () => random.integer(12) * 25);
      const batch = {
        words: fromNumbers("int32", [8, 5], words),
        label: fromNumbers(
          "int32",
          [8],
          words.subarray(0, 8).map((word) => word % 9),
        ),
      };
      const trained = async (updatesInPlace: boolean): Promise<ReadonlyMap<string, TensorData>> => {
        const model = new Words();
        const optimizer = clipped ? chain(clipByGlobalNorm(0.1), adamW({ learningRate: 0.02 })) : adamW({ learningRate: 0.02 });
        const loss = (x: Readonly<Record<string, Tensor>>): Tensor =>
          crossEntropy(model.forward(x["words"] as Tensor), x["label"] as Tensor);
        const step = trainingStep({ model, loss, optimizer });
        const taken = cutStep(step)
          ?.graphFor(batch)
          .rowSums.map(({ path, hasRest }) => ({ path, hasRest }));
        const all = [
          { path: "own.weight", hasRest: false },
          { path: "shared.weight", hasRest: true },
        ];
        assert.deepEqual(taken, clipped ? [] : all);
        const state = await TrainingState.create(step, { seed: 3, threads: 2, updatesInPlace });
        for (let k = 0; k < 6; k++) await state.run(batch);
        const snapshot = await state.snapshot();
        await state.dispose();
        return snapshot;
      };
      const [expected, got] = [await trained(false), await trained(true)];
      for (const [path, value] of expected) {
        const [a, b] = [toNumbers(value), toNumbers(got.get(path) ?? value)];
        a.forEach((x, i) => assert.ok(Math.abs(x - (b[i] as number)) < 2e-5, `${path} ${i}: ${x} and ${b[i]}`));
      }
    },
  );
}

test("resuming gives the same bits, and so does repeating", { skip }, async () => {
  const optimizer = OPTIMIZERS["adamW behind a global norm"] as Optimizer;
  const whole = await train(optimizer, true, {});
  const half = await train(optimizer, true, { steps: 6 });
  const resumed = await train(optimizer, true, { from: 6, weights: await half.state.snapshot() });
  assert.deepEqual(await resumed.state.snapshot(), await whole.state.snapshot());
  for (const { state } of [whole, half, resumed]) await state.dispose();
});

test("a loss that is not finite changes nothing, and is traced to its op", { skip }, async () => {
  const { state } = await train(adamW({ groups: [] }), true, { steps: 2 });
  const before = await state.parameters();
  const batch = { ...batchAt(2), x: fromNumbers("float32", [6, 5], new Float64Array(30).fill(NaN)) };
  assert.ok(Number.isNaN((await state.run(batch)).loss));
  assert.equal(await state.firstNotFinite(batch), 'the input "x"');
  const trained = [...state.step.optimizer.trained(state.step.model.parameters()).keys()];
  const after = await state.parameters();
  for (const path of trained) assert.deepEqual(after.get(path), before.get(path));
  await state.dispose();
});
