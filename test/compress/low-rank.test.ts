/**
 * Low rank: factors of known matrices, and layers of models as two, which at full rank give the same.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  factoring,
  type Factors,
  factorsOf,
  linearWeights,
  type LinearWeight,
  matrixOf,
} from "../../src/compress/low-rank/factor.js";
import type { Tensor, TensorData } from "../../src/graph/index.js";
import { Parameter, toNumbers } from "../../src/graph/index.js";
import { zerosInit } from "../../src/nn/index.js";
import { resolveForUse, verifyGraph } from "../../src/ops/index.js";
import { compile } from "../../src/runtime/index.js";
import { Random } from "../../src/util/random.js";
import { ZOO } from "./pruning-zoo.js";

/** down · up, as [in, out]. */
function product({ rank, down, up }: Factors, inFeatures: number, outFeatures: number): Float64Array {
  const w = new Float64Array(inFeatures * outFeatures);
  for (let i = 0; i < inFeatures; i++)
    for (let j = 0; j < outFeatures; j++)
      for (let r = 0; r < rank; r++)
        w[i * outFeatures + j] =
          (w[i * outFeatures + j] as number) + (down[i * rank + r] as number) * (up[r * outFeatures + j] as number);
  return w;
}

const random = new Random(1, "low rank");
const drawn = (n: number): Float64Array => Float64Array.from({ length: n }, () => random.normal());

for (const [inFeatures, outFeatures] of [
  [5, 8],
  [8, 5],
] as const) {
  test(`a matrix of rank 2 [${inFeatures}, ${outFeatures}] has factors of rank 2, whatever the scales of its inputs`, () => {
    const whole = product({ rank: 2, down: drawn(2 * inFeatures), up: drawn(2 * outFeatures) }, inFeatures, outFeatures);
    for (const scales of [undefined, drawn(inFeatures).map((v) => Math.abs(v) + 0.1)]) {
      const found = factorsOf(whole, inFeatures, outFeatures, 1 - 1e-12, scales);
      assert.equal(found.rank, 2);
      product(found, inFeatures, outFeatures).forEach((v, i) => assert.ok(Math.abs(v - (whole[i] as number)) < 1e-9));
    }
  });
}

test("the error of the outputs is what was cut of the energy", () => {
  const whole = drawn(6 * 4);
  const found = factorsOf(whole, 6, 4, 0.7);
  const error = product(found, 6, 4).reduce((sum, v, i) => sum + (v - (whole[i] as number)) ** 2, 0);
  assert.ok(found.rank < 4 && error <= 0.3 * whole.reduce((sum, v) => sum + v * v, 0));
});

for (const name of ["mlp", "mobilenet-v3-small", "bert", "gpt-2"]) {
  test(`${name}: layers as two of full rank give the same outputs`, async () => {
    const zoo = (ZOO.get(name) as () => ReturnType<NonNullable<ReturnType<typeof ZOO.get>>>)();
    const named = { graph: zoo.graph, paths: zoo.paths };
    const layers = linearWeights(named);
    assert.ok(layers.length > 1);
    const before = new Map([...zoo.numbers].map(([t, n]) => [zoo.paths.get(t) as string, n]));
    const factors = new Map(
      layers.map((layer): [string, Factors & LinearWeight] => [
        layer.path,
        { ...layer, ...factorsOf(matrixOf(before.get(layer.path) as TensorData, layer), layer.inFeatures, layer.outFeatures, 1) },
      ]),
    );
    const rewrite = factoring(factors);
    const made = new Map<string, Parameter>();
    const apart = rewrite.apply(named, (path, dims, { dtype }) => {
      const p = made.get(path) ?? new Parameter(dims, { dtype, initializer: zerosInit });
      made.set(path, p);
      return p;
    });
    verifyGraph(apart.graph, "low rank");
    assert.equal(made.size, 2 * layers.length);
    const weights = rewrite.weights(before);
    const run = async (y: Tensor, values: ReadonlyMap<Tensor, TensorData>): Promise<Float64Array> => {
      await using executable = await compile(resolveForUse({ y }), { values });
      return toNumbers((await executable.call(zoo.feeds))["y"] as TensorData);
    };
    const expected = await run(zoo.graph.outputs.get("y") as Tensor, zoo.numbers);
    const values = new Map([...apart.paths].map(([t, path]) => [t, weights.get(path) as TensorData]));
    const got = await run(apart.graph.outputs.get("y") as Tensor, values);
    const scale = expected.reduce((most, v) => Math.max(most, Math.abs(v)), 1e-3);
    expected.forEach((v, i) => assert.ok(Math.abs(v - (got[i] as number)) < 1e-4 * scale, `expected ${v}, got ${got[i]}`));
  });
}
