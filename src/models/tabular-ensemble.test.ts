import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { vjpOf } from "../autodiff/index.js";
import type { Parameter, Tensor } from "../graph/index.js";
import { constant, fromNumbers } from "../graph/index.js";
import { crossEntropy, meanSquaredError } from "../losses/index.js";
import { randomInputs, resolveMode } from "../ops/index.js";
import type { RefValue } from "../../test/reference/index.js";
import { evaluateReference } from "../../test/reference/index.js";
import { ConfigError } from "../util/errors.js";
import { TabularEnsemble } from "./tabular-ensemble.js";

const golden = JSON.parse(readFileSync(new URL("../../../test/golden/tabular-ensemble.json", import.meta.url), "utf8")) as {
  bins: { feature: number; edges: number[] }[];
  features: number[];
  codes: number[];
  cases: { outputs: number; answer: number[]; target: number[]; loss: number; gradientNorms: Record<string, number> }[];
};
const shape = { inFeatures: 2, categories: [4], hidden: [5, 4], members: 3, bins: golden.bins };

/** As scripts/golden/tabular-ensemble.py makes its numbers. */
const filled = (model: TabularEnsemble, paths: readonly string[]): Map<Tensor, RefValue> =>
  new Map(
    [...model.state()].map(([path, p]): [Tensor, RefValue] => {
      const wave = (_: unknown, i: number): number => 0.3 * Math.sin(1 + 0.37 * i + paths.indexOf(path));
      return [p, { dtype: "float32", shape: p.dims, data: Float64Array.from({ length: p.size }, wave) }];
    }),
  );

const isNear = (actual: number, expected: number): boolean =>
  Math.abs(actual - expected) <= 1e-6 * Math.max(1, Math.abs(expected));

for (const { outputs, answer, target, loss, gradientNorms } of golden.cases)
  test(`tabular ensemble of ${outputs === 1 ? "a quantity" : "classes"}: answer, loss and gradients as PyTorch's, member by member`, () => {
    const model = new TabularEnsemble({ ...shape, outFeatures: outputs, quantities: outputs === 1 });
    const features = constant(fromNumbers("float32", [4, 2], golden.features));
    const codes = constant(fromNumbers("int32", [4, 1], golden.codes));
    const members = model.members(features, codes);
    const truth = constant(fromNumbers(outputs === 1 ? "float32" : "int32", [4], target));
    const each = truth.unsqueeze(0).expand([3, 4]).reshape([-1]);
    const minimized =
      outputs === 1 ? meanSquaredError(members.reshape([-1]), each) : crossEntropy(members.reshape([-1, outputs]), each);
    const scores = model.forward(features, codes);
    const { map } = resolveMode([scores, model.joined(members), minimized], "train", randomInputs());
    const parameters: [string, Parameter][] = [...model.parameters()];
    const gradients = vjpOf(
      [map(minimized)],
      [constant(1, "float32")],
      parameters.map(([, p]) => p),
    );
    const paths = Object.keys(gradientNorms);
    const [given, joined, value, ...dw] = evaluateReference(
      [scores, model.joined(members), minimized].map((t) => map(t)).concat(gradients),
      filled(model, paths),
    );
    for (const { shape: [rows, width] = [], data } of [given, joined] as RefValue[]) {
      assert.deepEqual([rows, width], [4, outputs]);
      answer.forEach((expected, i) => assert.ok(isNear(Number(data[i]), expected), `answer ${i}: ${expected}, ${data[i]}`));
    }
    assert.ok(isNear(Number(value?.data[0]), loss));
    assert.deepEqual(parameters.map(([path]) => path).sort(), paths.toSorted());
    parameters.forEach(([path], j) => {
      const norm = Math.hypot(...(dw[j]?.data ?? []));
      assert.ok(isNear(norm, gradientNorms[path] as number), `${path}: ${gradientNorms[path]}, ${norm}`);
    });
  });

test("tabular ensemble: without members or hidden layers it is refused", () => {
  const refused = (options: object, message: RegExp): void =>
    assert.throws(
      () => new TabularEnsemble({ ...shape, outFeatures: 1, ...options }),
      (error: Error) => error instanceof ConfigError && message.test(error.message),
    );
  refused({ members: 0 }, /members: expected a number of at least 1, got 0/);
  refused({ hidden: [] }, /hidden: expected widths of at least one layer/);
});
