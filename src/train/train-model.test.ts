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
import { loadData } from "../data/node.js";

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
