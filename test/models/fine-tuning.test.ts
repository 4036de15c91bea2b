import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { loadSafetensors } from "../../src/data/node.js";
import type { Tensor } from "../../src/graph/index.js";
import { toNumbers } from "../../src/graph/index.js";
import { crossEntropy } from "../../src/losses/index.js";
import * as models from "../../src/models/index.js";
import { adamW, withFineTuning } from "../../src/optim/index.js";
import type { BatchData, TrainingStep } from "../../src/train/node.js";
import { loadPretrained, trainingStep, TrainingState } from "../../src/train/node.js";
import type { Json } from "../../src/util/described.js";

const root = fileURLToPath(new URL("../../../test/", import.meta.url));
const folder = join(root, "fixtures/language-models/bert-sequence");

interface Golden {
  readonly rate: number;
  readonly layerDecay: number;
  readonly weightDecay: number;
  readonly losses: readonly number[];
  /** The sum and the norm of each parameter's change. */
  readonly changes: Readonly<Record<string, readonly [number, number]>>;
}
const golden = JSON.parse(readFileSync(join(root, "golden/fine-tuning.json"), "utf8")) as Golden;

const { tensors } = await loadSafetensors(join(folder, "expected.safetensors"));
const batch: BatchData = Object.fromEntries(
  [...tensors].filter(([name]) => name.startsWith("input.")).map(([name, data]) => [name.slice(6), data]),
);
const { weights, config } = await loadPretrained(folder);

/** A step of the fixture's classifier without dropout. */
function stepOf(tuning: Parameters<typeof withFineTuning>[2]): TrainingStep {
  const still = { ...(config as Record<string, Json>), hidden_dropout_prob: 0, attention_probs_dropout_prob: 0 };
  const model = models.modelFromConfig("BertForSequenceClassification", still);
  const plain = adamW({
    learningRate: golden.rate,
    weightDecay: golden.weightDecay,
    groups: [{ match: "*.bias", weightDecay: 0 }],
  });
  return trainingStep({
    model,
    optimizer: withFineTuning(plain, model.parameters().keys(), tuning),
    loss: ({ tokens, mask, types, labels }: { tokens: Tensor; mask: Tensor; types: Tensor; labels: Tensor }) =>
      crossEntropy(model.forward(tokens, { mask, tokenTypes: types }), labels),
  });
}

const tuning = {
  freeze: ["bert.embeddings.*"],
  layerDecay: golden.layerDecay,
  learningRates: { "classifier.*": 2 },
};

test("frozen embeddings, decay from layer to layer and a faster head: six steps as PyTorch's parameter groups", async () => {
  const step = stepOf(tuning);
  await using state = await TrainingState.create(step, { seed: 1, weights });
  for (const [i, expected] of golden.losses.entries()) {
    const { loss } = await state.run(batch);
    assert.ok(Math.abs(loss - expected) < 2e-5, `loss ${i}: expected ${expected}, got ${loss}`);
  }
  const after = await state.parameters();
  assert.deepEqual(new Set(after.keys()), new Set(Object.keys(golden.changes)));
  for (const [path, [sum, norm]] of Object.entries(golden.changes)) {
    const [then, now] = [weights, after].map((all) => toNumbers(all.get(path) ?? assert.fail(path))) as [
      Float64Array,
      Float64Array,
    ];
    const changes = now.map((value, i) => value - (then[i] as number));
    const found = [changes.reduce((a, b) => a + b, 0), Math.hypot(...changes)] as const;
    if (norm === 0) assert.deepEqual(found, [0, 0], path);
    // A key's bias has no gradient but rounding's, whose sign Adam makes a whole step of.
    if (path.endsWith("key.bias")) continue;
    // Of a float32 weight near 1, seven digits are left of a change of 1e-3.
    for (const [i, expected] of [sum, norm].entries())
      assert.ok(
        Math.abs((found[i] as number) - expected) < 2e-3 * Math.max(norm, 1e-4),
        `${path}: expected ${sum}, ${norm}, got ${found}`,
      );
  }
});

test("what is frozen has no slots and no gradient: the graph is smaller by its backward pass", () => {
  const types = Object.fromEntries(Object.entries(batch).map(([name, { dtype, shape }]) => [name, { dtype, shape }]));
  const [whole, part] = [stepOf({}), stepOf({ freeze: ["bert.embeddings.*", "bert.encoder.layer.0.*"] })] as const;
  const frozen = [...whole.types.parameters.keys()].filter((path) => /embeddings|layer\.0\./.test(path));
  assert.equal(whole.types.slots.size - part.types.slots.size, 2 * frozen.length);
  assert.ok([...part.types.slots.values()].every(({ path }) => !frozen.includes(path)));
  const [graph, smaller] = [whole.graphFor(types), part.graphFor(types)];
  assert.ok(frozen.every((path) => graph.changes.includes(path) && !smaller.changes.includes(path)));
  assert.ok(
    smaller.graph.nodes.length < 0.7 * graph.graph.nodes.length,
    `${smaller.graph.nodes.length} of ${graph.graph.nodes.length}`,
  );
});

test("a pattern without a match is refused, with the nearest path", () => {
  const refused = (tuned: Parameters<typeof stepOf>[0], message: RegExp): void =>
    assert.throws(() => stepOf(tuned), { name: "ConfigError", message });
  refused(
    { freeze: ["bert.embedings.*"] },
    /freeze: .*"bert\.embedings\.\*", which matches nothing; did you mean "bert\.embeddings\.\*"\?/,
  );
  refused({ freeze: ["encoder"] }, /matches nothing; the model's parts are bert, classifier/);
  refused({ learningRates: { "bert.pooler.dense.weigth": 2 } }, /learning rates: .*did you mean "bert\.pooler\.dense\.weight"\?/);
  refused({ freeze: ["*"] }, /expected something left to train/);
  refused({ layerDecay: 1.5 }, /layer decay: expected a number from 0 to 1, got 1.5/);
  refused({ learningRates: { "*": -1 } }, /learningRateMultiplier: expected a number ≥ 0, got -1/);
});
