/**
 * @module A trained model learned on, through the command line: other classes, frozen parts, slower layers, adapters; and starts that do not fit.
 */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { before, test } from "node:test";
import { loadSafetensors } from "../../src/data/node.js";
import type { TensorData } from "../../src/graph/index.js";
import { toNumbers } from "../../src/graph/index.js";
import type { Ended } from "./command.js";
import { lastStep, run, scratchFolder } from "./command.js";

const folder = scratchFolder();
const path = (...names: string[]): string => join(folder, ...names);

async function descent(line: string, env: Readonly<Record<string, string>> = {}): Promise<Ended> {
  const ended = await run(folder, line.split(" "), { DESCENT_THREADS: "1", ...env });
  assert.equal(ended.status, 0, `${line}\n${ended.stderr}`);
  return ended;
}

const parameters = async (name: string): Promise<ReadonlyMap<string, TensorData>> =>
  (await loadSafetensors(path(name, "checkpoints", `step-${lastStep(path(name))}`, "model.safetensors"))).tensors;

const LINE = "train tabular-classification --label-column kind --device cpu --steps 12 --no-check --quiet";

before(async () => {
  const rows = (kinds: readonly string[]): string => {
    const lines = Array.from({ length: 90 }, (_, i) => `${(i * 7) % 20}.5,${(i * 13) % 17}.25,${kinds[i % kinds.length]}`);
    return `width,height,kind\n${lines.join("\n")}\n`;
  };
  writeFileSync(path("three.csv"), rows(["a", "b", "c"]));
  writeFileSync(path("two.csv"), rows(["yes", "no"]));
  await descent(`${LINE} --data three.csv --out three`);
});

test("a run of other classes: a new head; what is frozen stays to the bit, layers below move less", async () => {
  const { stderr } = await descent(
    `${LINE.replace(" --quiet", "")} --data two.csv --init three --freeze mlp.layers.0.* --layer-decay 0.01 --lr 1e-3 --out two`,
  );
  assert.match(stderr, /--init three: made for other classes, so these start anew: mlp\.layers\.2\.weight, mlp\.layers\.2\.bias/);
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

test("what cannot be: one line each, exit 2", async () => {
  const refused = async (line: string, message: RegExp): Promise<void> => {
    const { status, stderr } = await run(folder, line.split(" "));
    assert.equal(status, 2, stderr);
    assert.match(stderr, /^(.*examples held back.*\n|.*start anew.*\n)*descent: [^\n]+\n$/);
    assert.match(stderr, message);
  };
  const line = `${LINE.replace(" --quiet", "")} --data two.csv`;
  await refused(`${line} --lora 2 --out x`, /--lora: expected --init with a trained model/);
  await refused(`${line} --init three --lora-alpha 2 --out x`, /--lora-alpha: expected --lora RANK with it/);
  await refused(
    `${line} --init three --lora 2 --out x`,
    /lora: expected linear layers named query, .*; give targets among mlp\.layers\.0/,
  );
  await refused(
    `${line} --init three --freeze mlp.layer.0.* --out x`,
    /"mlp\.layer\.0\.\*", which matches nothing; did you mean "mlp\.layers\.0\.\*"/,
  );
  await refused(`${line} --init three --freeze * --out x`, /expected something left to train/);
  await refused(`${line} --init three --layer-decay 2 --out x`, /--layer-decay: expected a number above 0 and at most 1/);
});
