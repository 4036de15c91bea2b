/**
 * @module Exported explanations in WebAssembly: `node dist/scripts/exported-in-wasm.js RUN METHOD…` runs what `descent export RUN --explain METHOD` writes in
 * `onnxruntime-web` (one thread, as a page without isolation has), and in `onnxruntime-node`, on batches of 1 and 7 rows, against what the library's `explain`
 * gives. Prints a row of a table for each method; fails where a number differs by more than 1e-5 of the greatest.
 */
import type { MethodName } from "../src/explain/index.js";
import { methodNamed } from "../src/explain/index.js";
import type { TensorData } from "../src/graph/index.js";
import { toNumbers } from "../src/graph/index.js";
import { platformRuntime } from "../src/runtime/index.js";
import { exportExplained } from "../src/tasks/explaining/export-node.js";
import { TrainedModel } from "../src/tasks/use/trained-node.js";
import { explainedBatch, type Feeds } from "../test/explain/exported.js";

const STEPS = 16;
const TOLERANCE = 1e-5;

/** The attribution that an engine gives for a file and a batch. */
type Run = (feeds: Feeds) => Promise<ArrayLike<number>>;

async function inWasm(file: Uint8Array): Promise<Run> {
  const { env, InferenceSession, Tensor } = await import("onnxruntime-web");
  env.wasm.numThreads = 1;
  const session = await InferenceSession.create(file, { executionProviders: ["wasm"] });
  return async (feeds) => {
    const given = session.inputNames.map((name) => {
      const { dtype, data, shape } = feeds[name] as TensorData;
      return [name, new Tensor(dtype as "float32", data as Float32Array, [...shape])] as const;
    });
    const { attribution } = await session.run(Object.fromEntries(given), ["attribution"]);
    return attribution?.data as Float32Array;
  };
}

async function inNode(file: Uint8Array): Promise<Run> {
  const runtime = await platformRuntime();
  const session = await runtime.createSession(file, { device: "cpu" });
  return async (feeds) => {
    const given = session.inputs.map((name) => [name, runtime.upload(feeds[name] as TensorData)] as const);
    const { attribution } = await session.run(Object.fromEntries(given));
    return attribution === undefined ? [] : toNumbers(await runtime.read(attribution));
  };
}

function furthest(got: ArrayLike<number>, expected: TensorData): number {
  const numbers = toNumbers(expected);
  if (got.length !== numbers.length) return Infinity;
  const greatest = numbers.reduce((most, v) => Math.max(most, Math.abs(v)), 0);
  return numbers.reduce((most, v, i) => Math.max(most, Math.abs(v - (got[i] as number))), 0) / greatest;
}

const [run, ...methods] = process.argv.slice(2);
if (run === undefined || methods.length === 0) {
  console.error("usage: node dist/scripts/exported-in-wasm.js RUN METHOD…");
  process.exit(2);
}
const opened = await TrainedModel.open(run, { device: "cpu" });
await using model = opened.model;
for (const name of methods) {
  const row = methodNamed(name);
  const method = row.name as MethodName;
  const isPath = row.defaults.maxSteps !== undefined;
  const { bytes } = exportExplained(model, { method, ...(isPath && { steps: STEPS }) });
  const worst: string[] = [];
  for (const engine of [await inNode(bytes), await inWasm(bytes)]) {
    let most = 0;
    for (const n of [1, 7]) {
      const { feeds, attribution } = await explainedBatch(model, n, { method, ...(isPath && { steps: STEPS, maxSteps: STEPS }) });
      most = Math.max(most, furthest(await engine(feeds), attribution));
    }
    worst.push(most.toExponential(1));
    if (!(most <= TOLERANCE)) process.exitCode = 1;
  }
  console.log(`| ${model.task.name} | ${model.modelName} | ${method} | ${worst.join(" | ")} |`);
}
