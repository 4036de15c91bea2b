/**
 * Graphs with free dimensions give what the same graphs with numbers in their place give, values and gradients.
 */
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { grad } from "../../src/autodiff/index.js";
import {
  type Dim,
  fromNumbers,
  Graph,
  input,
  type Shape,
  sizeOf,
  symbol,
  symbolsOf,
  type Tensor,
  type TensorData,
} from "../../src/graph/index.js";
import * as ops from "../../src/ops/index.js";
import { clearCompiled, compile, type Executable } from "../../src/runtime/index.js";
import { platformRuntime } from "#platform";

const [N, T, H, W] = [symbol("N"), symbol("T"), symbol("H"), symbol("W")];

/** N and T, free or bound. */
interface Lengths {
  readonly n: Dim;
  readonly t: Dim;
}

interface Row {
  readonly name: string;
  readonly x: Shape;
  /** A second input. */
  readonly w?: Shape;
  readonly make: (x: Tensor, w: Tensor, lengths: Lengths) => Tensor;
}

const image: Shape = [N, 4, H, W];
const ROWS: readonly Row[] = [
  { name: "a free batch through MaxPool", x: [N, 4, 6, 6], make: (x) => ops.maxPool(x, 3, { stride: 2, padding: 1 }) },
  { name: "MaxPool over free pictures", x: image, make: (x) => ops.maxPool(x, 3, { stride: 2, padding: 1 }) },
  { name: "MaxPool, rounded up", x: image, make: (x) => ops.maxPool(x, 2, { ceilMode: true }) },
  {
    name: "MaxPool, rounded up with wide padding",
    x: image,
    make: (x) => ops.maxPool(x, 2, { stride: 3, padding: 1, ceilMode: true }),
  },
  {
    name: "AveragePool over free pictures",
    x: image,
    make: (x) => ops.averagePool(x, 3, { stride: 2, padding: 1 }),
  },
  { name: "GlobalAveragePool", x: image, make: (x) => ops.globalAveragePool(x) },
  {
    name: "strided Conv",
    x: image,
    w: [6, 4, 3, 3],
    make: (x, w) => ops.conv(x, w, { stride: 2, padding: 1 }),
  },
  { name: "two strided Conv", x: image, w: [4, 4, 3, 3], make: (x, w) => ops.conv(ops.conv(x, w, { stride: 2 }), w, { stride: 2, padding: 1 }) }, // prettier-ignore
  { name: "rows of a table", x: [9, 5], w: [N, T], make: (x, w) => ops.gather(x, w.abs().mod(9).cast("int64")) },
  {
    name: "rows of a free table",
    x: [T, 5],
    w: [3],
    make: (x, w) => ops.gather(x, w.abs().mod(2).cast("int64")),
  },
  { name: "two free axes become one", x: [N, T, 3], make: (x) => x.reshape([-1, 3]).square() },
  { name: "flattened before an axis", x: [N, T, H], make: (x) => x.flatten(1) },
  { name: "a part up to another length", x: [9, 5], w: [N, T, 5], make: (x, w, { t }) => x.slice(0, 0, t).add(w) },
  { name: "from another length to the end", x: [9, 5], w: [T, 1], make: (x, w, { t }) => x.slice(0, t).add(w.sum()) },
  { name: "every other", x: [N, T], make: (x) => x.slice(1, 0, Number.MAX_SAFE_INTEGER, 2) },
  { name: "backwards", x: [N, T], make: (x) => x.flip(1) },
  { name: "all but the last", x: [N, T], make: (x) => x.slice(1, 0, -1) },
  { name: "the last two", x: [N, T], make: (x) => x.slice(1, -2) },
  {
    name: "joined and split",
    x: [N, T],
    w: [N, 3],
    make: (x, w, { t }) => ops.concat(ops.concat([x, w], 1).square().split([3, t], 1), 1),
  },
  { name: "mean over a free axis", x: [N, T, 3], make: (x) => x.mean([1]).square() },
  { name: "product over a free axis", x: [2, T], make: (x) => x.prod([1]) },
  { name: "largest over a free axis", x: [N, T], make: (x) => x.reduceMax([1]) },
  { name: "repeated", x: [N, T], make: (x, _, { n }) => ops.tile(x, [2, n]) },
  { name: "reflected border", x: [N, T], make: (x) => x.pad([0, 1], [0, 1], "reflect") },
  { name: "half the size", x: image, make: (x) => ops.resize(x, { scales: [0.5, 0.5], mode: "linear" }) },
  { name: "twice the size", x: image, make: (x) => ops.resize(x, { scales: [2, 2] }) },
  { name: "softmax over a free axis", x: [N, T], make: (x) => x.softmax(1) },
  { name: "a gradient of nothing but a shape", x: [N, T], make: (x) => x.reshape([-1]) },
];

/** Numbers that differ, without ties. */
const numbers = (shape: readonly number[], seed: number): TensorData => {
  const size = sizeOf(shape);
  return fromNumbers(
    "float32",
    shape,
    Float32Array.from({ length: size }, (_, i) => ((i * 37 + seed * 11) % 101) / 25 - 2),
  );
};

const SIZES = [
  { N: 2, T: 5, H: 7, W: 9 },
  { N: 3, T: 4, H: 8, W: 6 },
];

const lengthsOf = (shape: Shape, sizes: Readonly<Record<string, number>>): number[] =>
  shape.map((d) => (typeof d === "number" ? d : (sizes[[...symbolsOf(d)][0] as string] as number)));

suite("free dimensions", () => {
  for (const row of ROWS) {
    test(row.name, async () => {
      const graphFor = (shapeOf: (shape: Shape) => Shape, lengths: Lengths): Graph => {
        const [x, w] = [input("x", shapeOf(row.x)), input("w", shapeOf(row.w ?? [1]))];
        const y = row.make(x, w, lengths);
        return new Graph({ y, dx: grad(y.mul(y.cos()).sum(), x) });
      };
      await using free = await compile(graphFor((shape) => shape, { n: N, t: T }));
      for (const sizes of SIZES) {
        await using fixed = await compile(graphFor((shape) => lengthsOf(shape, sizes), { n: sizes.N, t: sizes.T }));
        const given: Readonly<Record<string, TensorData>> = {
          x: numbers(lengthsOf(row.x, sizes), 1),
          w: numbers(lengthsOf(row.w ?? [1], sizes), 2),
        };
        const run = (e: Executable) => e.call(Object.fromEntries(e.inputs.map((name) => [name, given[name] as TensorData])));
        const [got, expected] = [await run(free), await run(fixed)];
        for (const name of ["y", "dx"]) {
          assert.deepEqual(got[name]?.shape, expected[name]?.shape, name);
          got[name]?.data.forEach((v, i) =>
            assert.ok(Math.abs(Number(v) - Number(expected[name]?.data[i])) < 1e-4, `${name} ${i}`),
          );
        }
      }
    });
  }

  test("lengths that contradict each other are refused, and the graph goes on", async () => {
    const [x, w] = [input("x", [N, 4, H, H]), input("w", [2, 4, 3, 3])];
    const dx = grad(ops.conv(x, w, { stride: 2 }).sum(), x);
    await using executable = await compile({ dx });
    const weights = numbers([2, 4, 3, 3], 1);
    const run = (shape: readonly number[]) => executable.call({ x: numbers(shape, 1), w: weights });
    await assert.rejects(run([1, 4, 7, 9]), /run: input "x": expected \[N, 4, H, H\] where N = 1, H = 7, got \[1, 4, 7, 9\]/);
    assert.deepEqual((await run([1, 4, 9, 9])).dx?.shape, [1, 4, 9, 9]);
    await clearCompiled(await platformRuntime());
  });
});
