import assert from "node:assert/strict";
import { test } from "node:test";
import type { Tensor, TensorData } from "../../graph/index.js";
import { fromNumbers, Graph, input, symbol } from "../../graph/index.js";
import { Conv2d, Module } from "../../nn/index.js";
import type { ModelProto } from "../../onnx/index.js";
import { graphToModel } from "../../onnx/index.js";
import { lowerGraph, resolveForUse } from "../../ops/index.js";
import { FileGraph, nodeProto } from "../file-graph.js";
import { fastestIslands, islandsOf } from "./islands.js";
import { staticLayers } from "./static.js";

/** Three convolutions: a Relu after the first, which integers pass, and a tanh after the second, which they do not. */
class Net extends Module {
  readonly a = new Conv2d(3, 4, { kernelSize: 3, padding: 1 });
  readonly b = new Conv2d(4, 5, { kernelSize: 3, padding: 1 });
  readonly c = new Conv2d(5, 6, { kernelSize: 3, padding: 1 });

  override forward(x: Tensor): Tensor {
    return this.c.forward(this.b.forward(this.a.forward(x).relu()).tanh());
  }
}

function net(): { readonly file: ModelProto; readonly one: Record<string, TensorData> } {
  const model = new Net();
  const x = input("x", [symbol("N"), 3, 8, 8]);
  const [names, values] = [new Map<Tensor, string>(), new Map<Tensor, TensorData>()];
  for (const [path, parameter] of model.state()) {
    names.set(parameter, path);
    const data = Float32Array.from({ length: parameter.size }, (_, i) => Math.sin(i));
    values.set(parameter, { dtype: "float32", shape: parameter.dims, data });
  }
  const graph = lowerGraph(new Graph(resolveForUse({ y: model.forward(x) })), "onnx");
  const one = { x: fromNumbers("float32", [1, 3, 8, 8], new Float32Array(192)) };
  return { file: graphToModel(graph, { names, values, inputs: [x] }), one };
}

test("layers that integers pass between are one island, and what is converted around each is counted", async () => {
  const { file, one } = net();
  const islands = await islandsOf(file, staticLayers(new FileGraph(file)), one, {});
  assert.deepEqual(islands, [
    // In: 3 channels of 64 pixels; out: 5.
    { layers: ["a.weight", "b.weight"], converted: 64 * (3 + 5) },
    { layers: ["c.weight"], converted: 64 * (5 + 6) },
  ]);
});

test("islands that make the whole slower are left out", async () => {
  const { file, one } = net();
  const islands = [
    { layers: ["a.weight", "b.weight"], converted: 1 },
    { layers: ["c.weight"], converted: 1 },
  ];
  const gains = new Map([
    ["a.weight", 2],
    ["c.weight", 1],
  ]);
  // More ops behind the output stand for what makes a file slower.
  const longer = (count: number): ModelProto => {
    const made = Array.from({ length: count }, (_, i) => nodeProto("Tanh", [i === 0 ? "y" : `y.${i}`], [`y.${i + 1}`]));
    const outputs = file.graph.outputs.map((output) => ({ ...output, name: `y.${count}` }));
    return { ...file, graph: { ...file.graph, nodes: [...file.graph.nodes, ...made], outputs } };
  };
  const fastest = (slow: (names: ReadonlySet<string>) => boolean) =>
    fastestIslands(longer(100), islands, gains, (names) => Promise.resolve(longer(slow(names) ? 400 : 1)), [one], {});
  assert.deepEqual([...(await fastest((names) => names.has("c.weight"))).names], ["a.weight", "b.weight"]);
  const none = await fastest(() => true);
  assert.equal(none.names.size, 0);
  assert.ok(none.speedup.high < 1);
});
