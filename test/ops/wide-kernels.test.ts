/**
 * Convolutions with kernels of many places: gradients to the weights against sums over all places, in graphs of a few nodes.
 */
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { grad } from "../../src/autodiff/index.js";
import { fromNumbers, Graph, input, type TensorData, sizeOf } from "../../src/graph/index.js";
import * as ops from "../../src/ops/index.js";
import { compile, prepareGraph } from "../../src/runtime/index.js";

interface Row {
  readonly name: string;
  readonly x: readonly number[];
  readonly w: readonly number[];
  readonly stride?: number;
  readonly padding?: number;
  readonly dilation?: number;
  readonly groups?: number;
}

const ROWS: readonly Row[] = [
  { name: "1-D", x: [2, 3, 100], w: [4, 3, 80] },
  { name: "strided, with a remainder and padding", x: [2, 3, 101], w: [4, 3, 70], stride: 3, padding: 2 },
  { name: "dilated", x: [2, 2, 210], w: [2, 2, 70], dilation: 3, stride: 2 },
  { name: "in groups", x: [2, 4, 90], w: [6, 2, 66], groups: 2, padding: 5 },
  { name: "one channel each", x: [2, 3, 80], w: [3, 1, 66], groups: 3 },
  { name: "2-D", x: [2, 2, 11, 12], w: [3, 2, 9, 8], padding: 1 },
  { name: "patches side by side", x: [2, 3, 18, 27], w: [4, 3, 9, 9], stride: 9 },
  { name: "patches in groups", x: [2, 4, 18, 18], w: [4, 2, 9, 9], stride: 9, groups: 2 },
  { name: "patches that leave a rest", x: [2, 3, 20, 18], w: [4, 3, 9, 9], stride: 9 },
];

const numbers = (shape: readonly number[], seed: number): TensorData =>
  fromNumbers(
    "float32",
    shape,
    Float32Array.from({ length: sizeOf(shape) }, (_, i) => ((i * 37 + seed * 11) % 101) / 50 - 1),
  );

/** Every index of a shape. */
function* indicesOf(shape: readonly number[]): Generator<number[]> {
  for (let i = 0; i < sizeOf(shape); i++) {
    let rest = i;
    yield shape.map((d, axis) => {
      const inner = sizeOf(shape.slice(axis + 1));
      const at = Math.floor(rest / inner) % d;
      rest %= inner;
      return at;
    });
  }
}
const placeOf = (index: readonly number[], shape: readonly number[]): number =>
  index.reduce((sum, p, i) => sum * (shape[i] as number) + p, 0);

/** Σ over n and p of dy[n, m, p] · x[n, c, stride·p + dilation·k − padding], in float64. */
function expected(
  { stride = 1, padding = 0, dilation = 1, groups = 1, ...row }: Row,
  x: TensorData,
  dy: TensorData,
): Float64Array {
  const [m = 0, each = 0, ...kernel] = row.w;
  const [, , ...slid] = dy.shape;
  const result = new Float64Array(sizeOf(row.w));
  for (const [n = 0, o = 0, ...p] of indicesOf(dy.shape)) {
    const weight = Number(dy.data[placeOf([n, o, ...p], dy.shape)]);
    for (const [c = 0, ...k] of indicesOf([each, ...kernel])) {
      const at = p.map((place, i) => place * stride + (k[i] as number) * dilation - padding);
      if (at.some((place, i) => place < 0 || place >= (row.x[i + 2] as number))) continue;
      const channel = Math.floor(o / (m / groups)) * each + c;
      result[placeOf([o, c, ...k], row.w)]! += weight * Number(x.data[placeOf([n, channel, ...at], row.x)]);
    }
  }
  assert.equal(slid.length, kernel.length);
  return result;
}

suite("gradients to wide kernels", () => {
  for (const row of ROWS) {
    test(row.name, async () => {
      const [x, w] = [input("x", row.x), input("w", row.w)];
      const { stride = 1, padding = 0, dilation = 1, groups = 1 } = row;
      const y = ops.conv(x, w, { stride, padding, dilation, groups });
      const dy = input("dy", y.shape);
      const graph = new Graph({ dw: grad(y, w, { dy }) });
      assert.ok(prepareGraph(graph, "cpu").nodes.length < 25, `${prepareGraph(graph, "cpu").nodes.length} nodes`);
      await using executable = await compile(graph);
      const feeds = { x: numbers(row.x, 1), dy: numbers(y.shape as readonly number[], 2) };
      const { dw } = await executable.call(feeds);
      const want = expected(row, feeds.x, feeds.dy);
      assert.deepEqual(dw?.shape, row.w);
      want.forEach((value, i) =>
        assert.ok(Math.abs(Number(dw?.data[i]) - value) < 1e-3, `place ${i}: ${dw?.data[i]}, not ${value}`),
      );
    });
  }

  test("a kernel of 4,096 places becomes a graph as small as one of 80", () => {
    const sizes = [80, 4096].map((k) => {
      const [x, w] = [input("x", [1, 2, k + 100]), input("w", [2, 2, k])];
      return prepareGraph(new Graph({ dw: grad(ops.conv(x, w).sum(), w) }), "cpu").nodes.length;
    });
    assert.equal(sizes[0], sizes[1]);
  });
});
