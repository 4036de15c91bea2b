/**
 * Files of others against Captum on the modules that they were exported from (test/golden/explain-onnx.json): torchvision's ResNet, MobileNetV3 and ViT,
 * transformers' BERT and GPT-2, a network in the manner of Keras, and one that scikit-learn fitted and exported, all small.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { suite, test } from "node:test";
import { inflateSync } from "node:zlib";
import type { MethodName } from "../../src/explain/index.js";
import { explain, explainableOnnx } from "../../src/explain/index.js";
import type { Tensor, TensorData } from "../../src/graph/index.js";
import { encodeModel, OnnxModel, withScores } from "../../src/onnx/index.js";
import type { Numbers } from "./golden-models.js";
import { float32 } from "./golden-models.js";

interface Case {
  readonly name: string;
  /** The ONNX file, packed by zlib, in base64. */
  readonly file: string;
  readonly inputs: Readonly<Record<string, Numbers | readonly (readonly number[])[]>>;
  readonly target: readonly number[];
  readonly at?: string;
  /** Whether the file has an output of labels as well, by an op that Descent does not have; scores are cut out of it as `descent explain` does. */
  readonly hasLabels?: boolean;
  /** Position of a decoder whose scores are meant. */
  readonly position?: number;
  readonly captum: Partial<Readonly<Record<MethodName, Numbers>>>;
}

const { steps, cases } = JSON.parse(readFileSync("test/golden/explain-onnx.json", "utf8")) as {
  readonly steps: number;
  readonly cases: readonly Case[];
};

const ids = (rows: readonly (readonly number[])[]): TensorData => ({
  dtype: "int64",
  shape: [rows.length, rows[0]?.length ?? 0],
  data: BigInt64Array.from(rows.flat(), BigInt),
});

for (const { name, file, inputs, target, at, hasLabels, position, captum } of cases) {
  suite(`${name}: the file's attributions are Captum's of the module`, () => {
    const select = position === undefined ? {} : { select: (y: Tensor) => y.slice(1, position, position + 1).squeeze(1) };
    const whole = inflateSync(Buffer.from(file, "base64"));
    const bytes = hasLabels === true ? encodeModel(withScores(new OnnxModel(whole).proto).model) : whole;
    const model = explainableOnnx(bytes, { where: `${name}.onnx`, ...select });
    const given = Object.fromEntries(
      Object.entries(inputs).map(([key, value]) => [key, "data" in value ? float32(value) : ids(value)]),
    );
    for (const [method, expected] of Object.entries(captum) as [MethodName, Numbers][]) {
      test(method, async () => {
        const path = method === "integrated-gradients" ? { steps, maxSteps: steps } : {};
        const layer = method === "grad-cam" && at !== undefined ? { at } : {};
        const { values, layerValues } = await explain(model, await model.encode(given), { method, target, ...path, ...layer });
        const got = method === "grad-cam" ? layerValues : values;
        assert.deepEqual(got?.shape, expected.shape);
        const scale = expected.data.reduce((most, v) => Math.max(most, Math.abs(v)), 0);
        assert.ok(scale > 1e-6, `a score that the input changes, not ${scale}`);
        expected.data.forEach((v, i) => {
          assert.ok(Math.abs(Number(got?.data[i]) - v) <= 1e-4 * scale, `element ${i}: expected ${v}, got ${got?.data[i]}`);
        });
      });
    }
  });
}
