/**
 * Differences between opsets, parts that a file may leave out, and ops composed from others: small files, each run by
 * the engine as it is and as the graph that was read from it.
 */
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { TensorData } from "../../src/graph/index.js";
import { Graph, toNumbers } from "../../src/graph/index.js";
import { importOnnx } from "../../src/onnx/model.js";
import type { AttributeProto, FunctionProto } from "../../src/onnx/messages.js";
import { encodeModel } from "../../src/onnx/encode.js";
import { compile, platformRuntime } from "../../src/runtime/index.js";
import { CONTRIB_FILES } from "../cases/contrib.cases.js";
import { COMPUTED_GRAPHS } from "../cases/opset-graphs.cases.js";
import { LAYERS_BY_OPSET } from "../cases/opset-layers.cases.js";
import { OPS_BY_OPSET } from "../cases/opset-ops.cases.js";
import { modelOf, node, numbers, type OnnxFile, scalar } from "./file.js";

async function sameValues(f: OnnxFile): Promise<void> {
  const bytes = encodeModel(modelOf(f));
  const feeds: Record<string, TensorData> = {};
  f.inputs.forEach((given, i) => {
    const [shape, dtype] = Array.isArray(given) ? ([given, "float32"] as const) : ([given.shape, given.dtype] as const);
    feeds[`x${i}`] = numbers(
      `x${i}`,
      shape.map((d) => (typeof d === "number" ? d : (f.sizes?.[d] as number))),
      dtype,
    );
  });
  const runtime = await platformRuntime();
  await using session = await runtime.createSession(bytes, { device: "cpu", threads: 1 });
  const expected = await session.run(
    Object.fromEntries(Object.entries(feeds).map(([name, data]) => [name, runtime.upload(data)])),
  );
  const model = importOnnx(bytes);
  await using executable = await compile(new Graph(model.graph.outputs), {
    values: model.values,
    names: model.names,
    threads: 1,
  });
  const got = await executable.call(Object.fromEntries(executable.inputs.map((name) => [name, feeds[name]!])));
  for (const name of f.outputs ?? ["y"]) {
    const wanted = await runtime.read(expected[name]!);
    const result = got[name]!;
    assert.equal(result.dtype, wanted.dtype, name);
    assert.deepEqual(result.shape, wanted.shape, name);
    const numbersWanted = toNumbers(wanted);
    toNumbers(result).forEach((v, i) => {
      const w = numbersWanted[i] as number;
      assert.ok(Object.is(v, w) || Math.abs(v - w) <= 2e-5 * Math.max(1, Math.abs(w)), `${name}[${i}]: ${v} ≠ ${w}`);
    });
  }
}
suite("read files give what the engine gives for the file", () => {
  for (const [name, file] of Object.entries({ ...OPS_BY_OPSET, ...LAYERS_BY_OPSET, ...COMPUTED_GRAPHS, ...CONTRIB_FILES })) {
    test(`${name} (opset ${file.opset})`, () => sameValues(file));
  }
});

const twice: FunctionProto = {
  name: "Scaled",
  domain: "local",
  inputs: ["a", "b"],
  outputs: ["c"],
  attributes: ["alpha"],
  attributeDefaults: [],
  opsets: new Map([["", 13]]),
  nodes: [
    { ...node("LeakyRelu", ["a"], ["t"]), attributes: [{ name: "alpha", type: "reference", value: "alpha" }] },
    node("Add", ["t", "b"], ["c"]),
  ],
};

test("function bodies are put in place of their calls", () =>
  sameValues({
    opset: 13,
    inputs: [[4], [4]],
    functions: [twice],
    nodes: [
      node("Scaled", ["x0", "x1"], ["u"], { alpha: 0.5 }, "local"),
      node("Scaled", ["u", "x1"], ["y"], { alpha: 0.25 }, "local"),
    ],
  }));

test("of a condition that is known, the branch is taken", async () => {
  const branch = (op: string): AttributeProto => ({
    name: "",
    type: "graph",
    value: {
      name: op,
      nodes: [node(op, ["x0"], ["r"])],
      initializers: [],
      inputs: [],
      outputs: [{ name: "r", elementType: 1, shape: undefined }],
    },
  });
  for (const condition of [0, 1]) {
    await sameValues({
      opset: 13,
      inputs: [[4]],
      constants: { c: scalar(condition, "bool") },
      nodes: [node("If", ["c"], ["y"], { then_branch: branch("Relu"), else_branch: branch("Neg") })],
    });
  }
});
