/**
 * Refused inputs and their messages: one line, with what was expected, what came, and what to do.
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite, test } from "node:test";
import type { Explainable, ExplainInput, ExplainOptions } from "../../src/explain/index.js";
import { explain, explainableOf, explainableOnnx, Explainer, faithfulness, tcav } from "../../src/explain/index.js";
import type { TensorData } from "../../src/graph/index.js";
import { encodeModel } from "../../src/onnx/index.js";
import { openModel } from "../../src/tasks/use/open-node.js";
import { DescentError } from "../../src/util/errors.js";
import type { OnnxFile } from "../onnx/file.js";
import { list, modelOf, node } from "../onnx/file.js";
import { conv, float32, golden, mlp } from "./golden-models.js";
import { tokenModel } from "./token-model.js";
import { sizeOf } from "../../src/graph/index.js";

const image = float32(golden.inputs.image);
const row = float32(golden.inputs.row);
const opaque: Explainable = {
  name: "opaque",
  features: { name: "x", shape: [6], kind: "table" },
  scoreCount: 1,
  answer: ({ features }) =>
    Promise.resolve({ dtype: "float32", shape: [features.shape[0] ?? 0, 1], data: new Float32Array(features.shape[0] ?? 0) }),
};
const rounding = explainableOf((x) => x.round().sum([1], true), [6], 1);
const tensor = (shape: readonly number[], dtype: "float32" | "float16" | "int32" = "float32"): TensorData => ({
  dtype,
  shape: [...shape],
  data: new (dtype === "int32" ? Int32Array : dtype === "float16" ? Uint16Array : Float32Array)(sizeOf(shape)),
});

const cases: readonly (readonly [
  what: string,
  model: Explainable,
  x: TensorData | ExplainInput,
  options: ExplainOptions,
  message: RegExp,
])[] = [
  [
    "a method that there is not",
    conv,
    image,
    { method: "grad-kam" as "grad-cam" },
    /unknown method "grad-kam"; did you mean "grad-cam"\?/,
  ],
  [
    "Grad-CAM of a table",
    mlp,
    row,
    { method: "grad-cam" },
    /^grad-cam: expected an image, over which a layer has a grid, got \[6\] of kind "table"; take one of integrated-gradients, .*kernel-shap/,
  ],
  [
    "rollout without attention",
    conv,
    image,
    { method: "attention-rollout" },
    /expected a model with attention.*take integrated-gradients/,
  ],
  [
    "a layer that there is not",
    conv,
    image,
    { method: "grad-cam", at: "conv9" },
    /at: expected the path of a layer .*got "conv9"; did you mean "conv/,
  ],
  [
    "a layer that is no grid",
    conv,
    image,
    { method: "grad-cam", at: "fc1" },
    /expected a layer with a grid over the image, got \[\d+, 6\] at fc1/,
  ],
  ["a target out of range", conv, image, { target: 3 }, /target: expected an index from 0 to 2 \(−1 is the answer\), got 3/],
  [
    "a label of a model without labels",
    conv,
    image,
    { target: "cat" },
    /target: expected an index among the 3 scores, since the model has no labels, got "cat"/,
  ],
  [
    "a label that there is not",
    { ...conv, labels: ["dog", "cow", "hen"] },
    image,
    { target: "dogg" },
    /unknown label "dogg"; did you mean "dog"\?/,
  ],
  ["too many targets", conv, image, { target: [0, 1, 2] }, /expected one, or one for each of 2 examples, got 3/],
  ["a wrong channel count", conv, tensor([1, 3, 8, 8]), {}, /input "x": expected \[1, 2, 8, 8\], got \[1, 3, 8, 8\]/],
  ["a wrong type", conv, tensor([1, 2, 8, 8], "int32"), {}, /expected floating-point features, got int32/],
  ["half floats", conv, tensor([1, 2, 8, 8], "float16"), {}, /expected float32 or float64 features, got float16/],
  ["no example", conv, tensor([0, 2, 8, 8]), {}, /expected at least one example to explain, got none/],
  [
    "a baseline of another shape",
    conv,
    image,
    { baseline: tensor([2, 9, 9]) },
    /baseline: expected \[2, 8, 8\], got \[2, 9, 9\]/,
  ],
  [
    "a baseline's name",
    conv,
    image,
    { baseline: "blured" as "blurred" },
    /baseline: expected one of zero.*did you mean blurred\?/,
  ],
  [
    "a blur of columns",
    opaque,
    row,
    { baseline: "blurred", method: "kernel-shap" },
    /baseline: expected zero, mean or uniform for the columns of a table, which have no neighbours, got "blurred"/,
  ],
  [
    "a mask of another size",
    conv,
    image,
    { method: "kernel-shap", mask: tensor([9, 8], "int32") },
    /mask: expected \[8, 8\], a part's number for each pixel, got \[9, 8\]/,
  ],
  ["a mask of other columns", mlp, row, { method: "lime", mask: tensor([5], "int32") }, /mask: expected \[6\], got \[5\]/],
  [
    "an empty background",
    mlp,
    row,
    { method: "kernel-shap", background: tensor([0, 6]) },
    /background: expected at least one example of \[6\], got none/,
  ],
  [
    "a background of other columns",
    mlp,
    row,
    { method: "kernel-shap", background: tensor([3, 5]) },
    /background: expected \[6\] for each example, got \[5\]/,
  ],
  [
    "no background where it is asked for",
    mlp,
    row,
    { method: "kernel-shap", baseline: "data" },
    /background: expected at least one example/,
  ],
  [
    "gradients of an opaque model",
    opaque,
    row,
    { method: "saliency" },
    /expected a model with a graph.*take a sampling method: kernel-shap/,
  ],
  ["a path without a gradient", rounding, row, { method: "integrated-gradients", at: "x" }, /at: expected the path of a layer/],
  [
    "a setting of another method",
    conv,
    image,
    { method: "saliency", superpixels: 3 },
    /saliency: expected settings among signed, got superpixels/,
  ],
  [
    "a setting out of range",
    conv,
    image,
    { method: "rise", samples: 0 },
    /rise: samples: expected a whole number of at least 1, got 0/,
  ],
  [
    "smoothing what cannot be smoothed",
    conv,
    image,
    { method: "smooth-grad", of: "lime" },
    /of: expected a gradient method to smooth, got "lime"/,
  ],
  [
    "a window larger than the image",
    conv,
    image,
    { method: "occlusion", window: 9 },
    /occlusion: expected a window of 1 to 8 and a whole stride, got 9 and/,
  ],
  [
    "a neuron outside its layer",
    conv,
    image,
    { neuron: { at: "conv2", index: [9, 0, 0] } },
    /neuron: expected a position within \[5, 4, 4\] at conv2, got \[9, 0, 0\]/,
  ],
];

suite("refused in one line", () => {
  for (const [what, model, x, options, message] of cases) {
    test(what, async () => {
      await assert.rejects(
        () => explain(model, x, options),
        (error: Error) => {
          assert.ok(error instanceof DescentError, String(error.stack));
          assert.match(error.message, message);
          assert.doesNotMatch(error.message, /\n/);
          return true;
        },
      );
    });
  }
});

test("exact values of more than 16 parts are refused, with what to take", async () => {
  const wide = explainableOf((x) => x.sum([1], true), [17], 1);
  await assert.rejects(
    () => explain(wide, tensor([1, 17]), { method: "exact-shapley" }),
    /at most 16 parts, got 17; take kernel-shap/,
  );
});

test("an op without a gradient is named, and methods that need none", async () => {
  const model = explainableOf((x) => x.argMax(1, true).cast("float32"), [6], 1);
  await assert.rejects(
    () => explain(model, row, { method: "integrated-gradients" }),
    /^NoGradientError: ArgMax: has no gradient, since .*; take a sampling method: kernel-shap, lime, occlusion$/,
  );
  assert.equal((await explain(model, row, { method: "kernel-shap" })).examples.length, 2);
});

test("attributions that are not of the features cannot be measured", async () => {
  const { model, x } = tokenModel();
  const withParts: Explainable = {
    ...model,
    parts: (given) => ({
      names: ["whole"],
      compose: (coalitions, count) => ({
        features: {
          ...given.features,
          shape: [count, 5, 4],
          data: Float32Array.from({ length: count * 20 }, (_, i) =>
            coalitions[Math.floor(i / 20)] === 1 ? Number(given.features.data[i % 20]) : 0,
          ),
        },
      }),
    }),
  };
  await using explainer = new Explainer(withParts);
  const found = await explainer.explain(x, { method: "kernel-shap" });
  assert.deepEqual(found.values.shape, [2, 1]);
  await assert.rejects(
    () => faithfulness(explainer, x, found),
    /expected one value for each of the 20 features of an example, got 1/,
  );
  await assert.rejects(
    () => faithfulness(explainer, x, found, { measures: ["insertoin" as "insertion"] }),
    /unknown measure "insertoin"; did you mean "insertion"/,
  );
});

test("TCAV wants examples of both kinds", async () => {
  await using explainer = new Explainer(conv);
  await assert.rejects(
    () => tcav(explainer, { concept: image, random: image, examples: image, target: 0 }),
    /tcav: expected at least 4 examples of the concept and 4 others, got 2 and 2/,
  );
});

test("files that are no ONNX model are refused in one line", () => {
  assert.throws(
    () => explainableOnnx(new Uint8Array([1, 2, 3])),
    (error: Error) => error instanceof DescentError && !error.message.includes("\n"),
  );
});

test("graphs that no engine runs, and files that take more rows than can be filled up, are refused as they are opened", async () => {
  const weights = { w: list(1, 2) };
  const cases: readonly (readonly [OnnxFile, RegExp])[] = [
    [
      { opset: 17, inputs: [[1, 2]], nodes: [node("Add", ["x0", "b"], ["a"]), node("Relu", ["a"], ["b"]), node("Mul", ["b", "w"], ["y"])] },
      /^bad\.onnx: expected nodes without a cycle, got one through "path\/to\/Add_a" and "path\/to\/Relu_b"$/,
    ],
    [
      { opset: 17, inputs: [[1, 2]], nodes: [node("Add", ["a", "x0"], ["a"]), node("Mul", ["a", "w"], ["y"])] },
      /^bad\.onnx: node "path\/to\/Add_a" \(Add\): expected a value named "a" before it, got none$/,
    ],
    [
      { opset: 17, inputs: [[1, 2]], nodes: [node("Mul", ["nothing", "w"], ["y"])] },
      /expected a value named "nothing" before it, got none$/,
    ],
    [
      { opset: 17, inputs: [[1e12, 2]], nodes: [node("Mul", ["x0", "w"], ["y"])] },
      /^bad\.onnx: input "x0": expected at most 1048576 rows at once, got \[1000000000000, 2\]$/,
    ],
  ]; // prettier-ignore
  const folder = mkdtempSync(join(tmpdir(), "descent-bad-"));
  const path = join(folder, "bad.onnx");
  for (const [file, message] of cases) {
    writeFileSync(path, encodeModel(modelOf({ ...file, constants: weights })));
    await assert.rejects(openModel(path), { message });
  }
  rmSync(folder, { recursive: true });
});
