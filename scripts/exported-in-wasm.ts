/**
 * @module Exported explanations in WebAssembly: `node dist/scripts/exported-in-wasm.js RUN METHOD… [--out ANSWERS.safetensors]` runs what
 * `descent export RUN --explain METHOD` writes in `onnxruntime-web` (one thread, as a page without isolation has), and in `onnxruntime-node`, on batches of 1 and
 * 7 rows, against what the library's `explain` gives. Prints a row of a table for each method; fails where a number differs by more than 1e-5 of the greatest.
 * In deep networks with ReLU the cause may be a unit whose value is within rounding of 0: `--out` (of one method) keeps batches and attributions, and
 * `scripts/golden/check-kinks.py` holds them to a reference in float64.
 */
import { parseArgs } from "node:util";
import { saveSafetensors } from "../src/data/node.js";
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

const { positionals, values: options } = parseArgs({ allowPositionals: true, options: { out: { type: "string" } } });
const [run, ...methods] = positionals;
if (run === undefined || methods.length === 0 || (options.out !== undefined && methods.length > 1)) {
  console.error("usage: node dist/scripts/exported-in-wasm.js RUN METHOD… [--out ANSWERS.safetensors, of one METHOD]");
  process.exit(2);
}
const kept = new Map<string, TensorData>();
const opened = await TrainedModel.open(run, { device: "cpu" });
await using model = opened.model;
for (const name of methods) {
  const row = methodNamed(name);
  const method = row.name as MethodName;
  const isPath = row.defaults.maxSteps !== undefined;
  const { bytes } = exportExplained(model, { method, ...(isPath && { steps: STEPS }) });
  const engines = Object.entries({ node: await inNode(bytes), wasm: await inWasm(bytes) });
  const worst = new Map<string, number>();
  for (const n of [1, 7]) {
    const { feeds, attribution } = await explainedBatch(model, n, { method, ...(isPath && { steps: STEPS, maxSteps: STEPS }) });
    for (const [column, data] of Object.entries(feeds)) kept.set(`${n}.in.${column}`, data);
    kept.set(`${n}.library`, attribution);
    for (const [engine, answer] of engines) {
      const got = await answer(feeds);
      kept.set(`${n}.${engine}`, { ...attribution, data: Float32Array.from(got) });
      worst.set(engine, Math.max(worst.get(engine) ?? 0, furthest(got, attribution)));
    }
  }
  const cells = [...worst.values()].map((most) => most.toExponential(1));
  console.log(`| ${model.task.name} | ${model.modelName} | ${method} | ${cells.join(" | ")} |`);
  if ([...worst.values()].some((most) => !(most <= TOLERANCE))) process.exitCode = 1;
}
if (options.out !== undefined) await saveSafetensors(options.out, kept);
