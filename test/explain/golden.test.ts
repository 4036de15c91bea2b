/**
 * Attributions and measures against those of Captum, shap, lime, zennit and pytorch-grad-cam, of the same weights and inputs (test/golden/explain.json).
 */
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { Explainable, ExplainOptions } from "../../src/explain/index.js";
import { explain, infidelityOf } from "../../src/explain/index.js";
import { explainableOf } from "../../src/explain/index.js";
import { relativeDistance } from "../../src/explain/measures/max-sensitivity.js";
import { shapleyRegression } from "../../src/explain/methods/kernel-shap.js";
import { neighbourWeights } from "../../src/explain/neighbours.js";
import type { TensorData } from "../../src/graph/index.js";
import { constant } from "../../src/graph/index.js";
import { ridgeFit } from "../../src/util/least-squares.js";
import { conv, float32, golden, mlp, normed, type Numbers, pooled } from "./golden-models.js";

/** As near as the issue asks for, relative to the largest value. */
const DETERMINISTIC = 1e-4;
const FITTED = 1e-3;

function assertNear(got: ArrayLike<number | bigint>, expected: Numbers, relative: number, what: string): void {
  const scale = expected.data.reduce((most, v) => Math.max(most, Math.abs(v)), 0);
  assert.equal(got.length, expected.data.length, `${what}: length`);
  expected.data.forEach((v, i) => {
    assert.ok(Math.abs(Number(got[i]) - v) <= relative * scale, `${what}: element ${i}: expected ${v}, got ${got[i]}`);
  });
}

const [image, blank, background, row, rows] = (["image", "blank", "background", "row", "rows"] as const).map((name) =>
  float32(golden.inputs[name]),
) as [TensorData, TensorData, TensorData, TensorData, TensorData];
const target = golden.target;
const NO_REFINING = { tolerance: 1e9 };

interface Case {
  readonly name: string;
  readonly model: Explainable;
  readonly x: TensorData;
  readonly options: ExplainOptions;
  /** For a method that looks at a layer, its map before enlarging. */
  readonly layer?: boolean;
}

suite("equal to Captum 0.9", () => {
  const images = { model: conv, x: image };
  const tables = { model: mlp, x: row };
  const cases: readonly Case[] = [
    { name: "saliency", ...images, options: { method: "saliency" } },
    { name: "input-x-gradient", ...images, options: { method: "input-x-gradient" } },
    {
      name: "integrated-gradients",
      ...images,
      options: { method: "integrated-gradients", baseline: blank, steps: 50, ...NO_REFINING },
    },
    {
      name: "integrated-gradients middle",
      ...images,
      options: { method: "integrated-gradients", rule: "riemann-middle", steps: 20, ...NO_REFINING },
    },
    { name: "integrated-gradients mlp", ...tables, options: { method: "integrated-gradients", ...NO_REFINING } },
    { name: "layer integrated-gradients", ...images, options: { method: "integrated-gradients", at: "relu1", ...NO_REFINING } },
    {
      name: "neuron integrated-gradients",
      ...images,
      options: { method: "integrated-gradients", neuron: { at: "conv2", index: [2, 1, 3] }, ...NO_REFINING },
    },
    { name: "deep-lift", model: pooled, x: image, options: { method: "deep-lift", baseline: blank } },
    { name: "deep-lift mlp", ...tables, options: { method: "deep-lift" } },
    { name: "deep-shap", model: pooled, x: image, options: { method: "deep-shap", background } },
    { name: "guided-backpropagation", ...images, options: { method: "guided-backpropagation" } },
    { name: "grad-cam", ...images, options: { method: "grad-cam" }, layer: true },
    { name: "guided-grad-cam", ...images, options: { method: "guided-grad-cam" } },
    { name: "occlusion", ...images, options: { method: "occlusion", baseline: blank, window: 4, stride: 2 } },
    {
      name: "feature-ablation",
      ...tables,
      options: { method: "feature-ablation", baseline: { ...rows, shape: [1, 6], data: rows.data.slice(0, 6) } },
    },
  ];
  for (const { name, model, x, options, layer } of cases) {
    test(name, async () => {
      const { values, layerValues } = await explain(model, x, { ...options, target });
      assertNear((layer === true ? layerValues : values)?.data ?? [], golden.captum[name] as Numbers, DETERMINISTIC, name);
    });
  }
});

/** Scaled to 0…1, as pytorch-grad-cam does. */
function unitRange(map: ArrayLike<number | bigint>): number[] {
  const numbers = Array.from(map, Number);
  const low = Math.min(...numbers);
  const high = Math.max(...numbers.map((v) => v - low));
  return numbers.map((v) => (v - low) / (1e-7 + high));
}

suite("equal to pytorch-grad-cam 1.5", () => {
  for (const method of ["grad-cam", "grad-cam-plus-plus", "layer-cam"] as const) {
    test(method, async () => {
      const { values } = await explain(conv, image, { method, target });
      const got = [0, 1].flatMap((i) => unitRange(values.data.subarray(i * 64, (i + 1) * 64)));
      assertNear(got, golden.gradCam[method] as Numbers, DETERMINISTIC, method);
    });
  }
  test("score-cam", async () => {
    const { values } = await explain(conv, image, { method: "score-cam", at: "relu1", target });
    const got = [0, 1].flatMap((i) => unitRange(values.data.subarray(i * 64, (i + 1) * 64)));
    assertNear(got, golden.gradCam["score-cam"] as Numbers, DETERMINISTIC, "score-cam");
  });
});

suite("equal to zennit 0.5", () => {
  const cases: readonly (readonly [name: string, options: ExplainOptions, model?: Explainable])[] = [
    ["epsilon", {}],
    ["epsilon 0.1", { epsilon: 0.1 }],
    ["gamma", { relevance: "gamma" }],
    ["alpha-beta", { relevance: "alpha-beta" }],
    ["z-plus", { relevance: "z-plus" }],
    ["epsilon-plus", { relevance: "epsilon-plus" }],
    ["epsilon-gamma-box", { relevance: "epsilon-gamma-box" }],
    ["epsilon normed", { relevance: "epsilon-plus" }, normed],
  ];
  for (const [name, options, model = conv] of cases) {
    test(name, async () => {
      const expected = golden.zennit[name] as Numbers;
      const n = expected.shape[0] ?? 1;
      const x = { ...image, shape: [n, 2, 8, 8], data: image.data.slice(0, n * 128) };
      const { values } = await explain(model, x, { method: "lrp", ...options, target: target.slice(0, n) });
      assertNear(values.data, expected, DETERMINISTIC, name);
    });
  }
});

suite("equal to shap 0.51", () => {
  test("exact", async () => {
    const { examples } = await explain(mlp, row, { method: "exact-shapley", background: rows, target: 1 });
    assertNear(
      examples.flatMap(({ parts }) => [...(parts?.values ?? [])]),
      golden.shap.exact,
      DETERMINISTIC,
      "exact",
    );
  });
  test("kernel, all coalitions", async () => {
    const { examples } = await explain(mlp, row, { method: "kernel-shap", background: rows, target: 1, samples: 62 });
    assertNear(
      examples.flatMap(({ parts }) => [...(parts?.values ?? [])]),
      golden.shap["kernel all"],
      FITTED,
      "kernel",
    );
  });
  test("kernel, the same coalitions", () => {
    const { masks, weights, scores, empty, full, values } = golden.shap.kernel;
    const coalitions = { count: masks.length, masks: Uint8Array.from(masks.flat()), weights: Float64Array.from(weights) };
    const got = shapleyRegression(coalitions, values.length, scores, { empty, full });
    assertNear(got, { shape: [10], data: values }, FITTED, "kernel");
  });
  test("linear", async () => {
    const { weights, bias } = golden.shap.linearModel;
    const w = constant({ dtype: "float32", shape: [6, 1], data: Float32Array.from(weights) });
    const linear = explainableOf((x) => x.matMul(w).add(bias), [6], 1);
    const { values } = await explain(linear, row, { method: "linear-shap", background: rows });
    assertNear(values.data, golden.shap.linear, DETERMINISTIC, "linear");
  });
});

test("LIME: coefficients equal lime 0.2's, of the same neighbours", () => {
  const { switches, scores, coefficients, intercept, r2 } = golden.lime;
  const flat = Uint8Array.from(switches.flat());
  const fit = ridgeFit(flat, scores, neighbourWeights(flat, 6, 0.25, "cosine"), 6, 1);
  assertNear(
    [...fit.coefficients, fit.intercept, fit.r2],
    { shape: [8], data: [...coefficients, intercept, r2] },
    FITTED,
    "lime",
  );
});

test("measures equal Captum's, of the same perturbations", () => {
  const { predicted, drops, moved } = golden.measures;
  const near = (got: number, expected: number): void =>
    assertNear([got], { shape: [], data: [expected] }, DETERMINISTIC, "measure");
  near(infidelityOf(predicted.data, drops.data, false), golden.measures.infidelity);
  near(infidelityOf(predicted.data, drops.data, true), golden.measures["infidelity normalized"]);
  assert.equal(moved.shape[0], 3);
});

test("max-sensitivity equals Captum's, of the same neighbours", async () => {
  const first = { ...row, shape: [1, 6], data: row.data.slice(0, 6) };
  const { values } = await explain(mlp, first, { method: "input-x-gradient", target: 1 });
  const moved = await explain(mlp, float32(golden.measures.moved), { method: "input-x-gradient", target: 1 });
  const distances = [0, 1, 2].map((i) =>
    relativeDistance(moved.values.data.subarray(i * 6, (i + 1) * 6) as Float32Array, values.data as Float32Array),
  );
  assertNear(
    [Math.max(...distances)],
    { shape: [], data: [golden.measures["max-sensitivity"]] },
    DETERMINISTIC,
    "max-sensitivity",
  );
});
