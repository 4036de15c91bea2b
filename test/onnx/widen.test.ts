/** @module Files of float16 as the same files of float32. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { fromNumbers, toNumbers } from "../../src/graph/index.js";
import { encodeModel, importOnnx, type ModelProto, widened } from "../../src/onnx/index.js";
import { compile } from "../../src/runtime/index.js";
import { modelOf, node, numbers, tensorAttribute, w } from "./file.js";

const half = (shape: readonly number[]) => fromNumbers("float16", shape, toNumbers(w(shape)));
const model = modelOf({
  opset: 17,
  inputs: [["N", 3]],
  constants: { weight: half([3, 4]) },
  nodes: [
    node("Cast", ["x0"], ["h"], { to: 10 }),
    node("MatMul", ["h", "weight"], ["m"]),
    node("Constant", [], ["shift"], { value: tensorAttribute(half([4])) }),
    node("Add", ["m", "shift"], ["s"]),
    node("Tanh", ["s"], ["t"]),
    node("Cast", ["t"], ["y"], { to: 1 }),
  ],
});

async function answer(file: ModelProto): Promise<Float64Array> {
  const { graph, values, names } = importOnnx(encodeModel(file));
  await using executable = await compile(graph, { values, names });
  const { y } = await executable.call({ x0: numbers("x", [5, 3]) });
  assert.ok(y !== undefined);
  return toNumbers(y);
}

test("all of it becomes float32, and answers alike", async () => {
  const wide = widened(model, "half.onnx") as ModelProto;
  const { graph } = importOnnx(encodeModel(wide));
  assert.ok(graph.nodes.every(({ outputs }) => outputs.every(({ dtype }) => dtype === "float32")));
  const [before, after] = [await answer(model), await answer(wide)];
  assert.ok(before.some((v) => Math.abs(v) > 0.1));
  before.forEach((v, i) => assert.ok(Math.abs(v - (after[i] as number)) < 2e-3, `${i}: ${v} beside ${after[i]}`));
});

test("a file without float16 stays the file that it is", () => {
  assert.equal(widened(widened(model, "half.onnx") as ModelProto, "half.onnx"), undefined);
});
