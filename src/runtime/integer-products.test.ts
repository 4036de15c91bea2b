import assert from "node:assert/strict";
import { test } from "node:test";
import { DTYPES } from "../graph/index.js";
import type { AttributeProto, ModelProto, NodeProto, TensorProto } from "../onnx/index.js";
import { encodeModel, OnnxModel } from "../onnx/index.js";
import { compile } from "./compile.js";
import { maySaturate, saturationProbe } from "./integer-products.js";

const probe = new OnnxModel(saturationProbe.model()).proto;
const weights = (values: readonly number[]): TensorProto => ({
  name: "w",
  dims: [values.length, 1],
  dataType: DTYPES.int8.onnx,
  rawData: new Uint8Array(Int8Array.from(values).buffer),
});
const withWeights = (...initializers: readonly TensorProto[]): ModelProto => ({
  ...probe,
  graph: { ...probe.graph, initializers: [...initializers] },
});

test("files whose weights stay within 7 bits do not need exact products, nor do those without any", () => {
  assert.equal(maySaturate(withWeights(weights([63, -64, 0]))), false);
  assert.equal(maySaturate(withWeights(weights([65]))), true);
  assert.equal(maySaturate(withWeights({ ...weights([1]), external: new Map([["location", "weights.bin"]]) })), true);
  assert.equal(maySaturate(withWeights({ ...weights([1]), dataType: DTYPES.uint8.onnx })), false, "unsigned weights");
  assert.equal(maySaturate(probe), true, "weights that are fed may be any");
  const floats = { ...probe.graph, nodes: probe.graph.nodes.map((node) => ({ ...node, opType: "MatMul" })) };
  assert.equal(maySaturate({ ...probe, graph: floats }), false);
});

const nodeProto = (opType: string, inputs: string[], outputs: string[], attributes: AttributeProto[] = []): NodeProto => ({
  opType,
  domain: "",
  name: "",
  inputs,
  outputs,
  attributes,
});
const narrow = weights([63]);
const wide = weights([127]);
const file = (nodes: readonly NodeProto[], ...initializers: readonly TensorProto[]): ModelProto => ({
  ...probe,
  graph: { ...probe.graph, nodes: [...nodes], initializers: [...initializers] },
});
const value = (tensor: TensorProto): AttributeProto => ({ name: "value", type: "tensor", value: tensor });
const body = (...graph: readonly NodeProto[]): AttributeProto => ({
  name: "then_branch",
  type: "graph",
  value: { ...probe.graph, nodes: [...graph], initializers: [] },
});
const product = nodeProto("MatMulInteger", ["x", "w"], ["y"]);
const dequantized = [nodeProto("DequantizeLinear", ["w", "scale"], ["d"]), nodeProto("MatMul", ["a", "d"], ["y"])];
const onTheFly = (zero: string): NodeProto[] => [nodeProto("QuantizeLinear", ["float", "scale", zero], ["w"]), ...dequantized];
const behind = (op: string, scale: string, move = "Identity"): NodeProto[] => [
  nodeProto("DequantizeLinear", ["q", scale], ["d"]),
  nodeProto(move, ["d"], ["moved"]),
  nodeProto(op, ["moved", "float"], ["y"]),
];

const FILES: readonly (readonly [string, ModelProto, boolean])[] = [
  ["weights in a Constant node", file([nodeProto("Constant", [], ["w"], [value(wide)]), product]), true],
  ["narrow weights in a Constant node", file([nodeProto("Constant", [], ["w"], [value(narrow)]), product]), false],
  ["a product in a branch", file([nodeProto("If", ["c"], ["z"], [body(product)])], wide), true],
  ["a narrow product in a branch", file([nodeProto("If", ["c"], ["z"], [body(product)])], narrow), false],
  ["narrow weights beside fed ones", file([product, nodeProto("MatMulInteger", ["x", "fed"], ["z"])], narrow), true],
  ["a recurrence", file([nodeProto("DynamicQuantizeLSTM", ["x", "w", "r"], ["y"])], narrow, { ...wide, name: "r" }), true],
  ["a narrow recurrence", file([nodeProto("DynamicQuantizeLSTM", ["x", "w", "w"], ["y"])], narrow), false],
  ["wide numbers that are no weights", file([product], narrow, { ...wide, name: "table" }), false],
  ["dequantized weights", file(dequantized, wide), true],
  ["dequantized narrow weights", file(dequantized, narrow), false],
  ["floats behind dequantized values", file(behind("Conv", "scale"), { ...wide, name: "scale", dims: [] }), true],
  ["the same, moved", file(behind("Gemm", "scale", "Flatten"), { ...wide, name: "scale", dims: [] }), true],
  ["the same with a scale for each channel", file(behind("Conv", "scale"), { ...wide, name: "scale", dims: [2] }), false],
  ["a product of floats behind such", file(behind("MatMul", "scale"), { ...wide, name: "scale", dims: [] }), false],
  ["moved weights", file([nodeProto("Transpose", ["v"], ["w"]), product], { ...wide, name: "v" }), true],
  ["weights quantized on the fly", file(onTheFly("zero"), { ...narrow, name: "zero" }), true],
  ["unsigned ones quantized on the fly", file(onTheFly(""), { ...narrow, name: "zero" }), false],
  [
    "a function",
    {
      ...file([nodeProto("F", ["x", "w"], ["y"])], narrow),
      functions: [
        {
          name: "F",
          domain: "",
          inputs: ["x", "w"],
          outputs: ["y"],
          attributes: [],
          attributeDefaults: [],
          nodes: [product],
          opsets: new Map(),
        },
      ],
    },
    true,
  ],
];

for (const [name, model, expected] of FILES)
  test(`${name}: ${expected ? "may saturate" : "exact as they are"}`, () => {
    assert.equal(maySaturate(model), expected);
  });

const LARGEST: TensorProto = {
  name: "w",
  dims: [64, 16],
  dataType: DTYPES.int8.onnx,
  rawData: new Uint8Array(64 * 16).fill(127),
};
const CONSTANT: ReadonlyMap<string, ModelProto> = new Map([
  ["an initializer", withWeights(LARGEST)],
  ["a Constant node", file([nodeProto("Constant", [], ["w"], [value(LARGEST)]), product])],
]);

for (const [where, model] of CONSTANT)
  test(`products of the largest values, weights in ${where}: exact on every processor, as files are opened`, async () => {
    const { x } = saturationProbe.feeds;
    const inputs = model.graph.inputs.filter(({ name }) => name === "x");
    await using session = await compile(new OnnxModel(encodeModel({ ...model, graph: { ...model.graph, inputs } })));
    const { y } = await session.call({ x });
    assert.ok(saturationProbe.isExact(y?.data ?? []), String(y?.data[0]));
  });
