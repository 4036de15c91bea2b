/**
 * @module One of the loops of leaks.test.ts, as a program: `leak-loop.js LOOP COUNT [keep]` prints MiB held at eleven moments from
 * the first third of the rounds to the last. `keep` leaks on purpose, one of what the loop is about in each round.
 */
import { exportGraph } from "../../src/onnx/index.js";
import type { Value } from "../../src/runtime/index.js";
import { createWorkerRuntime, platformRuntime, prepareGraph } from "../../src/runtime/index.js";
import { heldMiB } from "../../scripts/held-memory.js";
import { buildMlp, trainMlp } from "../suites/mlp.js";

const [loop = "", count = "100", flag] = process.argv.slice(2);
const kept: unknown[] = [];
/** Tells whether it stays; told what would. */
const keep = (what: unknown): boolean => flag === "keep" && kept.push(what) > 0;
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
    const own = await runtime.createSession(model, options);
    disposeAll(await own.run(feeds));
    if (!keep(own)) await own[Symbol.asyncDispose]();
  },
  async steps(round) {
    const x = mlp.batch(round)["x"];
    using value = runtime.upload(x);
    await session.run({ ...feeds, x: value }, into);
    keep(x);
  },
  async fresh() {
    const outputs = await session.run(feeds);
    if (!keep(outputs)) disposeAll(outputs);
  },
  async trainings() {
    keep(await trainMlp(mlp, 5, { threads: 2 }));
  },
  async shapes(round) {
    const own = buildMlp([20, 16 + (round % 48), 5], 16);
    await trainMlp(own, 5, { threads: 2 });
    if (flag === "keep") keep(await runtime.createSession(exportGraph(prepareGraph(own.graph, "cpu")), options));
  },
  async workers() {
    const own = await createWorkerRuntime();
    await own.createSession(model, options);
    for (const { dtype, shape } of mlp.weights.values()) own.allocate(dtype, shape);
    if (!keep(own)) await own.dispose();
  },
  async values() {
    // 2 MB each: 300 that stayed would be 600.
    const value = (worker as NonNullable<typeof worker>).allocate("float32", [500, 1000]);
    await worker?.read(value);
    if (!keep(value)) value[Symbol.dispose]();
  },
  async dropped() {
    const value = worker?.allocate("float32", [500, 1000]);
    await worker?.read(value as Value);
    keep(value);
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
    samples.push(await heldMiB());
  }
}
console.log(JSON.stringify(samples));
// Workers that were kept would keep the process.
process.exit(0);
