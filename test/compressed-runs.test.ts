/**
 * @module Runs whose model is a file alone: of each task's kept run the file that `descent export` writes, as a compressed run, answers, is measured
 * and is explained as the run with its checkpoints.
 */
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { toNumbers } from "../src/graph/index.js";
import { Explainer } from "../src/explain/index.js";
import { explainableRows } from "../src/tasks/explaining/explainable-node.js";
import { loadCompressionData, openSource } from "../src/tasks/compressing/source-node.js";
import { parametersOf, writeCompressed } from "../src/tasks/compressing/write-node.js";
import * as tasks from "../src/tasks/node.js";
import { behaviour, keptRuns, unpack } from "./kept-runs.js";

/** Models that make images from nothing have no test data to stand beside each other. */
const runs = keptRuns().filter(({ task }) => task !== "image-generation");
const [TOLERANCE, EXPLAINED] = [1e-4, 1e-3];

function isNear(actual: unknown, expected: unknown, where: string): void {
  if (typeof expected === "number") {
    const isSame = Math.abs(Number(actual) - expected) <= TOLERANCE * Math.max(1, Math.abs(expected));
    assert.ok(isSame, `${where}: expected ${expected}, got ${String(actual)}`);
  } else if (typeof expected === "object" && expected !== null)
    for (const [name, value] of Object.entries(expected))
      isNear((actual as Record<string, unknown>)[name], value, `${where}.${name}`);
  else assert.deepEqual(actual, expected, where);
}

/** Attributions of the first test example, by gradients times inputs. */
async function attribution(path: string): Promise<Float64Array | undefined> {
  const { model, config } = await tasks.TrainedModel.open(path, { device: "cpu", threads: 1 });
  await using used = model;
  if (used.task.explained === undefined || used.task.explained.inParts === true) return undefined;
  const { examples } = await tasks.loadExamples(used, config, { data: String(config.options["data"]) });
  const { model: seen, input } = await explainableRows(used, examples.select([0]));
  await using explainer = new Explainer(seen);
  return toNumbers((await explainer.explain(input, { method: "input-x-gradient", target: 0 })).values);
}

for (const run of runs) {
  test(`${run.name ?? run.task}: a run that is a file alone does what the run does`, async (t) => {
    const folder = mkdtempSync(join(tmpdir(), "descent-compressed-"));
    t.after(() => rmSync(folder, { recursive: true, force: true }));
    unpack(run, folder);
    const [path, data, out] = [join(folder, "run"), join(folder, "data"), join(folder, "small")];
    const source = await openSource(path, { device: "cpu", threads: 1 });
    await using _ = source.model;
    const loaded = await loadCompressionData(source);
    const step = { verb: "quantize", options: {} } as const;
    const parameters = parametersOf(source);
    const made = { source, data: loaded, file: source.file, step, parameters };
    const { compression } = await writeCompressed(made, { out, device: "cpu", threads: 1, note: () => undefined });
    isNear(compression.after.metrics, compression.before.metrics, "table");
    assert.ok(!existsSync(join(out, "checkpoints", "last")), "no checkpoint");
    assert.match(readFileSync(join(out, "report.html"), "utf8"), /Before and after/);
    isNear(await behaviour(tasks, out, run.inputs, data), await behaviour(tasks, path, run.inputs, data), "behaviour");
    const [own, expected] = [await attribution(out), await attribution(path)];
    assert.equal(own === undefined, expected === undefined);
    expected?.forEach((value, i) => assert.ok(Math.abs(value - (own?.[i] ?? NaN)) <= EXPLAINED * Math.max(1, Math.abs(value))));
  });
}
