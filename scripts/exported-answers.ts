/**
 * @module An exported explanation with what `explain` gives, for whoever compares:
 * `node dist/scripts/exported-answers.js RUN METHOD MODEL.onnx OUT.safetensors`. Writes the model's file, and tensors `N.in.NAME` and
 * `N.out.attribution` of batches of N = 1 and 7. `scripts/golden/check-exported.py` reads them.
 */
import { writeFile } from "node:fs/promises";
import { saveSafetensors } from "../src/data/node.js";
import { methodNamed, type MethodName } from "../src/explain/index.js";
import type { TensorData } from "../src/graph/index.js";
import { exportExplained } from "../src/tasks/explaining/export-node.js";
import { TrainedModel } from "../src/tasks/use/trained-node.js";
import { explainedBatch } from "../test/explain/exported.js";

const STEPS = 16;

const [run, name, file, out] = process.argv.slice(2);
if (run === undefined || name === undefined || file === undefined || out === undefined) {
  console.error("usage: node dist/scripts/exported-answers.js RUN METHOD MODEL.onnx OUT.safetensors");
  process.exit(2);
}
const row = methodNamed(name);
const method = row.name as MethodName;
const steps = row.defaults.maxSteps === undefined ? {} : { steps: STEPS };
const opened = await TrainedModel.open(run, { device: "cpu" });
await using model = opened.model;
await writeFile(file, exportExplained(model, { method, ...steps }).bytes);
const tensors = new Map<string, TensorData>();
for (const n of [1, 7]) {
  const { feeds, attribution } = await explainedBatch(model, n, {
    method,
    ...steps,
    ...(row.defaults.maxSteps === undefined ? {} : { maxSteps: STEPS }),
  });
  for (const [column, data] of Object.entries(feeds)) tensors.set(`${n}.in.${column}`, data);
  tensors.set(`${n}.out.attribution`, attribution);
}
await saveSafetensors(out, tensors);
