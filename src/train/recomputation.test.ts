/**
 * @module Recomputation: the same losses and gradients, dropout's masks among them, for less memory and a third more arithmetic.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Recomputation } from "../autodiff/index.js";
import { segments } from "../autodiff/index.js";
import { passCost, peakIntermediateBytes } from "../cost/index.js";
import type { Tensor } from "../graph/index.js";
import { fromNumbers, toNumbers } from "../graph/index.js";
import { crossEntropy } from "../losses/index.js";
import { Gpt2 } from "../models/index.js";
import { sgd } from "../optim/index.js";
import { prepareGraph } from "../runtime/index.js";
import type { BatchTypes, TrainingStep } from "./step.js";
import { traceLoss, trainingStep } from "./step.js";
import { TrainingState } from "./state.js";

const [VOCABULARY, N, T] = [50, 4, 64];
const types: BatchTypes = { text: { dtype: "int32", shape: [N, T + 1] } };

function stepWith(numLayers: number, recompute?: Recomputation, dropout = 0): TrainingStep {
  const model = new Gpt2({
    vocabSize: VOCABULARY,
    maxPositions: T,
    hiddenSize: 32,
    numLayers,
    numHeads: 2,
    dropout,
    attentionDropout: dropout,
  });
  const loss = ({ text }: { text: Tensor }): Tensor => crossEntropy(model.forward(text.slice(1, 0, T)), text.slice(1, 1));
  return trainingStep({ model, loss, optimizer: sgd({ learningRate: 0.1 }), ...(recompute === undefined ? {} : { recompute }) });
}

const batch = {
  text: fromNumbers(
    "int32",
    [N, T + 1],
    Int32Array.from({ length: N * (T + 1) }, (_, i) => (i * 7) % VOCABULARY),
  ),
};

for (const dropout of [0, 0.2]) {
  test(`the same training with less kept, dropout ${dropout}`, async () => {
    const results = new Map<string, { losses: number[]; weights: Map<string, Float64Array> }>();
    for (const [name, recompute] of Object.entries({
      kept: undefined,
      again: { parts: 3 },
      together: { parts: 3, together: 2 },
    })) {
      await using state = await TrainingState.create(stepWith(4, recompute, dropout), { seed: 1, threads: 1 });
      const losses: number[] = [];
      for (let i = 0; i < 3; i++) losses.push((await state.run(batch)).loss);
      const weights = new Map(
        [...(await state.parameters())].map(([path, value]) => [path, Float64Array.from(toNumbers(value))]),
      );
      results.set(name, { losses, weights });
    }
    const kept = results.get("kept");
    for (const name of ["again", "together"]) {
      const other = results.get(name);
      kept?.losses.forEach((loss, i) =>
        assert.ok(Math.abs(loss - (other?.losses[i] ?? NaN)) < 1e-5, `${name}: loss of step ${i}`),
      );
      for (const [path, values] of kept?.weights ?? [])
        values.forEach((w, i) => assert.ok(Math.abs(w - (other?.weights.get(path)?.[i] ?? NaN)) < 1e-5, `${name}: ${path}`));
    }
  });
}

test("twelve layers: 60 % less activations for at most 35 % more arithmetic", () => {
  const step = stepWith(12);
  const parameters = step.model.parameters();
  const parts = segments(traceLoss(step, types, parameters).loss, new Set(parameters.values())).length;
  assert.ok(parts >= 12, `${parts} parts`);
  const weights = [...parameters.values()].reduce((sum, p) => sum + 4 * p.size, 0);
  const [kept, again] = [undefined, { parts: parts - 1 }].map((recompute) => {
    const graph = prepareGraph(stepWith(12, recompute).graphFor(types).graph, "cpu");
    // All gradients are alive at once, whatever is computed again.
    return { bytes: peakIntermediateBytes(graph) - weights, flops: passCost(graph.nodes).flops };
  });
  assert.ok(kept !== undefined && again !== undefined);
  assert.ok(again.bytes < 0.4 * kept.bytes, `${again.bytes} of ${kept.bytes} bytes`);
  assert.ok(again.flops < 1.35 * kept.flops, `${again.flops} of ${kept.flops} FLOPs`);
});
