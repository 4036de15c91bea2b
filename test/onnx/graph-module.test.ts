/** @module Somebody else's file as a module: one set of parameters for every shape it is traced with. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { grad } from "../../src/autodiff/index.js";
import type { Tensor, TensorData } from "../../src/graph/index.js";
import { input, symbol, toNumbers } from "../../src/graph/index.js";
import { addAdapters, GraphModule, lora, mergeAdapters, removeAdapters } from "../../src/nn/index.js";
import { encodeModel } from "../../src/onnx/index.js";
import { evaluate } from "../../src/runtime/index.js";
import { ints, node, modelOf, numbers, w } from "./file.js";

const bytes = encodeModel(
  modelOf({
    opset: 17,
    inputs: [["batch", "length", 4]],
    nodes: [
      node("MatMul", ["x0", "layer.0.weight"], ["h"]),
      node("Add", ["h", "layer.0.bias"], ["s"]),
      node("Tanh", ["s"], ["y"]),
    ],
    constants: { "layer.0.weight": w([4, 3]), "layer.0.bias": w([3]) },
  }),
);

const open = (): GraphModule => new GraphModule(bytes, { shapes: { x0: [1, 2, 4] }, where: "their.onnx" });

test("parameters have the file's names and numbers", () => {
  const module = open();
  assert.deepEqual([...module.parameters().keys()], ["layer.0.weight", "layer.0.bias"]);
  assert.deepEqual(toNumbers(module.values.get("layer.0.weight") as TensorData), toNumbers(w([4, 3])));
});

test("what is a parameter can be corrected", () => {
  const options = { shapes: { x0: [1, 2, 4] }, where: "their.onnx" };
  const module = new GraphModule(bytes, { ...options, parameters: { exclude: "*.bias" } });
  assert.deepEqual([...module.parameters().keys()], ["layer.0.weight"]);
  assert.throws(() => new GraphModule(bytes, { ...options, parameters: { exclude: "*" } }), /got one without a parameter/);
});

test("traces of other shapes share the parameters, and agree", async () => {
  const module = open();
  const x = w([2, 5, 4]);
  const forms = [
    [2, 5, 4],
    [symbol("N"), symbol("T"), 4],
  ];
  const results: Float64Array[] = [];
  for (const shape of forms) {
    const { y } = module.forward({ x0: input("x0", shape) }) as { y: Tensor };
    const gradients = Object.fromEntries(grad(y.sum(), [...module.parameters().values()]).map((dp, i) => [`d${i}`, dp] as const));
    const values = new Map<Tensor, TensorData>(
      [...module.state()].map(([name, p]) => [p, module.values.get(name) as TensorData]),
    );
    const out = await evaluate({ y, ...gradients }, { x0: x }, { values });
    results.push(Float64Array.from(Object.values(out).flatMap((value) => [...toNumbers(value)])));
  }
  const [fixed = [], free = []] = results;
  assert.equal(fixed.length, 30 + 12 + 3);
  for (let i = 0; i < fixed.length; i++) assert.ok(Math.abs((fixed[i] as number) - (free[i] as number)) < 1e-5);
});

test("inputs are cast to the file's types; a missing or unknown one is named", () => {
  const module = open();
  const whole = input("x0", [1, 2, 4], "int32");
  assert.equal(module.forward({ x0: whole })["y"]?.dtype, "float32");
  assert.throws(() => module.forward({}), /their\.onnx: expected a (value for|shape).*"x0"/);
  assert.throws(() => module.forward({ x0: whole, mask: whole }), /unknown input "mask"/);
});

test("a file without weights is refused", () => {
  const plain = encodeModel(modelOf({ opset: 17, inputs: [[2]], nodes: [node("Tanh", ["x0"], ["y"])] }));
  assert.throws(() => new GraphModule(plain, { shapes: { x0: [2] }, where: "their.onnx" }), {
    name: "ConfigError",
    message: /^their\.onnx: expected a model with weights, got one without a parameter; /,
  });
});

/** Queries as MatMul behind a node with the layer's name, keys as Gemm with a transposed weight, a table that is also looked up. */
const ATTENTION = encodeModel(
  modelOf({
    opset: 17,
    inputs: [["batch", 4], { shape: ["batch"], dtype: "int64" }],
    nodes: [
      { ...node("MatMul", ["x0", "onnx::MatMul_7"], ["q"]), name: "/encoder/layer.0/query/MatMul" },
      node("Gemm", ["x0", "encoder.key.weight", "bias"], ["k"], { transB: 1 }),
      node("Gather", ["table", "x1"], ["t"]),
      node("MatMul", ["x0", "table"], ["u"]),
      node("Add", ["q", "k"], ["s"]),
      node("Tanh", ["s"], ["r"]),
      node("Concat", ["r", "t", "u"], ["y"], { axis: 1 }),
    ],
    constants: { "onnx::MatMul_7": w([4, 3]), "encoder.key.weight": w([3, 4]), bias: w([3]), table: w([4, 5]) },
  }),
);

const adapters = (targets?: readonly string[]) => lora({ rank: 2, alpha: 3, ...(targets && { targets }) });
const attention = (): GraphModule => new GraphModule(ATTENTION, { shapes: { x0: [2, 4], x1: [2] }, where: "their.onnx" });

/** Outputs for two rows, with these numbers. */
async function outputsOf(module: GraphModule, numbers: ReadonlyMap<string, TensorData>): Promise<Float64Array> {
  const { y } = module.forward({ x0: input("x0", [2, 4]), x1: input("x1", [2], "int64") }) as { y: Tensor };
  const values = new Map<Tensor, TensorData>([...module.state()].map(([name, p]) => [p, numbers.get(name) as TensorData]));
  const { y: out } = await evaluate({ y }, { x0: w([2, 4]), x1: ints(0, 3) }, { values });
  return toNumbers(out);
}

test("adapters stand beside linear layers by the names of weights and of nodes, and merge into the weights", async () => {
  for (const [targets, layers] of [
    [undefined, ["onnx::MatMul_7.layer"]],
    [["key"], ["encoder.key"]],
    [
      ["encoder.layer.*.query", "key"],
      ["onnx::MatMul_7.layer", "encoder.key"],
    ],
  ] as const) {
    const module = attention();
    const before = await outputsOf(module, module.values);
    const adapted = addAdapters(module, adapters(targets));
    assert.deepEqual(adapted.layers, layers);
    assert.deepEqual(adapted.trained.length, 2 * layers.length);
    const learned = new Map(adapted.trained.map((path) => [path, numbers(path, module.state().get(path)?.dims ?? [])] as const));
    const whole = new Map([...module.values, ...learned]);
    const changed = await outputsOf(module, whole);
    assert.ok(changed.some((value, i) => Math.abs(value - (before[i] as number)) > 1e-2));
    const merged = mergeAdapters(module, whole);
    removeAdapters(module);
    assert.deepEqual([...merged.keys()], [...module.values.keys()]);
    const after = await outputsOf(module, merged);
    changed.forEach((value, i) => assert.ok(Math.abs(value - (after[i] as number)) < 1e-5));
  }
});

test("a weight that is looked up as well has no adapter; layers that there are not are named", () => {
  assert.throws(() => addAdapters(attention(), adapters(["table"])), { name: "ConfigError", message: /lora: targets.*"table"/ });
  assert.throws(() => addAdapters(open(), adapters()), {
    message: /lora: expected linear layers named query, .* got none; give targets among layer\.0$/,
  });
});

test("pixels of whole numbers that are turned and then cast take floats, so that gradients go through", async () => {
  const file = modelOf({
    opset: 17,
    inputs: [{ shape: ["N", 2, 2, 3], dtype: "uint8" }],
    nodes: [
      node("Transpose", ["x0"], ["turned"], { perm: [0, 3, 1, 2] }),
      node("Cast", ["turned"], ["real"], { to: 1 }),
      node("Flatten", ["real"], ["flat"]),
      node("MatMul", ["flat", "weight"], ["y"]),
    ],
    constants: { weight: w([12, 2]) },
  });
  const module = new GraphModule(encodeModel(file), { shapes: { x0: [1, 2, 2, 3] } });
  const x = input("x", [1, 2, 2, 3]);
  const { y } = module.forward({ x0: x }) as { y: Tensor };
  const values = new Map<Tensor, TensorData>([...module.state()].map(([name, p]) => [p, module.values.get(name) as TensorData]));
  const { dx } = await evaluate({ dx: grad(y.slice(1, 0, 1).sum(), x) }, {}, { values });
  const weights = toNumbers(w([12, 2]));
  // Element (row, column, channel) of x is read at the place (channel, row, column) of the weights.
  const expected = Array.from({ length: 12 }, (_, i) => weights[2 * ((i % 3) * 4 + Math.floor(i / 3))]);
  assert.deepEqual([...toNumbers(dx)], expected);
});
