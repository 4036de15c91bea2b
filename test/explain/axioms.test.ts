/**
 * Properties that hold for methods whatever the model: one table × all methods, the papers' worked examples, and properties of random graphs.
 */
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { vmap } from "../../src/autodiff/index.js";
import { denseMatrix, fitGradientBoosting, treeScores } from "../../src/classical/index.js";
import type { Explainable, ExplainInput, ExplainOptions, MethodName } from "../../src/explain/index.js";
import { explain, Explainer, explainableOf, METHOD_NAMES, METHODS } from "../../src/explain/index.js";
import { substitution } from "../../src/explain/substitution.js";
import type { Tensor, TensorData } from "../../src/graph/index.js";
import { constant, fromNumbers, toNumbers } from "../../src/graph/index.js";
import { concat } from "../../src/ops/index.js";
import { Random } from "../../src/util/random.js";
import { randomGraph } from "../suites/random-graphs.js";
import { conv, float32, golden, mlp } from "./golden-models.js";
import { tokenModel } from "./token-model.js";

const rowsOf = (...rows: readonly (readonly number[])[]): TensorData => ({
  dtype: "float32",
  shape: [rows.length, rows[0]?.length ?? 0],
  data: Float32Array.from(rows.flat()),
});

/** Settings that keep the tests short. */
const SHORT: Partial<Record<MethodName, ExplainOptions>> = {
  rise: { samples: 64 },
  lime: { samples: 200, bootstrap: 10, superpixels: 8 },
  "exact-shapley": { superpixels: 8 },
  "kernel-shap": { samples: 100, superpixels: 8 },
  "permutation-shap": { samples: 3, superpixels: 8 },
  "partition-shap": { samples: 60, superpixels: 8 },
  "expected-gradients": { samples: 20 },
  "gradient-shap": { samples: 20 },
  "integrated-gradients": { maxSteps: 32 },
};

const image = float32(golden.inputs.image);
const blank = float32(golden.inputs.blank);
const tokens = tokenModel();

/** Trees on four columns, of which one has gaps, and two rows. */
function treeModel(): { readonly model: Explainable; readonly x: TensorData } {
  const random = new Random(4, "trees");
  const rows = Float32Array.from({ length: 4 * 200 }, (_, i) =>
    i % 4 === 3 && random.uniform() < 0.2 ? Number.NaN : random.normal(),
  );
  const values = Float64Array.from(
    { length: 200 },
    (_, i) => (rows[4 * i] as number) * (rows[4 * i + 1] as number) + Math.sin(rows[4 * i + 2] as number),
  );
  const { ensemble } = fitGradientBoosting(denseMatrix(rows, 4), { kind: "quantity", values }, { rounds: 10, leaves: 8 });
  const answer = ({ features }: ExplainInput): Promise<TensorData> => {
    const scores = treeScores(ensemble, Float32Array.from(toNumbers(features)));
    return Promise.resolve(fromNumbers("float32", [scores.length, 1], scores));
  };
  const model: Explainable = {
    name: "trees",
    features: { name: "x", shape: [4], kind: "table" },
    scoreCount: 1,
    answer,
    trees: () => ensemble,
  };
  return { model, x: fromNumbers("float32", [2, 4], rows.subarray(0, 8)) };
}

/** The model and input that a method is tried on. */
const trial = (name: MethodName): { model: Explainable; x: TensorData; options: ExplainOptions } => {
  const { needs } = METHODS[name];
  const options = { method: name, baseline: blank, ...SHORT[name] };
  if ((needs as readonly string[]).includes("trees")) return { ...treeModel(), options: { method: name } };
  return (needs as readonly string[]).includes("attention")
    ? { model: tokens.model, x: tokens.x, options: { method: name } }
    : { model: conv, x: image, options };
};

suite("every method", () => {
  for (const name of METHOD_NAMES) {
    test(name, async () => {
      const row = METHODS[name];
      assert.equal(row.name, name);
      for (const text of [row.asserts, row.misleads, row.source]) assert.match(text, /\S/);
      const { model, x, options } = trial(name);
      await using explainer = new Explainer(model);
      const both = await explainer.explain(x, options);
      const again = await explainer.explain(x, options);
      assert.deepEqual(again, both, "the same seed, the same bits");
      const size = x.data.length / 2;
      const each = both.values.data.length / 2;
      for (const i of [0, 1]) {
        const one = { ...x, shape: [1, ...x.shape.slice(1)], data: x.data.slice(i * size, (i + 1) * size) };
        const alone = await explainer.explain(one, options);
        const scale = Math.max(1e-3, ...toNumbers(alone.values).map(Math.abs));
        alone.values.data.forEach((v, e) => {
          const together = Number(both.values.data[i * each + e]);
          assert.ok(
            Math.abs(Number(v) - together) <= 1e-5 * scale,
            `example ${i}, element ${e}: alone ${v}, in the batch ${together}`,
          );
        });
      }
    });
  }
});

suite("what attributions sum to", () => {
  const exact: readonly MethodName[] = [
    "deep-lift",
    "deep-shap",
    "exact-shapley",
    "kernel-shap",
    "permutation-shap",
    "partition-shap",
    "tree-shap",
    "tree-shap-path",
  ];
  for (const name of exact) {
    test(`${name}: the difference of scores, to 1e-5`, async () => {
      const { model, x, options } = trial(name);
      const { examples } = await explain(model, x, options);
      for (const { gap } of examples) assert.ok(Math.abs(gap ?? Infinity) <= 1e-5, `gap ${gap}`);
    });
  }
  test("deep-lift through attention and layer normalization, where others take gradients", async () => {
    const { examples } = await explain(tokens.model, tokens.x, { method: "deep-lift" });
    for (const { gap = Infinity, residuals = {}, score, baselineScore = 0 } of examples) {
      // Quotients of small differences, in float32.
      const allowed = 1e-4 * Math.max(1, Math.abs(score - baselineScore));
      assert.ok(Math.abs(gap) <= allowed, `gap ${gap} of ${allowed}`);
      const lost = residuals["LayerNormalization"] ?? Infinity;
      assert.ok(Math.abs(lost) <= allowed, `layer normalization loses ${lost}`);
    }
  });
  test("lrp: the score, but for what the ledger says was kept", async () => {
    for (const { model, x } of [
      { model: conv, x: image },
      { model: tokens.model, x: tokens.x },
    ]) {
      const { examples } = await explain(model, x, { method: "lrp" });
      for (const { gap = Infinity, residuals = {}, score } of examples) {
        const lost = Object.values(residuals).reduce((a, b) => a + b, 0);
        assert.ok(Math.abs(gap + lost) <= 1e-4 * Math.max(1, Math.abs(score)), `gap ${gap}, residuals ${lost}`);
      }
    }
  });
});

/** Asserts that the gap of Integrated Gradients is small, at the default settings. */
async function assertSmallGap(model: Explainable, x: TensorData, options: ExplainOptions = {}): Promise<void> {
  const { examples } = await explain(model, x, { method: "integrated-gradients", ...options });
  for (const { gap = Infinity, score, baselineScore = 0, figures } of examples) {
    const allowed = 1e-3 * Math.max(Math.abs(score - baselineScore), 0.01 * Math.abs(score));
    assert.ok(
      Math.abs(gap) <= allowed + 1e-7 || figures?.["steps"] === 1024,
      `gap ${gap} of ${allowed}, ${figures?.["steps"]} steps`,
    );
  }
}

suite("Integrated Gradients' gap", () => {
  test("of the golden models", async () => {
    await assertSmallGap(conv, image);
    await assertSmallGap(mlp, float32(golden.inputs.row));
    await assertSmallGap(tokens.model, tokens.x);
  });
  for (let seed = 1; seed <= 12; seed++) {
    test(`of random graph ${seed}`, async () => {
      const { y, leaves, feeds } = randomGraph(seed, "float32");
      const leaf = leaves[0] as Tensor;
      const { shape, data } = feeds.get(leaf) as { shape: readonly number[]; data: ArrayLike<number> };
      const x: TensorData = { dtype: "float32", shape: [1, ...shape], data: Float32Array.from(data) };
      const fixed = fixedLeaves(leaves.slice(1), feeds);
      const one = (t: Tensor): Tensor => substitution(new Map([...fixed, [leaf, t]]))(y).reshape([1]);
      const model = explainableOf((batch) => vmap((t: Tensor) => one(t))(batch), shape, 1, { kind: "tensor" });
      // Near x, so that the path stays within every function's domain.
      const baseline = { ...x, data: Float32Array.from(data, (v) => 0.97 * v) };
      await assertSmallGap(model, x, { baseline });
    });
  }
});

suite("axioms on functions with known answers", () => {
  const x = rowsOf([1, 2, 3, -1], [0.5, -1, 2, 2]);
  const background = rowsOf([0, 0, 0, 0], [1, 0, 2, -1], [0.5, 0.5, -1, 0]);
  /** x₀·x₁ + relu(x₀ + x₁)·2 − x₂, where x₃ is not used, and x₀ and x₁ are alike. */
  const f = explainableOf(
    (t) => {
      const [a, b, c] = t.split([1, 1, 1, 1], 1) as [Tensor, Tensor, Tensor];
      return a.mul(b).add(a.add(b).relu().mul(2)).sub(c);
    },
    [4],
    1,
  );

  const sampled: readonly MethodName[] = [
    "exact-shapley",
    "kernel-shap",
    "permutation-shap",
    "partition-shap",
    "feature-ablation",
    "occlusion",
  ];
  const paths: readonly MethodName[] = [
    "saliency",
    "input-x-gradient",
    "integrated-gradients",
    "deep-lift",
    "deep-shap",
    "expected-gradients",
    "lrp",
  ];
  for (const method of [...sampled, ...paths]) {
    test(`${method}: a feature that is not used gets zero`, async () => {
      const { values, examples } = await explain(f, x, { method, background });
      examples.forEach(({ parts }, i) => {
        const value = parts?.values[3] ?? Number(values.data[4 * i + 3]);
        assert.ok(Math.abs(value) <= 1e-6, `got ${value}`);
      });
    });
  }
  for (const method of ["exact-shapley", "kernel-shap", "integrated-gradients", "deep-lift"] as const) {
    test(`${method}: features that are alike get the same`, async () => {
      const { values, examples } = await explain(f, rowsOf([1.5, 1.5, 2, 0]), { method });
      const of = (i: number): number => examples[0]?.parts?.values[i] ?? Number(values.data[i]);
      assert.ok(Math.abs(of(0) - of(1)) <= 1e-5, `${of(0)} and ${of(1)}`);
    });
  }
  test("KernelSHAP of all coalitions is exact", async () => {
    const [exact, kernel] = await Promise.all(
      (["exact-shapley", "kernel-shap"] as const).map((method) => explain(f, x, { method, background })),
    );
    exact?.examples.forEach(({ parts }, i) => {
      parts?.values.forEach((v, p) => {
        const other = kernel?.examples[i]?.parts?.values[p] ?? NaN;
        assert.ok(Math.abs(v - other) <= 1e-6, `part ${p}: ${v} and ${other}`);
      });
    });
  });
  test("interactions: the product's half each way, rows of sum φ", async () => {
    const product = explainableOf(
      (t) =>
        t
          .slice(1, 0, 1)
          .mul(t.slice(1, 1, 2))
          .add(t.slice(1, 2, 3)),
      [3],
      1,
    );
    const { examples } = await explain(product, rowsOf([2, 3, 5]), { method: "exact-shapley" });
    const { interactions, values } = examples[0]?.parts ?? {};
    assert.deepEqual(
      Array.from(interactions ?? [], (v) => Math.round(v * 1e6) / 1e6),
      [0, 3, 0, 3, 0, 0, 0, 0, 5],
    );
    assert.deepEqual([...(values ?? [])], [3, 3, 5]);
  });
  test("f(x) = 1 − relu(1 − x) at 2: the gradient is 0, the difference is 1 (Integrated Gradients, section 2.1; DeepLIFT, figure 1)", async () => {
    const saturated = explainableOf((t) => t.neg().add(1).relu().neg().add(1), [1], 1);
    const at = async (method: MethodName): Promise<number> =>
      Number((await explain(saturated, rowsOf([2]), { method })).values.data[0]);
    assert.equal(await at("saliency"), 0);
    assert.ok(Math.abs((await at("integrated-gradients")) - 1) <= 1e-3);
    assert.equal(await at("deep-lift"), 1);
  });
  test("two networks of one function have one explanation (Integrated Gradients, appendix B, f and g)", async () => {
    // f = relu(z₁ − 1 − z₂) and g = relu(z₁′ − z₂), with z₁ = relu(x₁), z₁′ = relu(x₁ − 1), z₂ = relu(x₂), at (3, 1).
    const split = (t: Tensor): [Tensor, Tensor] => [t.slice(1, 0, 1), t.slice(1, 1, 2)];
    const first = explainableOf((t) => split(t)[0].relu().sub(1).sub(split(t)[1].relu()).relu(), [2], 1);
    const second = explainableOf((t) => split(t)[0].sub(1).relu().sub(split(t)[1].relu()).relu(), [2], 1);
    const found = await Promise.all(
      [first, second].map((model) => explain(model, rowsOf([3, 1]), { method: "integrated-gradients", tolerance: 1e-4 })),
    );
    for (const { values } of found) {
      // The paper's numbers: 1.5 and −0.5.
      assert.ok(
        Math.abs(Number(values.data[0]) - 1.5) <= 5e-3 && Math.abs(Number(values.data[1]) + 0.5) <= 5e-3,
        String(values.data),
      );
    }
  });
  test("a linear model: attacks turn the answer at margin/|w|₁", async () => {
    const w = [2, -1, 0.5];
    const linear = explainableOf(
      (t) => {
        const [a, b, c] = t.split([1, 1, 1], 1) as [Tensor, Tensor, Tensor];
        const margin = a.mul(2).sub(b).add(c.mul(0.5));
        return concat([margin, margin.mul(0)], 1);
      },
      [3],
      2,
    );
    const { examples } = await explain(linear, rowsOf([1, 0.5, 0]), { method: "smallest-change" });
    const smallest = 1.5 / w.reduce((sum, v) => sum + Math.abs(v), 0);
    const radius = examples[0]?.figures?.["radius"] ?? 0;
    assert.ok(radius >= smallest && radius <= 1.02 * smallest, `expected ${smallest}, got ${radius}`);
  });
  test("rollout of one layer is ½·A + ½·I, read at the class token", async () => {
    const { values } = await explain(tokens.model, tokens.x, { method: "attention-rollout" });
    const expected = await tokens.rollout();
    expected.forEach((v, t) => {
      const got = toNumbers(values)
        .subarray(t * tokens.width, (t + 1) * tokens.width)
        .reduce((a, b) => a + b, 0);
      assert.ok(Math.abs(got - v) <= 1e-5, `token ${t}: expected ${v}, got ${got}`);
    });
  });
  test("SmoothGrad of a quadratic is its gradient at the mean; VarGrad its variance", async () => {
    const quadratic = explainableOf((t) => t.square().sum([1], true), [3], 1);
    const smooth = await explain(quadratic, rowsOf([1, -2, 3]), {
      method: "smooth-grad",
      signed: true,
      samples: 4000,
      noise: 0.1,
    });
    [2, -4, 6].forEach((v, i) => assert.ok(Math.abs(Number(smooth.values.data[i]) - v) <= 0.1));
    const spread = await explain(quadratic, rowsOf([1, -2, 3]), { method: "var-grad", signed: true, samples: 4000, noise: 0.1 });
    // Var 2·noise = 4·(0.1·5)² = 1.
    spread.values.data.forEach((v) => assert.ok(Math.abs(Number(v) - 1) <= 0.1, String(v)));
  });
});

function fixedLeaves(
  leaves: readonly Tensor[],
  feeds: ReadonlyMap<Tensor, { readonly shape: readonly number[]; readonly data: ArrayLike<number> }>,
): [Tensor, Tensor][] {
  return leaves.map((leaf) => {
    const { shape, data } = feeds.get(leaf) as { shape: readonly number[]; data: ArrayLike<number> };
    return [leaf, constant(fromNumbers(leaf.dtype, shape, data))];
  });
}
