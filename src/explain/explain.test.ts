/**
 * Parts of the explainers that have answers of their own: quadrature, superpixels, subsets, baselines, batches cut by memory, measures.
 */
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { Tensor, TensorData } from "../graph/index.js";
import { constant, fromNumbers, input, sizeOf, toNumbers } from "../graph/index.js";
import { conv } from "../ops/index.js";
import { evaluate } from "../runtime/index.js";
import { Random } from "../util/random.js";
import { baselinesFor } from "./baseline.js";
import { pieceSize } from "./batch.js";
import { binsOf } from "./bins.js";
import { enlargeMap } from "./enlarge.js";
import type { ExplainOptions } from "./explain.js";
import { explain, Explainer } from "./explain.js";
import type { Explainable } from "./explainable.js";
import { explainableOf } from "./explainable.js";
import { faithfulness } from "./measures/faithfulness.js";
import { pearson, spearman } from "./measures/measure.js";
import { energyInside, pointingGame } from "./measures/pointing-game.js";
import { randomizationCheck } from "./measures/randomization.js";
import { tcav } from "./measures/tcav.js";
import { drawCoalitions } from "./coalitions.js";
import { linearPrefix } from "./linear-prefix.js";
import type { GradientMethod } from "./method.js";
import { methodNamed, settingsFor } from "./methods.js";
import { quadrature } from "./quadrature.js";
import { hasGrid, rowSums } from "./rows.js";
import { slic } from "./slic.js";
import { binomial, eachSubset } from "./subsets.js";

const near = (got: number, expected: number, by = 1e-6): void =>
  assert.ok(Math.abs(got - expected) <= by, `expected ${expected}, got ${got}`);
const random = new Random(4, "explain");
const normals = (...shape: readonly number[]): TensorData =>
  fromNumbers(
    "float32",
    shape,
    Float64Array.from({ length: sizeOf(shape) }, () => random.normal()),
  );

suite("quadrature", () => {
  test("Gauss–Legendre with n points is exact for degree 2n − 1", () => {
    for (const n of [1, 2, 5, 16, 64]) {
      const { points, weights } = quadrature("gauss-legendre", n);
      for (let degree = 0; degree < 2 * n; degree++)
        near(
          points.reduce((sum, x, i) => sum + x ** degree * (weights[i] as number), 0),
          1 / (degree + 1),
          1e-12,
        );
    }
  });
  test("all rules' weights sum to 1", () => {
    for (const rule of ["gauss-legendre", "riemann-left", "riemann-right", "riemann-middle", "riemann-trapezoid"] as const)
      near(
        quadrature(rule, 7).weights.reduce((a, b) => a + b, 0),
        1,
        1e-12,
      );
  });
});

suite("superpixels", () => {
  const quarters = Float64Array.from({ length: 32 * 32 }, (_, p) => (Math.floor(p / 512) * 2 + (p % 32 >= 16 ? 1 : 0)) / 3);
  test("they keep to edges: four plain quarters are never mixed", () => {
    const labels = slic({ rows: 32, columns: 32, channels: 1, data: quarters }, { superpixels: 8 });
    const colors = new Map<number, number>();
    labels.forEach((label, p) => {
      const before = colors.get(label);
      assert.ok(before === undefined || before === quarters[p], `superpixel ${label} crosses an edge at ${p}`);
      colors.set(label, quarters[p] as number);
    });
    assert.ok(colors.size >= 4 && colors.size <= 8, `${colors.size} superpixels`);
  });
  test("each is one piece, numbered without gaps, at most as many as asked for, even in noise", () => {
    const noise = Float64Array.from({ length: 24 * 20 * 3 }, () => random.uniform());
    const labels = slic({ rows: 24, columns: 20, channels: 3, data: noise }, { superpixels: 12 });
    const count = Math.max(...labels) + 1;
    assert.ok(count <= 12 && count > 1, `${count} superpixels`);
    assert.equal(new Set(labels).size, count);
    for (let k = 0; k < count; k++) {
      const [start = -1] = [...labels.keys()].filter((p) => labels[p] === k);
      const piece = new Set([start]);
      for (const p of piece) {
        const beside = [p - 20, p + 20, ...(p % 20 === 0 ? [] : [p - 1]), ...(p % 20 === 19 ? [] : [p + 1])];
        for (const q of beside) if (labels[q] === k) piece.add(q);
      }
      assert.equal(piece.size, labels.filter((label) => label === k).length, `superpixel ${k} is in pieces`);
    }
  });
});

test("subsets are counted and listed", () => {
  for (const [n, k] of [
    [5, 2],
    [6, 3],
    [4, 4],
    [3, 1],
  ] as const) {
    const found = new Set<string>();
    eachSubset(n, k, (chosen) => found.add([...chosen].join()));
    assert.equal(found.size, binomial(n, k));
  }
});

test("coalitions come in pairs, and their weights sum to 1", () => {
  for (const [players, samples] of [
    [6, 62],
    [12, 200],
    [20, 2048],
    [2, 10],
    [15, 33],
  ] as const) {
    const { count, masks, weights } = drawCoalitions(players, samples, new Random(1));
    assert.ok(count <= samples);
    near(
      weights.reduce((a, b) => a + b, 0),
      1,
      1e-9,
    );
    const sums = Array.from({ length: players }, (_, i) =>
      weights.reduce((sum, w, s) => sum + w * (masks[s * players + i] as number), 0),
    );
    for (const sum of sums) near(sum, 0.5, 1e-9);
  }
});

suite("baselines", () => {
  const image = explainableOf((x) => x.sum([1, 2, 3]).unsqueeze(1), [2, 8, 8], 1, { kind: "image" });
  const x = normals(2, 2, 8, 8);
  const made = (options: Parameters<typeof baselinesFor>[2]): TensorData => baselinesFor(image, x, options, new Random(0)).values;
  test("mean: each channel's own", () => {
    const values = toNumbers(made({ baseline: "mean" }));
    const own = toNumbers(x).subarray(64, 128);
    near(values[64] as number, own.reduce((a, b) => a + b, 0) / 64, 1e-5);
    assert.equal(values[64], values[127]);
  });
  test("blurred: smoother, of the same mean where nothing is at the border; uniform: within the range", () => {
    const variance = (v: Float64Array): number => v.reduce((sum, a) => sum + a * a, 0);
    assert.ok(variance(toNumbers(made({ baseline: "blurred" }))) < 0.5 * variance(toNumbers(x)));
    const [low, high] = [Math.min(...toNumbers(x)), Math.max(...toNumbers(x))];
    assert.ok(toNumbers(made({ baseline: "uniform" })).every((v) => v >= low && v <= high));
  });
  test("a number of each channel broadcasts; a background larger than asked for is drawn by the seed", () => {
    const given = made({ baseline: { dtype: "float32", shape: [2, 1, 1], data: Float32Array.of(3, 5) } });
    assert.deepEqual([given.shape, given.data[0], given.data[127]], [[1, 1, 2, 8, 8], 3, 5]);
    const { values, remark } = baselinesFor(image, x, { background: normals(9, 2, 8, 8), backgroundSize: 4 }, new Random(0));
    assert.deepEqual(values.shape, [4, 1, 2, 8, 8]);
    assert.equal(remark.en, "Background: 4 of 9 examples, drawn by the seed.");
  });
});

test("quartile bins of a column, in words", () => {
  const { binOf, nameOf } = binsOf(Float64Array.of(1, 2, 3, 4, 5));
  assert.deepEqual([0, 2, 2.5, 4.5].map(binOf), [0, 0, 1, 3]);
  assert.deepEqual(
    [0, 2.5, 9].map((v) => nameOf(v, "age")),
    ["age ≤ 2", "2 < age ≤ 3", "4 < age"],
  );
  assert.equal(binsOf(Float64Array.of(0, 1, 1)).nameOf(1, "member"), "member = 1");
});

test("a map is enlarged between the middles of its cells", () => {
  assert.deepEqual([...enlargeMap([0, 4], 1, 2, 1, 4)], [0, 1, 3, 4]);
});

test("batches that memory allows one row at a time give what one batch gives", async () => {
  const w = constant(normals(128, 3));
  const model = explainableOf((x: Tensor) => x.flatten(1).matMul(w).tanh(), [2, 8, 8], 3);
  const x = normals(3, 2, 8, 8);
  for (const method of ["integrated-gradients", "smooth-grad", "deep-shap", "kernel-shap"] as const) {
    const options: ExplainOptions = {
      method,
      ...(method === "kernel-shap" && { samples: 40, superpixels: 6 }),
      ...(method === "deep-shap" && { background: normals(5, 2, 8, 8) }),
    };
    const [wide, narrow] = [await explain(model, x, options), await explain(model, x, { ...options, memoryMiB: 1e-3 })];
    const scale = Math.max(...toNumbers(wide.values).map(Math.abs));
    wide.values.data.forEach((v, i) => near(Number(narrow.values.data[i]), Number(v), 1e-5 * scale));
  }
});

suite("after dispose", () => {
  const refused = { name: "SessionError", message: "explainer: expected one in use, got one that was disposed" };
  const answers: Explainable = {
    name: "opaque",
    features: { name: "x", shape: [2], kind: "table" },
    scoreCount: 2,
    answer: ({ features }) => Promise.resolve(features),
  };
  for (const [what, model] of Object.entries({ "a graph": explainableOf((x) => x.mul(2), [2], 2), "answers only": answers }))
    test(`an explainer of ${what} refuses all that it is asked`, async () => {
      const x = normals(1, 2);
      const explainer = new Explainer(model);
      await explainer.scores(x);
      await explainer.dispose();
      await explainer.dispose();
      await assert.rejects(explainer.scores(x), refused);
      for (const method of ["saliency", "kernel-shap"] as const) await assert.rejects(explainer.explain(x, { method }), refused);
    });
});

suite("measures", () => {
  const w = [3, -2, 0.5, 0, 1, 4];
  const linear = explainableOf((x) => x.matMul(constant(fromNumbers("float32", [6, 1], w))).add(0.25), [6], 1);
  const x = normals(2, 6);
  test("of a linear model, input × gradient is right in every way", async () => {
    await using explainer = new Explainer(linear);
    const attribution = await explainer.explain(x, { method: "input-x-gradient" });
    for (const found of await faithfulness(explainer, x, attribution)) {
      near(found.completeness ?? NaN, 0, 1e-5);
      near(found["sensitivity-n"] ?? NaN, 1, 1e-4);
    }
    const slopes = await explainer.explain(x, { method: "saliency", signed: true });
    for (const found of await faithfulness(explainer, x, slopes)) {
      near(found.infidelity ?? NaN, 0, 1e-6);
      near(found["max-sensitivity"] ?? NaN, 0, 1e-6);
    }
  });
  test("insertion and deletion of an additive score, by hand", async () => {
    const sum = explainableOf((t) => t.sum([1], true), [4], 1);
    await using explainer = new Explainer(sum);
    const one: TensorData = { dtype: "float32", shape: [1, 4], data: Float32Array.of(1, 4, 2, 3) };
    const attribution = await explainer.explain(one, { method: "input-x-gradient" });
    const [found] = await faithfulness(explainer, one, attribution, { measures: ["insertion", "deletion"] });
    // Scores 0, 4, 7, 9, 10 of 10 while features are put in; 10, 6, 3, 1, 0 while they are taken away.
    near(found?.insertion ?? NaN, (0 + 10) / 80 + (4 + 7 + 9) / 40);
    near(found?.deletion ?? NaN, (10 + 0) / 80 + (6 + 3 + 1) / 40);
  });
  test("correlations", () => {
    near(pearson([1, 2, 3], [2, 4, 6]), 1);
    near(spearman([1, 2, 3, 4], [1, 8, 27, 64]), 1);
    near(spearman([1, 2, 2, 3], [3, 2, 2, 1]), -1);
    assert.equal(pearson([1, 1], [1, 2]), 0);
  });
  test("the pointing game, and the energy inside boxes", () => {
    const map: TensorData = { dtype: "float32", shape: [1, 1, 2, 3], data: Float32Array.of(0, 1, 0, 0, 3, -5) };
    const box = { left: 1, top: 1, right: 2, bottom: 2 };
    assert.deepEqual(
      [
        pointingGame(map, [box]),
        pointingGame(map, [{ ...box, top: 0, bottom: 1 }]),
        pointingGame(map, [{ ...box, top: 0, bottom: 1 }], 1),
      ],
      [true, false, true],
    );
    near(energyInside(map, [box]), 0.75);
  });
  test("an attribution that sees the weights changes when they are shuffled; one that does not, does not", async () => {
    const { Linear } = await import("../nn/index.js");
    const layer = new Linear(6, 1);
    const values = new Map(
      [...layer.state()].map(([path, p]) => [
        p,
        path === "weight" ? fromNumbers("float32", [1, 6], w) : fromNumbers("float32", [1], [0]),
      ]),
    );
    const model = explainableOf((t) => layer.forward(t), [6], 1, { values });
    const steps = await randomizationCheck(model, x, { method: "saliency", signed: true });
    assert.ok((steps.at(-1)?.correlation ?? 1) < 0.9);
    assert.deepEqual([steps.at(-1)?.randomized, steps.at(-1)?.of], [2, 2]);
  });
  test("TCAV: a concept that drives a score has 1, one that does not has about what chance has", async () => {
    const { Linear } = await import("../nn/index.js");
    const layer = new Linear(6, 6);
    const eye = Float64Array.from({ length: 36 }, (_, i) => (i % 7 === 0 ? 1 : 0));
    const values = new Map(
      [...layer.state()].map(([path, p]) => [
        p,
        path === "weight" ? fromNumbers("float32", [6, 6], eye) : fromNumbers("float32", [6], new Float64Array(6)),
      ]),
    );
    const model = explainableOf(
      (t) =>
        layer
          .forward(t)
          .mul(constant(fromNumbers("float32", [6], [2, 0, 0, 0, 0, 0])))
          .sum([1], true),
      [6],
      1,
      { values },
    );
    await using explainer = new Explainer(model);
    const shifted = (axis: number): TensorData => {
      const data = normals(40, 6);
      return { ...data, data: (data.data as Float32Array).map((v, i) => v + (i % 6 === axis ? 4 : 0)) };
    };
    // Features have no path of their own: the identity layer is the whole model's scope.
    const of = (axis: number): ReturnType<typeof tcav> =>
      tcav(explainer, { concept: shifted(axis), random: normals(40, 6), examples: normals(20, 6), target: 0, at: "" });
    const driving = await of(0);
    assert.equal(driving.score, 1);
    assert.ok(driving.accuracy > 0.9, String(driving.accuracy));
  });
});

test("a mask's parts are switched together: a table's columns, an image's pixels", async () => {
  const ones = (...shape: readonly number[]): TensorData =>
    fromNumbers("float32", shape, new Array<number>(sizeOf(shape)).fill(1));
  const numbers = (values: readonly number[], ...shape: readonly number[]): TensorData => fromNumbers("int32", shape, values);
  const table = explainableOf((x) => x.mul(constant(fromNumbers("float32", [4], [1, 2, 3, 4]))).sum([1], true), [4], 1);
  const rows = await explain(table, ones(1, 4), { method: "exact-shapley", mask: numbers([7, 5, 7, 5], 4) });
  assert.deepEqual(rows.examples[0]?.parts?.names, ["part 5", "part 7"]);
  assert.deepEqual(Array.from(rows.examples[0]?.parts?.values ?? [], Math.round), [6, 4]);
  const pixels = explainableOf((x) => x.sum([1, 2, 3]).unsqueeze(1), [3, 2, 2], 1);
  const { examples } = await explain(pixels, ones(1, 3, 2, 2), { method: "feature-ablation", mask: numbers([0, 0, 0, 1], 2, 2) });
  assert.deepEqual(Array.from(examples[0]?.parts?.values ?? [], Math.round), [9, 3]);
});

test("pieces are as large as fit, without a last one that is filled up for nothing", () => {
  // 50 in pieces of 8 are 56 rows, of 5 they are 50.
  assert.deepEqual(
    [
      pieceSize(50, 8),
      pieceSize(32, 8),
      pieceSize(50, 64),
      pieceSize(7, 4),
      pieceSize(1, 8),
      pieceSize(3, 1),
      pieceSize(101, 100),
    ],
    [5, 8, 50, 4, 1, 1, 51],
  );
});

suite("linear prefixes", () => {
  const weights = (...shape: readonly number[]): Tensor => constant(normals(...shape));
  const [w, w2, a, b, m1, m2] = [
    weights(6, 2, 3, 3),
    weights(2, 2, 3, 3),
    weights(6, 1, 1),
    weights(6, 1, 1),
    weights(32, 5),
    weights(5, 6),
  ];
  const models: readonly [string, (x: Tensor) => Tensor, string | undefined][] = [
    [
      "a convolution, a norm of constants, and a relu",
      (x) => conv(x, w, { padding: 1 }).mul(a).add(b).relu().mean([2, 3]),
      "Add",
    ],
    [
      "rows of a matrix",
      (x) =>
        x
          .reshape([x.shape[0] as number, 32])
          .matMul(m1)
          .tanh()
          .matMul(m2),
      "MatMul",
    ],
    [
      "a residual connection around the first layer",
      (x) => conv(x, w2, { padding: 1 }).relu().add(x).reshape([-1, 32]),
      undefined,
    ],
    ["a nonlinearity first", (x) => conv(x.tanh(), w, { padding: 1 }).mean([2, 3]), undefined],
  ];
  for (const [name, forward, expected] of models) {
    test(`${name}: ${expected ?? "none"}, and the same attributions`, async () => {
      const model = explainableOf(
        forward,
        [2, 4, 4],
        expected === undefined ? (forward(input("x", [1, 2, 4, 4])).shape[1] as number) : 6,
      );
      const method = methodNamed("integrated-gradients") as GradientMethod;
      for (const n of [1, 3]) {
        const x = input("x", [n, 2, 4, 4]);
        assert.equal(linearPrefix(forward(x), x)?.end.node.op, expected);
        const { points, weights: numbers } = quadrature("gauss-legendre", 5);
        const inputs = {
          x,
          target: constant(fromNumbers("int32", [n], new Float64Array(n).fill(1))),
          others: {},
          weights: constant(fromNumbers("float32", [5], numbers)),
          samples: { alpha: constant(fromNumbers("float32", [5, 1], points)), baseline: weights(1, n, 2, 4, 4) },
        };
        const summed = rowSums(model, method, inputs, { settings: settingsFor(method, {}) }).attribution;
        const byRow = rowSums(model, { ...method, sums: () => undefined }, inputs, {
          settings: settingsFor(method, {}),
        }).attribution;
        const { summed: got, byRow: all } = await evaluate({ summed, byRow }, { x: normals(n, 2, 4, 4) });
        got.data.forEach((v, i) => near(Number(v), Number(all.data[i]), 1e-5));
      }
    });
  }
});

test("a grid over the image is found among convolutions, and not in products of matrices", () => {
  const [w, m] = [constant(normals(4, 3, 3, 3)), constant(normals(192, 5))];
  assert.ok(hasGrid(explainableOf((x) => conv(x, w).relu().mean([2, 3]), [3, 8, 8], 4)));
  assert.ok(!hasGrid(explainableOf((x) => x.reshape([-1, 192]).matMul(m), [3, 8, 8], 5)));
});
