/**
 * @module Profiles of models in use: of every kind of task, of a file that somebody else made, and of what cannot be profiled.
 */
import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import type { UseProfile } from "../src/cost/profile.js";
import { Graph, input, tensor } from "../src/graph/index.js";
import { exportGraph } from "../src/onnx/index.js";
import { readInputs } from "../src/tasks/use/examples-node.js";
import { openModel } from "../src/tasks/use/open-node.js";
import { profileUse } from "../src/tasks/use/profile-node.js";
import { isRefused, succeeds } from "./e2e/command.js";
import { keptRuns, unpack } from "./kept-runs.js";

const folder = mkdtempSync(join(tmpdir(), "descent-profile-"));
after(() => rmSync(folder, { recursive: true }));

/** Checks that a profile and its files hold together. */
function isWhole(profile: UseProfile, target: string): void {
  assert.deepEqual(readdirSync(target).sort(), ["profile.html", "profile.json", "trace.json"]);
  assert.deepEqual(JSON.parse(readFileSync(join(target, "profile.json"), "utf8")), profile);
  const { traceEvents } = JSON.parse(readFileSync(join(target, "trace.json"), "utf8")) as {
    readonly traceEvents: readonly { readonly ph: string; readonly cat: string; readonly dur: number }[];
  };
  assert.ok(traceEvents.every(({ ph, dur }) => ph === "X" && dur >= 0));
  assert.ok(traceEvents.some(({ cat }) => cat === "loop") && traceEvents.some(({ cat }) => cat !== "loop"));
  assert.match(readFileSync(join(target, "profile.html"), "utf8"), /Where the time goes.*时间花在哪里/s);
  assert.ok(profile.steps >= 3 && profile.opsMs > 0 && profile.stepMs > 0 && profile.loadingMs >= 0);
  // Each node runs in every pass, or in none.
  assert.ok(profile.ops.every(({ nodes }) => Number.isInteger(nodes) && nodes > 0));
}

const TASKS = new Set(["image-generation", "object-detection", "language-modeling", "tabular-classification"]);

for (const kept of keptRuns().filter(({ task, name = task }) => name === task && TASKS.has(task))) {
  test(`${kept.task}: the layers of a run are named`, async () => {
    const place = mkdtempSync(join(folder, "run-"));
    unpack(kept, place);
    const run = join(place, "run");
    await using model = (await openModel(run, { device: "cpu", threads: 1 })).model;
    const inputs = kept.inputs.map((one) => one.replace("@", join(place, "data")));
    const { examples } = await readInputs(model, inputs, { count: 2 });
    const target = join(place, "profile");
    const profile = await profileUse({
      model,
      examples,
      readingMs: 1,
      folder: target,
      open: async (use) => (await openModel(run, { threads: 1, ...use })).model,
    });
    isWhole(profile, target);
    assert.equal(profile.examples, examples.length);
    const layers = [...model.model.parameters().keys()].map((path) => path.slice(0, path.lastIndexOf(".")));
    const isOf = (path: string): boolean => layers.some((layer) => layer === path || layer.endsWith(`.${path}`));
    // A convolution has its layer's name also where the engine has fused it or runs it in blocks; products may be of no layer (tied weights).
    const work = profile.ops.filter(({ op }) => /Conv|Gemm|MatMul/.test(op));
    assert.ok(work.some(({ path }) => isOf(path)));
    assert.deepEqual(
      work.filter(({ op, path }) => op.includes("Conv") && !isOf(path)),
      [],
    );
  });
}

test("predict and eval with --profile: a file of a table, and its answers beside; other devices and folders are refused", async () => {
  const rows = input("x", [4, 2]);
  const weights = tensor([
    [1, 2, 3],
    [4, 5, 6],
  ]);
  const made = exportGraph(new Graph({ y: rows.matMul(weights).softmax(-1) }));
  writeFileSync(join(folder, "table.onnx"), made);
  writeFileSync(join(folder, "rows.csv"), "a,b\n1,2\n3,4\n5,6\n");
  const asked = ["predict", "table.onnx", "rows.csv", "--device", "cpu", "--json"];
  const { stdout, stderr } = await succeeds(folder, [...asked, "--profile", "there"]);
  assert.equal((JSON.parse(stdout) as readonly unknown[]).length, 3);
  assert.match(
    stderr,
    /profile of 3 examples: a pass [\d.e-]+ ms, its ops [\d.e-]+ ms, waiting [\d.e-]+ ms; there.profile\.html/,
  );
  isWhole(JSON.parse(readFileSync(join(folder, "there", "profile.json"), "utf8")) as UseProfile, join(folder, "there"));
  await isRefused(folder, [...asked, "--profile", "no/such/folder"], /--profile no\/such\/folder: expected a folder to write to/);
  await isRefused(
    folder,
    ["eval", "table.onnx", "--data", "rows.csv", "--device", "cuda", "--profile", "there"],
    /--profile: expected the cpu device, whose ops are timed one by one, got cuda/,
  );
});
