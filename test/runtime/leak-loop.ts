/**
 * @module One of the loops of leaks.test.ts, as a program: `leak-loop.js LOOP COUNT` prints resident MiB at eleven moments from
 * the first third of the rounds to the last.
 */
import { exportGraph } from "../../src/onnx/index.js";
import type { Value } from "../../src/runtime/index.js";
import { createWorkerRuntime, platformRuntime, prepareGraph } from "../../src/runtime/index.js";
import { buildMlp, trainMlp } from "../suites/mlp.js";

const [loop = "", count = "100"] = process.argv.slice(2);
const rounds = Number(count);
const collect = (globalThis as { gc?: () => void }).gc;
const runtime = await platformRuntime();
const mlp = buildMlp([20, 32, 5], 16);
const model = exportGraph(prepareGraph(mlp.graph, "cpu"));
const options = { device: "cpu", threads: 2 } as const;

const feeds: Record<string, Value> = { rate: runtime.upload({ dtype: "float32", shape: [], data: Float32Array.of(0.1) }) };
for (const [name, data] of [...mlp.weights, ...Object.entries(mlp.batch(0))]) feeds[name] = runtime.upload(data);
const into: Record<string, Value> = { loss: runtime.allocate("float32", []) };
for (const [name, { dtype, shape }] of mlp.weights) into[`next.${name}`] = runtime.allocate(dtype, shape);
const disposeAll = (values: Readonly<Record<string, Value>>): void => {
  for (const value of Object.values(values)) value[Symbol.dispose]();
};

const session = await runtime.createSession(model, options);
const worker = loop === "values" || loop === "dropped" ? await createWorkerRuntime() : undefined;

const LOOPS: Readonly<Record<string, (round: number) => Promise<unknown>>> = {
  async sessions() {
    await using own = await runtime.createSession(model, options);
    disposeAll(await own.run(feeds));
  },
  steps: () => session.run(feeds, into),
  fresh: async () => disposeAll(await session.run(feeds)),
  trainings: () => trainMlp(mlp, 5, { threads: 2 }),
  shapes: (round) => trainMlp(buildMlp([20, 16 + (round % 48), 5], 16), 5, { threads: 2 }),
  async workers() {
    await using own = await createWorkerRuntime();
    await own.createSession(model, options);
    for (const { dtype, shape } of mlp.weights.values()) own.allocate(dtype, shape);
  },
  async values() {
    // 2 MB each: 300 that stayed would be 600.
    using value = (worker as NonNullable<typeof worker>).allocate("float32", [500, 1000]);
    await worker?.read(value);
  },
  async dropped() {
    const value = worker?.allocate("float32", [500, 1000]);
    await worker?.read(value as Value);
    // Finalizers run after the collection, when the loop has nothing else to do.
    collect?.();
    await new Promise((resolve) => setTimeout(resolve, 1));
  },
};

const run = LOOPS[loop];
if (run === undefined) throw new Error(`leak-loop: expected one of ${Object.keys(LOOPS).join(", ")}, got ${loop}`);
const samples: number[] = [];
for (let round = 0; round < rounds; round++) {
  await run(round);
  const after = round + 1 - Math.floor(rounds / 3);
  if (after >= 0 && after % Math.max(1, Math.floor(rounds / 15)) === 0) {
    collect?.();
    await new Promise((resolve) => setTimeout(resolve, 5));
    samples.push(process.memoryUsage.rss() / 2 ** 20);
  }
}
await worker?.dispose();
console.log(JSON.stringify(samples));
