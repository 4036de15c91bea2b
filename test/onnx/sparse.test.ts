/**
 * @module Sparse tensors of files. The files were made by `onnx.helper.make_sparse_tensor` of onnx 1.23: weights [4, 3] with 1, 2 and 3 at (0, 0), (1, 2) and (3, 0),
 * by their places or their coordinates, as an initializer or in a Constant node; and two that are wrong.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { fromNumbers, toNumbers } from "../../src/graph/index.js";
import type { TensorData } from "../../src/graph/index.js";
import { OnnxModel } from "../../src/onnx/index.js";
import { evaluate } from "../../src/runtime/index.js";

const FILES = {
  places:
    "CAg6awoRCgF4CgF3EgF5IgZNYXRNdWwSAWdaEwoBeBIOCgwIARIICgIIAQoCCARiEwoBeRIOCgwIARIICgIIAQoCCAN6KQoVCAMQASIMAACAPwAAAEAAAEBAQgF3EgwIAxAHOgMABQlCAWkYBBgDQgQKABAR",
  coordinates:
    "CAg6cAoRCgF4CgF3EgF5IgZNYXRNdWwSAWdaEwoBeBIOCgwIARIICgIIAQoCCARiEwoBeRIOCgwIARIICgIIAQoCCAN6LgoVCAMQASIMAACAPwAAAEAAAEBAQgF3EhEIAwgCEAc6BgAAAQIDAEIBaRgEGANCBAoAEBE=",
  constant:
    "CAg6jgEKTBIBdyIIQ29uc3RhbnQqPQoMc3BhcnNlX3ZhbHVloAELsgEpChUIAxABIgwAAIA/AAAAQAAAQEBCAXcSDAgDEAc6AwAFCUIBaRgEGAMKEQoBeAoBdxIBeSIGTWF0TXVsEgFnWhMKAXgSDgoMCAESCAoCCAEKAggEYhMKAXkSDgoMCAESCAoCCAEKAggDQgQKABAR",
  outside:
    "CAg6awoRCgF4CgF3EgF5IgZNYXRNdWwSAWdaEwoBeBIOCgwIARIICgIIAQoCCARiEwoBeRIOCgwIARIICgIIAQoCCAN6KQoVCAMQASIMAACAPwAAAEAAAEBAQgF3EgwIAxAHOgMABWNCAWkYBBgDQgQKABAR",
  huge: "CAg6bwoRCgF4CgF3EgF5IgZNYXRNdWwSAWdaEwoBeBIOCgwIARIICgIIAQoCCARiEwoBeRIOCgwIARIICgIIAQoCCAN6LQoVCAMQASIMAACAPwAAAEAAAEBAQgF3EgwIAxAHOgMABQlCAWkYgJL0ARi4F0IECgAQEQ==",
} as const;

const open = (name: keyof typeof FILES): OnnxModel => new OnnxModel(Buffer.from(FILES[name], "base64"), { where: "their.onnx" });

for (const name of ["places", "coordinates", "constant"] as const)
  test(`a sparse weight (${name}) is the dense one that it stands for, and a parameter`, async () => {
    const { graph, parameters, values } = open(name);
    assert.equal([...parameters.values()].filter(({ trainable }) => trainable).length, 1);
    const x = fromNumbers("float32", [1, 4], [1, 10, 100, 1000]);
    const { y } = await evaluate(Object.fromEntries(graph.outputs), { x }, { values });
    assert.deepEqual([...toNumbers(y as TensorData)], [1 + 3000, 0, 20]);
  });

test("places outside its shape, and a shape out of proportion, are refused", () => {
  assert.throws(() => open("outside"), {
    name: "DataError",
    message: /their\.onnx: sparse tensor "w": expected positions inside \[4, 3\], got 99/,
  });
  assert.throws(() => open("huge"), {
    name: "DataError",
    message: /expected at most 1024 times the bytes of its values, got a shape \[4000000, 3000\]/,
  });
});
