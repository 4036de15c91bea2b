import assert from "node:assert/strict";
import { test } from "node:test";
import type { Tensor, TensorData } from "../../src/graph/index.js";
import { fromNumbers, input, sizeOf, symbol } from "../../src/graph/index.js";
import { crossEntropy } from "../../src/losses/index.js";
import type { ModelEntry, ModelName } from "../../src/models/index.js";
import { MODELS, modelNamed } from "../../src/models/index.js";
import type { Module } from "../../src/nn/index.js";
import { adam, adamW, chain, clipByGlobalNorm } from "../../src/optim/index.js";
import { prepareGraph } from "../../src/runtime/index.js";
import { nodesWithoutKernel } from "../../src/runtime/kernels.js";
import { TrainingState, trainingStep } from "../../src/train/index.js";
import { ConfigError } from "../../src/util/errors.js";
import { Random } from "../../src/util/random.js";

interface Row {
  /** Trained numbers for data as in the paper. */
  readonly parameters: number;
  /** Those that use needs, where there are auxiliary heads besides. */
  readonly inUse?: number;
  readonly firstPath: string;
  readonly options?: Readonly<Record<string, unknown>>;
  /** Side of the images that the other tests are quick with; left out, as in the paper. */
  readonly side?: number;
  /** Updates until the loss has fallen to 30 %; left out, 40. 0 for a model that `vision.test.ts` fits in a narrow form. */
  readonly steps?: number;
}

/** A model without a row here fails. */
const ROWS: Record<ModelName, Row> = {
  linear: { parameters: 7_850, firstPath: "layers.0.weight" },
  mlp: {
    parameters: 784 * 12 + 12 + 12 * 10 + 10,
    firstPath: "layers.0.weight",
    options: { hidden: [12], activation: "gelu", dropout: 0.1 },
  },
  "lenet-300-100": { parameters: 266_610, firstPath: "layers.0.weight" },
  "mlp-800": { parameters: 1_276_810, firstPath: "layers.0.weight", steps: 0 },
  "mlp-1200": { parameters: 2_395_210, firstPath: "layers.0.weight", steps: 0 },
  "lenet-5": { parameters: 61_706, firstPath: "conv1.weight" },
  "conv-net": { parameters: 61_050, firstPath: "stages.0.conv.weight", side: 12 },
  "resnet-18": { parameters: 11_689_512, firstPath: "conv1.weight", side: 32, steps: 0 },
  "resnet-34": { parameters: 21_797_672, firstPath: "conv1.weight", side: 32, steps: 0 },
  "resnet-50": { parameters: 25_557_032, firstPath: "conv1.weight", side: 32, steps: 0 },
  "resnet-18-cifar": { parameters: 11_173_962, firstPath: "conv1.weight", side: 16, steps: 0 },
  "resnet-20-cifar": { parameters: 269_722, firstPath: "conv1.weight", side: 12, steps: 15 },
  "resnet-32-cifar": { parameters: 464_154, firstPath: "conv1.weight", side: 8, steps: 0 },
  "resnet-44-cifar": { parameters: 658_586, firstPath: "conv1.weight", side: 8, steps: 0 },
  "resnet-56-cifar": { parameters: 853_018, firstPath: "conv1.weight", side: 8, steps: 0 },
  alexnet: { parameters: 61_100_840, firstPath: "features.0.weight", side: 63, steps: 0 },
  "vgg-11": { parameters: 132_863_336, firstPath: "features.0.weight", side: 32, steps: 0 },
  "vgg-13": { parameters: 133_047_848, firstPath: "features.0.weight", side: 32, steps: 0 },
  "vgg-16": { parameters: 138_357_544, firstPath: "features.0.weight", side: 32, steps: 0 },
  "vgg-19": { parameters: 143_667_240, firstPath: "features.0.weight", side: 32, steps: 0 },
  "vgg-11-bn": { parameters: 132_868_840, firstPath: "features.0.weight", side: 32, steps: 0 },
  "vgg-13-bn": { parameters: 133_053_736, firstPath: "features.0.weight", side: 32, steps: 0 },
  "vgg-16-bn": { parameters: 138_365_992, firstPath: "features.0.weight", side: 32, steps: 0 },
  "vgg-19-bn": { parameters: 143_678_248, firstPath: "features.0.weight", side: 32, steps: 0 },
  googlenet: { parameters: 13_004_888, inUse: 6_624_904, firstPath: "conv1.conv.weight", side: 32, steps: 0 },
  "inception-v3": { parameters: 27_161_264, inUse: 23_834_568, firstPath: "Conv2d_1a_3x3.conv.weight", side: 75, steps: 0 },
  "densenet-121": { parameters: 7_978_856, firstPath: "features.conv0.weight", side: 32, steps: 0 },
  "densenet-40-cifar": { parameters: 176_122, firstPath: "features.conv0.weight", side: 8, steps: 0 },
  "densenet-100-cifar": { parameters: 769_162, firstPath: "features.conv0.weight", side: 8, steps: 0 },
  "mobilenet-v3-small": { parameters: 2_542_856, firstPath: "features.0.0.weight", side: 32, steps: 0 },
  "mobilenet-v3-large": { parameters: 5_483_032, firstPath: "features.0.0.weight", side: 32, steps: 0 },
  "vit-b-16": { parameters: 86_567_656, firstPath: "class_token", side: 32, steps: 0 },
  "vit-tiny": { parameters: 5_362_762, firstPath: "class_token", side: 16, steps: 0 },
};

for (const name of Object.keys(MODELS) as ModelName[]) {
  const { parameters, inUse = parameters, firstPath, options = {}, side, steps = 40 } = ROWS[name];
  const { usual } = MODELS[name];
  const inputShape = side === undefined ? usual.inputShape : [usual.inputShape[0] as number, side, side];
  const make = (): Module => modelNamed(name, { inputShape, outFeatures: 10, options });

  test(`${name}: parameters, paths, and a summary that agrees`, () => {
    const model = modelNamed(name, { ...usual, options });
    assert.equal(model.parameterCount, parameters);
    assert.equal([...model.parameters().keys()][0], firstPath);
    assert.equal(model.summary([symbol("N"), ...usual.inputShape]).parameters, inUse);
  });

  test(`${name}: every node of a training step has a kernel on WebGPU`, () => {
    const model = make();
    const step = trainingStep({
      model,
      loss: (b) => crossEntropy((model.forward as (x: unknown) => Tensor)(b["x"]), b["label"] as Tensor),
      optimizer: chain(clipByGlobalNorm(1), adamW()),
    });
    const types = { x: { dtype: "float32", shape: [4, ...inputShape] }, label: { dtype: "int32", shape: [4] } } as const;
    const { graph } = step.graphFor(types);
    assert.deepEqual(nodesWithoutKernel(prepareGraph(graph, "webgpu"), "webgpu"), []);
  });

  if (steps === 0) continue;
  test(`${name}: the loss falls when it is fitted to one batch; equal seeds, equal losses`, async () => {
    const random = new Random(1, name);
    const n = 16;
    const size = sizeOf(inputShape);
    const numbers = (count: number, next: () => number): number[] => Array.from({ length: count }, next);
    const batch: Record<string, TensorData> = {
      x: fromNumbers(
        "float32",
        [n, ...inputShape],
        numbers(n * size, () => random.normal()),
      ),
      label: fromNumbers(
        "int64",
        [n],
        numbers(n, () => random.integer(10)),
      ),
    };
    const losses = async (seed: number): Promise<number[]> => {
      const model = make();
      const step = trainingStep({
        model,
        loss: (b) => crossEntropy((model.forward as (x: unknown) => Tensor)(b["x"]), b["label"] as Tensor),
        optimizer: adam({ learningRate: 0.01 }),
      });
      await using state = await TrainingState.create(step, { seed });
      const result: number[] = [];
      for (let i = 0; i < steps; i++) result.push((await state.run(batch)).loss);
      return result;
    };
    const first = await losses(3);
    assert.ok((first.at(-1) as number) < 0.3 * (first[0] as number), `${first[0]} → ${first.at(-1)}`);
    assert.deepEqual(await losses(3), first);
    assert.notDeepEqual(await losses(4), first);
  });
}

for (const [name, entry] of Object.entries(MODELS as Readonly<Record<string, ModelEntry>>)) {
  const { input: taken, usual, make } = entry;
  if (taken === "any" || !("least" in taken) || taken.least === 1) continue;
  test(`${name}: images of ${taken.least} × ${taken.least} are taken, and those of a pixel less could not be`, () => {
    const forward = (side: number): unknown => {
      const shape = [usual.inputShape[0] as number, side, side];
      const model = make({ ...usual, inputShape: shape });
      return (model.forward as (x: Tensor) => unknown)(input("x", [symbol("N"), ...shape]));
    };
    assert.ok(forward(taken.least));
    assert.throws(
      () => forward(taken.least - 1),
      (error: Error) => !error.message.includes("\n"),
    );
  });
}

test("an unknown model or option, and data that a model cannot take, are named", () => {
  const request = { inputShape: [3, 32, 32], outFeatures: 10 };
  const refused = (make: () => unknown, message: RegExp): void =>
    assert.throws(make, (error: Error) => error instanceof ConfigError && message.test(error.message));
  refused(() => modelNamed("lenet5x", request), /unknown model "lenet5x"; did you mean "lenet-5"/);
  refused(() => modelNamed("lenet5", request), /lenet-5: expected images \[C, H, W\] of 28 × 28, got \[3, 32, 32\]; /);
  refused(
    () => modelNamed("mlp", { ...request, options: { hiden: [3] } }),
    /model mlp: unknown option "hiden"; did you mean "hidden"/,
  );
  refused(() => modelNamed("mlp", { ...request, options: { hidden: 3 } }), /hidden: expected a list of widths, got 3/);
});
