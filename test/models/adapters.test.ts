import assert from "node:assert/strict";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { loadSafetensors } from "../../src/data/node.js";
import type { Tensor, TensorData } from "../../src/graph/index.js";
import { crossEntropy } from "../../src/losses/index.js";
import { PEFT_PREFIX } from "../../src/models/index.js";
import {
  addAdapters,
  adaptersOf,
  Linear,
  lora,
  mergeAdapters,
  removeAdapters,
  Sequential,
  unmergeAdapters,
} from "../../src/nn/index.js";
import { adamW, withFineTuning } from "../../src/optim/index.js";
import { initialValues, loadAdapters, loadPretrained, saveAdapters, trainingStep, TrainingState } from "../../src/train/node.js";
import type { Traced } from "./traced.js";
import { assertClose, causal, computed, labelled } from "./traced.js";

const fixtures = fileURLToPath(new URL("../../../test/fixtures/", import.meta.url));
const adapterFolder = (name: string): string => join(fixtures, "adapters", name);
const scratch = mkdtempSync(join(tmpdir(), "descent-adapters-"));
after(() => rmSync(scratch, { recursive: true }));

const CASES: Readonly<Record<string, Traced>> = {
  "bert-sequence": labelled,
  "bert-token": labelled,
  gpt2: causal,
  "gpt2-untied": causal,
  llama: causal,
};

/** A fixture's model with the adapters that PEFT wrote for it. */
async function adapted(name: string) {
  const { model, weights } = await loadPretrained(join(fixtures, "language-models", name));
  const { tensors: expected } = await loadSafetensors(join(adapterFolder(name), "expected.safetensors"));
  const loaded = await loadAdapters(adapterFolder(name), model);
  return { model, base: weights, expected, loaded, weights: new Map([...weights, ...loaded.weights]) };
}

const withPrefix = (prefix: string, all: ReadonlyMap<string, TensorData>): [string, TensorData][] =>
  [...all].flatMap(([name, data]) =>
    name.startsWith(prefix) ? [[name.slice(prefix.length), data] as [string, TensorData]] : [],
  );

for (const [name, trace] of Object.entries(CASES)) {
  test(`${name}: adapters of PEFT give its outputs, gradients and merged weights`, async () => {
    const { model, base, expected, loaded, weights } = await adapted(name);
    const actual = await computed({ model, weights }, trace, expected, loaded.adapted.trained);
    for (const [key, data] of withPrefix("output.", expected)) assertClose(actual[`output.${key}`], data, key);
    const gradients = withPrefix(`gradient.${PEFT_PREFIX}`, expected);
    assert.deepEqual(new Set(gradients.map(([path]) => path)), new Set(loaded.adapted.trained));
    for (const [path, data] of gradients) assertClose(actual[`gradient.${path}`], data, path);

    const merged = mergeAdapters(model, weights);
    for (const [path, data] of withPrefix("merged.", expected)) assertClose(merged.get(path), data, path);
    const back = unmergeAdapters(model, merged, loaded.weights);
    assert.deepEqual(new Set(back.keys()), new Set(weights.keys()));
    for (const [path, data] of weights) assertClose(back.get(path), data, path);
    removeAdapters(model);
    assert.deepEqual(new Set(model.state().keys()), new Set(base.keys()));
    const plain = await computed({ model, weights: merged }, trace, expected, []);
    for (const [key, data] of withPrefix("output.", expected)) assertClose(plain[`output.${key}`], data, `merged: ${key}`);
  });

  test(`${name}: written in PEFT's layout, the adapters are the same`, async () => {
    const { model, loaded, weights } = await adapted(name);
    const folder = join(scratch, name);
    await saveAdapters(folder, model, weights, loaded.lora, { base: name });
    const [ours, theirs] = [folder, adapterFolder(name)].map(
      (at) => JSON.parse(readFileSync(join(at, "adapter_config.json"), "utf8")) as Record<string, unknown>,
    ) as [Record<string, unknown>, Record<string, unknown>];
    for (const key of ["peft_type", "task_type", "r", "lora_dropout", "bias", "base_model_name_or_path", "fan_in_fan_out"])
      assert.deepEqual(ours[key], theirs[key], key);
    const again = await loadPretrained(join(fixtures, "language-models", name));
    const read = await loadAdapters(folder, again.model);
    assert.deepEqual(read.weights, loaded.weights);
    assert.deepEqual(read.adapted, loaded.adapted);
    const { tensors, metadata } = await loadSafetensors(join(folder, "adapter_model.safetensors"));
    assert.deepEqual(tensors, (await loadSafetensors(join(adapterFolder(name), "adapter_model.safetensors"))).tensors);
    assert.equal(metadata["format"], "pt");
  });
}

test("new adapters change nothing, learn alone, and keep a head that is named", async () => {
  const { model, weights } = await loadPretrained(join(fixtures, "language-models/bert-sequence"), {
    as: "BertForSequenceClassification",
    numLabels: 3,
  });
  const { tensors: expected } = await loadSafetensors(join(fixtures, "language-models/bert-sequence/expected.safetensors"));
  const description = lora({ rank: 4, alpha: 8, modulesToSave: ["classifier"] });
  const { layers, trained, frozen } = addAdapters(model, description);
  assert.deepEqual(
    layers.map((path) => path.split(".").at(-1)),
    ["query", "value", "query", "value"],
  );
  const step = trainingStep({
    model,
    optimizer: withFineTuning(adamW({ learningRate: 3e-2 }), model.parameters().keys(), { freeze: frozen }),
    loss: ({ tokens, mask, types, labels }: { tokens: Tensor; mask: Tensor; types: Tensor; labels: Tensor }) =>
      crossEntropy(model.forward(tokens, { mask, tokenTypes: types }), labels),
  });
  const before = initialValues(step.types, 3, weights);
  const actual = await computed({ model, weights: before }, labelled, expected, []);
  for (const [key, data] of withPrefix("output.", expected)) assertClose(actual[`output.${key}`], data, key);

  await using state = await TrainingState.create(step, { seed: 3, weights: before });
  const batch = Object.fromEntries(withPrefix("input.", expected));
  const { loss: first } = await state.run(batch);
  let last = first;
  for (let i = 0; i < 60; i++) ({ loss: last } = await state.run(batch));
  assert.ok(last < 0.5 * first, `${first} → ${last}`);
  const learned = await state.parameters();
  for (const path of frozen) assert.deepEqual(learned.get(path), before.get(path), path);
  for (const path of trained) assert.notDeepEqual(learned.get(path)?.data, before.get(path)?.data, path);
  assert.equal(step.types.slots.size, 2 * trained.length);
});

test("targets are patterns of paths or of their ends; those of a model without the usual names must be given", () => {
  const net = (): Sequential => new Sequential(new Linear(4, 3), new Sequential(new Linear(3, 3), new Linear(3, 2)));
  const refused = (options: Parameters<typeof lora>[0], message: RegExp, model = net()): void =>
    assert.throws(() => addAdapters(model, lora(options)), { name: "ConfigError", message });
  const one = net();
  assert.deepEqual(addAdapters(one, lora({ rank: 1, targets: ["1.*"] })).layers, ["1.0", "1.1"]);
  assert.deepEqual(
    [...one.parameters().keys()],
    [
      ..."0.weight 0.bias 1.0.weight 1.0.bias 1.0.lora_A.weight 1.0.lora_B.weight".split(" "),
      ..."1.1.weight 1.1.bias 1.1.lora_A.weight 1.1.lora_B.weight".split(" "),
    ],
  );
  refused({ targets: ["1"] }, /expected a model without adapters/, one);
  removeAdapters(one);
  assert.equal(adaptersOf(one).size, 0);
  refused({}, /expected linear layers named query, value, .* give targets among 0, 1.0, 1.1/);
  refused({ targets: ["1.9"] }, /lora: targets: .*"1.9", which matches nothing/);
  refused({ targets: ["0"], modulesToSave: ["head"] }, /lora: modules to save: .*"head"/);
  for (const options of [{ rank: 0 }, { rank: 1.5 }, { dropout: 1 }, { alpha: -1 }])
    assert.throws(() => lora(options), { name: "ConfigError" });
});

test("an adapter folder that does not fit is refused, each tensor named", async () => {
  const folder = join(scratch, "broken");
  const edited = async (change: (config: Record<string, unknown>) => Record<string, unknown>): Promise<string> => {
    cpSync(adapterFolder("bert-sequence"), folder, { recursive: true });
    const path = join(folder, "adapter_config.json");
    writeFileSync(path, JSON.stringify(change(JSON.parse(readFileSync(path, "utf8")) as Record<string, unknown>)));
    const { model } = await loadPretrained(join(fixtures, "language-models/bert-sequence"));
    return loadAdapters(folder, model).then(
      () => "",
      (error: Error) => `${error.name}: ${error.message}`,
    );
  };
  assert.equal(await edited((config) => config), "");
  assert.match(
    await edited((config) => ({ ...config, peft_type: "IA3" })),
    /^ConfigError: .*adapter_config.json: peft_type: .*"LORA"/,
  );
  assert.match(await edited((config) => ({ ...config, use_dora: true })), /use_dora: /);
  assert.match(await edited((config) => ({ ...config, rank_pattern: { query: 4 } })), /rank_pattern: /);
  assert.match(
    await edited((config) => ({ ...config, r: 3 })),
    /layer\.0\.attention\.self\.query\.lora_A\.weight: expected \[3, 16\], got \[2, 16\].*; /,
  );
  assert.match(
    await edited((config) => ({ ...config, target_modules: ["query"] })),
    /self\.value\.lora_A\.weight \[2, 16\] is unknown/,
  );
  assert.match(
    await edited((config) => ({ ...config, target_modules: ["query", "value", "key"] })),
    /self\.key\.lora_A\.weight \[2, 16\] is missing/,
  );
});
