import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { cp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { loadSafetensors } from "../../src/data/node.js";
import { constant, fromNumbers } from "../../src/graph/index.js";
import { crossEntropy } from "../../src/losses/index.js";
import * as models from "../../src/models/index.js";
import { loadPretrained, savePretrained } from "../../src/train/node.js";
import { ConfigError } from "../../src/util/errors.js";
import type { Traced } from "./traced.js";
import { assertClose, bertInputs, causal, computed, given, labelled } from "./traced.js";

const fixtures = fileURLToPath(new URL("../../../test/fixtures/language-models/", import.meta.url));

const pretraining: Traced = (model, inputs) => {
  assert.ok(model instanceof models.BertForPreTraining);
  const { tokens, nextSentence } = model.forward(given(inputs, "tokens"), bertInputs(inputs));
  const loss = crossEntropy(tokens, given(inputs, "labels"), { ignoreIndex: -100 });
  return { logits: tokens, next: nextSentence, loss: loss.add(crossEntropy(nextSentence, given(inputs, "next"))) };
};

/** Places of the fixture's labels, row after row, and one that nothing is asked of. */
const ASKED = [2, 5, 8, 14, 0];

const askedAlone: Traced = (model, inputs) => {
  assert.ok(model instanceof models.BertForMaskedLm);
  const positions = constant(fromNumbers("int32", [ASKED.length], ASKED));
  const logits = model.forward(given(inputs, "tokens"), { ...bertInputs(inputs), positions });
  return { loss: crossEntropy(logits, given(inputs, "labels").reshape([-1]).gather(positions), { ignoreIndex: -100 }) };
};

test("bert-masked-lm: with logits at the asked places alone, the loss and gradients are those of transformers", async () => {
  const { tensors } = await loadSafetensors(join(fixtures, "bert-masked-lm", "expected.safetensors"));
  const wanted = [...tensors].filter(([key]) => !key.startsWith("input.") && key !== "output.logits");
  const actual = await computed(
    await loadPretrained(join(fixtures, "bert-masked-lm")),
    askedAlone,
    new Map([...tensors].filter(([key]) => key !== "output.logits")),
  );
  assert.ok(wanted.length > 20);
  for (const [key, data] of wanted) assertClose(actual[key], data, key);
});

const translation: Traced = (model, inputs) => {
  assert.ok(model instanceof models.Transformer);
  const [target, targetMask] = [given(inputs, "target"), given(inputs, "targetMask")];
  const logits = model.forward(given(inputs, "source"), { target, targetMask, sourceMask: given(inputs, "sourceMask") });
  const labels = targetMask.greater(0).where(target, -100).slice(1, 1);
  return { logits, loss: crossEntropy(logits.slice(1, 0, -1), labels, { ignoreIndex: -100 }) };
};

/** Each folder of fixtures, and how its outputs are computed. */
const CASES: Readonly<Record<string, Traced>> = {
  gpt2: causal,
  "gpt2-untied": causal,
  "bert-masked-lm": labelled,
  "bert-pretraining": pretraining,
  "bert-sequence": labelled,
  "bert-token": labelled,
  llama: causal,
  "llama-tied": causal,
  mistral: causal,
  qwen2: causal,
  marian: translation,
  pegasus: translation,
};

for (const [name, trace] of Object.entries(CASES)) {
  test(`${name}: outputs and gradients are those of transformers, to 1e-4`, async () => {
    const pretrained = await loadPretrained(join(fixtures, name));
    assert.deepEqual([pretrained.fresh, pretrained.unused], [[], []]);
    const { tensors } = await loadSafetensors(join(fixtures, name, "expected.safetensors"));
    const actual = await computed(pretrained, trace, tensors);
    const wanted = [...tensors].filter(([key]) => !key.startsWith("input."));
    assert.ok(wanted.length > 20);
    for (const [key, data] of wanted) assertClose(actual[key], data, key);
  });

  test(`${name}: written back, it is the same checkpoint`, async () => {
    const folder = mkdtempSync(join(tmpdir(), "descent-pretrained-"));
    try {
      const { model, weights, architecture } = await loadPretrained(join(fixtures, name));
      await savePretrained(folder, model, weights, { maxShardBytes: name === "gpt2-untied" ? 10_000 : 5e9 });
      const again = await loadPretrained(folder);
      // Without a window Mistral is Llama.
      assert.equal(again.architecture, architecture === "MistralForCausalLM" ? "LlamaForCausalLM" : architecture);
      assert.deepEqual(again.model.config, model.config);
      assert.deepEqual(Object.fromEntries(again.weights), Object.fromEntries(weights));
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
}

test("a trunk takes the numbers of a headed checkpoint, a new head begins fresh", async () => {
  const trunk = await loadPretrained(join(fixtures, "bert-pretraining"), { as: "BertModel" });
  assert.ok(trunk.unused.every((name) => name.startsWith("cls.")) && trunk.unused.length > 0);
  const headed = await loadPretrained(join(fixtures, "bert-pretraining"), { as: "BertForSequenceClassification", numLabels: 4 });
  assert.deepEqual(headed.fresh, ["classifier.weight", "classifier.bias"]);
  assert.deepEqual(headed.model.classifier.weight.dims, [4, 16]);
  const masked = await loadPretrained(join(fixtures, "bert-masked-lm"), { as: "BertForSequenceClassification" });
  assert.deepEqual(masked.fresh, ["bert.pooler.dense.weight", "bert.pooler.dense.bias", "classifier.weight", "classifier.bias"]);
  for (const [path, data] of trunk.weights) assert.deepEqual(headed.weights.get(`bert.${path}`), data);
  // The other way: a head on a checkpoint that was saved without one.
  const folder = mkdtempSync(join(tmpdir(), "descent-pretrained-"));
  try {
    await savePretrained(folder, trunk.model, trunk.weights);
    const again = await loadPretrained(folder, { as: "BertForTokenClassification" });
    assert.deepEqual(again.fresh, ["classifier.weight", "classifier.bias"]);
    assert.deepEqual(again.unused, ["pooler.dense.weight", "pooler.dense.bias"].sort());
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("what does not fit is refused, each tensor named", async () => {
  const folder = mkdtempSync(join(tmpdir(), "descent-pretrained-"));
  const refused = (message: RegExp, options = {}): Promise<void> =>
    assert.rejects(
      loadPretrained(folder, options),
      (error: Error) => error instanceof ConfigError && message.test(error.message) && !error.message.includes("\n"),
    );
  try {
    await cp(join(fixtures, "gpt2"), folder, { recursive: true });
    const { config } = await loadPretrained(folder);
    const write = (changes: object): void =>
      writeFileSync(join(folder, "config.json"), JSON.stringify({ ...(config as object), ...changes }));
    write({ n_positions: 10, n_layer: 1 });
    await refused(
      /transformer\.wpe\.weight: expected \[10, 16\], got \[12, 16\]; .*transformer\.h\.1\.ln_1\.weight \[16\] is unknown/,
    );
    write({ n_layer: 3 });
    await refused(/transformer\.h\.2\.ln_1\.weight \[16\] is missing; .*transformer\.h\.2\.mlp\.c_proj\.bias \[16\] is missing$/);
    write({ architectures: ["T5ForConditionalGeneration"], model_type: "t5" });
    await refused(/expected an architecture among Bert.*GPT2LMHeadModel.*, got T5ForConditionalGeneration/);
    write({ n_embd: "wide" });
    await refused(/config: n_embd|config\.json: n_embd: expected number, got string/);
    write({ activation_function: "quick_gelu" });
    await refused(/config\.json: activation_function: expected one of .*, got "quick_gelu"$/);
    // A trunk is whole, whatever head it gets.
    write({ n_layer: 1 });
    await refused(/transformer\.h\.1\.ln_1\.weight \[16\] is unknown/, { as: "GPT2LMHeadModel" });
    await refused(/transformer\.h\.1\.ln_1\.weight \[16\] is unknown/, { as: "GPT2Model" });
    write({ n_head: 3 });
    await refused(/hiddenSize: expected a multiple of 3 heads, got 16/);
    write({});
    writeFileSync(
      join(folder, "tokenizer.json"),
      JSON.stringify({ model: { type: "WordLevel", vocab: { a: 0, b: 36 } }, added_tokens: [{ id: 37, content: "<pad>" }] }),
    );
    await refused(/tokenizer\.json: expected at most 37 tokens, as the model's embedding has, got 38/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
