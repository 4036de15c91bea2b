import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { cost } from "../../src/cost/index.js";
import type { ModelCost } from "../../src/cost/index.js";
import { input } from "../../src/graph/index.js";
import type { ArchitectureName, ModelName } from "../../src/models/index.js";
import { MODELS, modelFromConfig, modelNamed } from "../../src/models/index.js";

interface Counted {
  readonly forward: number;
  /** Null where PyTorch's counter is wrong: convolutions in groups. */
  readonly backward: number | null;
}
const golden = JSON.parse(readFileSync("test/golden/flops.json", "utf8")) as {
  readonly batch: number;
  readonly models: Readonly<Record<string, Counted>>;
};

const CONFIGS: Readonly<Record<string, readonly [ArchitectureName, Record<string, string | number>]>> = {
  bert: [
    "BertForSequenceClassification",
    {
      vocab_size: 1000,
      hidden_size: 128,
      num_hidden_layers: 2,
      num_attention_heads: 2,
      intermediate_size: 512,
      max_position_embeddings: 64,
      num_labels: 3,
    },
  ],
  gpt2: ["GPT2LMHeadModel", { vocab_size: 1000, n_positions: 64, n_embd: 128, n_layer: 2, n_head: 4 }],
};

function costOfModel(name: string): ModelCost {
  const config = CONFIGS[name];
  if (config !== undefined) return cost(modelFromConfig(...config), [input("tokens", [golden.batch, 32], "int64")]);
  const { usual } = MODELS[name as ModelName];
  return cost(modelNamed(name, usual), [golden.batch, ...usual.inputShape]);
}

/**
 * Multiply-adds of all layers but LayerNorms. The gradient of these has sums with weights, written as products with a column; PyTorch does them inside
 * a fused kernel, which its counter leaves out.
 */
function countedBackward({ layers, summary }: ModelCost): number {
  const norms = new Set(summary.rows.filter(({ layer }) => layer === "LayerNorm").map(({ path }) => path));
  return layers.reduce((sum, { path, backward }) => sum + (norms.has(path) ? 0 : backward.multiplyAdds), 0);
}

for (const [name, { forward, backward }] of Object.entries(golden.models)) {
  test(`${name}: FLOPs of products and convolutions equal those of PyTorch's FlopCounterMode`, () => {
    const model = costOfModel(name);
    const { forward: used, training } = model;
    assert.equal(2 * used.multiplyAdds, forward);
    assert.equal(2 * training.forward.multiplyAdds, forward);
    if (backward !== null) assert.equal(2 * countedBackward(model), backward);
    assert.equal(training.update.multiplyAdds, 0);
  });
}

test("ResNet-50 and VGG-16 take the multiply-adds that their papers' readers know", () => {
  const perImage = (name: string): string => (costOfModel(name).forward.multiplyAdds / golden.batch / 1e9).toFixed(2);
  assert.equal(perImage("resnet-50"), "4.09");
  assert.equal(perImage("vgg-16"), "15.47");
});

test("the work by layer sums up to the step's", () => {
  const { layers, training } = costOfModel("resnet-18-cifar");
  const sum = layers.reduce((all, { forward, backward, update }) => all + forward.flops + backward.flops + update.flops, 0);
  assert.equal(sum, training.step.flops);
  const stem = layers.find(({ path }) => path === "conv1");
  // Nobody asks for the gradient to the images: the stem's backward is one convolution, all others' are two.
  assert.equal(stem?.backward.multiplyAdds, stem?.forward.multiplyAdds);
  const inner = layers.find(({ path }) => path === "layer1.0.conv1");
  assert.equal(inner?.backward.multiplyAdds, 2 * (inner?.forward.multiplyAdds ?? NaN));
});
