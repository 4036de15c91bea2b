/**
 * The facts that importing reports about a file beside its graph, and the files it refuses.
 */
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { importOnnx } from "../../src/onnx/model.js";
import type { TensorProto } from "../../src/onnx/messages.js";
import { encodeModel } from "../../src/onnx/encode.js";
import { DataError, UnsupportedOpError } from "../../src/util/errors.js";
import { ints, list, modelOf, node, one, type OnnxFile, w } from "./file.js";

suite("what the model says", () => {
  const file: OnnxFile = {
    opset: 13,
    inputs: [["N", 3]],
    constants: { "fc.weight": w([3, 2]), "bn.var": list(1, 2), "bn.scale": list(1, 1), unused: w([2]) },
    nodes: [
      { ...node("MatMul", ["x0", "fc.weight"], ["h"]), name: "/layer1/layer1.0/fc/MatMul" },
      node("BatchNormalization", ["h", "bn.scale", "bn.scale", "bn.var", "bn.var"], ["y"]),
    ],
  };
  const bytes = encodeModel(modelOf(file));

  test("weights by name, statistics that are not trained, free dimensions, scopes", () => {
    const model = importOnnx(bytes);
    assert.deepEqual([...model.parameters.keys()], ["fc.weight", "bn.var", "bn.scale"]);
    assert.deepEqual(
      [...model.parameters.values()].map((p) => p.trainable),
      [true, false, true],
    );
    assert.equal(String(model.inputs.get("x0")?.shape[0]), "N");
    assert.deepEqual(
      model.graph.nodes.filter((n) => n.op === "MatMul").map((n) => n.scope),
      ["layer1.0.fc"],
    );
    assert.deepEqual([model.opset, model.producer, model.metadata.get("key")], [13, "test 1", "value"]);
  });

  test("free dimensions can be bound", () => {
    assert.deepEqual(importOnnx(bytes, { bindings: { N: 7 } }).graph.outputs.get("y")?.shape, [7, 2]);
    assert.deepEqual(importOnnx(bytes, { shapes: { x0: [5, 3] } }).graph.outputs.get("y")?.shape, [5, 2]);
  });

  test("with modes, normalization and dropout wait for one", () => {
    assert.ok(importOnnx(bytes, { modes: true }).graph.nodes.some((n) => n.op === "BatchNorm"));
  });

  test("numbers beside the file come through the callback", () => {
    const model = modelOf(file);
    const weight = model.graph.initializers[0] as TensorProto;
    const beside = new Uint8Array([0, 0, 0, 0, ...weight.rawData]);
    weight.external = new Map([
      ["location", "weights.bin"],
      ["offset", "4"],
      ["length", "24"],
    ]);
    const external = encodeModel(model);
    const read = importOnnx(external, {
      externalData: (name, at, length) => (name === "weights.bin" ? beside.subarray(at, at + length) : new Uint8Array()),
    });
    assert.deepEqual([...read.values.values()][0]?.data, new Float32Array(w([3, 2]).data as Float32Array));
    assert.throws(
      () => importOnnx(external),
      (e: Error) => e instanceof DataError && /weights\.bin/.test(e.message),
    );
    assert.throws(() => importOnnx(external, { externalData: () => new Uint8Array(8) }), DataError);
  });
});

suite("what cannot be read", () => {
  test("all missing ops are named at once", () => {
    const bytes = encodeModel(
      modelOf({
        opset: 13,
        inputs: [[2]],
        nodes: [node("Foo", ["x0"], ["a"]), node("Bar", ["a"], ["b"], {}, "own"), node("Foo", ["b"], ["y"])],
      }),
    );
    assert.throws(
      () => importOnnx(bytes, { where: "m.onnx" }),
      (e: Error) =>
        e instanceof UnsupportedOpError &&
        e.message === "m.onnx: uses ops that Descent does not have: Foo (path/to/Foo_a, path/to/Foo_y); own.Bar (path/to/Bar_b)",
    );
  });

  const whole = encodeModel({ ...modelOf(one(13, "MatMul", [[2, 3]], {}, { w: w([3, 2]) })), metadata: new Map() });
  test("a file that is cut off anywhere", () => {
    for (let length = 0; length < whole.length; length++) {
      assert.throws(
        () => importOnnx(whole.slice(0, length), { where: "m.onnx" }),
        (e: Error) => e instanceof DataError && e.message.startsWith("m.onnx: ") && !e.message.includes("\n"),
        `length ${length}`,
      );
    }
  });

  test("a product of free dimensions", () => {
    const bytes = encodeModel(
      modelOf({
        opset: 13,
        inputs: [["N", "T", 4]],
        constants: { zero: ints(0), one: ints(1), two: ints(2) },
        nodes: [
          node("Shape", ["x0"], ["s"]),
          node("Gather", ["s", "zero"], ["n"]),
          node("Gather", ["s", "one"], ["t"]),
          node("Gather", ["s", "two"], ["d"]),
          node("Mul", ["n", "t"], ["rows"]),
          node("Concat", ["rows", "d"], ["target"], { axis: 0 }),
          node("Reshape", ["x0", "target"], ["y"]),
        ],
      }),
    );
    assert.equal(String(importOnnx(bytes).graph.outputs.get("y")?.shape), "N·T,4");
    assert.equal(String(importOnnx(bytes, { bindings: { T: 3 } }).graph.outputs.get("y")?.shape), "3·N,4");
  });

  test("bytes that are something else", () => {
    for (const bytes of [
      new TextEncoder().encode("<!DOCTYPE html><html></html>"),
      new Uint8Array(64),
      new Uint8Array([0x50, 0x4b, 3, 4]),
    ])
      assert.throws(() => importOnnx(bytes), DataError);
  });

  test("shapes that do not fit, values that are missing, numbers that are too few", () => {
    const bad = encodeModel(modelOf(one(13, "MatMul", [[2, 3]], {}, { w: w([4, 2]) })));
    assert.throws(
      () => importOnnx(bad),
      (e: Error) => e instanceof DataError && /MatMul_y/.test(e.message),
    );
    const missing = encodeModel(modelOf({ opset: 13, inputs: [[2]], nodes: [node("Add", ["x0", "nothing"], ["y"])] }));
    assert.throws(() => importOnnx(missing), /a value named "nothing" before it/);
    const model = modelOf(one(13, "MatMul", [[2, 3]], {}, { w: w([3, 2]) }));
    (model.graph.initializers[0] as TensorProto).rawData = new Uint8Array(4);
    assert.throws(() => importOnnx(encodeModel(model)), /expected 24 bytes for float32 \[3, 2\], got 4/);
  });
});
