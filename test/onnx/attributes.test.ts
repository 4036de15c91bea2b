/**
 * Attributes of a node are honoured or refused, and nodes are read in whatever order a file has them.
 */
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { grad } from "../../src/autodiff/index.js";
import { fromNumbers, toNumbers } from "../../src/graph/index.js";
import { encodeModel } from "../../src/onnx/encode.js";
import { importOnnx } from "../../src/onnx/model.js";
import { evaluate } from "../../src/runtime/index.js";
import { DataError, UnsupportedOpError } from "../../src/util/errors.js";
import type { AttributeProto, NodeProto } from "../../src/onnx/messages.js";
import { ints, modelOf, node, one, type OnnxFile, scalar } from "./file.js";

const read = (f: OnnxFile): ReturnType<typeof importOnnx> => importOnnx(encodeModel(modelOf(f)), { where: "m.onnx" });

suite("attributes are honoured or refused", () => {
  const refused: readonly (readonly [string, OnnxFile, string])[] = [
    ["one that nobody knows", one(13, "Relu", [[2]], { slope: 3 }), "attribute slope 3"],
    [
      "one of a later opset",
      one(24, "Softmax", [[2, 3]], { axis: -1, temperature: { float: 0.5 } }),
      "attribute temperature 0.5",
    ],
    ["a mode that is no mode", one(13, "DepthToSpace", [[1, 8, 2, 3]], { blocksize: 2, mode: "RCD" }), "mode RCD"],
    [
      "a dropout that is on in use",
      {
        opset: 13,
        inputs: [[2, 3]],
        constants: { ratio: scalar(0.5), on: scalar(1, "bool") },
        nodes: [node("Dropout", ["x0", "ratio", "on"], ["y"])],
      },
      "a training_mode that drops at random while the model is used",
    ],
    ["a norm that there is none of", one(22, "LpNormalization", [[2, 5]], { p: 3 }), "p 3 (only 1 and 2)"],
  ];
  for (const [name, file, what] of refused) {
    test(name, () => {
      assert.throws(
        () => read(file),
        (e: Error) =>
          e instanceof UnsupportedOpError && e.message.endsWith(`: ${what} is not supported`) && !e.message.includes("\n"),
      );
    });
  }
});

test("attributes with their default value do not stop shapes from being computed", () => {
  const { graph } = read({
    opset: 18,
    inputs: [["N", 6]],
    constants: { pairs: fromNumbers("int64", [1, 2], [2, 3]), flat: ints(-1) },
    nodes: [
      node("Reshape", ["pairs", "flat"], ["shape"], { allowzero: 0 }),
      node("ReduceProd", ["shape"], ["count"], { keepdims: 1, noop_with_empty_axes: 0 }),
      node("Concat", ["flat", "count"], ["target"], { axis: 0 }),
      node("Reshape", ["x0", "target"], ["y"], { allowzero: 0 }),
    ],
  });
  assert.equal(String(graph.outputs.get("y")?.shape), "N,6");
});

suite("nodes in any order", () => {
  test("are sorted", () => {
    const { graph } = read({
      opset: 13,
      inputs: [[2]],
      nodes: [node("Neg", ["b"], ["y"]), node("Exp", ["a"], ["b"]), node("Abs", ["x0"], ["a"])],
    });
    assert.deepEqual(graph.nodes.map(({ op }) => op), ["Input", "Abs", "Exp", "Neg"]); // prettier-ignore
  });
  test("that wait for each other are refused", () => {
    const nodes = [node("Add", ["x0", "b"], ["a"]), node("Exp", ["a"], ["b"]), node("Neg", ["b"], ["y"])];
    assert.throws(
      () => read({ opset: 13, inputs: [[2]], nodes }),
      (e: Error) =>
        e instanceof DataError &&
        /^m\.onnx: expected nodes without a cycle, got one through "[^"]+" and "[^"]+"$/.test(e.message),
    );
  });
});

test("a line of zeros is normalized to zeros, with a finite gradient", async () => {
  const model = read(one(22, "LpNormalization", [[2, 2]], { axis: 0, p: 2 }));
  const [x, y] = [model.inputs.get("x0"), model.graph.outputs.get("y")];
  assert.ok(x !== undefined && y !== undefined);
  const { dx, value } = await evaluate({ value: y, dx: grad(y.sum(), x) }, { x0: fromNumbers("float32", [2, 2], [3, 0, 4, 0]) });
  assert.deepEqual([...toNumbers(value)].map((v) => Math.round(v * 1e6) / 1e6), [0.6, 0, 0.8, 0]); // prettier-ignore
  // d(3/5 + 4/5) by the first: 1/5 − 3·7/125; the zeros are divided by 1.
  assert.deepEqual([...toNumbers(dx)].map((v) => Math.round(v * 1e6) / 1e6), [0.032, 1, -0.024, 1]); // prettier-ignore
});

suite("loops", () => {
  const graph = (nodes: readonly NodeProto[], names: readonly string[], outputs: readonly string[]): AttributeProto => ({
    name: "",
    type: "graph",
    value: {
      name: "body",
      nodes: [...nodes],
      initializers: [],
      inputs: names.map((name, i) => ({ name, elementType: [7, 9, 1][i] ?? 1, shape: i < 2 ? [] : [2] })),
      outputs: outputs.map((name) => ({ name, elementType: 1, shape: undefined })),
    },
  });
  const looping = (steps: number, body: AttributeProto, outputs: string[]): OnnxFile => ({
    opset: 13,
    inputs: [[2]],
    constants: { m: scalar(steps, "int64") },
    outputs,
    nodes: [node("Loop", ["m", "", "x0"], outputs, { body })],
  });

  test("of a known number of steps are written out, with their gradient", async () => {
    const body = graph(
      [node("Mul", ["s", "s"], ["next"]), node("Identity", ["c"], ["on"])],
      ["i", "c", "s"],
      ["on", "next", "next"],
    );
    const model = read(looping(3, body, ["last", "all"]));
    const [x, last] = [model.inputs.get("x0"), model.graph.outputs.get("last")];
    assert.ok(x !== undefined && last !== undefined);
    const all = model.graph.outputs.get("all");
    assert.deepEqual(all?.shape, [3, 2]);
    const { y, dx } = await evaluate({ y: last, dx: grad(last.sum(), x) }, { x0: fromNumbers("float32", [2], [1.5, -1]) });
    // x⁸ and 8·x⁷.
    assert.deepEqual([...toNumbers(y)].map((v) => Math.round(v * 1e3) / 1e3), [25.629, 1]); // prettier-ignore
    assert.deepEqual([...toNumbers(dx)].map((v) => Math.round(v * 1e2) / 1e2), [136.69, -8]); // prettier-ignore
  });

  test("inside of loops that become too much are refused at once", () => {
    let body = graph([node("Mul", ["s3", "s3"], ["r3"]), node("Identity", ["c3"], ["o3"])], ["i3", "c3", "s3"], ["o3", "r3"]);
    for (const d of [2, 1, 0]) {
      const inner = { ...body };
      body = graph(
        [node("Loop", ["m", "", `s${d}`], [`r${d}`], { body: inner }), node("Identity", [`c${d}`], [`o${d}`])],
        [`i${d}`, `c${d}`, `s${d}`],
        [`o${d}`, `r${d}`],
      );
    }
    assert.throws(
      () => read(looping(1000, body, ["y"])),
      (e: Error) => e instanceof UnsupportedOpError && /become more than 50000 nodes/.test(e.message),
    );
  });
});
