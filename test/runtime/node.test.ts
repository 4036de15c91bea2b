/**
 * @module The shared cases on Node's CPU, directly and in a worker thread, and what only a worker has to do.
 */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import type { DType, Tensor } from "../../src/graph/index.js";
import { constant, DTYPES, Graph, input, sizeOf, symbol } from "../../src/graph/index.js";
import { groupQueryAttention } from "../../src/ops/index.js";
import { identityModel } from "../../src/runtime/identity.js";
import type { Value } from "../../src/runtime/index.js";
import { compile, createWorkerRuntime, evaluate, platformRuntime } from "../../src/runtime/index.js";
import { createNodeRuntime } from "../../src/runtime/ort-node.js";
import { buildMlp, trainMlp, trainModel } from "../suites/mlp.js";
import { registerRuntimeCases } from "./register.js";

registerRuntimeCases("node cpu", async () => ({ runtime: await platformRuntime(), device: "cpu" }));

registerRuntimeCases("node cpu, by the engine's binding", async () => ({
  runtime: await createNodeRuntime({ direct: false }),
  device: "cpu",
}));

const worker = createWorkerRuntime();
after(async () => (await worker).dispose());
registerRuntimeCases("worker cpu", async () => ({ runtime: await worker, device: "cpu" }));

/** A product chain that takes the engine a good while: 2·n³·count floating-point operations. */
function heavy(n: number, count: number): Graph {
  const x = input("x", [n, n]);
  let y = x;
  for (let i = 0; i < count; i++) y = y.matMul(x).mul(1 / n);
  return new Graph({ y: y.sum() });
}

test("a worker, and a session aside, leave the calling thread free while they compute; the engine in the thread itself does not", async () => {
  const n = 1024;
  const ones = { dtype: "float32", shape: [n, n], data: new Float32Array(n * n).fill(1) } as const;
  for (const [name, runtime, aside] of [
    ["worker", await worker, false],
    ["node aside", await platformRuntime(), true],
    ["node", await platformRuntime(), false],
  ] as const) {
    await using executable = await compile(heavy(n, 12), { runtime, threads: 1, aside });
    using x = runtime.upload(ones);
    // The longest time during which a timer of 1 ms could not tick.
    let [longest, last] = [0, performance.now()];
    const timer = setInterval(() => {
      longest = Math.max(longest, performance.now() - last);
      last = performance.now();
    }, 1);
    const start = performance.now();
    const { y } = await executable.run({ x });
    const took = performance.now() - start;
    longest = Math.max(longest, performance.now() - last);
    clearInterval(timer);
    if (y !== undefined) assert.equal((await runtime.read(y)).data[0], n * n);
    if (name !== "node") assert.ok(longest < 0.5 * took, `blocked for ${longest} of ${took} ms`);
    else assert.ok(longest > 0.9 * took, `expected a blocked thread, got ${longest} of ${took} ms`);
  }
});

test("calls of a session aside that come at once are answered each with its own, and those under way before it ends", async () => {
  const executable = await compile({ y: input("x", [symbol("N")]).mul(2) }, { aside: true });
  const calls = Array.from({ length: 20 }, (_, i) =>
    executable.call({ x: { dtype: "float32", shape: [i + 1], data: new Float32Array(i + 1).fill(i) } }),
  );
  const ending = executable.dispose();
  const answers = await Promise.all(calls);
  for (const [i, { y }] of answers.entries()) assert.deepEqual(y?.data, new Float32Array(i + 1).fill(2 * i));
  await ending;
  await assert.rejects(executable.call({ x: { dtype: "float32", shape: [1], data: Float32Array.of(1) } }), /disposed/);
});

test("training in a worker gives the very numbers of training here", async () => {
  const mlp = buildMlp([20, 32, 5], 16);
  const here = await trainMlp(mlp, 10, { threads: 2 });
  const there = await trainMlp(mlp, 10, { threads: 2, runtime: await worker });
  assert.deepEqual(there.losses, here.losses);
  assert.deepEqual(there.weights, here.weights);
});

test("a training state in a worker gives the very losses of one here", async () => {
  const here = await trainModel({ device: "cpu" }, 12);
  assert.deepEqual(await trainModel({ device: "cpu", runtime: await worker }, 12), here);
});

test("values of another runtime are refused, and so is whatever comes after the end", async () => {
  const local = await platformRuntime();
  const mine = await createWorkerRuntime();
  const executable = await compile({ y: input("x", [1]).add(1) }, { runtime: mine });
  using foreign = local.upload({ dtype: "float32", shape: [1], data: Float32Array.of(1) });
  await assert.rejects(executable.run({ x: foreign }), /expected values of this worker, got "x" from another runtime/);
  const kept = mine.upload({ dtype: "float32", shape: [1], data: Float32Array.of(1) });
  await mine.dispose();
  await mine.dispose();
  await assert.rejects(executable.run({ x: kept }), /got one that was disposed/);
  await assert.rejects(mine.read(kept), /got one that was disposed/);
  kept[Symbol.dispose]();
  await executable.dispose();
});

test("values that are missing, plain numbers, or of another shape or type are refused before the engine sees them", async () => {
  const executable = await compile(new Graph({ y: input("x", [2]).relu() }));
  const { runtime } = executable;
  using wide = runtime.upload({ dtype: "float32", shape: [3], data: new Float32Array(3) });
  using whole = runtime.upload({ dtype: "int32", shape: [2], data: new Int32Array(2) });
  const plain = { dtype: "float32", shape: [2], data: new Float32Array(2) } as unknown as Value;
  for (const [feeds, expected] of [
    [{}, /^ShapeError: run: expected a value for input "x", got none/],
    [{ x: plain }, /^DTypeError: run: input "x": expected a value that the engine holds, got plain numbers; use call/],
    [{ x: wide }, /^ShapeError: run: input "x": expected \[2\], got \[3\]/],
    [{ x: whole }, /^DTypeError: run: input "x": expected float32, got int32/],
  ] as const)
    await assert.rejects(executable.run(feeds), expected);
  await executable.dispose();
});

test("a disposed value is gone, and a feed may be disposed of while its run is under way", async () => {
  const runtime = await worker;
  const y = input("x", [2]).add(constant(1));
  await using executable = await compile({ y }, { runtime });
  const x = runtime.upload({ dtype: "float32", shape: [2], data: Float32Array.of(1, 2) });
  const run = executable.run({ x });
  x[Symbol.dispose]();
  x[Symbol.dispose]();
  const outputs = await run;
  assert.deepEqual([...(await runtime.read(outputs["y"] as Value)).data], [2, 3]);
  await assert.rejects(executable.run({ x }), /expected a value that is alive/);
});

test("two workers run at once", async () => {
  const other = await createWorkerRuntime();
  const runs = [await worker, other].map(async (runtime, i) => {
    const { y } = await evaluate({ y: constant(i).add(1) }, {}, { runtime, threads: 1 });
    return y.data[0];
  });
  assert.deepEqual(await Promise.all(runs), [1, 2]);
  await other.dispose();
});

/** Values of every element type there and back, with memory of the caller's and without. */
test("each element type, no numbers at all, and a scalar keep their bits on the way through the engine", async () => {
  const runtime = await createNodeRuntime();
  for (const dtype of Object.keys(DTYPES) as DType[]) {
    if (dtype === "string") continue;
    for (const shape of [[], [0], [2, 3], [70]]) {
      const data = DTYPES[dtype].create(sizeOf(shape));
      for (let i = 0; i < data.length; i++) data[i] = typeof data[i] === "bigint" ? BigInt(i % 2) : i % 2;
      await using session = await runtime.createSession(identityModel(dtype, shape.length), { device: "cpu" });
      using x = runtime.upload({ dtype, shape, data });
      using y = runtime.allocate(dtype, shape);
      const given = await session.run({ x }, { y });
      assert.equal(given["y"], y);
      using fresh = (await session.run({ x }))["y"] as Value;
      for (const value of [y, fresh]) {
        const read = await runtime.read(value);
        assert.deepEqual([read.dtype, read.shape, read.data], [dtype, shape, data], `${dtype} [${shape.join(", ")}]`);
      }
    }
  }
});

test("a run into given memory allocates nothing", async () => {
  const runtime = await createNodeRuntime();
  const shape = [1 << 18];
  await using session = await runtime.createSession(identityModel("float32", 1), { device: "cpu" });
  using x = runtime.allocate("float32", shape);
  using y = runtime.allocate("float32", shape);
  await session.run({ x }, { y });
  const before = process.memoryUsage().arrayBuffers;
  for (let i = 0; i < 20; i++) await session.run({ x }, { y });
  const grown = process.memoryUsage().arrayBuffers - before;
  assert.ok(grown < 2 ** 20, `20 runs with outputs of 1 MiB left ${grown} bytes`);
});

test("timers have their turn while runs follow each other", async () => {
  const runtime = await createNodeRuntime();
  await using session = await runtime.createSession(identityModel("float32", 0), { device: "cpu" });
  using x = runtime.allocate("float32", []);
  let ticks = 0;
  const timer = setInterval(() => ticks++, 1);
  const start = performance.now();
  while (performance.now() - start < 500) await session.run({ x });
  clearInterval(timer);
  assert.ok(ticks > 5, `${ticks} ticks of a millisecond in 500`);
});

test("the engine writes a past in place where it was told so, and nowhere else", async () => {
  const [past, one] = [
    [1, 1, 4, 8],
    [1, 1, 8],
  ] as const;
  const names = ["query", "key", "value"] as const;
  const [query, key, value] = names.map((name) => input(name, one)) as [Tensor, Tensor, Tensor];
  const [pastKey, pastValue] = [input("pastKey", past), input("pastValue", past)];
  const [lengths, total] = [input("lengths", [1], "int32"), input("total", [], "int32")];
  const given = { query, key, value, pastKey, pastValue, lengths, total };
  const [y, presentKey, presentValue] = groupQueryAttention(given, { heads: 1, groups: 1 }) as [Tensor, Tensor, Tensor];
  const graph = new Graph({ y, presentKey, presentValue });
  const inPlace = { presentKey: "pastKey", presentValue: "pastValue" };
  const refused = { message: /got "presentKey" sharing it with input "past(Key|Value)"/ };
  for (const runtime of [await createNodeRuntime(), await createNodeRuntime({ direct: false })]) {
    await using executable = await compile(graph, { runtime, threads: 1, inPlace });
    await using plain = await compile(graph, { runtime, threads: 1 });
    const numbers = (shape: readonly number[], number: (i: number) => number): Value =>
      runtime.upload({
        dtype: "float32",
        shape,
        data: Float32Array.from({ length: shape[2] === 4 ? 32 : 8 }, (_, i) => number(i)),
      });
    const int32 = (shape: readonly number[], number: number): Value =>
      runtime.upload({ dtype: "int32", shape, data: Int32Array.of(number) });
    const feeds: Record<string, Value> = {
      query: numbers(one, (i) => Math.cos(i)),
      key: numbers(one, (i) => Math.sin(i)),
      value: numbers(one, (i) => i),
      pastKey: numbers(past, (i) => (i < 16 ? Math.sin(i * i) : 0)),
      pastValue: numbers(past, (i) => (i < 16 ? Math.cos(i * i) : 0)),
      lengths: int32([1], 2),
      total: int32([], 3),
    };
    const expected = await plain.run(feeds);
    const into = { presentKey: feeds["pastKey"] as Value, presentValue: feeds["pastValue"] as Value };
    await assert.rejects(plain.run(feeds, into), refused);
    await assert.rejects(executable.run(feeds, { presentKey: into.presentValue }), refused);
    if (!runtime.writesInPlace) {
      await assert.rejects(executable.run(feeds, into), refused);
      continue;
    }
    const outputs = await executable.run(feeds, into);
    assert.equal(outputs["presentKey"], feeds["pastKey"]);
    for (const name of executable.outputs) {
      const [got, wanted] = [await runtime.read(outputs[name] as Value), await runtime.read(expected[name] as Value)];
      assert.deepEqual(got.data, wanted.data, name);
    }
    assert.deepEqual((await runtime.read(into.presentValue)).data.slice(16, 24), Float32Array.of(0, 1, 2, 3, 4, 5, 6, 7));
  }
});
