import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import type { Tensor, TensorData } from "../../graph/index.js";
import { fromNumbers, Graph, input, symbol, toNumbers } from "../../graph/index.js";
import { LayerNorm, Linear, Module } from "../../nn/index.js";
import type { ModelProto } from "../../onnx/index.js";
import { encodeModel, graphToModel, OnnxModel } from "../../onnx/index.js";
import { lowerGraph, resolveForUse } from "../../ops/index.js";
import { compile } from "../../runtime/index.js";
import { Random } from "../../util/random.js";
import type { Feeds } from "../activations.js";
import { deviation } from "../certificate.js";
import { FileGraph } from "../file-graph.js";
import { folded } from "../fold.js";
import { layersOf } from "../layers.js";
import { blockwise, dequantized } from "./blocks.js";
import { gptq } from "./gptq.js";
import type { Moments } from "./moments.js";
import { momentsOf } from "./moments.js";
import { chosenLayers, planQuantization, quantizeFile } from "./quantize.js";
import { checkRefinement } from "./refine.js";
import { mixedPrecision, sensitivities } from "./sensitivity.js";
import { applyScales, scaledGroups, smoothFactors } from "./smooth-quant-awq.js";

interface Golden {
  readonly n: number;
  readonly k: number;
  readonly group: number;
  readonly x: readonly number[];
  readonly w: readonly number[];
  readonly gptq: readonly number[];
  readonly plain: readonly number[];
  readonly loss: { readonly gptq: number; readonly plain: number };
}
const golden = JSON.parse(readFileSync("test/golden/quantization.json", "utf8")) as Golden;

/** Moments of rows x [S, K]. */
function momentsOfRows(x: readonly number[], k: number): Moments {
  const products = new Float64Array(k * k);
  for (let row = 0; row < x.length / k; row++)
    for (let i = 0; i < k; i++)
      for (let j = 0; j < k; j++) products[i * k + j]! += (x[row * k + i] as number) * (x[row * k + j] as number);
  return { k, rows: x.length / k, products, sizes: new Float64Array(k), largest: new Float64Array(k) };
}

test("GPTQ and plain rounding give the weights of a reference in torch", () => {
  const { n, k, group, x, w } = golden;
  const rows = Float32Array.from(w);
  const options = { bits: 4, blockSize: group } as const;
  const given = dequantized(gptq(rows, n, momentsOfRows(x, k), options));
  const plain = dequantized(blockwise(rows, n, k, options));
  assert.ok(deviation(golden.plain, plain).relativeError < 1e-6);
  // One code that is rounded the other way moves what follows in its row: nearly all are the same, and the loss is.
  const same = golden.gptq.filter((value, i) => Math.abs(value - (given[i] as number)) < 1e-4).length;
  assert.ok(same / golden.gptq.length > 0.98, `${same} of ${golden.gptq.length}`);
  const loss = (q: Float32Array): number => {
    let sum = 0;
    for (let row = 0; row < x.length / k; row++)
      for (let j = 0; j < n; j++) {
        let difference = 0;
        for (let i = 0; i < k; i++)
          difference += ((w[j * k + i] as number) - (q[j * k + i] as number)) * (x[row * k + i] as number);
        sum += difference ** 2;
      }
    return sum;
  };
  assert.ok(Math.abs(loss(given) / golden.loss.gptq - 1) < 0.01);
  assert.ok(golden.loss.gptq < 0.7 * golden.loss.plain);
});

/** A normalization and two layers that read it, one of whose inputs has outliers. */
class Block extends Module {
  readonly norm = new LayerNorm(64);
  readonly first = new Linear(64, 96);
  readonly second = new Linear(64, 96);

  override forward(x: Tensor): Tensor {
    const h = this.norm.forward(x);
    return this.first.forward(h).add(this.second.forward(h).tanh());
  }
}

const random = new Random(11, "refine.test");

function block(): { readonly file: ModelProto; readonly feeds: Feeds } {
  const model = new Block();
  const x = input("x", [symbol("N"), 64]);
  const [names, values] = [new Map<Tensor, string>(), new Map<Tensor, TensorData>()];
  for (const [path, parameter] of model.state()) {
    // Some channels are a hundred times as large, as in language models.
    const scale = (i: number): number => (path === "norm.weight" ? (i % 16 === 3 ? 100 : 1) : 0.2);
    const shift = path === "norm.weight" ? 1 : 0;
    const data = Float32Array.from(
      { length: parameter.size },
      (_, i) => scale(i) * (shift + random.normal(0, shift === 1 ? 0.1 : 1)),
    );
    names.set(parameter, path);
    values.set(parameter, { dtype: "float32", shape: parameter.dims, data });
  }
  const graph = lowerGraph(new Graph(resolveForUse({ y: model.forward(x) })), "onnx");
  const data = Float32Array.from({ length: 128 * 64 }, () => random.normal());
  return { file: graphToModel(graph, { names, values, inputs: [x] }), feeds: { x: fromNumbers("float32", [128, 64], data) } };
}

async function answer(file: ModelProto, feeds: Feeds): Promise<Float64Array> {
  await using session = await compile(new OnnxModel(encodeModel(file)));
  return toNumbers((await session.call(feeds))["y"] as TensorData).slice();
}

test("scaling activations and weights against each other changes no answer", async () => {
  const { file, feeds } = block();
  const graph = new FileGraph(folded(file));
  const [group, ...others] = scaledGroups(graph, layersOf(graph));
  assert.ok(group !== undefined && others.length === 0 && group.layers.length === 2);
  const moments = await momentsOf(folded(file), new Map([[group.input, 64]]), [feeds], { products: false });
  applyScales(graph, group, smoothFactors(graph, group, moments.get(group.input) as Moments));
  assert.ok(deviation(await answer(file, feeds), await answer(graph.model(), feeds)).relativeError < 1e-5);
});

/** Form, refinement, largest share of the plain form's error. */
const BETTER = [
  ["int8-dynamic", "smoothquant", 0.6],
  ["int4", "awq", 0.9],
  // Inputs that have nothing to do with each other leave it little to give back; the reference above has others.
  ["int4", "gptq", 1],
] as const;

for (const [form, refinement, share] of BETTER)
  test(`${refinement} of ${form} is nearer to float32 than plain rounding`, async () => {
    const { file, feeds } = block();
    const expected = await answer(file, feeds);
    const data = { one: feeds, calibration: [feeds] };
    const error = async (with_: "none" | typeof refinement): Promise<number> => {
      const options = { form, refinement: with_, evenIfSlower: true, blockSize: 32 };
      return deviation(expected, await answer((await quantizeFile(file, data, options)).model, feeds)).relativeError;
    };
    const [plain, refined] = [await error("none"), await error(refinement)];
    assert.ok(refined < share * plain, `${refined} against ${plain}`);
  });

test("bias correction takes away the mean of what rounding changes", async () => {
  const layer = new Linear(24, 8);
  const x = input("x", [symbol("N"), 24]);
  const values = new Map<Tensor, TensorData>();
  for (const parameter of layer.state().values()) {
    const data = Float32Array.from({ length: parameter.size }, () => random.normal());
    values.set(parameter, { dtype: "float32", shape: parameter.dims, data });
  }
  const names = new Map([...layer.state()].map(([path, p]) => [p as Tensor, path]));
  const graph = lowerGraph(new Graph({ y: layer.forward(x) }), "onnx");
  const file = graphToModel(graph, { names, values, inputs: [x] });
  // Inputs that are all positive: the error of each weight adds up.
  const feeds = {
    x: fromNumbers(
      "float32",
      [256, 24],
      Array.from({ length: 256 * 24 }, () => 4 + random.normal(0, 0.3)),
    ),
  };
  const expected = await answer(file, feeds);
  const data = { one: feeds, calibration: [feeds] };
  const shift = async (refinement: "none" | "bias-correction"): Promise<number> => {
    const made = await quantizeFile(file, data, { form: "int8-static", refinement, evenIfSlower: true });
    const given = await answer(made.model, feeds);
    const sums = new Float64Array(8);
    given.forEach((value, i) => (sums[i % 8]! += value - (expected[i] as number)));
    return Math.max(...sums.map((sum) => Math.abs(sum) / 256));
  };
  assert.ok((await shift("bias-correction")) < (await shift("none")));
});

test("a refinement of another form is refused", () => {
  assert.throws(() => checkRefinement({ form: "int4", refinement: "smoothquant" }), {
    name: "ConfigError",
    message: "--refine smoothquant: expected --form int8-dynamic or int8-static, got int4",
  });
});

test("mixed precision keeps the most sensitive layers, as few as are needed", async () => {
  const { file, feeds } = block();
  const data = { one: feeds, calibration: [feeds] };
  const options = { form: "int4", blockSize: 32, evenIfSlower: true } as const;
  const plan = await planQuantization(file, data, options);
  const found = await sensitivities(plan, data, options);
  assert.deepEqual([...found.keys()].sort(), chosenLayers(plan).sort());
  const [[first, largest], [, smallest]] = [...found] as [[string, number], [string, number]];
  assert.ok(largest >= smallest && smallest > 0);
  const expected = await answer(file, feeds);
  const within = async (most: number): Promise<readonly string[]> => {
    const accepts = async (model: ModelProto): Promise<boolean> =>
      deviation(expected, await answer(model, feeds)).relativeError <= most;
    return [...(await mixedPrecision(plan, [...found.keys()], accepts, data, options)).kept];
  };
  assert.deepEqual(await within(1), []);
  assert.deepEqual(await within((smallest + largest) / 2), [first]);
  assert.equal((await within(0)).length, 2);
});
