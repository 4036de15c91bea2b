/**
 * Files of others beside the data (../shared/models) against PyTorch: gradients of FastestDet, EfficientNet-Lite0 and an MNIST CNN at given scores
 * (test/golden/explain-models.json, made in float64 by an evaluation that shares no code with this one).
 */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { suite, test } from "node:test";
import { Explainer, explainableOnnx } from "../../src/explain/index.js";
import type { Tensor } from "../../src/graph/index.js";
import { fromNumbers, sizeOf, toNumbers } from "../../src/graph/index.js";

interface Score {
  /** In the flat output. */
  readonly place: number;
  readonly score: number;
  readonly greatest: number;
  /** Every `spacing`th element. */
  readonly gradient: readonly number[];
  /** Σ |gradient| over tiles × tiles parts of each channel. */
  readonly tiles: readonly number[];
}

interface Golden {
  readonly spacing: number;
  readonly tiles: number;
  readonly cases: readonly {
    readonly file: string;
    readonly input: string;
    readonly shape: readonly [number, number, number, number];
    readonly scale: number;
    readonly scores: readonly Score[];
  }[];
}

const { spacing, tiles, cases } = JSON.parse(readFileSync("test/golden/explain-models.json", "utf8")) as Golden;
const data = process.env["DESCENT_DATA"] ?? "";
const TOLERANCE = 1e-4;

/** The pattern that the golden script makes: whole numbers below 256, times a scale. */
function pattern([, channels, height, width]: readonly [number, number, number, number], scale: number): Float32Array {
  const numbers = new Float32Array(channels * height * width);
  for (let c = 0, i = 0; c < channels; c++)
    for (let y = 0; y < height; y++)
      for (let x = 0; x < width; x++, i++)
        numbers[i] = ((c * 37 + Math.floor(((3 + c) * y * y) / 64) + Math.floor((5 * x * y) / 32) + 7 * x) % 256) * scale;
  return numbers;
}

function tileSums(gradient: ArrayLike<number>, channels: number, side: number): number[] {
  const sums = new Array<number>(channels * tiles * tiles).fill(0);
  // Edges lie at ⌊i · side / tiles⌋.
  const tileOf = Array.from({ length: side }, (_, at) => Math.floor(((at + 1) * tiles - 1) / side));
  for (let i = 0; i < gradient.length; i++) {
    const [c, y, x] = [Math.floor(i / side / side), Math.floor(i / side) % side, i % side];
    const tile = (c * tiles + (tileOf[y] as number)) * tiles + (tileOf[x] as number);
    sums[tile] = (sums[tile] as number) + Math.abs(gradient[i] as number);
  }
  return sums;
}

function near(got: ArrayLike<number>, expected: readonly number[], what: string): void {
  assert.equal(got.length, expected.length);
  const scale = expected.reduce((most, v) => Math.max(most, Math.abs(v)), 0);
  assert.ok(scale > 0, what);
  expected.forEach((v, i) => {
    assert.ok(Math.abs((got[i] as number) - v) <= TOLERANCE * scale, `${what} ${i}: expected ${v}, got ${got[i]}`);
  });
}

suite("gradients of files beside the data are PyTorch's", () => {
  for (const { file, input, shape, scale, scores } of cases) {
    const path = join(data, "../models", file);
    const skip = data !== "" && existsSync(path) ? false : `set DESCENT_DATA beside a folder models with ${file}`;
    test(file, { skip }, async () => {
      const flat = (y: Tensor): Tensor => y.reshape([y.shape[0] ?? 1, -1]);
      const model = explainableOnnx(new Uint8Array(readFileSync(path)), { where: file, select: flat, keepSoftmax: true });
      const image = fromNumbers("float32", shape, Float64Array.from(pattern(shape, scale)));
      const given = await model.encode({ [input]: image });
      await using explainer = new Explainer(model);
      for (const { place, score, greatest, gradient, tiles: sums } of scores) {
        const { values, examples } = await explainer.explain(given, { method: "saliency", signed: true, target: place });
        const numbers = toNumbers(values);
        assert.equal(numbers.length, sizeOf(shape));
        near([examples[0]?.score ?? NaN], [score], `${file}, the score at ${place}`);
        const most = numbers.reduce((top, v) => Math.max(top, Math.abs(v)), 0);
        near([most], [greatest], `${file}, ${place}, the greatest gradient`);
        const some = gradient.map((_, i) => numbers[i * spacing] as number);
        assert.equal(gradient.length, Math.ceil(numbers.length / spacing));
        gradient.forEach((v, i) => {
          assert.ok(
            Math.abs((some[i] as number) - v) <= TOLERANCE * greatest,
            `${file}, ${place}, element ${i * spacing}: expected ${v}, got ${some[i]}`,
          );
        });
        near(tileSums(numbers, shape[1], shape[2]), sums, `${file}, ${place}, tile`);
      }
    });
  }
});
