/**
 * @module The engine in processes of its own: long command lines, what it leaves on disk, a library that nobody else holds, and workers that end while it computes.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { compile, createWorkerRuntime } from "../../src/runtime/index.js";
import type { Value } from "../../src/runtime/index.js";
import { Graph, input } from "../../src/graph/index.js";

const source = (path: string): string => JSON.stringify(new URL(`../../src/${path}`, import.meta.url).href);

/** A program's beginning: `double(n)` gives `[2n]` by the engine. */
const DOUBLE = `
  const { constant } = await import(${source("graph/index.js")});
  const { evaluate } = await import(${source("runtime/index.js")});
  const double = async (n) => [...(await evaluate({ y: constant(n).mul(2) })).y.data];
`;

function program(body: string, options: { args?: readonly string[]; flags?: readonly string[]; env?: NodeJS.ProcessEnv } = {}) {
  const { args = [], flags = [], env = {} } = options;
  const { CI: _ci, ORT_DISABLE_TELEMETRY: _choice, ...inherited } = process.env;
  const argv = [...flags, "--input-type=module", "-e", body, "--", ...args];
  return spawnSync(process.execPath, argv, { encoding: "utf8", env: { ...inherited, ...env } });
}

const LONG = Array.from({ length: 6000 }, (_, i) => String(i));
const ENGINES = ["direct", "binding"] as const;

for (const engine of ENGINES) {
  test(`a program with long arguments runs: ${engine} engine`, () => {
    const { status, stdout, stderr } = program(`${DOUBLE} console.log(await double(21), process.argv.length > 6000)`, {
      args: LONG,
      env: { DESCENT_ENGINE: engine },
    });
    assert.deepEqual([status, stdout, stderr], [0, "[ 42 ] true\n", ""]);
  });
}

test("a program with long arguments runs in a worker thread that loads the engine first", () => {
  const inWorker = `${DOUBLE} const { parentPort } = await import("node:worker_threads"); parentPort.postMessage(await double(4));`;
  const body = `
    import { Worker } from "node:worker_threads";
    const worker = new Worker(new URL("data:text/javascript," + encodeURIComponent(${JSON.stringify(inWorker)})));
    worker.on("message", (numbers) => console.log(numbers));`;
  const { status, stdout, stderr } = program(body, { args: LONG });
  assert.deepEqual([status, stdout, stderr], [0, "[ 8 ]\n", ""]);
});

test("whoever wants the engine's reports, with a command line on which they crash, is told so", () => {
  const body = `${DOUBLE} await double(1).catch((error) => console.log(error.name, error.message))`;
  const { status, stdout } = program(body, { args: LONG, env: { ORT_DISABLE_TELEMETRY: "0" } });
  assert.equal(status, 0);
  assert.match(stdout, /^SessionError engine: expected a command line of at most 4096 bytes .* leave the variable out\n$/);
});

test("the engine leaves nothing in the home folder", () => {
  const home = mkdtempSync(join(tmpdir(), "descent-home-"));
  try {
    const { status, stdout } = program(`${DOUBLE} console.log(await double(3))`, { env: { HOME: home, XDG_CACHE_HOME: "" } });
    assert.deepEqual([status, stdout], [0, "[ 6 ]\n"]);
    assert.deepEqual(readdirSync(home), []);
  } finally {
    rmSync(home, { recursive: true });
  }
});

test("the direct engine outlives collections where nothing else holds its library", () => {
  const body = `
    const { input, Graph } = await import(${source("graph/index.js")});
    const { exportGraph } = await import(${source("onnx/index.js")});
    const { DirectEngine } = await import(${source("runtime/ort-direct-node.js")});
    const engine = await DirectEngine.load();
    if (engine === undefined) process.exit(7);
    for (let i = 0; i < 3; i++) { gc(); await new Promise((resolve) => setTimeout(resolve, 20)); }
    console.log(engine.open(exportGraph(new Graph({ y: input("x", [2]).neg() })), { device: "cpu" }, {}).inputs);`;
  const { status, stdout } = program(body, { flags: ["--expose-gc"] });
  assert.deepEqual([status, stdout], [0, "[ 'x' ]\n"]);
});

test("terminating a worker while the direct engine runs in it leaves the process alive", () => {
  const inWorker = `
    const { parentPort } = await import("node:worker_threads");
    const { input } = await import(${source("graph/index.js")});
    const { compile } = await import(${source("runtime/index.js")});
    const n = 512;
    let y = input("x", [n, n]);
    for (let i = 0; i < 40; i++) y = y.matMul(y).mul(1 / n);
    const executable = await compile({ y }, { threads: 1 });
    parentPort.postMessage("running");
    for (;;) await executable.call({ x: { dtype: "float32", shape: [n, n], data: new Float32Array(n * n).fill(1) } });`;
  const body = `
    import { Worker } from "node:worker_threads";
    const worker = new Worker(new URL("data:text/javascript," + encodeURIComponent(${JSON.stringify(inWorker)})));
    worker.on("message", () => setTimeout(async () => console.log("ended", await worker.terminate()), 100));`;
  const { status, stdout, stderr } = program(body);
  assert.deepEqual([status, stdout, stderr], [0, "ended 1\n", ""]);
});

test("a worker's run is stopped, what waits behind it is refused, and the worker goes on", async () => {
  const runtime = await createWorkerRuntime();
  const n = 512;
  const x = input("x", [n, n]);
  let y = x;
  for (let i = 0; i < 2000; i++) y = y.matMul(x).mul(1 / n);
  const heavy = await compile(new Graph({ y: y.sum() }), { runtime, threads: 1 });
  const light = await compile({ y: x.sum() }, { runtime, threads: 1 });
  const ones = runtime.upload({ dtype: "float32", shape: [n, n], data: new Float32Array(n * n).fill(1) });
  // Many seconds, if it were left to itself.
  const runs = Promise.allSettled([heavy.run({ x: ones }), light.run({ x: ones })]);
  await runtime.stop();
  for (const run of await runs) {
    assert.equal(run.status, "rejected");
    assert.match(String(run.reason), /session: the run was stopped/);
  }
  const outputs = await light.run({ x: ones });
  assert.deepEqual([...(await runtime.read(outputs["y"] as Value)).data], [n * n]);
  for (const executable of [heavy, light]) await executable.dispose();
  await runtime.dispose();
  await runtime.stop();
});
