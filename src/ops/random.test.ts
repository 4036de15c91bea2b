import assert from "node:assert/strict";
import { test } from "node:test";
import type { Tensor, TensorData } from "../graph/index.js";
import { input, symbol, withScope, Parameter } from "../graph/index.js";
import { grad } from "../autodiff/index.js";
import { evaluate } from "../runtime/index.js";
import { mix32 } from "../util/random.js";
import {
  assign,
  dropout,
  emitOne,
  RandomBits,
  randomInputs,
  randomNormal,
  randomUniform,
  resolveMode,
  seedInput,
  stepInput,
} from "./index.js";

const scalar = (value: number): TensorData => ({ dtype: "uint32", shape: [], data: Uint32Array.of(value) });

/** The stream as its docstring states it, in plain numbers. */
function expectedBits(rows: number, columns: number, seed: number, step: number, key: number): Uint32Array {
  const mix = (x: number): number => {
    [0x9e3779b1, 0x7feb352d, 0x846ca68b, 0xc2b2ae35].forEach((odd, round) => {
      if (round > 0) x = ((x << 16) | (x >>> 16)) >>> 0;
      x = Math.imul(x, (2 * x + odd) >>> 0) >>> 0;
    });
    return x;
  };
  const stream = mix((mix((mix((seed + 0x9e3779b1) >>> 0) + step) >>> 0) + mix32(key)) >>> 0);
  const number = (i: number): number => mix((i + stream) >>> 0);
  const bits = new Uint32Array(rows * columns);
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c < columns; c++) {
      const sum = (number(r) + number(2 * rows + c)) >>> 0;
      const folded = ((Math.imul(sum, sum) >>> 8) + number(2 * rows + columns + c)) >>> 0;
      bits[r * columns + c] = Math.imul(folded, (2 * number(rows + r) + 1) >>> 0);
    }
  }
  return bits;
}

async function bits(shape: readonly number[], seed: number, step: number, key: number): Promise<Uint32Array> {
  const y = emitOne(RandomBits, [seedInput(), stepInput()], { shape, key });
  const got = await evaluate({ y }, { seed: scalar(seed), step: scalar(step) });
  assert.deepEqual(got.y.shape, shape);
  return got.y.data as Uint32Array;
}

test("random bits are those of the formula, for any shape", async () => {
  assert.deepEqual(await bits([6, 4], 1, 2, 3), expectedBits(4, 6, 1, 2, 3));
  assert.deepEqual(await bits([7], 4_000_000_000, 4_294_967_295, 9), expectedBits(1, 7, 4_000_000_000, 4_294_967_295, 9));
  assert.deepEqual(await bits([], 0, 0, 0), expectedBits(1, 1, 0, 0, 0));
});

/** (Σ (observed − n/k)² / (n/k) − (k − 1)) / √(2(k − 1)): about standard normal for a good generator. */
function chiSquareScore(values: Iterable<number>, k: number): number {
  const counts = new Float64Array(k);
  let n = 0;
  for (const v of values) {
    counts[v] = (counts[v] as number) + 1;
    n++;
  }
  const expected = n / k;
  return (counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0) - (k - 1)) / Math.sqrt(2 * (k - 1));
}

/** √n times the correlation of two streams of uint32: about standard normal if they are independent. */
function correlationScore(a: Uint32Array, b: Uint32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += ((a[i] as number) / 2 ** 32 - 0.5) * ((b[i] as number) / 2 ** 32 - 0.5);
  return (12 * sum) / Math.sqrt(a.length);
}

test("random bits pass the tests that a plain counter or a linear mix fails", async () => {
  const side = 256;
  const n = side * side;
  const scores: number[] = [];
  for (let seed = 0; seed < 6; seed++) {
    const x = await bits([side, side], seed, 3 * seed, 17);
    const mean = x.reduce((sum, v) => sum + v / 2 ** 32 - 0.5, 0) / n;
    const variance = x.reduce((sum, v) => sum + (v / 2 ** 32 - 0.5) ** 2, 0) / n;
    scores.push(mean * Math.sqrt(12 * n), (variance - 1 / 12) * Math.sqrt(180 * n));
    for (const shift of [24, 16, 8, 0])
      scores.push(
        chiSquareScore(
          Array.from(x, (v) => (v >>> shift) & 255),
          256,
        ),
      );
    for (const lag of [1, 2, side - 1, side, side + 1]) {
      scores.push(correlationScore(x.subarray(lag), x.subarray(0, n - lag)));
      scores.push(
        chiSquareScore(
          Array.from(x.subarray(lag), (v, i) => ((v >>> 28) << 4) | ((x[i] as number) >>> 28)),
          256,
        ),
      );
    }
    // Blocks of 2 × 2: what sums of a row's and a column's number would fail.
    const blocks = Array.from({ length: n / 4 }, (_, k) => {
      const i = 2 * Math.floor(k / (side / 2)) * side + 2 * (k % (side / 2));
      return [i, i + 1, i + side, i + side + 1].reduce((code, at) => (code << 2) | ((x[at] as number) >>> 30), 0);
    });
    scores.push(chiSquareScore(blocks, 256));
    for (const [s, t, k] of [
      [seed + 1, 3 * seed, 17],
      [seed, 3 * seed + 1, 17],
      [seed, 3 * seed, 18],
    ] as const)
      scores.push(correlationScore(x, await bits([side, side], s, t, k)));
  }
  // Of 120 scores the largest is above 4.7 once in 3,000 generators (chi-square's tail taken into account), and their mean square is near 1.
  const worst = Math.max(...scores.map(Math.abs));
  const meanSquare = scores.reduce((sum, z) => sum + z * z, 0) / scores.length;
  assert.ok(worst < 4.7, `largest score ${worst}`);
  assert.ok(meanSquare > 0.7 && meanSquare < 1.4, `mean square of the scores ${meanSquare}`);
});

test("uniform and normal numbers have their moments", async () => {
  const n = 200 * 500;
  const outputs = [randomUniform([200, 500], -1, 3), randomNormal([200, 500], 2, 0.5)];
  const { map } = resolveMode(outputs, "eval", randomInputs());
  const got = await evaluate(
    { uniform: map(outputs[0] as Tensor), normal: map(outputs[1] as Tensor) },
    { seed: scalar(1), step: scalar(0) },
  );
  const moment = (data: ArrayLike<number>, center: number, power: number): number => {
    let sum = 0;
    for (let i = 0; i < data.length; i++) sum += ((data[i] as number) - center) ** power;
    return sum / data.length;
  };
  const uniform = got.uniform.data as Float32Array;
  assert.ok(uniform.every((v) => v >= -1 && v < 3));
  assert.ok(Math.abs(moment(uniform, 0, 1) - 1) < 5 * Math.sqrt(16 / 12 / n));
  assert.ok(Math.abs(moment(uniform, 1, 2) - 16 / 12) < 0.02);
  const normal = (got.normal.data as Float32Array).map((v) => (v - 2) / 0.5);
  assert.ok(normal.every(Number.isFinite));
  for (const [power, expected, spread] of [
    [1, 0, 1],
    [2, 1, 2],
    [3, 0, 15],
    [4, 3, 96],
    [6, 15, 10_170],
  ] as const)
    assert.ok(Math.abs(moment(normal, 0, power) - expected) < 5 * Math.sqrt(spread / n), `moment ${power}`);
});

test("dropout: identity in use; in training it keeps 1 − p, scaled, with one mask for value, gradient and second gradient", async () => {
  const x = input("x", [symbol("N"), 64]);
  const y = dropout(x, 0.3);
  const dx = grad(y.square().sum(), x);
  const ddx = grad(dx.square().sum(), x);
  const data = { dtype: "float32" as const, shape: [128, 64], data: new Float32Array(128 * 64).fill(2) };
  const random = randomInputs();
  const used = resolveMode([y], "eval", random);
  assert.equal(used.map(y), x);
  // Free dimensions are bound before a graph is resolved for training.
  const fixed = input("x", [128, 64]);
  const z = dropout(fixed, 0.3);
  const dz = grad(z.square().sum(), fixed);
  const ddz = grad(dz.square().sum(), fixed);
  const { map, updates } = resolveMode([z, dz, ddz], "train", random);
  assert.equal(updates.size, 0);
  const at = (seed: number, step: number) =>
    evaluate({ z: map(z), dz: map(dz), ddz: map(ddz) }, { x: data, seed: scalar(seed), step: scalar(step) });
  const got = await at(1, 1);
  const m = (got.z.data as Float32Array).map((v) => v / 2);
  const kept = m.filter((v) => v !== 0).length / m.length;
  assert.ok(Math.abs(kept - 0.7) < 5 * Math.sqrt((0.7 * 0.3) / m.length), `kept ${kept}`);
  m.forEach((v, i) => {
    assert.ok(v === 0 || Math.abs(v - 1 / 0.7) < 1e-6);
    // z = mx, dz = 2m²x, d(dz²) = 8m⁴x
    assert.ok(Math.abs((got.dz.data[i] as number) - 4 * v * v) < 1e-5);
    assert.ok(Math.abs((got.ddz.data[i] as number) - 16 * v ** 4) < 1e-3);
  });
  assert.deepEqual((await at(1, 1)).z.data, got.z.data);
  assert.notDeepEqual((await at(1, 2)).z.data, got.z.data);
  assert.notDeepEqual((await at(2, 1)).z.data, got.z.data);
  assert.ok(ddx.rank === 2);
  assert.throws(() => dropout(x, 1), /expected a probability p in 0 ≤ p < 1, got 1/);
});

test("each dropout has its own numbers: by module path and by how often it is called", async () => {
  const x = input("x", [64, 64]);
  const outputs = [withScope("a", () => dropout(x)), withScope("a", () => dropout(x)), withScope("b", () => dropout(x))];
  const { map } = resolveMode(outputs, "train", randomInputs());
  const ones = { dtype: "float32" as const, shape: [64, 64], data: new Float32Array(4096).fill(1) };
  const got = await evaluate(
    { p: map(outputs[0] as Tensor), q: map(outputs[1] as Tensor), r: map(outputs[2] as Tensor) },
    { x: ones, seed: scalar(5), step: scalar(0) },
  );
  for (const [a, b] of [
    [got.p, got.q],
    [got.p, got.r],
    [got.q, got.r],
  ] as const) {
    const same = [...a.data].filter((v, i) => v === b.data[i]).length;
    assert.ok(Math.abs(same / 4096 - 0.5) < 5 * Math.sqrt(0.25 / 4096));
  }
});

test("a buffer assigned twice chains in training, and is left alone in use", async () => {
  const buffer = new Parameter([2], { initializer: () => [0, 0], trainable: false });
  const x = input("x", [2]);
  const first = assign(x, buffer, buffer.mul(0.5).add(x));
  const second = assign(first.mul(2), buffer, buffer.mul(0.5).add(first.mul(10)));
  const random = randomInputs();
  const { map, updates } = resolveMode([second], "train", random);
  const update = updates.get(buffer) as Tensor;
  const got = await evaluate(
    { y: map(second), update },
    {
      x: { dtype: "float32", shape: [2], data: Float32Array.of(1, 2) },
      parameter0: { dtype: "float32", shape: [2], data: Float32Array.of(4, 8) },
    },
  );
  assert.deepEqual([...got.y.data], [2, 4]);
  assert.deepEqual([...got.update.data], [0.5 * (0.5 * 4 + 1) + 10, 0.5 * (0.5 * 8 + 2) + 20]);
  assert.equal(resolveMode([second], "eval", random).updates.size, 0);
  // The gradient passes to the value.
  const [dx] = (await evaluate({ dx: resolveMode([grad(second.sum(), x)], "train", random).map(grad(second.sum(), x)) })).dx.data;
  assert.equal(dx, 2);
});
