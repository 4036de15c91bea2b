import assert from "node:assert/strict";
import { test } from "node:test";
import { DataLoader, Dataset } from "../data/index.js";
import type { Tensor } from "../graph/index.js";
import { crossEntropy } from "../losses/index.js";
import { Mlp } from "../models/index.js";
import { sgd } from "../optim/index.js";
import { TrainingState } from "./state.js";
import { trainingStep } from "./step.js";
import type { TrainerProgress } from "./trainer.js";
import { fit } from "./trainer.js";

const data = new Dataset({
  features: { dtype: "float32", shape: [12, 2], data: Float32Array.from({ length: 24 }, (_, i) => (i % 5) / 5) },
  label: Int32Array.from({ length: 12 }, (_, i) => i % 2),
});

/** Counts the steps made, and returns what is kept, when the signal is aborted in the `at`-th step (0: before the first). */
async function stepsUntil(
  at: number,
  accumulate = 1,
): Promise<{ made: number; ended: string; kept: TrainerProgress | undefined }> {
  const model = new Mlp({ inFeatures: 2, hidden: [3], outFeatures: 2 });
  const criterion = crossEntropy();
  const step = trainingStep({
    model,
    loss: ({ features, label }: { features: Tensor; label: Tensor }) => ({ loss: criterion(model.forward(features), label) }),
    optimizer: sgd({ learningRate: 0.1 }),
    accumulate,
  });
  const state = await TrainingState.create(step, { seed: 1, device: "cpu" });
  const stop = new AbortController();
  if (at === 0) stop.abort();
  let made = 0;
  let kept: TrainerProgress | undefined;
  try {
    const { ended } = await fit({
      state,
      loader: new DataLoader(data, { batchSize: 2, seed: 1 }),
      totalSteps: 30,
      signal: stop.signal,
      callbacks: [
        {
          onStep() {
            if (++made === at) stop.abort();
          },
          onCheckpoint: (progress) => void (kept = progress),
        },
      ],
    });
    return { made, ended, kept };
  } finally {
    await state.dispose();
  }
}

test("an aborted signal makes no further step, and the checkpoint stands between two updates", async () => {
  for (const at of [0, 1, 3]) {
    const { made, ended, kept } = await stepsUntil(at);
    assert.deepEqual([made, ended, kept?.step, kept?.offset], [at, "interrupted", at, 2 * at]);
  }
  // In the middle of an update of three batches: the checkpoint is that of the update before, and its batches come again.
  const { made, ended, kept } = await stepsUntil(4, 3);
  assert.deepEqual([made, ended, kept?.step, kept?.offset], [4, "interrupted", 1, 6]);
});
