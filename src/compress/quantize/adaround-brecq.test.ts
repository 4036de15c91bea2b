import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import type { Tensor, TensorData } from "../../graph/index.js";
import { fromNumbers, Graph, input, symbol, toNumbers } from "../../graph/index.js";
import { Conv2d, Linear, Module } from "../../nn/index.js";
import type { ModelProto } from "../../onnx/index.js";
import { encodeModel, graphToModel, OnnxModel } from "../../onnx/index.js";
import { lowerGraph, resolveForUse } from "../../ops/index.js";
import { compile } from "../../runtime/index.js";
import { Random } from "../../util/random.js";
import { sum } from "../../util/vectors.js";
import { deviation } from "../certificate.js";
import { FileGraph, nodeProto, tensorProto } from "../file-graph.js";
import { quantizeFile } from "./quantize.js";
import { passBlocks, reconstructed } from "./adaround-brecq.js";
import { staticLayers } from "./static.js";

interface Golden {
  readonly k: number;
  readonly n: number;
  readonly x: readonly number[];
  readonly w: readonly number[];
  readonly codes: readonly number[];
  readonly error: { readonly adaround: number; readonly plain: number };
}
const { adaround } = JSON.parse(readFileSync("test/golden/quantization.json", "utf8")) as { readonly adaround: Golden };

test("AdaRound rounds as a reference in torch does", async () => {
  const { k, n, x, w, codes } = adaround;
  const rows = x.length / k;
  const value = (name: string, columns: number) => ({ name, elementType: 1, shape: ["N", columns] });
  const file: ModelProto = {
    irVersion: 10,
    producerName: "",
    producerVersion: "",
    opsets: new Map([["", 21]]),
    metadata: new Map(),
    functions: [],
    graph: {
      name: "adaround",
      nodes: [nodeProto("MatMul", ["x", "w"], ["y"])],
      initializers: [tensorProto("w", "float32", [k, n], Float32Array.from(w))],
      inputs: [value("x", k)],
      outputs: [value("y", n)],
    },
  };
  const feeds = { x: fromNumbers("float32", [rows, k], x) };
  const made = await reconstructed(file, staticLayers, "layer", { one: feeds, calibration: [feeds] }, { form: "int8-static" });
  const got = made.get("w")?.weights.codes ?? new Int8Array();
  const same = codes.filter((code, i) => code === got[i]).length;
  assert.ok(same / codes.length > 0.98, `${same} of ${codes.length}`);
  const nearest = w.map((value, i) => Math.round(value / (made.get("w")?.weights.scales[i % n] as number)));
  assert.ok(nearest.filter((code, i) => code !== got[i]).length > codes.length / 20, "some weights are rounded the other way");
});

/** Two residual blocks between a first and a last layer. */
class Net extends Module {
  readonly stem = new Conv2d(2, 8, { kernelSize: 3, padding: 1 });
  readonly a = new Conv2d(8, 8, { kernelSize: 3, padding: 1 });
  readonly b = new Conv2d(8, 8, { kernelSize: 3, padding: 1 });
  readonly c = new Conv2d(8, 8, { kernelSize: 1 });
  readonly last = new Linear(8, 4);

  override forward(x: Tensor): Tensor {
    const stem = this.stem.forward(x).relu();
    const first = this.b.forward(this.a.forward(stem).relu()).add(stem).relu();
    return this.last.forward(this.c.forward(first).add(first).mean([2, 3]));
  }
}

const images = (count: number, random: Random): { readonly x: TensorData } => ({
  x: fromNumbers(
    "float32",
    [count, 2, 8, 8],
    Float32Array.from({ length: count * 128 }, () => random.normal()),
  ),
});

function net(seed = 5): ModelProto {
  const random = new Random(seed, "reconstruct.test");
  const model = new Net();
  const x = input("x", [symbol("N"), 2, 8, 8]);
  const [names, values] = [new Map<Tensor, string>(), new Map<Tensor, TensorData>()];
  for (const [path, parameter] of model.state()) {
    names.set(parameter, path);
    const spread = 1 / Math.sqrt(parameter.size / (parameter.dims[0] ?? 1));
    // One weight of each channel is large, so that the steps of the others are.
    const data = Float32Array.from({ length: parameter.size }, (_, i) => random.normal(0, spread) * (i % 18 === 0 ? 30 : 1));
    values.set(parameter, { dtype: "float32", shape: parameter.dims, data });
  }
  return graphToModel(lowerGraph(new Graph(resolveForUse({ y: model.forward(x) })), "onnx"), { names, values, inputs: [x] });
}

test("blocks are what lies between values that alone pass on", () => {
  const graph = new FileGraph(net());
  assert.deepEqual(
    passBlocks(graph, staticLayers(graph)).map(({ layers }) => layers.map(({ name }) => name)),
    [["stem.weight"], ["a.weight", "b.weight"], ["c.weight"], ["last.weight"]],
  );
});

for (const refinement of ["adaround", "brecq"] as const)
  test(`${refinement}: every weight is one of its two neighbours, and outputs are nearer to float32`, async () => {
    // Rounding to the nearest is off by much in one net and by little in another: they are judged together.
    const [plain, refined] = [[] as number[], [] as number[]];
    for (const seed of [5, 6, 7, 8]) {
      const found = await compared(net(seed), refinement);
      plain.push(found.plain);
      refined.push(found.refined);
    }
    assert.ok(sum(refined) < 0.9 * sum(plain), `${refined.join(", ")} against ${plain.join(", ")}`);
  });

/** Relative errors of a net's outputs by rounding to the nearest and by learned rounding, whose weights are checked. */
async function compared(file: ModelProto, refinement: "adaround" | "brecq"): Promise<{ plain: number; refined: number }> {
  const random = new Random(6, "images");
  const data = { one: images(1, random), calibration: Array.from({ length: 6 }, () => images(16, random)) };
  const judged = images(256, random);
  const answer = async (model: ModelProto): Promise<Float64Array> => {
    await using session = await compile(new OnnxModel(encodeModel(model)));
    return toNumbers((await session.call(judged))["y"] as TensorData).slice();
  };
  const expected = await answer(file);
  const options = { form: "int8-static", evenIfSlower: true, roundingSteps: 300 } as const;
  const errorOf = async (model: ModelProto): Promise<number> => deviation(expected, await answer(model)).relativeError;
  const plain = await errorOf((await quantizeFile(file, data, options)).model);
  const { model } = await quantizeFile(file, data, { ...options, refinement });
  const refined = await errorOf(model);
  const [before, after] = [new FileGraph(file), new FileGraph(model)];
  for (const { weight, weightShape } of staticLayers(before)) {
    const { data: codes } = after.numbersOf(`${weight}.int8`) as TensorData;
    const { data: scales } = after.numbersOf(`${weight}.int8.scale`) as TensorData;
    const inner = codes.length / Number(weightShape[0]);
    before.floatsOf(weight)?.data.forEach((value, i) => {
      const ratio = value / Number(scales[Math.floor(i / inner)]);
      assert.ok(Math.abs(ratio - Number(codes[i])) < 1 + 1e-4, `${weight}: ${ratio} became ${codes[i]}`);
    });
  }
  return { plain, refined };
}
