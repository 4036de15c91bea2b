/**
 * @module The requirements on every platform of the engine: the same cases in Node, in a worker, and in a browser, on each device.
 * Needs no test runner, so that it runs in a page as well.
 */
import { Graph, input, symbol, tensor } from "../../src/graph/index.js";
import type { DType, TensorData } from "../../src/graph/index.js";
import { DTYPES, fromNumbers } from "../../src/graph/index.js";
import { exportGraph } from "../../src/onnx/index.js";
import { emitOne, Round } from "../../src/ops/index.js";
import type { Device, Runtime, Session, Value } from "../../src/runtime/index.js";
import { clearCompiled, compile, evaluate, prepareGraph } from "../../src/runtime/index.js";
import { buildMlp, trainMlp } from "./mlp.js";

/** A runtime and one of its devices. */
export interface Home {
  readonly name: string;
  readonly runtime: Runtime;
  readonly device: Device;
}

export interface RuntimeCase {
  readonly name: string;
  readonly run: (home: Home) => Promise<void>;
}

// --- checks -----------------------------------------------------------------------------------------------------------

function check(condition: boolean, message: string): void {
  if (!condition) throw new Error(message);
}

function same(got: ArrayLike<number | bigint> | undefined, expected: readonly number[], what: string): void {
  const numbers = Array.from(got ?? [], Number);
  check(
    numbers.length === expected.length && numbers.every((v, i) => Object.is(v, expected[i])),
    `${what}: expected [${expected.join(", ")}], got [${numbers.join(", ")}]`,
  );
}

/** The promise is rejected, in one line that matches. */
async function refuses(promise: Promise<unknown>, pattern: RegExp): Promise<void> {
  let message: string | undefined;
  try {
    await promise;
  } catch (error) {
    message = (error as Error).message;
  }
  check(message !== undefined, `expected an error like ${String(pattern)}, got none`);
  check(pattern.test(message as string), `expected an error like ${String(pattern)}, got: ${message}`);
  check(!(message as string).includes("\n"), `expected an error of one line, got: ${message}`);
}

// --- little graphs ----------------------------------------------------------------------------------------------------

const float32 = (shape: number[], ...data: number[]): TensorData => ({ dtype: "float32", shape, data: Float32Array.from(data) });

/** w' = w − 0.5·x·w over [4], with one more output that is a scalar. */
function decay(): Graph {
  const w = input("w", [4]);
  const x = input("x", [4]);
  return new Graph({ next: w.sub(x.mul(w).mul(0.5)), total: w.sum() });
}

/** y = x·x with free rows. */
function square(): Graph {
  const x = input("x", [symbol("N"), 2]);
  return new Graph({ y: x.mul(x) });
}

async function open(home: Home, graph: Graph, deviceOutputs: readonly string[] = []): Promise<Session> {
  const model = exportGraph(prepareGraph(graph, home.device));
  return home.runtime.createSession(model, { device: home.device, threads: 2, deviceOutputs });
}

/** Element types that a graph of one copy is tried with. float16 is given as bits. */
const SAMPLES: Readonly<Partial<Record<DType, readonly number[]>>> = {
  float32: [1.5, -0, 3.25],
  float16: [1.5, -2, 0.0999755859375],
  float64: [1.5, 1e-300, -7],
  int32: [1, -2, 2 ** 31 - 1],
  int64: [1, -2, 2 ** 53],
  uint32: [0, 1, 2 ** 32 - 1],
  uint8: [0, 1, 255],
  int8: [-128, 0, 127],
  bool: [0, 1, 1],
};

// --- the cases --------------------------------------------------------------------------------------------------------

export const RUNTIME_CASES: readonly RuntimeCase[] = [
  {
    name: "evaluates a product and a broadcast sum",
    async run({ runtime, device }) {
      const y = tensor([[1, 2], [3, 4]]).matMul(tensor([[1], [10]])).add(tensor([100, 200])); // prettier-ignore
      const { y: result } = await evaluate({ y }, {}, { runtime, device });
      same(result?.data, [121, 221, 143, 243], "y");
      same(result?.shape, [2, 2], "shape");
    },
  },
  {
    name: "carries every element type in and out",
    async run(home) {
      for (const [dtype, numbers] of Object.entries(SAMPLES) as [DType, readonly number[]][]) {
        const x = input("x", [3], dtype);
        // Concatenated with itself, as a graph of one copy might be optimized away.
        const y = dtype === "bool" ? x.not() : x.reshape([3, 1]).reshape([3]);
        await using session = await open(home, new Graph({ y }));
        const data = fromNumbers(dtype, [3], numbers);
        using value = home.runtime.upload(data);
        const outputs = await session.run({ x: value });
        const result = await home.runtime.read(outputs["y"] as Value);
        check(result.dtype === dtype, `${dtype}: got ${result.dtype}`);
        check(result.data.constructor === DTYPES[dtype].create(0).constructor, `${dtype}: got a ${result.data.constructor.name}`);
        const expected = dtype === "bool" ? numbers.map((v) => 1 - v) : Array.from(data.data, Number);
        same(result.data, expected, dtype);
        outputs["y"]?.[Symbol.dispose]();
      }
    },
  },
  {
    name: "runs one session with different lengths of a free dimension",
    async run(home) {
      await using session = await open(home, square());
      for (const rows of [1, 3, 2]) {
        using x = home.runtime.upload(float32([rows, 2], ...Array.from({ length: 2 * rows }, (_, i) => i + 1)));
        const { y } = await session.run({ x });
        same(y?.shape, [rows, 2], "shape");
        const { data } = await home.runtime.read(y as Value);
        same(
          data,
          Array.from({ length: 2 * rows }, (_, i) => (i + 1) ** 2),
          "y",
        );
        y?.[Symbol.dispose]();
      }
    },
  },
  {
    name: "carries scalars and large arrays",
    async run(home) {
      const n = 300_000;
      const x = input("x", [n]);
      await using session = await open(home, new Graph({ y: x.mul(2), total: x.sum() }));
      using value = home.runtime.upload({ dtype: "float32", shape: [n], data: new Float32Array(n).fill(0.5) });
      const { y, total } = await session.run({ x: value });
      const doubled = await home.runtime.read(y as Value);
      check(doubled.data.length === n && doubled.data.every((v) => v === 1), "y: expected ones");
      const sum = await home.runtime.read(total as Value);
      same(sum.shape, [], "shape of total");
      same(sum.data, [n / 2], "total");
    },
  },
  {
    name: "writes outputs where it is told to",
    async run(home) {
      await using session = await open(home, decay());
      using w = home.runtime.upload(float32([4], 1, 2, 3, 4));
      using x = home.runtime.upload(float32([4], 1, 0, 1, 2));
      using next = home.runtime.allocate("float32", [4]);
      same((await home.runtime.read(next)).data, [0, 0, 0, 0], "allocated");
      const outputs = await session.run({ w, x }, { next });
      check(outputs["next"] === next, "next: expected the value that was given");
      same((await home.runtime.read(next)).data, [0.5, 2, 1.5, 0], "next");
      same((await home.runtime.read(outputs["total"] as Value)).data, [10], "total");
    },
  },
  {
    name: "swaps two sets of state without mixing them up",
    async run(home) {
      await using session = await open(home, decay());
      using x = home.runtime.upload(float32([4], 1, 1, 1, 1));
      using a = home.runtime.upload(float32([4], 1, 2, 4, 8));
      using b = home.runtime.allocate("float32", [4]);
      using total = home.runtime.allocate("float32", []);
      let [now, next] = [a, b];
      for (let i = 0; i < 6; i++) {
        await session.run({ w: now, x }, { next, total });
        [now, next] = [next, now];
      }
      same(
        (await home.runtime.read(now)).data,
        [1, 2, 4, 8].map((v) => v / 64),
        "w",
      );
      same((await home.runtime.read(total)).data, [15 / 32], "total");
    },
  },
  {
    name: "refuses an output that shares memory with an input",
    async run(home) {
      await using session = await open(home, decay());
      using w = home.runtime.upload(float32([4], 1, 2, 3, 4));
      using x = home.runtime.upload(float32([4], 1, 1, 1, 1));
      await refuses(session.run({ w, x }, { next: w }), /memory of their own, got "next" sharing it with input "w"/);
      // Two views on one buffer share it as well, where they overlap (a worker has copies of its own).
      const whole = new Float32Array(10).fill(1);
      const view = (start: number): TensorData => ({ dtype: "float32", shape: [4], data: whole.subarray(start, start + 4) });
      using first = home.runtime.upload(view(0));
      using beside = home.runtime.upload(view(4));
      using across = home.runtime.upload(view(2));
      await session.run({ w: first, x }, { next: beside });
      same((await home.runtime.read(beside)).data, [0.5, 0.5, 0.5, 0.5], "next");
      if (home.runtime.name !== "worker")
        await refuses(session.run({ w: first, x }, { next: across }), /sharing it with input "w"/);
    },
  },
  {
    name: "keeps state where it is, step after step",
    async run(home) {
      await using session = await open(home, decay(), ["next"]);
      using x = home.runtime.upload(float32([4], 1, 0, 2, 1));
      let w = home.runtime.upload(float32([4], 1, 2, 3, 4));
      for (let i = 0; i < 5; i++) {
        const { next, total } = await session.run({ w, x });
        w[Symbol.dispose]();
        total?.[Symbol.dispose]();
        w = next as Value;
      }
      if (home.device === "webgpu") check(w.location === "device", `state: expected it on the device, got ${w.location}`);
      same((await home.runtime.read(w)).data, [1 / 32, 2, 0, 4 / 32], "w");
      same((await home.runtime.read(w)).data, [1 / 32, 2, 0, 4 / 32], "w, read again");
      w[Symbol.dispose]();
    },
  },
  {
    name: "answers runs that were asked for at once, each with its own numbers",
    async run(home) {
      await using first = await open(home, square());
      await using second = await open(home, decay());
      using x = home.runtime.upload(float32([4], 1, 1, 1, 1));
      const asked = Array.from({ length: 6 }, async (_, i) => {
        using value = home.runtime.upload(i % 2 === 0 ? float32([1, 2], i, i + 1) : float32([4], i, i, i, i));
        const outputs = i % 2 === 0 ? await first.run({ x: value }) : await second.run({ w: value, x });
        const result = await home.runtime.read(outputs[i % 2 === 0 ? "y" : "total"] as Value);
        same(result.data, i % 2 === 0 ? [i * i, (i + 1) ** 2] : [4 * i], `run ${i}`);
      });
      await Promise.all(asked);
    },
  },
  {
    name: "says in one line what is wrong with a run, a model or a session",
    async run(home) {
      const session = await open(home, decay());
      using w = home.runtime.upload(float32([4], 1, 2, 3, 4));
      using wrong = home.runtime.upload(float32([3], 1, 2, 3));
      await refuses(session.run({ w }), /input "x", got none/);
      await refuses(session.run({ w, x: wrong }), /engine: .*(x|dimension|shape)/i);
      using x = home.runtime.upload(float32([4], 1, 1, 1, 1));
      // It still works after a refusal.
      const { total } = await session.run({ w, x });
      same((await home.runtime.read(total as Value)).data, [10], "total");
      await session[Symbol.asyncDispose]();
      await session[Symbol.asyncDispose]();
      await refuses(session.run({ w, x }), /disposed/);
      const broken = new Uint8Array([1, 2, 3, 4]);
      await refuses(home.runtime.createSession(broken, { device: home.device }), /^engine on /);
      const absent: Device = home.runtime.devices.includes("wasm") ? "cuda" : "wasm";
      await refuses(home.runtime.createSession(broken, { device: absent }), /^device: expected/);
    },
  },
  {
    name: "takes a view on part of a buffer, and leaves the caller's array usable",
    async run(home) {
      const whole = Float32Array.of(9, 1, 2, 9);
      await using session = await open(home, square());
      using x = home.runtime.upload({ dtype: "float32", shape: [1, 2], data: whole.subarray(1, 3) });
      const { y } = await session.run({ x });
      same((await home.runtime.read(y as Value)).data, [1, 4], "y");
      same(whole, [9, 1, 2, 9], "the caller's array");
    },
  },
  {
    name: "opens and closes many sessions",
    async run(home) {
      const model = exportGraph(prepareGraph(square(), home.device));
      using x = home.runtime.upload(float32([1, 2], 3, 4));
      for (let i = 0; i < 20; i++) {
        await using session = await home.runtime.createSession(model, { device: home.device, threads: 1 });
        const { y } = await session.run({ x });
        same((await home.runtime.read(y as Value)).data, [9, 16], "y");
        y?.[Symbol.dispose]();
      }
    },
  },
  {
    name: "shares sessions of equal graphs, and releases them",
    async run({ runtime, device }) {
      const first = await compile(decay(), { runtime, device });
      const second = await compile(decay(), { runtime, device });
      await first.dispose();
      const feeds = { w: float32([4], 1, 2, 3, 4), x: float32([4], 1, 1, 1, 1) };
      same((await second.call(feeds))["total"]?.data, [10], "total");
      await second.dispose();
      await clearCompiled(runtime);
      await refuses(second.call(feeds), /disposed/);
    },
  },
  {
    name: "keeps a training graph wholly on the device",
    async run({ runtime, device }) {
      await using step = await compile(buildMlp([6, 8, 3], 4).graph, { runtime, device, requireDevice: true });
      check(step.fallbacks.length === 0, `fallbacks: ${step.fallbacks.join(", ")}`);
    },
  },
  {
    name: "refuses a graph with a node that the device lacks, where asked to",
    async run({ runtime, device }) {
      const model = exportGraph(new Graph({ y: emitOne(Round, [input("x", [4])], {}) }));
      const session = runtime.createSession(model, { device, requireDevice: true });
      if (device === "webgpu") await refuses(session, /^engine on webgpu: .*fallback/i);
      else await (await session)[Symbol.asyncDispose]();
    },
  },
  {
    name: "trains a small network",
    async run({ runtime, device }) {
      const { losses, locations } = await trainMlp(buildMlp([6, 16, 3], 8), 12, { runtime, device });
      const mean = (part: number[]): number => part.reduce((a, b) => a + b, 0) / part.length;
      check(mean(losses.slice(-4)) < 0.9 * mean(losses.slice(0, 4)), `losses: expected them to fall, got ${losses.join(", ")}`);
      if (device === "webgpu") check(!locations.includes("host"), "state: expected it on the device");
    },
  },
];
