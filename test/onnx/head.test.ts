/** @module Heads of other people's files: found through what stands behind them, and made anew for other classes. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { TensorData } from "../../src/graph/index.js";
import { fromNumbers, toNumbers } from "../../src/graph/index.js";
import { withoutCalls } from "../../src/onnx/functions.js";
import type { ModelProto, NodeProto } from "../../src/onnx/index.js";
import { encodeModel, headIn, headOf, linearLayers, withHead } from "../../src/onnx/index.js";
import type { FunctionProto } from "../../src/onnx/messages.js";
import type { Value } from "../../src/runtime/index.js";
import { platformRuntime } from "#platform";
import { Random } from "../../src/util/random.js";
import { modelOf, node, proto, scalar, w } from "./file.js";

interface File {
  readonly nodes: NodeProto[];
  readonly weights: Record<string, TensorData>;
  readonly x?: (number | string)[];
}

const file = ({ nodes, weights, x = ["N", 4] }: File): ModelProto =>
  modelOf({ opset: 17, nodes, constants: weights, inputs: [x] });

/** The form of each kind of head, and what its model gives for 5 classes and two examples. */
const HEADS: Record<string, { model: ModelProto; inFeatures: number; x: number[]; y: number[] }> = {
  "Gemm with transB, softmax behind it": {
    model: file({
      nodes: [node("Gemm", ["x0", "w", "b"], ["s"], { transB: 1 }), node("Softmax", ["s"], ["y"], { axis: 1 })],
      weights: { w: w([3, 4]), b: w([3]) },
    }),
    inFeatures: 4,
    x: [2, 4],
    y: [2, 5],
  },
  "Gemm without bias": {
    model: file({ nodes: [node("Gemm", ["x0", "w"], ["y"])], weights: { w: w([4, 3]) } }),
    inFeatures: 4,
    x: [2, 4],
    y: [2, 5],
  },
  "MatMul and Add, at each position": {
    model: file({
      nodes: [node("MatMul", ["x0", "w"], ["p"]), node("Add", ["b", "p"], ["y"])],
      weights: { w: w([4, 3]), b: w([3]) },
      x: ["N", "T", 4],
    }),
    inFeatures: 4,
    x: [2, 6, 4],
    y: [2, 6, 5],
  },
  "weights behind Transpose, in a Constant node": {
    model: file({
      nodes: [
        node("Constant", [], ["w"], { value: { name: "value", type: "tensor", value: proto("w", w([3, 4])) } }),
        node("Transpose", ["w"], ["wt"], { perm: [1, 0] }),
        node("MatMul", ["x0", "wt"], ["y"]),
      ],
      weights: {},
    }),
    inFeatures: 4,
    x: [2, 4],
    y: [2, 5],
  },
  "weights in whole numbers": {
    model: file({
      nodes: [node("DequantizeLinear", ["q", "scale"], ["w"]), node("Gemm", ["x0", "w", "b"], ["y"])],
      weights: {
        q: fromNumbers(
          "int8",
          [4, 3],
          Array.from({ length: 12 }, (_, i) => i - 6),
        ),
        scale: scalar(0.1),
        b: w([3]),
      },
    }),
    inFeatures: 4,
    x: [2, 4],
    y: [2, 5],
  },
  "scores that become dictionaries": {
    model: file({
      nodes: [
        node("Gemm", ["x0", "w", "b"], ["s"]),
        node("Softmax", ["s"], ["p"], { axis: 1 }),
        node("ZipMap", ["p"], ["y"], { classlabels_int64s: [0, 1, 2] }, "ai.onnx.ml"),
      ],
      weights: { w: w([4, 3]), b: w([3]) },
    }),
    inFeatures: 4,
    x: [2, 4],
    y: [2, 5],
  },
  "a convolution of one pixel before the pooling": {
    model: file({
      nodes: [
        node("Conv", ["x0", "w", "b"], ["c"], { kernel_shape: [1, 1] }),
        node("Relu", ["c"], ["r"]),
        node("GlobalAveragePool", ["r"], ["p"]),
        node("Flatten", ["p"], ["f"]),
        node("Softmax", ["f"], ["y"], { axis: 1 }),
      ],
      weights: { w: w([3, 4, 1, 1]), b: w([3]) },
      x: ["N", 4, 6, 6],
    }),
    inFeatures: 4,
    x: [2, 4, 6, 6],
    y: [2, 5],
  },
};

for (const [name, { model, inFeatures, x, y }] of Object.entries(HEADS)) {
  test(`head: ${name}`, async () => {
    const head = headOf(model, "their.onnx");
    assert.equal(head.inFeatures, inFeatures);
    assert.equal(head.outFeatures, 3);
    const headed = withHead(model, head, 5, new Random(1));
    assert.equal(JSON.stringify(withHead(model, head, 5, new Random(1))), JSON.stringify(headed), "same seed, same head");
    assert.ok(headed.model.graph.nodes.every(({ opType }) => opType !== "Softmax"));
    assert.deepEqual(headed.model.graph.initializers.map((t) => t.name).sort(), ["head.bias", "head.weight"]);
    const runtime = await platformRuntime();
    await using session = await runtime.createSession(encodeModel(headed.model), { device: "cpu" });
    using value = runtime.upload(w(x));
    const outputs = await session.run({ x0: value });
    assert.deepEqual(outputs[headed.output]?.shape, y);
  });
}

test("head: a layer that is a function of the file, called twice, with a branch that reads a value from around it", async () => {
  const branch = (op: string) => ({
    name: "",
    type: "graph" as const,
    value: {
      name: op,
      nodes: [node(op, ["product"], ["out"])],
      initializers: [],
      inputs: [],
      outputs: [{ name: "out", elementType: 1, shape: undefined }],
    },
  });
  const linear: FunctionProto = {
    name: "Linear",
    domain: "their.modules",
    inputs: ["x", "weight"],
    outputs: ["result"],
    attributes: ["transposed"],
    attributeDefaults: [],
    nodes: [
      { ...node("Gemm", ["x", "weight"], ["product"]), attributes: [{ name: "transB", type: "reference", value: "transposed" }] },
      node("ReduceSum", ["product"], ["sum"], { keepdims: 0 }),
      node("Greater", ["sum", "sum"], ["never"]),
      node("If", ["never"], ["result"], { then_branch: branch("Neg"), else_branch: branch("Relu") }),
    ],
    opsets: new Map([["", 17]]),
  };
  const call = (x: string, weight: string, y: string, transposed: number): NodeProto =>
    node("Linear", [x, weight], [y], { transposed }, "their.modules");
  const layers = [call("x0", "a", "h", 0), call("h", "b", "s", 1)];
  const model = modelOf({
    opset: 17,
    nodes: [...layers, node("Gemm", ["s", "c"], ["y"])],
    constants: { a: w([4, 6]), b: w([3, 6]), c: w([3, 2]) },
    inputs: [["N", 4]],
    functions: [linear],
  });
  // Nothing is replaced where the head is in the open.
  assert.equal(headIn(model, "their.onnx").model, model);
  const runtime = await platformRuntime();
  const answer = async (given: ModelProto): Promise<number[]> => {
    await using session = await runtime.createSession(encodeModel(given), { device: "cpu" });
    using value = runtime.upload(w([2, 4]));
    const { y } = await session.run({ x0: value });
    return Array.from(toNumbers(await runtime.read(y as Value)));
  };
  const plain = withoutCalls(model, "their.onnx");
  assert.deepEqual(
    plain.graph.nodes.map(({ opType }) => opType),
    ["Gemm", "ReduceSum", "Greater", "If", "Gemm", "ReduceSum", "Greater", "If", "Gemm"],
  );
  assert.deepEqual(await answer(plain), await answer(model));

  const simple: FunctionProto = { ...linear, nodes: [{ ...linear.nodes[0]!, outputs: ["result"] }] };
  const inside = modelOf({ opset: 17, nodes: [layers[0]!, { ...layers[1]!, outputs: ["y"] }], constants: { a: w([4, 6]), b: w([3, 6]) }, inputs: [["N", 4]], functions: [simple] }); // prettier-ignore
  const found = headIn(inside, "their.onnx");
  assert.deepEqual(
    [found.head.name, found.head.inFeatures, found.head.outFeatures],
    ["path/to/Linear_s/path/to/Gemm_product", 6, 3],
  );
  const headed = withHead(found.model, found.head, 5, new Random(1));
  await using session = await runtime.createSession(encodeModel(headed.model), { device: "cpu" });
  using value = runtime.upload(w([2, 4]));
  assert.deepEqual((await session.run({ x0: value }))[headed.output]?.shape, [2, 5]);
});

test("a named head is the one that is named; its layers are listed where there is no such name", () => {
  const two = file({
    nodes: [node("Gemm", ["x0", "a"], ["h"]), node("Relu", ["h"], ["r"]), node("Gemm", ["r", "b"], ["y"])],
    weights: { a: w([4, 6]), b: w([6, 3]) },
  });
  assert.deepEqual(
    linearLayers(two).map((layer) => [layer.name, layer.inFeatures, layer.outFeatures]),
    [
      ["path/to/Gemm_y", 6, 3],
      ["path/to/Gemm_h", 4, 6],
    ],
  );
  const head = headOf(two, "their.onnx", "path/to/Gemm_h");
  const { model } = withHead(two, head, 2, new Random(1));
  assert.deepEqual(
    model.graph.nodes.map(({ opType }) => opType),
    ["Gemm"],
  );
  assert.throws(() => headOf(two, "their.onnx", "fc"), {
    name: "ConfigError",
    message: "--head fc: expected a linear layer of their.onnx; candidates: path/to/Gemm_y (6 → 3), path/to/Gemm_h (4 → 6)",
  });
});

test("weights that a file names among its inputs, as before IR version 4, are no inputs once a new head takes their place", () => {
  const model = file({
    nodes: [
      node("Gemm", ["x0", "a"], ["h"]),
      node("Reshape", ["b", "shape"], ["w"]),
      node("MatMul", ["h", "w"], ["p"]),
      node("Add", ["p", "c"], ["y"]),
    ],
    weights: { a: w([4, 6]), b: w([3, 6]), c: w([3]), shape: fromNumbers("int64", [2], [6, 3]) },
  });
  const named = model.graph.initializers.map(({ name }) => ({ name, elementType: 1, shape: [] }));
  const old = { ...model, graph: { ...model.graph, inputs: [...model.graph.inputs, ...named] } };
  const { head, model: found } = headIn(old, "their.onnx");
  const { model: headed } = withHead(found, head, 5, new Random(1));
  assert.deepEqual(
    headed.graph.inputs.map(({ name }) => name),
    ["x0", "a"],
  );
});

test("a graph without a linear layer before an output says so", () => {
  const none = file({ nodes: [node("Relu", ["x0"], ["y"])], weights: {} });
  assert.throws(() => headOf(none, "their.onnx"), /expected a linear layer before an output, found none; .*no linear layer/);
  const computed = file({ nodes: [node("MatMul", ["x0", "x0"], ["y"])], weights: {} });
  assert.throws(() => headOf(computed, "their.onnx"), /no linear layer with weights of its own/);
});
