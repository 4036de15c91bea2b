/** @module Normalizations that were folded into the convolutions of somebody else's file: found, put back, and folded in again. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Tensor, TensorData } from "../../src/graph/index.js";
import { fromNumbers, Graph, input, toNumbers } from "../../src/graph/index.js";
import { GraphModule } from "../../src/nn/index.js";
import type { NodeProto } from "../../src/onnx/messages.js";
import { encodeModel } from "../../src/onnx/index.js";
import { resolveForUse } from "../../src/ops/index.js";
import { adamW } from "../../src/optim/index.js";
import { evaluate } from "../../src/runtime/index.js";
import { fineTuned } from "../../src/tasks/training/fine-tuning.js";
import { modelOf, node, w } from "./file.js";

const conv = (x: string, weight: string, bias: string, y: string, more: Record<string, number | number[]> = {}): NodeProto =>
  node("Conv", [x, weight, bias], [y], more);

const padded = { kernel_shape: [3, 3], pads: [1, 1, 1, 1] };

/** Two folded convolutions, one of each channel alone, weights of channels by means between them, and a convolution with a bias of its own. */
const module = (nodes: readonly NodeProto[] = NODES): GraphModule =>
  new GraphModule(
    encodeModel(
      modelOf({
        opset: 17,
        inputs: [["batch", 3, 6, 6]],
        nodes: [...nodes],
        constants: {
          "onnx::Conv_1": w([4, 3, 3, 3]),
          "onnx::Conv_2": w([4]),
          "onnx::Conv_3": w([4, 1, 3, 3]),
          "onnx::Conv_4": w([4]),
          "onnx::Conv_5": w([4, 4, 1, 1]),
          "onnx::Conv_6": w([4]),
          "last.weight": w([2, 4, 1, 1]),
          "last.bias": w([2]),
          scale: w([4]),
          "scale.bias": w([4]),
        },
      }),
    ),
    { shapes: { x0: [2, 3, 6, 6] }, where: "their.onnx" },
  );

const NODES: readonly NodeProto[] = [
  conv("x0", "onnx::Conv_1", "onnx::Conv_2", "a", padded),
  node("Relu", ["a"], ["b"]),
  conv("b", "onnx::Conv_3", "onnx::Conv_4", "c", { ...padded, group: 4 }),
  node("GlobalAveragePool", ["c"], ["m"]),
  conv("m", "onnx::Conv_5", "onnx::Conv_6", "s"),
  node("Sigmoid", ["s"], ["g"]),
  node("Mul", ["c", "g"], ["d"]),
  conv("d", "last.weight", "last.bias", "y"),
];

/** Values of named tensors with the numbers of a module. */
async function computed(graph: GraphModule, outputs: Record<string, Tensor>, x: TensorData, values = graph.values) {
  const known = new Map<Tensor, TensorData>([...graph.state()].map(([name, p]) => [p, values.get(name) as TensorData]));
  return await evaluate(resolveForUse(outputs), { x0: x }, { values: known });
}

const forward = (graph: GraphModule): Tensor => graph.forward({ x0: input("x0", [5, 3, 6, 6]) })["y"] as Tensor;

function assertClose(got: TensorData | undefined, expected: TensorData | undefined, tolerance = 1e-5): void {
  const [a, b] = [toNumbers(got as TensorData), toNumbers(expected as TensorData)];
  assert.equal(a.length, b.length);
  a.forEach((value, i) => assert.ok(Math.abs(value - (b[i] as number)) < tolerance, `${i}: ${value} ${b[i]}`));
}

test("folded convolutions are told by structure and names", () => {
  // Not the one on means, and not the one with `last.weight` and `last.bias`.
  assert.deepEqual([...module().foldedConvs.keys()], ["onnx::Conv_1", "onnx::Conv_3"]);
  const normalized = NODES.flatMap((n) =>
    n.outputs[0] === "b" ? [node("InstanceNormalization", ["a", "scale", "scale.bias"], ["n"]), { ...n, inputs: ["n"] }] : [n],
  );
  assert.deepEqual([...module(normalized).foldedConvs.keys()], []);
});

test("a graph computes the same with normalizations put back, and once they are folded in", async () => {
  const x = w([5, 3, 6, 6]);
  const plain = module();
  const { y: expected } = await computed(plain, { y: forward(plain) }, x);
  const convs = new Graph(new Map([["y", forward(plain)]])).nodes.filter(({ op }) => op === "Conv");
  const [first, second] = convs.map(({ outputs }) => outputs[0] as Tensor) as [Tensor, Tensor];
  const moments = Object.fromEntries(
    [first, second].flatMap((t, i) => [[`m${i}`, t.mean([0, 2, 3])] as const, [`s${i}`, t.square().mean([0, 2, 3])] as const]),
  );
  const found = await computed(plain, moments, x);
  const statistics = [0, 1].map((i) => {
    const [mean, square] = [`m${i}`, `s${i}`].map((name) => Array.from(toNumbers(found[name] as TensorData))) as [
      number[],
      number[],
    ];
    return { mean, variance: square.map((s, c) => s - (mean[c] as number) ** 2) };
  });

  const graph = module();
  const names = ["onnx::Conv_1", "onnx::Conv_3"];
  graph.putNorms(names, new Map(names.map((name, i) => [name, statistics[i]!])));
  assert.equal(graph.state().size, plain.state().size + 6);
  assert.ok(graph.readers.get("onnx::Conv_1_norm.weight")?.includes("path/to/Conv_a"));
  assertClose((await computed(graph, { y: forward(graph) }, x))["y"], expected);

  // Filters of both are as long as Kaiming's initialization makes them: the root mean square is √(2 / (4·9)).
  for (const name of ["onnx::Conv_1", "onnx::Conv_3"]) {
    const filters = toNumbers(graph.values.get(name) as TensorData);
    const size = filters.length / 4;
    for (let c = 0; c < 4; c++) {
      const squares = filters.subarray(c * size, (c + 1) * size).reduce((sum, value) => sum + value * value, 0);
      assert.ok(Math.abs(squares / size - 2 / 36) < 1e-6, `${name} ${c}`);
    }
  }

  // As if they had learned: other scales, shifts, and statistics.
  const learned = new Map(
    [...graph.values].map(([name, t]): [string, TensorData] => [
      name,
      fromNumbers(
        t.dtype,
        t.shape,
        Array.from(toNumbers(t), (v, i) => 1.1 * v + (/running_var/.test(name) ? 0.3 : 0.02 * i)),
      ),
    ]),
  );
  const { y: after } = await computed(graph, { y: forward(graph) }, x, learned);
  const folded = graph.foldNorms(learned);
  assert.deepEqual([...folded.keys()].sort(), [...plain.state().keys()].sort());
  assertClose((await computed(plain, { y: forward(plain) }, x, folded))["y"], after, 1e-4);
  assert.throws(() => module().putNorms(["last.weight"]), /expected a convolution with a normalization folded into it, got last/);
});

test("a normalization learns at the rate of its convolution", () => {
  const named = NODES.map((n, i) => (n.opType === "Conv" ? { ...n, name: `/layers.${i < 2 ? 0 : 1}/conv/Conv` } : n));
  const graph = module(named);
  graph.putNorms(["onnx::Conv_1", "onnx::Conv_3"]);
  const { optimizer } = fineTuned(graph, adamW({ learningRate: 1 }), { layerDecay: 0.5 }, undefined);
  const rate = (path: string): number => optimizer.settings(path).learningRateMultiplier ?? 1;
  for (const name of ["onnx::Conv_1", "onnx::Conv_3"]) assert.equal(rate(`${name}_norm.weight`), rate(name));
  assert.ok(rate("onnx::Conv_1") < rate("onnx::Conv_3"));
});
