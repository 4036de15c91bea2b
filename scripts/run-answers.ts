/**
 * @module A run's outputs for inputs, for comparisons: `node dist/scripts/run-answers.js RUN OUT.safetensors INPUT…`. Tensors
 * `0.in.NAME` and `0.out.NAME` of batch 0, and so on: as the model's file takes and gives them. `scripts/golden/check-run.py` reads it.
 */
import { saveSafetensors } from "../src/data/node.js";
import type { TensorData } from "../src/graph/index.js";
import { readInputs } from "../src/tasks/use/examples-node.js";
import { TrainedModel } from "../src/tasks/use/trained-node.js";

const [run, out, ...inputs] = process.argv.slice(2);
if (run === undefined || out === undefined || inputs.length === 0) {
  console.error("usage: node dist/scripts/run-answers.js RUN OUT.safetensors INPUT…");
  process.exit(2);
}
const opened = await TrainedModel.open(run, { device: "cpu" });
await using model = opened.model;
const { examples } = await readInputs(model, inputs, {});
const tensors = new Map<string, TensorData>();
let batches = 0;
await model.run(examples, (given, _firstRow, batch) => {
  for (const [name, data] of Object.entries(batch)) tensors.set(`${batches}.in.${name}`, data);
  // Outputs lie in buffers that the next batch writes to.
  for (const [name, data] of Object.entries(given)) tensors.set(`${batches}.out.${name}`, structuredClone(data));
  batches++;
});
await saveSafetensors(out, tensors);
