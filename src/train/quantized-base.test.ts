/**
 * @module A frozen base in 4 or 8 bits: codes within half a step, the gradients of the numbers that they stand for, little memory.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { peakIntermediateBytes } from "../cost/index.js";
import type { Tensor, TensorData } from "../graph/index.js";
import { fromNumbers } from "../graph/index.js";
import { crossEntropy } from "../losses/index.js";
import { Gpt2 } from "../models/index.js";
import { lora } from "../nn/index.js";
import { adamW } from "../optim/index.js";
import { platformRuntime, prepareGraph } from "../runtime/index.js";
import { Random } from "../util/random.js";
import { fineTune } from "./fine-tuning.js";
import { BASE_BLOCK, codesName, dequantizeWeight, quantizeWeight, withoutCodes } from "./quantized-base.js";
import { initialValues, trainingStep } from "./step.js";
import type { TrainingStep, TrainingStepOptions } from "./step.js";
import { TrainingState } from "./state.js";

function randomWeight(rows: number, columns: number): TensorData {
  const random = new Random(3, "weight");
  return fromNumbers(
    "float32",
    [rows, columns],
    Float64Array.from({ length: rows * columns }, (_, i) => random.normal() * (1 + Math.floor(i / BASE_BLOCK))),
  );
}

for (const [precision, bound] of [
  ["int8", 0.5 / 127],
  // The widest gap of NormalFloat lies between its first two values.
  ["int4", (1 - 0.6961928) / 2],
] as const) {
  test(`${precision}: each number within half a step of its block's largest, which is kept as it is`, () => {
    const weight = randomWeight(6, 128);
    const { codes, scale } = quantizeWeight(weight, precision);
    assert.equal(codes.data.length, precision === "int8" ? 768 : 384);
    const back = dequantizeWeight(codes, scale).data as Float32Array;
    (weight.data as Float32Array).forEach((x, i) => {
      const largest = scale.data[Math.floor(i / BASE_BLOCK)] as number;
      assert.ok(Math.abs(x - (back[i] as number)) <= largest * (bound + 1e-6), `${x} ${back[i]}`);
      if (Math.abs(x) === largest) assert.equal(back[i], x);
    });
    // Coding what was decoded changes nothing.
    assert.deepEqual(quantizeWeight({ ...weight, data: back }, precision).codes, codes);
  });
}

const [WIDTH, LAYERS, WORDS, LENGTH] = [64, 3, 50, 16];

function stepOf(options: Pick<TrainingStepOptions, "base" | "recompute" | "accumulate">): TrainingStep {
  const model = new Gpt2({
    vocabSize: WORDS,
    hiddenSize: WIDTH,
    numLayers: LAYERS,
    numHeads: 2,
    maxPositions: LENGTH,
    dropout: 0,
    attentionDropout: 0,
  });
  const optimizer = fineTune(model, adamW({ learningRate: 0.01 }), { adapters: lora({ rank: 4, targets: ["c_attn", "c_fc"] }) });
  return trainingStep({
    model,
    optimizer,
    loss: ({ tokens, labels }: { tokens: Tensor; labels: Tensor }) => crossEntropy(model.forward(tokens), labels),
    ...options,
  });
}

const tokensAt = (name: string): TensorData => {
  const random = new Random(1, name);
  return { dtype: "int32", shape: [2, LENGTH], data: Int32Array.from({ length: 2 * LENGTH }, () => random.integer(WORDS)) };
};
const batch = { tokens: tokensAt("tokens"), labels: tokensAt("labels") };
const { writesInPlace } = await platformRuntime();

async function train(step: TrainingStep, weights: ReadonlyMap<string, TensorData>, updatesInPlace: boolean) {
  await using state = await TrainingState.create(step, { device: "cpu", threads: 1, seed: 2, weights, updatesInPlace });
  const losses: number[] = [];
  for (let k = 0; k < 6; k++) losses.push((await state.run(batch)).loss);
  const use = await state.evaluator(batch, ({ tokens }: { tokens: Tensor }) => ({ y: (step.model as Gpt2).forward(tokens) }));
  return {
    losses,
    values: await state.snapshot(),
    parameters: await state.parameters(),
    y: (await use(batch))["y"] as TensorData,
  };
}

for (const base of ["int8", "int4"] as const)
  for (const [way, options, inPlace] of [
    ["in the graph", {}, false],
    ["in place", {}, true],
    ["computed again", { recompute: { parts: 3 } }, false],
    ["two batches a step", { accumulate: 2 }, false],
  ] as const)
    test(
      `${base}, ${way}: losses and adapters of the numbers that the codes stand for`,
      { skip: inPlace && !writesInPlace },
      async () => {
        const coded = stepOf({ base, ...options });
        const plain = stepOf(options);
        const start = initialValues({ parameters: plain.types.parameters, slots: new Map() }, 2);
        const codes = coded.codedBase?.encoded(start, 2) as Map<string, TensorData>;
        assert.equal([...codes.keys()].filter((name) => name.endsWith(".codes")).length, 4 * LAYERS);
        const a = await train(coded, start, inPlace);
        const b = await train(plain, withoutCodes(codes), inPlace);
        a.losses.forEach((loss, k) =>
          assert.ok(Math.abs(loss - (b.losses[k] as number)) < 1e-5, `step ${k}: ${loss}, ${b.losses[k]}`),
        );
        assert.ok((a.losses.at(-1) as number) < (a.losses[0] as number) - 0.01);
        assert.deepEqual([...a.parameters.keys()].sort(), [...b.parameters.keys()].sort());
        for (const [path, { data }] of b.parameters)
          (data as Float32Array).forEach((x, i) => assert.ok(Math.abs(x - Number(a.parameters.get(path)?.data[i])) < 1e-4, path));
        (b.y.data as Float32Array).forEach((x, i) => assert.ok(Math.abs(x - Number(a.y.data[i])) < 1e-4));
        for (const [name, value] of codes) if (name.endsWith(".codes")) assert.deepEqual(a.values.get(name), value);
      },
    );

test("numbers of one weight are alive at a time", () => {
  const live = (base: "float32" | "int4"): number => {
    const step = stepOf({ base });
    return peakIntermediateBytes(prepareGraph(step.graphFor(batch).graph, "cpu"));
  };
  const largest = 4 * WIDTH * WIDTH * 4;
  assert.ok(live("int4") <= live("float32") + 4 * largest, `${live("int4")} ${live("float32")} ${largest}`);
});

test("a model without frozen linear layers is refused", () => {
  const model = new Gpt2({ vocabSize: 5, hiddenSize: 8, numLayers: 1, numHeads: 1, maxPositions: 4 });
  assert.throws(() => trainingStep({ model, optimizer: adamW(), loss: ({ x }) => x as Tensor, base: "int4" }), {
    name: "ConfigError",
    message: /base int4: expected frozen linear layers of at least 4096 numbers, in rows of a multiple of 64, got none/,
  });
  assert.equal(codesName("a"), "a.codes");
});
