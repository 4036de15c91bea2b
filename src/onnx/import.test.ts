/**
 * Real files of other programs: their graph equals the engine on the file itself, and can be differentiated.
 */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { suite, test } from "node:test";
import { grad } from "../autodiff/index.js";
import type { Tensor, TensorData } from "../graph/index.js";
import { fromNumbers, sizeOf, toNumbers } from "../graph/index.js";
import { evaluate, platformRuntime } from "../runtime/index.js";
import { Random } from "../util/random.js";
import { importOnnx } from "./model.js";

const models = process.env["DESCENT_DATA"] === undefined ? "" : join(process.env["DESCENT_DATA"], "..", "models");

/** The engine on the file as it is. */
async function original(bytes: Uint8Array, feeds: Readonly<Record<string, TensorData>>): Promise<Record<string, TensorData>> {
  const runtime = await platformRuntime();
  await using session = await runtime.createSession(bytes, { device: "cpu" });
  const values = Object.fromEntries(Object.entries(feeds).map(([name, data]) => [name, runtime.upload(data)]));
  const results: Record<string, TensorData> = {};
  for (const [name, value] of Object.entries(await session.run(values))) results[name] = await runtime.read(value);
  return results;
}

const FILES = [
  { file: "mnist-cnn/mnist.onnx", outputs: { Plus214_Output_0: [1, 10] } },
  { file: "fastestdet-coco/FastestDet.onnx", outputs: { "758": [1, 85, 22, 22] } },
];

/** Large enough for float32's rounding, small against the distance to most kinks. */
const STEP = 0.02;

suite("files of other programs", () => {
  for (const { file, outputs } of FILES) {
    const path = join(models, file);
    const skip = models !== "" && existsSync(path) ? false : `set DESCENT_DATA beside a folder models with ${file}`;
    test(file, { skip }, async () => {
      const bytes = new Uint8Array(readFileSync(path));
      const model = importOnnx(bytes, { where: file });
      assert.deepEqual(Object.fromEntries([...model.graph.outputs].map(([name, t]) => [name, t.shape])), outputs);
      assert.ok(model.parameters.size > 0);
      const [[name, x]] = [...model.inputs] as [[string, Tensor]];
      const shape = x.shape as readonly number[];
      const random = new Random(file);
      const image = fromNumbers(
        "float32",
        shape,
        Float32Array.from({ length: sizeOf(shape) }, () => random.uniform(0, 1)),
      );
      const expected = await original(bytes, { [name]: image });
      const options = { values: model.values, names: model.names };
      const [[key, y]] = [...model.graph.outputs] as [[string, Tensor]];
      const dx = grad(y.square().sum(), x);
      const results = await evaluate({ [key]: y, dx }, { [name]: image }, options);
      const [got, wanted] = [toNumbers(results[key] as TensorData), toNumbers(expected[key] as TensorData)];
      const scale = wanted.reduce((max, v) => Math.max(max, Math.abs(v)), 1);
      got.forEach((v, i) => assert.ok(Math.abs(v - (wanted[i] as number)) <= 1e-5 * scale, `element ${i}: ${v} ≠ ${wanted[i]}`));
      assert.deepEqual(results.dx.shape, shape);
      // Along its own direction the gradient's length is the slope of the original.
      const slope = toNumbers(results.dx);
      const norm = Math.sqrt(slope.reduce((sum, v) => sum + v * v, 0));
      const loss = async (t: number): Promise<number> => {
        const moved = toNumbers(image).map((v, i) => v + (t * (slope[i] as number)) / norm);
        const run = await original(bytes, { [name]: fromNumbers("float32", shape, moved) });
        return toNumbers(run[key] as TensorData).reduce((sum, v) => sum + v * v, 0);
      };
      const quotient = ((await loss(STEP)) - (await loss(-STEP))) / (2 * STEP);
      assert.ok(Math.abs(quotient - norm) <= 0.02 * norm, `slope ${quotient}, gradient's length ${norm}`);
    });
  }
});
