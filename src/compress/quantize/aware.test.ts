import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { grad } from "../../autodiff/index.js";
import type { Tensor, TensorData } from "../../graph/index.js";
import { constant, fromNumbers, Graph, input, symbol, tensor, toNumbers } from "../../graph/index.js";
import { Conv2d, GraphModule, Linear, Module } from "../../nn/index.js";
import type { ModelProto } from "../../onnx/index.js";
import { encodeModel, graphToModel, OnnxModel } from "../../onnx/index.js";
import { lowerGraph, resolveForUse } from "../../ops/index.js";
import { compile, evaluate } from "../../runtime/index.js";
import { Random } from "../../util/random.js";
import { deviation } from "../certificate.js";
import { FileGraph, intAttribute, nodeProto, tensorProto } from "../file-graph.js";
import { awareFile, STEP_GROUP, stepGradients, trainedStatic } from "./aware.js";
import { calibrate } from "./calibration.js";
import { applyStatic, plainWeights, staticLayers, staticPlan } from "./static.js";
import { chain, sgd, withGroups } from "../../optim/index.js";

interface Golden {
  readonly a: readonly number[];
  readonly b: readonly number[];
  readonly sa: number;
  readonly sb: readonly number[];
  readonly zero: number;
  readonly dy: readonly number[];
  readonly y: readonly number[];
  readonly gradients: {
    readonly a: readonly number[];
    readonly b: readonly number[];
    readonly sa: number;
    readonly sb: number[];
  };
}
const { lsq } = JSON.parse(readFileSync("test/golden/quantization.json", "utf8")) as { readonly lsq: Golden };

/** A product of two tensors that are quantized and dequantized, all of whose inputs are given. */
function productFile(): ModelProto {
  const zero = tensorProto("za", "uint8", [], Uint8Array.of(lsq.zero));
  const zeros = tensorProto("zb", "int8", [4], new Int8Array(4));
  const axis = [intAttribute("axis", 1)];
  const given = (name: string, shape: number[]) => ({ name, elementType: 1, shape });
  return {
    irVersion: 10,
    producerName: "",
    producerVersion: "",
    opsets: new Map([["", 21]]),
    metadata: new Map(),
    functions: [],
    graph: {
      name: "lsq",
      nodes: [
        nodeProto("QuantizeLinear", ["a", "sa", "za"], ["qa"]),
        nodeProto("DequantizeLinear", ["qa", "sa", "za"], ["ra"]),
        nodeProto("QuantizeLinear", ["b", "sb", "zb"], ["qb"], axis),
        nodeProto("DequantizeLinear", ["qb", "sb", "zb"], ["rb"], axis),
        nodeProto("MatMul", ["ra", "rb"], ["y"]),
      ],
      initializers: [zero, zeros],
      inputs: [given("a", [5, 7]), given("b", [7, 4]), given("sa", []), given("sb", [4])],
      outputs: [given("y", [5, 4])],
    },
  };
}

test("values and gradients of rounding with learned steps are those of LSQ in torch", async () => {
  const shapes = { a: [5, 7], b: [7, 4], sa: [], sb: [4] };
  const module = new GraphModule(encodeModel(productFile()), { shapes, weightless: true });
  const numbers = { a: lsq.a, b: lsq.b, sa: [lsq.sa], sb: lsq.sb };
  const inputs = Object.fromEntries(
    Object.entries(shapes).map(([name, shape]) => [
      name,
      constant(fromNumbers("float32", shape, numbers[name as keyof typeof numbers])),
    ]),
  );
  const { y } = module.forward(inputs);
  const loss = (y as Tensor).mul(constant(fromNumbers("float32", [5, 4], lsq.dy))).sum();
  const names = Object.keys(shapes) as (keyof typeof numbers)[];
  const gradients = grad(
    loss,
    names.map((name) => inputs[name] as Tensor),
  );
  const outputs = Object.fromEntries(names.map((name, i) => [name, gradients[i] as Tensor]));
  await using executable = await compile(new Graph({ y: y as Tensor, ...outputs }));
  const got = await executable.call({});
  const isNear = (name: string, expected: readonly number[]): void => {
    const { relativeError } = deviation(expected, toNumbers(got[name] as TensorData));
    assert.ok(relativeError < 1e-4, `${name}: ${relativeError}`);
  };
  isNear("y", lsq.y);
  for (const name of names) isNear(name, [lsq.gradients[name]].flat());
});

class Net extends Module {
  readonly first = new Conv2d(2, 6, { kernelSize: 3, padding: 1 });
  readonly second = new Conv2d(6, 6, { kernelSize: 3, padding: 1 });
  readonly last = new Linear(6, 3);

  override forward(x: Tensor): Tensor {
    const h = this.first.forward(x).relu();
    return this.last.forward(this.second.forward(h).add(h).relu().mean([2, 3]));
  }
}

const random = new Random(3, "aware.test");

function net(): { readonly file: ModelProto; readonly feeds: { readonly x: TensorData } } {
  const model = new Net();
  const x = input("x", [symbol("N"), 2, 6, 6]);
  const [names, values] = [new Map<Tensor, string>(), new Map<Tensor, TensorData>()];
  for (const [path, parameter] of model.state()) {
    names.set(parameter, path);
    const data = Float32Array.from({ length: parameter.size }, () => random.normal(0, 0.3));
    values.set(parameter, { dtype: "float32", shape: parameter.dims, data });
  }
  const graph = lowerGraph(new Graph(resolveForUse({ y: model.forward(x) })), "onnx");
  const data = Float32Array.from({ length: 8 * 72 }, () => random.normal());
  return { file: graphToModel(graph, { names, values, inputs: [x] }), feeds: { x: fromNumbers("float32", [8, 2, 6, 6], data) } };
}

async function answer(file: ModelProto, feeds: Readonly<Record<string, TensorData>>): Promise<Float64Array> {
  await using session = await compile(new OnnxModel(encodeModel(file)));
  return toNumbers((await session.call(feeds))["y"] as TensorData).slice();
}

test("the trained file is the static one at first, and after training the static file is the trained one", async () => {
  const { file, feeds } = net();
  const planOf = (graph: FileGraph) => staticPlan(graph, staticLayers(graph));
  const plan = planOf(new FileGraph(file));
  const ranges = await calibrate(file, plan.activations, [feeds], "min-max");
  const made = awareFile(file, plan, ranges, new Map());
  assert.equal(made.trained.filter((name) => name.endsWith(".step")).length, plan.layers.length + plan.activations.length);
  const graph = new FileGraph(file);
  applyStatic(graph, planOf(graph), ranges, (layer) => plainWeights(graph, layer));
  // Biases are rounded in the static file alone.
  const first = deviation(await answer(made.file, feeds), await answer(graph.model(), feeds));
  assert.ok(first.relativeError < 0.01, `${first.relativeError}`);
  // Weights and steps as a training may leave them.
  const trained = new FileGraph(made.file);
  const numbers = new Map(
    made.trained.map((name) => {
      const { shape, data } = trained.floatsOf(name) as NonNullable<ReturnType<FileGraph["floatsOf"]>>;
      const moved = data.map((v) => (name.endsWith(".step") ? v * random.uniform(0.7, 1.2) : v + random.normal(0, 0.05)));
      trained.setConstant(name, shape, moved);
      return [name, moved] as const;
    }),
  );
  const after = trainedStatic(file, planOf, ranges, (name) => numbers.get(name));
  const [expected, given] = [await answer(trained.model(), feeds), await answer(after, feeds)];
  const second = deviation(expected, given);
  assert.ok(second.relativeError < 0.01, `${second.relativeError}`);
  assert.ok(deviation(await answer(graph.model(), feeds), given).relativeError > 0.05, "training changes the answers");
});

test("gradients of steps have a scale of their own, and steps do not decay", async () => {
  const optimizer = withGroups(chain(stepGradients(new Map([["w.step", 3]])), sgd({ learningRate: 1, weightDecay: 0.5 })), [
    STEP_GROUP,
  ]);
  const [ones, gradient] = [tensor([1]), tensor([2])];
  const { parameters } = optimizer.update({
    parameters: new Map([
      ["w", ones],
      ["w.step", ones],
    ]),
    gradients: new Map([
      ["w", gradient],
      ["w.step", gradient],
    ]),
    state: new Map(),
    scalars: new Map(optimizer.scalarNames.map((name) => [name, tensor([1]).reshape([])])),
  });
  const after = await evaluate(Object.fromEntries(parameters));
  // 1 − (2 + 0.5·1), and 1 − 3·2.
  assert.deepEqual(
    Object.values(after).map((t) => [...toNumbers(t)]),
    [[-1.5], [-5]],
  );
});
