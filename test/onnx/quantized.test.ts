/**
 * Quantized files: gradients straight through the rounding, which is said, and weights of few bits.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { grad } from "../../src/autodiff/index.js";
import { fromNumbers, Graph, type Tensor, toNumbers } from "../../src/graph/index.js";
import { encodeModel, importOnnx, inspectModel, OnnxModel } from "../../src/onnx/index.js";
import { evaluate } from "../../src/runtime/index.js";
import { list, modelOf, node, type OnnxFile, scalar } from "./file.js";

const quantized: OnnxFile = {
  opset: 21,
  inputs: [[4]],
  constants: { s: scalar(0.1), z: scalar(10, "uint8"), w: list(1, 2, 3, 4) },
  nodes: [
    node("QuantizeLinear", ["x0", "s", "z"], ["q"]),
    node("Reshape", ["q", "shape"], ["r"]),
    node("DequantizeLinear", ["r", "s", "z"], ["d"]),
    node("Mul", ["d", "w"], ["y"]),
  ],
};
const bytes = encodeModel(
  modelOf({ ...quantized, constants: { ...quantized.constants, shape: fromNumbers("int64", [1], [4]) } }),
);

test("gradients go straight through the rounding, and end at the range", async () => {
  const model = importOnnx(bytes);
  const [x, y] = [model.inputs.get("x0") as Tensor, model.graph.outputs.get("y") as Tensor];
  const w = [...model.parameters.values()][0] as Tensor;
  const graph = new Graph({ dx: grad(y.sum(), x), dw: grad(y.sum(), w) });
  const { dx, dw } = await evaluate(
    { dx: graph.outputs.get("dx") as Tensor, dw: graph.outputs.get("dw") as Tensor },
    { x0: fromNumbers("float32", [4], [0.52, -5, 3.33, 90]) },
    { values: model.values, names: model.names },
  );
  // Numbers from −1 to 24.5 can be said: the second and the last one are held.
  assert.deepEqual(Array.from(dx.data, Number), [1, 0, 3, 0]);
  assert.deepEqual([...toNumbers(dw)].map((v) => Math.round(v * 1e4) / 1e4), [0.5, -1, 3.3, 24.5]); // prettier-ignore
});

test("what is decided about them is said", () => {
  assert.deepEqual(inspectModel(new OnnxModel(bytes)).gradients.straightThrough, ["QuantizeLinear"]);
});

test("weights of four bits and of bfloat16 are read", async () => {
  const model = modelOf({
    opset: 21,
    inputs: [[3]],
    constants: { q: fromNumbers("int8", [3], [0, 0, 0]), s: scalar(0.5), b: list(0, 0, 0) },
    nodes: [node("DequantizeLinear", ["q", "s"], ["w"]), node("Mul", ["x0", "w"], ["p"]), node("Add", ["p", "b"], ["y"])],
  });
  const [q, , b] = model.graph.initializers;
  assert.ok(q !== undefined && b !== undefined);
  // −8, 7 | 3: of two the lower bits come first.
  Object.assign(q, { dataType: 22, rawData: Uint8Array.of(0x78, 0x03) });
  // 1, −2 and 0.5 in bfloat16: the upper halves of their float32.
  Object.assign(b, { dataType: 16, rawData: Uint8Array.of(0x80, 0x3f, 0x00, 0xc0, 0x00, 0x3f) });
  const read = importOnnx(encodeModel(model));
  const { y } = await evaluate(
    { y: read.graph.outputs.get("y") as Tensor },
    { x0: fromNumbers("float32", [3], [1, 1, 2]) },
    { values: read.values, names: read.names },
  );
  assert.deepEqual(Array.from(y.data, Number), [-3, 1.5, 3.5]);
});
