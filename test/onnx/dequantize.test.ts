/** @module Quantized files as the same files in real numbers: answers are the file's, but for the rounding, and weights are parameters. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { TensorData } from "../../src/graph/index.js";
import { fromNumbers, toNumbers } from "../../src/graph/index.js";
import { dequantized, encodeModel, importOnnx, type ModelProto, OnnxModel } from "../../src/onnx/index.js";
import { compile } from "../../src/runtime/index.js";
import { Random } from "../../src/util/random.js";
import { modelOf, node, numbers, type OnnxFile, scalar } from "./file.js";

const MS = "com.microsoft";
const random = new Random("dequantize");
const whole = (dtype: "int8" | "uint8" | "int32", shape: readonly number[], most = 120): TensorData =>
  fromNumbers(
    dtype,
    shape,
    Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => random.integer(most) - (dtype === "uint8" ? 0 : most / 2)),
  );
/** Scale and zero point of x, of a result, and of what is 0 at least. */
const SCALES = {
  xs: scalar(0.03),
  xz: scalar(120, "uint8"),
  ys: scalar(0.05),
  yz: scalar(128, "uint8"),
  none: scalar(0, "uint8"),
  ws: fromNumbers("float32", [4], [0.01, 0.02, 0.004, 0.013]),
  w1: scalar(0.01),
  wz: fromNumbers("int8", [4], [0, 0, 0, 0]),
  z8: scalar(3, "int8"),
};
const enter = node("QuantizeLinear", ["x0", "xs", "xz"], ["q"]);
const leave = (q: string, scale = "ys", zero = "yz"): ReturnType<typeof node> =>
  node("DequantizeLinear", [q, scale, zero], ["y"]);
const quantized = (inputs: (number | string)[], nodes: OnnxFile["nodes"], constants: OnnxFile["constants"] = {}): ModelProto =>
  modelOf({ opset: 13, inputs: [inputs], nodes, constants: { ...SCALES, ...constants } });

async function answers(model: ModelProto, shape: readonly number[]): Promise<Float64Array> {
  await using executable = await compile(new OnnxModel(encodeModel(model)));
  const { y } = await executable.call({ x0: numbers("x", shape) });
  assert.ok(y !== undefined);
  return toNumbers(y);
}

const OF_TWO = ["a", "xs", "xz", "q", "xs", "xz", "ys", "yz"];
const image = [2, 3, 6, 6];
const conv = (result: string, zero: string): ReturnType<typeof node> =>
  node("QLinearConv", ["q", "xs", "xz", "weight_quantized", "ws", "wz", "ys", zero, "bias_quantized"], [result], { pads: [1, 1, 1, 1] }); // prettier-ignore
const CONV = { weight_quantized: whole("int8", [4, 3, 3, 3]), bias_quantized: whole("int32", [4], 1000) };

/** Files with the shape of their input, the names of their parameters, and how far answers may be: one rounding, or two. */
const FILES: Readonly<Record<string, readonly [model: ModelProto, shape: readonly number[], parameters: readonly string[]]>> = {
  "QLinearConv, by channel": [quantized(["N", 3, 6, 6], [enter, conv("c", "yz"), leave("c")], CONV), image, ["bias", "weight"]],
  "QLinearConv whose range begins with 0, then MaxPool": [
    quantized(["N", 3, 6, 6], [enter, conv("c", "none"), node("MaxPool", ["c"], ["p"], { kernel_shape: [2, 2] }), leave("p", "ys", "none")], CONV), // prettier-ignore
    image,
    ["bias", "weight"],
  ],
  "QLinearMatMul, by column": [
    quantized(["N", 5], [enter, node("QLinearMatMul", ["q", "xs", "xz", "weight", "ws", "wz", "ys", "yz"], ["m"]), leave("m")], { weight: whole("int8", [5, 4]) }), // prettier-ignore
    [3, 5],
    ["weight.real"],
  ],
  "QGemm with alpha, turned": [
    quantized(["N", 5], [enter, node("QGemm", ["q", "xs", "xz", "weight", "ws", "wz", "bias", "ys", "yz"], ["m"], { alpha: { float: 0.5 }, transB: 1 }, MS), leave("m")], { weight: whole("int8", [4, 5]), bias: whole("int32", [4], 400) }), // prettier-ignore
    [3, 5],
    ["bias.real", "weight.real"],
  ],
  "QLinearAdd of a table's rows": [
    quantized(["N", 4], [enter, node("ArgMax", ["x0"], ["at"], { axis: 1, keepdims: 0 }), node("Gather", ["table_quantized", "at"], ["a"]), node("QLinearAdd", OF_TWO, ["m"], {}, MS), leave("m")], { table_quantized: whole("uint8", [6, 4]) }), // prettier-ignore
    [3, 4],
    ["table"],
  ],
  "QLinearMul, QLinearSigmoid": [
    quantized(["N", 4], [enter, node("QLinearMul", ["q", "xs", "xz", "q", "xs", "xz", "ys", "yz"], ["a"], {}, MS), node("QLinearSigmoid", ["a", "ys", "yz", "w1", "none"], ["m"], {}, MS), leave("m", "w1", "none")]), // prettier-ignore
    [3, 4],
    [],
  ],
  "QLinearConcat, QLinearLeakyRelu": [
    quantized(["N", 4], [enter, node("QLinearLeakyRelu", ["q", "xs", "xz", "ys", "yz"], ["a"], { alpha: 0.1 }, MS), node("QLinearConcat", ["ys", "yz", "q", "xs", "xz", "a", "ys", "yz"], ["m"], { axis: 1 }, MS), leave("m")]), // prettier-ignore
    [3, 4],
    [],
  ],
  QLinearGlobalAveragePool: [
    quantized(["N", 3, 6, 6], [enter, node("QLinearGlobalAveragePool", ["q", "xs", "xz", "ys", "yz"], ["m"], {}, MS), leave("m")]), // prettier-ignore
    image,
    [],
  ],
  "weights that are rounded in the file": [
    quantized(["N", 5], [enter, node("DequantizeLinear", ["q", "xs", "xz"], ["x"]), node("QuantizeLinear", ["weight", "w1", "z8"], ["wq"]), node("DequantizeLinear", ["wq", "w1", "z8"], ["w"]), node("MatMul", ["x", "w"], ["y"])], { weight: fromNumbers("float32", [5, 2], Array.from({ length: 10 }, () => random.normal() / 4)) }), // prettier-ignore
    [3, 5],
    ["weight"],
  ],
  "products of rows with ranges of their own": [
    quantized(
      ["N", 5],
      [
        node("DynamicQuantizeLinear", ["x0"], ["q", "s", "z"]),
        node("MatMulInteger", ["q", "weight_quantized", "z", "wz"], ["i"]),
        node("Cast", ["i"], ["f"], { to: 1 }),
        node("Mul", ["s", "ws"], ["scales"]),
        node("Mul", ["f", "scales"], ["y"]),
      ],
      { weight_quantized: whole("int8", [5, 4]) },
    ),
    [3, 5],
    ["weight"],
  ],
  "the same as one op": [
    quantized(["N", 5], [node("DynamicQuantizeMatMul", ["x0", "weight", "ws", "wz", "bias"], ["y"], {}, MS)], { weight: whole("int8", [5, 4]), bias: numbers("b", [4]) }), // prettier-ignore
    [3, 5],
    ["bias", "weight.real"],
  ],
  "convolutions of images with ranges of their own": [
    quantized(
      ["N", 3, 6, 6],
      [
        node("DynamicQuantizeLinear", ["x0"], ["q", "s", "z"]),
        node("ConvInteger", ["q", "weight_quantized", "z", "zero"], ["i"]),
        node("Cast", ["i"], ["f"], { to: 1 }),
        node("Mul", ["s", "w1"], ["scales"]),
        node("Mul", ["scales", "f"], ["y"]),
      ],
      { weight_quantized: whole("uint8", [4, 3, 3, 3]), zero: scalar(60, "uint8") },
    ),
    image,
    ["weight"],
  ],
};

for (const [name, [model, shape, parameters]] of Object.entries(FILES))
  test(`in real numbers: ${name}`, async () => {
    const expected = await answers(model, shape);
    const spread = Math.max(...expected) - Math.min(...expected);
    assert.ok(spread > 0.3, `answers differ by ${spread}`);
    for (const keepRounding of [false, true]) {
      const made = dequantized(model, "q.onnx", keepRounding);
      assert.deepEqual(made?.left, []);
      const imported = importOnnx(encodeModel(made.model));
      assert.deepEqual([...imported.parameters.keys()].sort(), parameters);
      const got = await answers(made.model, shape);
      // A step of the result, and what the steps of the input and of a value between make of it.
      const steps = keepRounding ? 0.051 : 0.1;
      expected.forEach((v, i) => assert.ok(Math.abs(v - (got[i] as number)) < steps, `${keepRounding} ${i}: ${v}, ${got[i]}`));
    }
  });

test("what a range begins with is not passed: it stands for the Relu that a quantizer leaves out", async () => {
  const [model, shape] = FILES["QLinearConv whose range begins with 0, then MaxPool"] as (typeof FILES)[string];
  const made = dequantized(model, "q.onnx")?.model as ModelProto;
  assert.ok(made.graph.nodes.every(({ opType }) => !/Linear|Integer/.test(opType)), made.graph.nodes.map((n) => n.opType).join()); // prettier-ignore
  const got = await answers(made, shape);
  assert.equal(Math.min(...got), 0);
  assert.ok(got.some((v) => v > 0.5));
});

test("a rounding that something else reads stays, and weights of few bits that stay are named", () => {
  const read = quantized(["N", 4], [enter, node("Cast", ["q"], ["c"], { to: 1 }), node("DequantizeLinear", ["q", "xs", "xz"], ["d"]), node("Add", ["c", "d"], ["y"])]); // prettier-ignore
  assert.ok(dequantized(read, "q.onnx")?.model.graph.nodes.some(({ opType }) => opType === "QuantizeLinear"));
  const bits = { K: 32, N: 2, bits: 4, block_size: 32 };
  const blocks = { b: whole("uint8", [2, 1, 16]), s: fromNumbers("float32", [2], [0.1, 0.2]) };
  const few = quantized(["N", 32], [node("MatMulNBits", ["x0", "b", "s"], ["y"], bits, MS)], blocks);
  assert.deepEqual(dequantized(few, "q.onnx")?.left, ["com.microsoft.MatMulNBits"]);
});

test("a file without integers stays the file that it is", () => {
  assert.equal(dequantized(modelOf({ opset: 13, inputs: [[4]], nodes: [node("Relu", ["x0"], ["y"])] }), "f.onnx"), undefined);
});
