import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { vjpOf } from "../../../autodiff/index.js";
import type { Tensor } from "../../../graph/index.js";
import { constant, fromNumbers, input, symbol } from "../../../graph/index.js";
import { Dcgan } from "../../../models/index.js";
import { adam } from "../../../optim/index.js";
import { randomInputs, resolveMode } from "../../../ops/index.js";
import type { RefValue } from "../../../../test/reference/index.js";
import { evaluateReference } from "../../../../test/reference/index.js";
import type { Objective } from "../../../train/index.js";
import { TrainingState, trainingStep } from "../../../train/index.js";
import { ConfigError } from "../../../util/errors.js";
import { imageGeneration } from "./image-generation.js";
import type { GenerationInfo } from "./image-generation.js";
import { builtNamed, taskNamed } from "../../table.js";
import type { TaskContext } from "../../task.js";

const golden = JSON.parse(readFileSync(new URL("../../../../../test/golden/dcgan.json", import.meta.url), "utf8")) as {
  step: { losses: number[]; gradientNorms: number[]; buffers: number[][] };
};

/** As scripts/golden/dcgan.py makes its numbers. */
const wave = (number: number, size: number, scale: number): number[] =>
  Array.from({ length: size }, (_, i) => scale * Math.sin(1 + 0.37 * i + number));

function assertClose(actual: ArrayLike<number>, expected: readonly number[], what: string): void {
  assert.equal(actual.length, expected.length, what);
  expected.forEach((value, i) => {
    const error = Math.abs((actual[i] as number) - value);
    assert.ok(error <= 1e-6 * Math.max(1, Math.abs(value)), `${what}[${i}]: expected ${value}, got ${actual[i]}`);
  });
}

const info: GenerationInfo = {
  classes: [],
  imageShape: [3, 16, 16],
  maximum: 255,
  mean: [0, 0, 0],
  deviation: [1, 1, 1],
  latentSize: 3,
};
const training: TaskContext<GenerationInfo> = { info, use: "train", options: {} };

test("a step of the GAN as PyTorch's: both losses, each network's gradients, both networks' running statistics", () => {
  const model = new Dcgan({ imageSize: 16, channels: 3, latentSize: 3, width: 2 });
  const values = new Map<Tensor, RefValue>();
  for (const network of [model.generator, model.discriminator])
    [...network.state()].forEach(([path, p], j) => {
      const around = p.dims.length === 1 && /weight|var/.test(path) ? 1 : 0;
      values.set(p, { dtype: "float32", shape: p.dims, data: Float64Array.from(wave(j, p.size, 0.3), (v) => v + around) });
    });
  const real = model.discriminator.forward(constant(fromNumbers("float32", [3, 3, 16, 16], wave(1, 3 * 768, 0.9))));
  const made = model.discriminator.forward(model.generator.forward(constant(fromNumbers("float32", [3, 3], wave(0, 9, 1)))));
  const { losses = {} } = imageGeneration.loss({ real, made }, {}, training) as Objective;
  const [g, d] = [losses["generator"], losses["discriminator"]] as [Tensor, Tensor];
  const resolved = resolveMode([g, d], "train", randomInputs());
  const gradients = (
    [
      [g, model.generator],
      [d, model.discriminator],
    ] as const
  ).flatMap(([loss, network]) => vjpOf([resolved.map(loss)], [constant(1, "float32")], [...network.parameters().values()]));
  const buffers = [...model.buffers().values()].map((buffer) => resolved.updates.get(buffer) as Tensor);
  const found = evaluateReference([resolved.map(g), resolved.map(d), ...gradients, ...buffers], values);
  const numbers = found.map(({ data }) => [...data]);
  assertClose(numbers.slice(0, 2).flat(), golden.step.losses, "losses");
  const norms = numbers.slice(2, 2 + gradients.length).map((x) => Math.hypot(...x));
  assertClose(norms, golden.step.gradientNorms, "gradient norms");
  assert.equal(buffers.length, golden.step.buffers.length);
  golden.step.buffers.forEach((expected, i) =>
    assertClose(numbers[2 + gradients.length + i] as number[], expected, `buffer ${i}`),
  );
});

test("one training step updates both networks; noise is new at each step and the same for equal seeds", async () => {
  const model = builtNamed(taskNamed("image-generation"), "dcgan-small").build(info);
  const step = trainingStep({
    model,
    optimizer: adam({ learningRate: 2e-4, beta1: 0.5 }),
    loss: (batch) =>
      imageGeneration.loss(
        imageGeneration.outputs(model, imageGeneration.features(batch, training, model), batch, training),
        batch,
        training,
      ),
  });
  const image = fromNumbers(
    "uint8",
    [4, 3, 16, 16],
    Uint8Array.from({ length: 4 * 768 }, (_, i) => (i * 37) % 256),
  );
  const losses = async (seed: number): Promise<number[]> => {
    await using state = await TrainingState.create(step, { seed });
    const before = await state.parameters();
    const metrics = [await state.run({ image }), await state.run({ image })];
    for (const [path, { data }] of await state.parameters())
      assert.notDeepEqual(data, before.get(path)?.data, `${path} is as it was`);
    return metrics.flatMap((m) => [m["generatorLoss"] as number, m["discriminatorLoss"] as number]);
  };
  const first = await losses(1);
  assert.ok(first.every(Number.isFinite));
  assert.notEqual(first[0], first[2]);
  assert.deepEqual(await losses(1), first);
  assert.notDeepEqual(await losses(2), first);
});

test("in use: noise of any number of rows to uint8 pixels; images that no DCGAN makes are refused", () => {
  const context: TaskContext<GenerationInfo> = { info, use: "eval", options: {} };
  const build = (imageShape: readonly number[]): unknown =>
    builtNamed(taskNamed("image-generation"), "dcgan").build({ ...info, imageShape });
  const latent = input("latent", [symbol("N"), 3]);
  const model = build([3, 16, 16]) as Dcgan;
  const { image } = imageGeneration.outputs(model, imageGeneration.features({ latent }, context, model), {}, context);
  assert.equal(`${image?.dtype} ${String(image?.shape)}`, "uint8 N,3,16,16");
  const refused = (make: () => unknown, message: RegExp): void =>
    assert.throws(make, (error: Error) => error instanceof ConfigError && message.test(error.message));
  refused(() => build([3, 16, 24]), /dcgan: expected square images, got 16 × 24; give --image-size 24/);
  refused(() => build([1, 30, 30]), /dcgan: expected square images whose side is 4 … 7 doubled/);
});
