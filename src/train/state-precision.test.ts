/**
 * @module An optimizer's state in 8 bits: a reference's numbers, the same bits in place and in the graph, and after a resume.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import type { Tensor, TensorData } from "../graph/index.js";
import { byteSize, fromNumbers, Parameter, toNumbers } from "../graph/index.js";
import { Module } from "../nn/index.js";
import type { Json, Optimizer } from "../optim/index.js";
import { adagrad, adam, adamW, chain, clipByGlobalNorm, lion, optimizerFrom, rmsprop, sgd, withState } from "../optim/index.js";
import { CODE_ENTRIES, codeOf, codeTable, codeValues } from "../optim/state-precision.js";
import { platformRuntime } from "../runtime/index.js";
import { TrainingState } from "./state.js";
import { trainingStep } from "./step.js";

const golden = JSON.parse(readFileSync(new URL("../../../test/golden/optim-int8.json", import.meta.url), "utf8")) as {
  shape: [number, number];
  steps: number;
  every: number;
  values: Record<"True" | "False", number[]>;
  optimizers: { optimizer: Json; weights: number[] }[];
};
const [ROWS, COLUMNS] = golden.shape;
const SIZE = ROWS * COLUMNS;
const { writesInPlace } = await platformRuntime();

/** A matrix, whose gradient is what the batch says; its last block of 256 numbers is half full. */
class Weights extends Module {
  readonly weight = new Parameter([ROWS, COLUMNS], {
    initializer: () => Float64Array.from({ length: SIZE }, (_, i) => Math.cos(0.7 * i)),
  });
  readonly small = new Parameter([5], { initializer: () => Float64Array.of(1, 2, 3, 4, 5) });

  override forward(g: Tensor): Tensor {
    return this.weight.mul(g).sum().add(this.small.square().sum().mul(0.01));
  }
}

/** The gradients of scripts/golden/optim-int8.py. */
const gradientAt = (step: number): TensorData =>
  fromNumbers(
    "float32",
    [ROWS, COLUMNS],
    Float64Array.from({ length: SIZE }, (_, i) => {
      if ((Math.floor(i / COLUMNS) + step) % 3 === 0) return 0;
      return 10 ** ((i % 9) / 2 - 4) * Math.sin(0.37 * (step + 1) * (1 + (i % 23)) + 0.1 * Math.floor(i / 23));
    }),
  );

async function train(
  optimizer: Optimizer,
  updatesInPlace: boolean,
  { from = 0, steps = golden.steps, weights = new Map<string, TensorData>(), accumulate = 1 } = {},
): Promise<Map<string, TensorData>> {
  const model = new Weights();
  const step = trainingStep({ model, optimizer, loss: ({ g }: { g: Tensor }) => model.forward(g), accumulate });
  await using state = await TrainingState.create(step, { device: "cpu", threads: 1, updatesInPlace, weights });
  state.updates = from;
  for (let k = from; k < steps; k++) for (let i = 0; i < accumulate; i++) await state.run({ g: gradientAt(k) });
  return state.snapshot();
}

const WAYS = writesInPlace ? [false, true] : [false];

test("codes stand for the values of bitsandbytes' maps, and each value has its own code", () => {
  for (const nonNegative of [false, true]) {
    const values = codeValues(nonNegative);
    golden.values[nonNegative ? "False" : "True"].forEach((value, i) =>
      assert.ok(Math.abs((values[i] as number) - value) <= 1e-7 * Math.abs(value), `${i}: ${values[i]}`),
    );
    for (const [i, a] of values.slice(nonNegative ? 0 : 127).entries()) {
      const sum = codeOf(nonNegative).reduce(
        (all, t) => all + Number(a >= t.start) + Math.floor(Math.min(Math.max(a * t.gain - t.offset, 0), t.most)),
        0,
      );
      assert.equal(sum, i);
    }
  }
});

for (const { optimizer, weights } of golden.optimizers) {
  for (const inPlace of WAYS) {
    test(`${JSON.stringify(optimizer)}: a reference's weights, ${inPlace ? "in place" : "in the graph"}`, async () => {
      const data = (await train(optimizerFrom(optimizer), inPlace)).get("weight")?.data as Float32Array;
      const off = weights.map((w, i) => Math.abs(w - (data[i * golden.every] as number)));
      assert.ok(Math.max(...off) <= 2e-4, `off by ${Math.max(...off)}`);
    });
  }
}

const groups = [{ match: "small", learningRateMultiplier: 3 }];
const OPTIMIZERS: Readonly<Record<string, Optimizer>> = {
  "sgd with momentum": sgd({ learningRate: 0.05, momentum: 0.9, nesterov: true, groups, state: "int8" }),
  adam: adam({ learningRate: 0.02, weightDecay: 0.1, state: "int8" }),
  amsgrad: adam({ learningRate: 0.02, amsgrad: true, state: "int8" }),
  "adamW behind a global norm": chain(clipByGlobalNorm(0.1), adamW({ learningRate: 0.02, groups, state: "int8" })),
  lion: lion({ learningRate: 0.01, state: "int8" }),
  "rmsprop, centered": rmsprop({ learningRate: 0.01, centered: true, state: "int8" }),
  adagrad: adagrad({ learningRate: 0.05, initialAccumulator: 0.1, state: "int8" }),
};

for (const [name, optimizer] of Object.entries(OPTIMIZERS)) {
  for (const accumulate of [1, 2]) {
    test(`in place as in the graph: ${name}, ${accumulate} a step`, { skip: !writesInPlace }, async () => {
      const graph = await train(optimizer, false, { steps: 12, accumulate });
      const flat = await train(optimizer, true, { steps: 12, accumulate });
      assert.deepEqual([...flat.keys()], [...graph.keys()]);
      assert.ok([...graph.values()].some(({ dtype }) => dtype === "uint8"));
      for (const [path, value] of graph) {
        const [a, b] = [toNumbers(value), toNumbers(flat.get(path) ?? value)];
        const off = a.map((x, i) => Math.abs(x - (b[i] as number)));
        if (value.dtype === "uint8")
          assert.ok(
            off.filter((x) => x > 0).length < 0.002 * off.length && Math.max(...off) <= 1,
            `${path}: ${Math.max(...off)}`,
          );
        else
          assert.ok(
            off.filter((x, i) => x > 1e-5 * Math.max(1e-3, Math.abs(a[i] as number))).length < 0.002 * off.length + 1,
            path,
          );
      }
    });
  }
}

test("the kernel's table gives each number the code that the graph computes", () => {
  const bits = new DataView(new ArrayBuffer(4));
  const numberOf = (of: number): number => (bits.setUint32(0, of), bits.getFloat32(0));
  const bitsOf = (of: number): number => (bits.setFloat32(0, of), bits.getUint32(0));
  for (const nonNegative of [false, true]) {
    const table = codeTable(nonNegative);
    assert.equal(table.length, CODE_ENTRIES);
    const fromTable = (a: number): number => {
      const entry = Math.max(0, (bitsOf(a) >>> 16) - (bitsOf(1) >>> 16) + CODE_ENTRIES - 1);
      const { code, next } = table[entry] as (typeof table)[number];
      return code + Number(a >= next);
    };
    const computed = (a: number): number =>
      codeOf(nonNegative).reduce((all, { start, gain, offset, most }) => {
        const steps = Math.fround(Math.fround(a * gain) - offset);
        return all + Number(a >= start) + Math.floor(Math.min(Math.max(steps, 0), most));
      }, 0);
    // The steps of the codes from both sides, both ends of all entries, and what is less than the table's least.
    const steps = table.filter(({ next }) => next < Infinity).map(({ next }) => bitsOf(next));
    const entries = table.flatMap((_, i) =>
      [(bitsOf(1) >>> 16) - i, (bitsOf(1) >>> 16) - i].map((top, end) => top * 2 ** 16 - end),
    );
    for (const of of [0, 1, bitsOf(1e-30), bitsOf(1e-20), ...steps.flatMap((step) => [step - 1, step, step + 1]), ...entries])
      assert.equal(fromTable(numberOf(of)), computed(numberOf(of)), `${numberOf(of)}`);
  }
});

test("resuming gives the same bits", async () => {
  const optimizer = optimizerFrom(golden.optimizers[0]?.optimizer as Json);
  for (const inPlace of WAYS) {
    const whole = await train(optimizer, inPlace, { steps: 8 });
    const half = await train(optimizer, inPlace, { steps: 4 });
    assert.deepEqual(await train(optimizer, inPlace, { from: 4, steps: 8, weights: half }), whole);
  }
});

test("state takes a quarter of the bytes; small parameters and averages stay as they are", () => {
  const model = new Weights();
  const bytes = (optimizer: Optimizer): number =>
    [...optimizer.slots(model.parameters()).values()].reduce((sum, slot) => sum + byteSize(slot), 0);
  const [plain, coded] = [bytes(adamW()), bytes(adamW({ state: "int8" }))];
  assert.ok(coded < 0.27 * plain && coded > 0.25 * plain, `${coded} of ${plain}`);
  const slots = adamW({ state: "int8" }).slots(model.parameters());
  assert.deepEqual(slots.get("adam.square/small")?.dtype, "float32");
  assert.deepEqual(optimizerFrom(JSON.parse(JSON.stringify(adamW({ state: "int8" }).description)) as Json).state, "int8");
});

test("an unknown precision is refused", () => {
  assert.throws(() => withState(sgd(), "int4" as "int8"), {
    name: "ConfigError",
    message: /state: expected float32 or int8, got int4/,
  });
});
