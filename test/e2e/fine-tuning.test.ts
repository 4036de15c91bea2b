/**
 * @module A trained model learned on, through the command line: other classes, frozen parts, slower layers, adapters; and starts that do not fit.
 */
import assert from "node:assert/strict";
import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { loadSafetensors } from "../../src/data/node.js";
import type { TensorData } from "../../src/graph/index.js";
import { toNumbers } from "../../src/graph/index.js";
import type { Ended } from "./command.js";
import { lastStep, run, scratchFolder, succeeds } from "./command.js";
import { trainWordPiece } from "../../src/text/node.js";

const folder = scratchFolder();
const path = (...names: string[]): string => join(folder, ...names);

const descent = (line: string, env: Readonly<Record<string, string>> = {}): Promise<Ended> =>
  succeeds(folder, line.split(" "), { DESCENT_THREADS: "1", ...env });

const parameters = async (name: string): Promise<ReadonlyMap<string, TensorData>> =>
  (await loadSafetensors(path(name, "checkpoints", `step-${lastStep(path(name))}`, "model.safetensors"))).tensors;

const FIXTURES = fileURLToPath(new URL("../../../test/fixtures/language-models/", import.meta.url));
const SENTENCE = "the cat sat on the mat and the dog sat on the log.";

/** A checkpoint of the fixtures with a tokenizer, and what is changed in its `config.json`. */
async function checkpoint(name: string, fixture = "bert-masked-lm", changes: object = {}): Promise<void> {
  cpSync(join(FIXTURES, fixture), path(name), { recursive: true });
  const tokenizer = await trainWordPiece([SENTENCE], { vocabularySize: 37, minFrequency: 1 });
  writeFileSync(path(name, "tokenizer.json"), JSON.stringify(tokenizer));
  const config = JSON.parse(readFileSync(path(name, "config.json"), "utf8")) as object;
  writeFileSync(path(name, "config.json"), JSON.stringify({ ...config, ...changes }));
}

const LINE = "train tabular-classification --model mlp --label-column kind --device cpu --steps 12 --no-check --quiet";

before(async () => {
  const rows = (kinds: readonly string[]): string => {
    const lines = Array.from({ length: 90 }, (_, i) => `${(i * 7) % 20}.5,${(i * 13) % 17}.25,${kinds[i % kinds.length]}`);
    return `width,height,kind\n${lines.join("\n")}\n`;
  };
  writeFileSync(path("three.csv"), rows(["a", "b", "c"]));
  writeFileSync(path("two.csv"), rows(["yes", "no"]));
  const texts = Array.from(
    { length: 80 },
    (_, i) => `the ${["cat", "dog"][i % 2]} sat on the ${["mat", "log"][(i >> 1) % 2]},${["cat", "dog"][i % 2]}`,
  );
  writeFileSync(path("pets.csv"), `text,animal\n${texts.join("\n")}\n`);
  writeFileSync(path("verse.txt"), `${SENTENCE}\n`.repeat(60));
  await descent(`${LINE} --data three.csv --out three`);
});

test("a run of other classes: a new head; what is frozen stays to the bit, layers below move less", async () => {
  const { stderr } = await descent(
    `${LINE.replace(" --quiet", "")} --data two.csv --init three --freeze mlp.layers.0.* --layer-decay 0.01 --lr 1e-3 --out two`,
  );
  assert.match(stderr, /--init three: classes "no", "yes" of these data are not in it, and start anew/);
  assert.match(stderr, /trains 4,290 of 4,482 parameters/);
  const [then, now] = [await parameters("three"), await parameters("two")];
  const moved = (name: string): number => {
    const [before, after] = [then, now].map((all) => toNumbers(all.get(name) ?? assert.fail(name))) as [
      Float64Array,
      Float64Array,
    ];
    return Math.max(...after.map((value, i) => Math.abs(value - (before[i] as number))));
  };
  assert.equal(moved("mlp.layers.0.weight"), 0);
  assert.equal(moved("mlp.layers.0.bias"), 0);
  // Twelve steps of Adam, each of at most about the rate.
  assert.ok(moved("mlp.layers.1.weight") > 0 && moved("mlp.layers.1.weight") < 12 * 1e-3 * 0.011);
});

test("adapters: the base stays, the run holds them in PEFT's layout, answers come from the merged model", async () => {
  const line = `${LINE} --data two.csv --init three --lora 2 --lora-alpha 4 --lora-targets mlp.layers.[01]`;
  await descent(`${line} --lr 0.01 --out adapted`);
  const [then, now] = [await parameters("three"), await parameters("adapted")];
  for (const name of ["mlp.layers.0.weight", "mlp.layers.0.bias", "mlp.layers.1.weight"])
    assert.deepEqual(now.get(name)?.data, then.get(name)?.data, name);
  const config = JSON.parse(readFileSync(path("adapted", "adapter", "adapter_config.json"), "utf8")) as Record<string, unknown>;
  assert.deepEqual([config["r"], config["lora_alpha"], config["modules_to_save"]], [2, 4, ["mlp.layers.2"]]);
  assert.deepEqual(config["target_modules"], ["mlp.layers.0", "mlp.layers.1"]);
  const { tensors } = await loadSafetensors(path("adapted", "adapter", "adapter_model.safetensors"));
  assert.deepEqual([...tensors.keys()].sort(), [
    ...[0, 1].flatMap((i) => ["A", "B"].map((side) => `base_model.model.mlp.layers.${i}.lora_${side}.weight`)),
    "base_model.model.mlp.layers.2.bias",
    "base_model.model.mlp.layers.2.weight",
  ]);
  const summary = JSON.parse(readFileSync(path("adapted", "summary.json"), "utf8")) as { metrics: { test: { loss: number } } };
  const again = JSON.parse((await descent("eval adapted --data two.csv --json")).stdout) as { metrics: { loss: number } };
  assert.ok(Math.abs(again.metrics.loss - summary.metrics.test.loss) < 1e-6);
  // A run with adapters is a start like any other: what they learned is in the weights.
  await descent(`${LINE} --data two.csv --init adapted --lr 1e-12 --out further`);
  assert.deepEqual([...(await parameters("further")).keys()].sort(), [...then.keys()].sort());
});

test("a base in 4 bits: kept once beside the checkpoints, which hold what is learned; resumed, merged, and refused where it was altered", async () => {
  const line = `${LINE} --data two.csv --init three --lora 2 --lora-targets mlp.layers.[01] --base int4 --lr 0.01`;
  await descent(`${line} --out coded`);
  const base = await loadSafetensors(path("coded", "base.safetensors"));
  assert.deepEqual([...base.tensors.keys()].sort(), [
    "mlp.layers.0.bias",
    "mlp.layers.0.weight",
    "mlp.layers.1.bias",
    "mlp.layers.1.weight.codes",
    "mlp.layers.1.weight.scale",
  ]);
  assert.equal(base.tensors.get("mlp.layers.1.weight.codes")?.data.length, (64 * 64) / 2);
  const learned = [...(await parameters("coded")).keys()].filter((name) => name.startsWith("mlp."));
  assert.ok(
    learned.every((name) => /lora_|layers\.2\./.test(name)),
    learned.join(", "),
  );
  const summary = JSON.parse(readFileSync(path("coded", "summary.json"), "utf8")) as { metrics: { test: { loss: number } } };
  const again = JSON.parse((await descent("eval coded --data two.csv --json")).stdout) as { metrics: { loss: number } };
  assert.ok(Math.abs(again.metrics.loss - summary.metrics.test.loss) < 1e-6);
  // Stopped and resumed, the same bits.
  await descent(`${line.replace("--steps 12", "--steps 5")} --out stopped`);
  await descent("train --resume stopped --steps 12 --quiet");
  const whole = await parameters("coded");
  for (const [name, { data }] of await parameters("stopped")) assert.deepEqual(data, whole.get(name)?.data, name);
  await descent("export coded --out coded.onnx");
  const bytes = readFileSync(path("stopped", "base.safetensors"));
  bytes[bytes.length - 1] = 255 - (bytes.at(-1) as number);
  writeFileSync(path("stopped", "base.safetensors"), bytes);
  const { status, stderr } = await run(folder, ["eval", "stopped", "--data", "two.csv"]);
  assert.equal(status, 2);
  assert.match(stderr, /base\.safetensors: expected sha256 .*: it was altered/);
});

const TEXTS = "train text-classification --data pets.csv --batch-size 16 --no-check --threads 1";

test("a checkpoint of Hugging Face's form classifies texts: its tokenizer, a new head, adapters; its adapters go on", async () => {
  await checkpoint("bert");
  const { stderr } = await descent(`${TEXTS} --init bert --lora 4 --epochs 8 --out pets`);
  assert.match(
    stderr,
    /--init bert: BertForSequenceClassification; these start anew: bert\.pooler\.dense\.weight, .*classifier\.bias/,
  );
  assert.match(stderr, /trains 818 of 5,650 parameters/);
  assert.equal(
    (JSON.parse(readFileSync(path("pets", "tokenizer.json"), "utf8")) as { model: { type: string } }).model.type,
    "WordPiece",
  );
  // The run is a checkpoint itself, adapters merged.
  const kept = JSON.parse(readFileSync(path("pets", "pretrained", "config.json"), "utf8")) as Record<string, unknown>;
  assert.deepEqual([kept["architectures"], kept["id2label"]], [["BertForSequenceClassification"], { 0: "cat", 1: "dog" }]);
  const config = JSON.parse(readFileSync(path("pets", "adapter", "adapter_config.json"), "utf8")) as Record<string, unknown>;
  assert.deepEqual(
    [config["task_type"], config["target_modules"], config["modules_to_save"]],
    ["SEQ_CLS", ["query", "value"], ["bert.pooler.dense", "classifier"]],
  );
  const answers = JSON.parse((await descent("predict pets dog --json")).stdout) as unknown[];
  assert.equal(answers.length, 1);
  // The same classes: the head goes on as well.
  const again = await descent(`${TEXTS} --init pets --steps 2 --layer-decay 0.8 --freeze bert.embeddings.* --out more`);
  assert.doesNotMatch(again.stderr, /start anew/);
  assert.match(again.stderr, /trains 4,226 of 5,138 parameters/);
});

test("a model that learned to fill in words classifies texts; a decoder learns on with adapters, and writes", async () => {
  const learn = "train language-modeling --data verse.txt --batch-size 8 --no-check --threads 1 --quiet";
  await checkpoint("bert-more");
  await descent(`${learn} --init bert-more --steps 3 --out filling`);
  const { stderr } = await descent(`${TEXTS} --init filling --steps 2 --out sorted`);
  assert.match(stderr, /--init filling: BertForSequenceClassification; these start anew: bert\.pooler/);
  await checkpoint("gpt2", "gpt2");
  await descent(`${learn} --init gpt2 --lora 2 --steps 3 --out written`);
  const config = JSON.parse(readFileSync(path("written", "adapter", "adapter_config.json"), "utf8")) as Record<string, unknown>;
  assert.deepEqual([config["task_type"], config["target_modules"], config["fan_in_fan_out"]], ["CAUSAL_LM", ["c_attn"], true]);
  await descent("generate written the --max-tokens 3");
});

test("what cannot be: one line each, exit 2", async () => {
  const refused = async (line: string, message: RegExp): Promise<void> => {
    const { status, stderr } = await run(folder, line.split(" "));
    assert.equal(status, 2, stderr);
    assert.match(stderr, /^(.*examples held out.*\n|.*start anew.*\n)*descent: [^\n]+\n$/);
    assert.match(stderr, message);
  };
  const line = `${LINE.replace(" --quiet", "")} --data two.csv`;
  await refused(`${line} --lora 2 --out x`, /--lora: expected --init with a trained model/);
  await refused(`${line} --init three --lora-alpha 2 --out x`, /--lora-alpha: expected --lora RANK as well/);
  await refused(`${line} --init three --base int4 --out x`, /--base: expected --lora RANK as well/);
  await refused(
    `${line} --init three --lora 2 --lora-targets mlp.layers.2 --base int3 --out x`,
    /--base: unknown value "int3"; did you mean "int8"/,
  );
  await refused(
    `${line} --init three --lora 2 --out x`,
    /lora: expected linear layers named query, .*; give targets among mlp\.layers\.0/,
  );
  await refused(
    `${line} --init three --freeze mlp.layer.0.* --out x`,
    /"mlp\.layer\.0\.\*", which matches nothing; did you mean "mlp\.layers\.0\.\*"/,
  );
  await refused(`${line} --init three --freeze * --out x`, /expected something left to train/);
  await checkpoint("wide", "bert-masked-lm", { hidden_size: 32 });
  await checkpoint("deep", "bert-masked-lm", { num_hidden_layers: 3 });
  await checkpoint("few", "bert-masked-lm", { vocab_size: 20 });
  await checkpoint("other", "bert-masked-lm", { model_type: "roberta", architectures: ["RobertaForMaskedLM"] });
  await checkpoint("odd", "bert-masked-lm", { hidden_act: "quick_gelu" });
  await checkpoint("decoder", "gpt2");
  const texts = TEXTS.replace(" --threads 1", " --out x");
  await refused(
    `${texts} --init wide`,
    /wide: .*word_embeddings\.weight: expected \[41, 32\], got \[41, 16\]; .*layer\.1\.output\.LayerNorm\.bias/,
  );
  await refused(`${texts} --init deep`, /bert\.encoder\.layer\.2\.attention\.self\.query\.weight \[16, 16\] is missing; /);
  await refused(`${texts} --init few`, /few.tokenizer\.json: expected at most 20 tokens, as the model's embedding has, got 3\d/);
  await refused(`${texts} --init other`, /--init other: model_type: expected one of bert, distilbert, gpt2, .*, got roberta/);
  await refused(`${texts} --init odd`, /odd.config\.json: hidden_act: expected one of .*, got "quick_gelu"/);
  await refused(
    `${texts} --init decoder`,
    /--init decoder: expected a checkpoint of bert, distilbert for text-classification, got gpt2/,
  );
  await refused(`${line} --init decoder --out x`, /got a checkpoint in Hugging Face's form, which text-classification, .* take/);
  await refused(
    `${texts} --init bert --max-length 64`,
    /--max-length: expected at most the 12 tokens that the model takes, got 64/,
  );
  await refused(`${texts} --init bert --model text-cnn`, /--model text-cnn: expected none beside --init bert/);
  await refused(`${texts} --init bert --tokenizer bpe`, /--tokenizer: expected none beside --init/);
  await refused(`${line} --init three --layer-decay 2 --out x`, /--layer-decay: expected a number above 0 and at most 1/);
});
