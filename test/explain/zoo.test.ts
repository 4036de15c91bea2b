/**
 * Models of the zoo, with seeded weights: gaps at the default settings, layers found from the graph, attention followed.
 */
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { Explainer, explainableOf } from "../../src/explain/index.js";
import type { Parameter, Tensor, TensorData } from "../../src/graph/index.js";
import { fromNumbers, sizeOf } from "../../src/graph/index.js";
import { denseNet121, LeNet5, mobileNetV3Small, resNet20Cifar, VisionTransformer } from "../../src/models/index.js";
import type { Module } from "../../src/nn/index.js";
import { Random } from "../../src/util/random.js";

interface Row {
  readonly name: string;
  readonly model: Module & { forward(x: Tensor): Tensor };
  readonly shape: readonly number[];
  readonly classes: number;
  /** The layer of Grad-CAM. */
  readonly layer: RegExp;
  /** Most steps of a path; more would take long. */
  readonly maxSteps: number;
}

const vit = { imageSize: [16, 16], patchSize: 4, depth: 2, width: 24, numHeads: 3, mlpWidth: 48, numClasses: 5 } as const;
const ROWS: readonly Row[] = [
  {
    name: "LeNet-5",
    model: new LeNet5(),
    shape: [1, 28, 28],
    classes: 10,
    layer: /^Layer: Relu, \[16, 10, 10\]/,
    maxSteps: 1024,
  },
  {
    name: "ResNet-20",
    model: resNet20Cifar(),
    shape: [3, 16, 16],
    classes: 10,
    layer: /^Layer: layer3\.2, \[64, 4, 4\]/,
    maxSteps: 1024,
  },
  {
    name: "MobileNetV3",
    model: mobileNetV3Small({ numClasses: 5 }),
    shape: [3, 64, 64],
    classes: 5,
    layer: /^Layer: features\.12, \[576, 2, 2\]/,
    maxSteps: 64,
  },
  {
    name: "DenseNet-121",
    model: denseNet121({ numClasses: 5 }),
    shape: [3, 64, 64],
    classes: 5,
    layer: /^Layer: Relu, \[1024, 2, 2\]/,
    maxSteps: 64,
  },
  {
    name: "ViT",
    model: new VisionTransformer(vit),
    shape: [3, 16, 16],
    classes: 5,
    layer: /^Layer: encoder\.layers\.encoder_layer_1\.ln_1, \[17, 24\]/,
    maxSteps: 1024,
  },
];

/** Numbers that keep activations alive: normal weights by their fan-in, norms near the identity. */
function numbersOf(path: string, p: Parameter): TensorData {
  const random = new Random(7, path);
  const isScale = p.dims.length === 1 && (path.endsWith("weight") || path.endsWith("running_var"));
  const fanIn = sizeOf(p.dims.slice(1));
  const draw = (): number =>
    p.dims.length > 1 ? random.normal() / Math.sqrt(fanIn / 2) : (isScale ? 1 : 0) + random.uniform(-0.1, 0.1);
  return fromNumbers("float32", p.dims, Float64Array.from({ length: p.size }, draw));
}

for (const { name, model, shape, classes, layer, maxSteps } of ROWS) {
  suite(name, () => {
    const values = new Map([...model.state()].map(([path, p]) => [p, numbersOf(path, p)]));
    const explainable = explainableOf((x) => model.forward(x), shape, classes, { name, values, kind: "image" });
    const random = new Random(3, name);
    const x = fromNumbers(
      "float32",
      [1, ...shape],
      Float64Array.from({ length: sizeOf(shape) }, () => random.normal()),
    );

    test("Integrated Gradients meets its tolerance, or takes all steps and says so", async () => {
      await using explainer = new Explainer(explainable);
      const [found] = (await explainer.explain(x, { method: "integrated-gradients", maxSteps })).examples;
      const { gap = NaN, score = NaN, baselineScore = NaN } = found ?? {};
      const allowed = 1e-3 * Math.max(Math.abs(score - baselineScore), 0.01 * Math.abs(score));
      assert.ok(score !== baselineScore, "a score that the input changes");
      assert.ok(Math.abs(gap) <= allowed || found?.figures?.["steps"] === maxSteps, `gap ${gap} of ${allowed}`);
    });
    test("DeepLIFT sums to the difference but for what it reports", async () => {
      await using explainer = new Explainer(explainable);
      const [found] = (await explainer.explain(x, { method: "deep-lift" })).examples;
      const { gap = NaN, score = NaN, residuals = {} } = found ?? {};
      const lost = Object.values(residuals).reduce((a, b) => a + b, 0);
      assert.ok(Math.abs(gap + lost) <= 1e-3 * Math.max(1, Math.abs(score)), `gap ${gap}, lost ${lost}`);
    });
    test("Grad-CAM finds its layer", async () => {
      await using explainer = new Explainer(explainable);
      const { values: map, remarks } = await explainer.explain(x, { method: "grad-cam" });
      assert.match(remarks.map(({ en }) => en).join(" "), layer);
      assert.deepEqual(map.shape, [1, 1, ...shape.slice(1)]);
    });
    if (name === "ViT") {
      test("rollouts give maps of the image", async () => {
        await using explainer = new Explainer(explainable);
        for (const method of ["attention-rollout", "gradient-rollout"] as const) {
          const { values: map, layerValues } = await explainer.explain(x, { method });
          assert.deepEqual(
            [map.shape, layerValues?.shape],
            [
              [1, 1, 16, 16],
              [1, 1, 4, 4],
            ],
          );
          assert.ok(map.data.some((v) => Number(v) > 0));
        }
      });
    }
  });
}
