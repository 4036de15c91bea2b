/** @module Somebody else's file as a module: one set of parameters for every shape it is traced with. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { grad } from "../../src/autodiff/index.js";
import type { Tensor, TensorData } from "../../src/graph/index.js";
import { input, symbol, toNumbers } from "../../src/graph/index.js";
import { GraphModule } from "../../src/nn/index.js";
import { encodeModel } from "../../src/onnx/index.js";
import { evaluate } from "../../src/runtime/index.js";
import { node, modelOf, w } from "./file.js";

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
