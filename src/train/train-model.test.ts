import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { crossEntropy } from "../losses/index.js";
import { accuracy } from "../metrics/index.js";
import { Mlp } from "../models/index.js";
import { adamW, chain, clipByGlobalNorm, cosine } from "../optim/index.js";
import { train } from "./train-model-node.js";
import { Dataset, loadData } from "../data/node.js";

test("train: images changed at random and mixed, to the same bits each time; data without images are refused", async () => {
  const options = {
    data: "digits",
    augment: "crop:1,rotate:10,mixup",
    loss: crossEntropy(),
    optimizer: adamW({ learningRate: 5e-3 }),
    metrics: { accuracy },
    epochs: 4,
    batchSize: 64,
    seed: 1,
    device: "cpu",
    quiet: true,
  } as const;
  const model = (): Mlp => new Mlp({ inFeatures: 64, hidden: [64], outFeatures: 10 });
  const weights = async (more: object): Promise<unknown> => {
    await using run = await train(model(), { ...options, ...more });
    const reached = run.summary.metrics.test?.["accuracy"] ?? 0;
    assert.ok(reached > 0.7, `test accuracy ${reached}`);
    return (await run.state.parameters()).get("layers.0.weight")?.data;
  };
  const table = new Dataset({
    features: { dtype: "float32", shape: [64, 64], data: new Float32Array(64 * 64) },
    label: new Int32Array(64),
  });
  const first = await weights({});
  assert.deepEqual(await weights({}), first);
  assert.notDeepEqual(await weights({ augment: "none" }), first);
  await assert.rejects(train(model(), { ...options, augment: "flop" }), /train: augment: unknown augmentation "flop"/);
  await assert.rejects(
    train(model(), { ...options, data: { train: table } }),
    /augment: expected columns image .* got features, label/,
  );
});

test("train: three lines learn the digits, write a run, and predict", async () => {
  const folder = mkdtempSync(join(tmpdir(), "descent-"));
  try {
    const options = {
      data: "digits",
      loss: crossEntropy(),
      optimizer: chain(clipByGlobalNorm(1), adamW({ learningRate: cosine({ peak: 5e-3, warmupSteps: 10 }) })),
      metrics: { accuracy },
      epochs: 8,
      batchSize: 64,
      seed: 1,
      device: "cpu",
      quiet: true,
    } as const;
    await using run = await train(new Mlp({ inFeatures: 64, hidden: [64], outFeatures: 10 }), {
      ...options,
      out: join(folder, "run"),
    });
    const reached = run.summary.metrics.test?.["accuracy"] ?? 0;
    assert.ok(reached > 0.9, `test accuracy ${reached}`);
    const data = await loadData("digits", { seed: 1 });
    const outputs = await run.predict(data.test);
    assert.deepEqual(outputs[0]?.shape, [180, 10]);
    await using again = await train(new Mlp({ inFeatures: 64, hidden: [64], outFeatures: 10 }), options);
    assert.deepEqual(
      (await again.state.parameters()).get("layers.0.weight")?.data,
      (await run.state.parameters()).get("layers.0.weight")?.data,
    );
    await assert.rejects(train(new Mlp({ inFeatures: 63, hidden: [], outFeatures: 10 }), options), /layers\.0: .*63/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
