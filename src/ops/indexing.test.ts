import assert from "node:assert/strict";
import { test } from "node:test";
import type { Tensor, TensorData } from "../graph/index.js";
import { constant, fromNumbers, Graph, input, symbol, tensor } from "../graph/index.js";
import { grad } from "../autodiff/index.js";
import { compile, evaluate, prepareGraph } from "../runtime/index.js";
import { nodesWithoutKernel } from "../runtime/kernels.js";
import { Random } from "../util/random.js";
import {
  arange,
  dropout,
  gather,
  oneHot,
  randomInputs,
  resolveMode,
  scatterElements,
  scatterND,
  softmaxCrossEntropy,
  topK,
} from "./index.js";

const random = new Random("indexing.test");
const numbers = (length: number): Float32Array => Float32Array.from({ length }, () => random.normal());
const float = (shape: readonly number[], data: Float32Array): TensorData => ({ dtype: "float32", shape, data });

test("gradients of a table are right for repeated indices on 2 threads, ten times over, for short and long tables", async () => {
  const [n, width] = [3000, 32];
  for (const depth of [50, 5000]) {
    const indices = BigInt64Array.from({ length: n }, () => BigInt(random.integer(7)));
    const dy = numbers(n * width);
    const expected = new Float64Array(depth * width);
    indices.forEach((row, i) => {
      for (let j = 0; j < width; j++) {
        const at = Number(row) * width + j;
        expected[at] = (expected[at] as number) + (dy[i * width + j] as number);
      }
    });
    const table = input("table", [depth, width]);
    const tokens = input("tokens", [n], "int64");
    const arriving = input("dy", [n, width]);
    // The same sum three ways: a gradient, and both scatters with add.
    const none = constant(0).expand([depth, width]);
    const outputs = {
      gradient: grad(gather(table, tokens), table, { dy: arriving }),
      elements: scatterElements(none, tokens.unsqueeze(1).expand([n, width]), arriving, { reduction: "add" }),
      positions: scatterND(none, tokens.unsqueeze(1), arriving, "add"),
    };
    await using executable = await compile(outputs, { threads: 2 });
    const feeds = { tokens: { dtype: "int64" as const, shape: [n], data: indices }, dy: float([n, width], dy) };
    for (let run = 0; run < 10; run++) {
      for (const [name, value] of Object.entries(await executable.call(feeds))) {
        value.data.forEach((v, i) => {
          const wanted = expected[i] as number;
          assert.ok(Math.abs(Number(v) - wanted) < 2e-3, `${name}, ${depth} rows, run ${run}: ${wanted}, got ${v}`);
        });
      }
    }
  }
});

test("no scatter by positions with a reduction reaches the CPU's kernel, which races", () => {
  const x = input("x", [6, 4]);
  const y = scatterND(x, tensor([[1], [1]], "int64"), input("u", [2, 4]), "add");
  const ops = (device: "cpu" | "wasm" | "webgpu") => prepareGraph(new Graph({ y }), device).nodes.map((node) => node.op);
  for (const device of ["cpu", "wasm"] as const) assert.ok(!ops(device).includes("ScatterND"));
  assert.ok(ops("webgpu").includes("ScatterND"));
});

test("with int32 labels and tokens everything has a kernel on WebGPU: embedding, dropout, cross-entropy, and their gradients", () => {
  const [weight, table] = [input("weight", [8, 5]), input("table", [100, 8])];
  const [tokens, labels] = [input("tokens", [6], "int32"), input("labels", [6], "int32")];
  const logits = dropout(gather(table, tokens), 0.1).matMul(weight);
  const loss = softmaxCrossEntropy(logits, labels).add(logits.logSoftmax().sum(1)).mean();
  const outputs = [loss, ...grad(loss, [weight, table])];
  const { map } = resolveMode(outputs, "train", randomInputs());
  const graph = new Graph(Object.fromEntries(outputs.map((t, i) => [`y${i}`, map(t)])));
  assert.deepEqual(nodesWithoutKernel(prepareGraph(graph, "webgpu"), "webgpu"), []);
});

test("cross-entropy does not move when all logits shift, and equal logits give ln K at any magnitude", async () => {
  const labels = tensor([2, 0, 1], "int64");
  const logits = constant(
    fromNumbers(
      "float32",
      [3, 4],
      Float32Array.from({ length: 12 }, (_, i) => ((i * 7) % 5) - 2),
    ),
  );
  const loss = (x: Tensor): Tensor => softmaxCrossEntropy(x, labels);
  const shifted = logits.add(1e6);
  const equal = constant(1e30).expand([3, 4]);
  const got = await evaluate({
    plain: loss(logits),
    shifted: loss(shifted),
    equal: loss(equal),
    gradient: grad(loss(logits).sum(), logits),
    shiftedGradient: grad(loss(shifted).sum(), logits),
  });
  assert.deepEqual(got.shifted.data, got.plain.data);
  assert.deepEqual(got.shiftedGradient.data, got.gradient.data);
  for (const v of got.equal.data) assert.ok(Math.abs(Number(v) - Math.log(4)) < 1e-6);
  // Each row of the gradient sums to 0.
  for (let n = 0; n < 3; n++) {
    const row = [...got.gradient.data].slice(4 * n, 4 * n + 4) as number[];
    assert.ok(Math.abs(row.reduce((a, b) => a + b, 0)) < 1e-6);
  }
});

test("free dimensions: positions, one-hot, embedding and top-k take the length that the feeds have", async () => {
  const tokens = input("tokens", [symbol("N"), symbol("T")], "int64");
  const table = constant(fromNumbers("float32", [5, 2], [0, 0, 1, 10, 2, 20, 3, 30, 4, 40]));
  const positions = arange(symbol("T"), 3);
  const hot = oneHot(tokens, 5);
  const best = topK(hot, 1);
  const outputs = { read: gather(table, tokens), positions, hot, places: best.indices };
  for (const [n, t] of [
    [1, 2],
    [2, 3],
  ] as const) {
    const data = BigInt64Array.from({ length: n * t }, (_, i) => BigInt((3 * i + 1) % 5));
    const got = await evaluate(outputs, { tokens: { dtype: "int64", shape: [n, t], data } });
    assert.deepEqual(got.read.shape, [n, t, 2]);
    assert.deepEqual(
      [...got.read.data],
      [...data].flatMap((i) => [Number(i), 10 * Number(i)]),
    );
    assert.deepEqual(
      [...got.positions.data],
      Array.from({ length: t }, (_, i) => BigInt(i + 3)),
    );
    assert.deepEqual([...got.places.data], [...data]);
    assert.equal(
      [...got.hot.data].reduce((a, b) => Number(a) + Number(b), 0),
      n * t,
    );
  }
});

test("the gradient of a slice goes back to its place, however long the axis is", async () => {
  const x = input("x", [2, symbol("T")]);
  const ranges = [
    [0, 1],
    [1, 3],
    [2, undefined],
    [-2, undefined],
    [0, -1],
  ] as const;
  // Squares, so that the gradient is twice what was taken.
  const gradients = ranges.map(([start, end]) => grad(x.slice(1, start, end).square().sum(), x));
  for (const t of [3, 5]) {
    const data = Float32Array.from({ length: 2 * t }, (_, i) => i + 1);
    const got = await evaluate(Object.fromEntries(gradients.map((dx, i) => [`dx${i}`, dx])), {
      x: { dtype: "float32", shape: [2, t], data },
    });
    ranges.forEach(([start, end], i) => {
      const taken = Array.from({ length: t }, (_, at) => at).slice(start, end);
      assert.deepEqual(
        [...(got[`dx${i}`]?.data ?? [])],
        Array.from(data, (value, at) => (taken.includes(at % t) ? 2 * value : 0)),
      );
    });
  }
});

test("indices and shapes that do not fit are named", () => {
  const x = input("x", [4, 3]);
  assert.throws(() => gather(x, input("i", [2])), /Gather: expected int32 or int64 indices, got float32/);
  assert.throws(() => x.gatherElements(input("i", [5, 3], "int64"), 1), /indices that fit \[4, 3\] but for axis 1, got \[5, 3\]/);
  assert.throws(() => topK(x, 4), /expected k of at most 3 \(axis 1 of \[4, 3\]\), got 4/);
  assert.throws(() => softmaxCrossEntropy(x, input("l", [3], "int64")), /expected labels \[4\] for logits \[4, 3\], got \[3\]/);
});
