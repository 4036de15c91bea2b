import assert from "node:assert/strict";
import { test } from "node:test";
import { grad } from "../autodiff/index.js";
import type { Tensor, TensorData } from "../graph/index.js";
import { fromNumbers, Graph, input, sizeOf, symbol } from "../graph/index.js";
import { exportGraph, importOnnx } from "../onnx/index.js";
import { lowerGraph } from "../ops/index.js";
import { compile, platformRuntime } from "../runtime/index.js";
import type { RefValue } from "../../test/reference/index.js";
import { evaluateReference } from "../../test/reference/index.js";
import { DTypeError, ShapeError } from "../util/errors.js";
import { Random } from "../util/random.js";
import { crfLogPartition, crfNegativeLogLikelihood, crfScore, viterbi } from "./index.js";

const [N, T, K] = [3, 4, 3];
const LENGTHS = [4, 2, 1];
const random = new Random(7, "crf");
const draw = (shape: readonly number[], scale = 1): RefValue => ({
  dtype: "float32",
  shape,
  data: Float64Array.from({ length: sizeOf(shape) }, () => scale * random.normal()),
});
const emissions = input("emissions", [N, T, K]);
const mask = input("mask", [N, T], "bool");
const tags = input("tags", [N, T], "int32");
const scores = { start: input("start", [K]), transitions: input("transitions", [K, K]), end: input("end", [K]) };
const maskValue: RefValue = {
  dtype: "bool",
  shape: [N, T],
  data: Float64Array.from({ length: N * T }, (_, i) => (i % T < (LENGTHS[Math.floor(i / T)] as number) ? 1 : 0)),
};
// Padding holds no tag at all.
const tagsValue: RefValue = {
  dtype: "int32",
  shape: [N, T],
  data: maskValue.data.map((on) => (on === 1 ? random.integer(K) : -100)),
};

/** The score of every path of a text, by all K^length of them. */
function allPaths(feeds: ReadonlyMap<Tensor, RefValue>, n: number): { path: number[]; score: number }[] {
  const at = (t: Tensor, i: number): number => feeds.get(t)?.data[i] as number;
  const length = LENGTHS[n] as number;
  return Array.from({ length: K ** length }, (_, code) => {
    const path = Array.from({ length }, (_, t) => Math.floor(code / K ** t) % K);
    let score = at(scores.start, path[0] as number) + at(scores.end, path.at(-1) as number);
    path.forEach((tag, t) => {
      score += at(emissions, (n * T + t) * K + tag);
      if (t > 0) score += at(scores.transitions, (path[t - 1] as number) * K + tag);
    });
    return { path, score };
  });
}

for (const scale of [1, 300]) {
  test(`the partition, a path's score, and the best path are those of all paths (scores of size ${scale})`, () => {
    const feeds = new Map<Tensor, RefValue>([
      [emissions, draw([N, T, K], scale)],
      [mask, maskValue],
      [tags, tagsValue],
      [scores.start, draw([K], scale)],
      [scores.transitions, draw([K, K], scale)],
      [scores.end, draw([K], scale)],
    ]);
    const best = viterbi(emissions, scores, { mask });
    const outputs = [
      crfLogPartition(emissions, scores, { mask }),
      crfScore(emissions, tags, scores, { mask }),
      best.tags,
      best.score,
    ];
    const [partition, score, path, bestScore] = evaluateReference(outputs, feeds) as [RefValue, RefValue, RefValue, RefValue];
    for (let n = 0; n < N; n++) {
      const all = allPaths(feeds, n);
      const top = all.reduce((a, b) => (b.score > a.score ? b : a));
      const total = Math.log(all.reduce((sum, p) => sum + Math.exp(p.score - top.score), 0)) + top.score;
      const length = LENGTHS[n] as number;
      const row = (value: RefValue): number[] => Array.from(value.data.subarray(n * T, n * T + length));
      const own = all.find((p) => p.path.join() === row(tagsValue).join());
      const near = (a: number | undefined, b: number | undefined): void =>
        assert.ok(Math.abs((a ?? NaN) - (b ?? NaN)) < 1e-9 * Math.max(1, scale), `${a} and ${b}`);
      near(partition.data[n], total);
      near(score.data[n], own?.score);
      near(bestScore.data[n], top.score);
      assert.deepEqual(row(path), top.path);
      assert.ok(path.data.slice(n * T + length, (n + 1) * T).every((tag) => tag === 0));
    }
  });
}

/** The best path of whole-number scores, of equal ones that with the smaller last differing tag: by all K^length of them. */
function bestOfAll(scoreOf: (path: readonly number[]) => number, length: number): { path: number[]; score: number } {
  let best = { path: [] as number[], score: -Infinity };
  // Codes grow with the last tag first, then with the one before it.
  for (let code = 0; code < K ** length; code++) {
    const path = Array.from({ length }, (_, t) => Math.floor(code / K ** t) % K);
    const score = scoreOf(path);
    if (score > best.score) best = { path, score };
  }
  return best;
}

test("a file of free batch and length decodes in the engine alone, ties included, and as it is read back", async () => {
  const [n, t] = [symbol("N"), symbol("T")];
  const free = { emissions: input("emissions", [n, t, K]), mask: input("mask", [n, t], "int64") };
  const { tags: path, score } = viterbi(free.emissions, scores, { mask: free.mask });
  const partition = crfLogPartition(free.emissions, scores, { mask: free.mask });
  const file = exportGraph(lowerGraph(new Graph({ path, score, partition }), "onnx"));
  const runtime = await platformRuntime();
  await using session = await runtime.createSession(file, { device: "cpu", threads: 1 });
  await using read = await compile(importOnnx(file).graph, { threads: 1 });
  for (const lengths of [[1], [5, 1, 3], [2, 2], [6, 4, 1, 5]]) {
    const width = Math.max(...lengths) + (lengths.length === 2 ? 3 : 0);
    const whole = (shape: readonly number[]): TensorData =>
      fromNumbers(
        "float32",
        shape,
        Array.from({ length: sizeOf(shape) }, () => random.integer(4) - 1),
      );
    const feeds = {
      emissions: whole([lengths.length, width, K]),
      mask: fromNumbers(
        "int64",
        [lengths.length, width],
        lengths.flatMap((length) => Array.from({ length: width }, (_, i) => Number(i < length))),
      ),
      start: whole([K]),
      transitions: whole([K, K]),
      end: whole([K]),
    };
    const raw = await session.run(Object.fromEntries(Object.entries(feeds).map(([name, data]) => [name, runtime.upload(data)])));
    const again = await read.call(feeds);
    const at = (name: keyof typeof feeds, i: number): number => Number(feeds[name].data[i]);
    for (const [name, value] of Object.entries(raw)) assert.deepEqual(again[name], await runtime.read(value), name);
    for (const [row, length] of lengths.entries()) {
      const scoreOf = (tagged: readonly number[]): number =>
        tagged.reduce(
          (sum, tag, i) =>
            sum +
            at("emissions", (row * width + i) * K + tag) +
            (i === 0 ? at("start", tag) : at("transitions", (tagged[i - 1] as number) * K + tag)),
          at("end", tagged.at(-1) as number),
        );
      const best = bestOfAll(scoreOf, length);
      const found = Array.from(again["path"]?.data.subarray(row * width, (row + 1) * width) ?? [], Number);
      assert.deepEqual(found, [...best.path, ...new Array<number>(width - length).fill(0)]);
      assert.equal(again["score"]?.data[row], best.score);
    }
  }
});

test("the gradient of the loss to the emissions is the probability of each tag, less the given one", () => {
  const feeds = new Map<Tensor, RefValue>([
    [emissions, draw([N, T, K])],
    [mask, maskValue],
    [tags, tagsValue],
    [scores.start, draw([K])],
    [scores.transitions, draw([K, K])],
    [scores.end, draw([K])],
  ]);
  const loss = crfNegativeLogLikelihood(emissions, tags, scores, { mask });
  const [d] = evaluateReference([grad(loss, emissions)], feeds) as [RefValue];
  for (let n = 0; n < N; n++) {
    const all = allPaths(feeds, n);
    const total = all.reduce((sum, p) => sum + Math.exp(p.score), 0);
    for (let t = 0; t < T; t++) {
      for (let k = 0; k < K; k++) {
        const inside = t < (LENGTHS[n] as number);
        const probability = all.reduce((sum, p) => sum + (p.path[t] === k ? Math.exp(p.score) / total : 0), 0);
        const given = inside && tagsValue.data[n * T + t] === k ? 1 : 0;
        // 1/N is a float32 constant of the graph.
        assert.ok(Math.abs((d.data[(n * T + t) * K + k] as number) - (probability - given) / N) < 1e-7);
      }
    }
  }
});

test("shapes and types that do not fit are refused", () => {
  assert.throws(() => crfScore(input("e", [2, symbol("T"), K]), input("t", [2, symbol("T")], "int32"), scores), ShapeError);
  assert.throws(() => crfLogPartition(input("e", [2, 3, 5]), scores), /start: expected \[5\], got \[3\]/);
  assert.throws(() => crfScore(emissions, input("tags", [N, T]), scores), DTypeError);
  assert.throws(
    () => viterbi(emissions, scores, { mask: input("m", [N, T + 1], "bool") }),
    /expected a mask \[3, 4\], got \[3, 5\]/,
  );
});
