import assert from "node:assert/strict";
import { test } from "node:test";
import { DTYPES } from "../graph/index.js";
import type { ModelProto, TensorProto } from "../onnx/index.js";
import { OnnxModel } from "../onnx/index.js";
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

test("products of the largest values are exact on every processor, as files are opened", async () => {
  await using session = await compile(new OnnxModel(saturationProbe.model()));
  const { y } = await session.call(saturationProbe.feeds);
  assert.ok(saturationProbe.isExact(y?.data ?? []), String(y?.data[0]));
});

test("files whose weights stay within 7 bits do not need exact products, nor do those without any", () => {
  assert.equal(maySaturate(withWeights(weights([63, -64, 0]))), false);
  assert.equal(maySaturate(withWeights(weights([63, -64, 0]), { ...weights([65]), name: "v" })), true);
  assert.equal(maySaturate(withWeights({ ...weights([1]), external: new Map([["location", "weights.bin"]]) })), true);
  assert.equal(maySaturate(probe), true, "weights that are fed may be any");
  const floats = { ...probe.graph, nodes: probe.graph.nodes.map((node) => ({ ...node, opType: "MatMul" })) };
  assert.equal(maySaturate({ ...probe, graph: floats }), false);
});
