import assert from "node:assert/strict";
import { test } from "node:test";
import type { Tensor, TensorData } from "../../graph/index.js";
import { fromNumbers, Graph, input, sizeOf, symbol, toNumbers } from "../../graph/index.js";
import { Gpt2, resNet20Cifar } from "../../models/index.js";
import type { Module } from "../../nn/index.js";
import { Conv2d, Linear, Sequential } from "../../nn/index.js";
import type { ModelProto } from "../../onnx/index.js";
import { encodeModel, graphToModel, OnnxModel } from "../../onnx/index.js";
import { lowerGraph, resolveForUse } from "../../ops/index.js";
import { compile } from "../../runtime/index.js";
import { maySaturate } from "../../runtime/integer-products.js";
import { Random } from "../../util/random.js";
import type { Feeds } from "../activations.js";
import { deviation } from "../certificate.js";
import { FileGraph } from "../file-graph.js";
import { folded } from "../fold.js";
import { blockwise, dequantized, packed, packedZeros, unpacked, unpackedZeros } from "./blocks.js";
import type { QuantizeOptions } from "./options.js";
import { quantizeFile } from "./quantize.js";
import { storedWeights } from "./stored.js";

const random = new Random(7, "quantize.test");
const normals = (size: number, scale = 1): Float32Array => Float32Array.from({ length: size }, () => random.normal(0, scale));

/** Counts the bytes of a file's numbers. */
const bytesOfNumbers = (model: ModelProto): number =>
  model.graph.initializers.reduce((sum, { rawData }) => sum + rawData.length, 0);

/** A model with random weights as a file from named inputs to `y`. */
function fileOf(model: Module, inputs: Readonly<Record<string, Tensor>>, forward: () => Tensor): ModelProto {
  const [names, values] = [new Map<Tensor, string>(), new Map<Tensor, TensorData>()];
  for (const [path, parameter] of model.state()) {
    const fan = parameter.size / (parameter.dims[0] ?? 1);
    const isSpread = path.endsWith("running_var");
    const data = parameter.dims.length > 1 ? normals(parameter.size, 1 / Math.sqrt(fan)) : normals(parameter.size, 0.1);
    names.set(parameter, path);
    values.set(parameter, { dtype: "float32", shape: parameter.dims, data: isSpread ? data.map((v) => 1 + Math.abs(v)) : data });
  }
  const graph = lowerGraph(new Graph(resolveForUse({ y: forward() })), "onnx");
  return graphToModel(graph, { names, values, inputs: Object.values(inputs) });
}

const N = symbol("N");

/** Images, and a small convolutional net with batch normalization. */
function images(): { readonly file: ModelProto; readonly feeds: Feeds } {
  const model = resNet20Cifar({ inChannels: 3, numClasses: 4 });
  const x = input("x", [N, 3, 16, 16]);
  const feeds = { x: fromNumbers("float32", [4, 3, 16, 16], normals(4 * 3 * 256)) };
  return { file: fileOf(model, { x }, () => model.forward(x)), feeds };
}

/** Tokens, and a small decoder with a tied vocabulary. */
function texts(): { readonly file: ModelProto; readonly feeds: Feeds; readonly model: Gpt2 } {
  const model = new Gpt2({ vocabSize: 64, maxPositions: 16, hiddenSize: 64, numLayers: 2, numHeads: 4 });
  const ids = input("ids", [N, symbol("T")], "int64");
  const feeds = {
    ids: fromNumbers(
      "int64",
      [2, 8],
      Array.from({ length: 16 }, (_, i) => (i * 11) % 64),
    ),
  };
  return { file: fileOf(model, { ids }, () => model.forward(ids)), feeds, model };
}

async function answer(file: ModelProto, feeds: Feeds): Promise<Float64Array> {
  await using session = await compile(new OnnxModel(encodeModel(file)));
  return toNumbers((await session.call(feeds))["y"] as TensorData).slice();
}

test("a block's numbers come back within half a step, packed and unpacked as they were", () => {
  for (const bits of [4, 8] as const)
    for (const symmetric of [false, true])
      for (const [k, blockSize] of [
        [96, 32],
        [40, 16],
      ] as const) {
        const rows = normals(5 * k);
        const blocks = blockwise(rows, 5, k, { bits, blockSize, symmetric });
        const count = Math.ceil(k / blockSize);
        dequantized(blocks).forEach((value, i) => {
          const scale = blocks.scales[Math.floor(i / k) * count + Math.floor((i % k) / blockSize)] as number;
          assert.ok(Math.abs(value - (rows[i] as number)) <= Math.abs(scale) * (symmetric ? 1 : 0.5) + 1e-6);
        });
        assert.deepEqual(unpacked(packed(blocks.codes, bits), bits), blocks.codes);
        assert.deepEqual(unpackedZeros(packedZeros(blocks), 5, count, bits), blocks.zeros);
      }
});

test("folding batch normalization and transposes changes no answer", async () => {
  for (const { file, feeds } of [images(), texts()]) {
    const after = folded(file);
    const [expected, given] = [await answer(file, feeds), await answer(after, feeds)];
    assert.ok(deviation(expected, given).relativeError < 1e-5);
    assert.ok(after.graph.nodes.every(({ opType }) => opType !== "BatchNormalization"));
  }
});

/** Form, options, largest relative error, largest size as a fraction of the original's numbers. */
const CASES: readonly (readonly [
  Partial<QuantizeOptions> & Pick<QuantizeOptions, "form">,
  "images" | "texts",
  number,
  number,
])[] = [
  [{ form: "int8-dynamic" }, "texts", 0.03, 0.32],
  [{ form: "int8" }, "texts", 0.03, 0.36],
  [{ form: "int4", blockSize: 32 }, "texts", 0.25, 0.26],
  [{ form: "float16" }, "texts", 0.002, 0.55],
  [{ form: "int8-static" }, "images", 0.06, 0.32],
  [{ form: "int8-static", calibration: "percentile" }, "images", 0.08, 0.32],
  [{ form: "int8-static", calibration: "entropy" }, "images", 0.25, 0.32],
  [{ form: "int8-static", calibration: "mse" }, "images", 0.08, 0.32],
];

for (const [options, of, error, size] of CASES) {
  test(`${JSON.stringify(options)} of ${of}: near to float32, and as small as it should be`, async () => {
    const { file, feeds } = of === "images" ? images() : texts();
    const data = { one: feeds, calibration: [feeds] };
    const { model, layers } = await quantizeFile(file, data, { ...options, evenIfSlower: true });
    const given = deviation(await answer(file, feeds), await answer(model, feeds));
    assert.ok(given.relativeError > 0 && given.relativeError <= error, `relative error ${given.relativeError}`);
    const fraction = bytesOfNumbers(model) / bytesOfNumbers(file);
    assert.ok(fraction <= size, `size ${fraction}`);
    assert.ok(layers.some(({ form }) => form === options.form));
  });
}

for (const form of ["int8-static", "int8-dynamic", "int8", "int4"] as const)
  test(`${form}: sums of the largest products are right, on processors whose 8-bit products saturate too`, async () => {
    const layers = {
      product: new Linear(64, 32, { bias: false }),
      convolution: new Conv2d(16, 32, { kernelSize: 3, bias: false }),
    };
    for (const [name, layer] of Object.entries(layers)) {
      if (name === "convolution" && form !== "int8-static") continue;
      const shape = name === "product" ? [64] : [16, 6, 6];
      const x = input("x", [N, ...shape]);
      const file = fileOf(layer, { x }, () => layer.forward(x).relu());
      const graph = new FileGraph(file);
      for (const { name: weight, dims } of file.graph.initializers)
        if (dims.length > 1) graph.setConstant(weight, dims, new Float32Array(layer.weight.size).fill(0.01));
      const feeds = { x: fromNumbers("float32", [4, ...shape], new Float32Array(4 * sizeOf(shape)).fill(1)) };
      const options = { form, evenIfSlower: true, blockSize: 32 };
      const made = await quantizeFile(graph.model(), { one: feeds, calibration: [feeds] }, options);
      const given = deviation(await answer(graph.model(), feeds), await answer(made.model, feeds));
      assert.ok(made.layers.some((each) => each.form === form));
      assert.ok(given.relativeError <= 0.02, `${name}: relative error ${given.relativeError}`);
    }
  });

/** Three layers of which the second one is kept, and the shape of the input. */
const KEPT: ReadonlyMap<string, readonly [layers: readonly (Conv2d | Linear)[], shape: readonly number[]]> = new Map([
  ["convolution", [[8, 8, 6].map((width, i) => new Conv2d(i === 0 ? 4 : 8, width, { kernelSize: 3 })), [4, 11, 11]]],
  [
    "convolution in groups",
    [[8, 8, 6].map((width, i) => new Conv2d(i === 0 ? 4 : 8, width, { kernelSize: 3, groups: i === 1 ? 2 : 1 })), [4, 11, 11]],
  ],
  ["linear layer", [[24, 24, 6].map((width, i) => new Linear(i === 0 ? 32 : 24, width)), [32]]],
]);

for (const [name, [layers, shape]] of KEPT)
  test(`int8-static: a ${name} that is kept stays in floats in the engine, which rounds weights between 8 bits`, async () => {
    const x = input("x", [N, ...shape]);
    const forward = (): Tensor => layers.reduce((y, layer) => layer.forward(y), x);
    const graph = new FileGraph(fileOf(new Sequential(...layers), { x }, forward));
    const fill = (path: string, value: number, count: (size: number, outputs: number) => number): void => {
      const { shape: dims = [], data = new Float32Array() } = graph.floatsOf(path) ?? {};
      graph.setConstant(path, dims, data.slice().fill(value, 0, count(data.length, dims[0] ?? 1)));
    };
    // A weight of a channel that is always 0 may be as large as it likes; rounded with the others it leaves nothing of them.
    fill("0.weight", 0, (size, outputs) => size / outputs);
    fill("0.bias", 0, () => 1);
    fill("1.weight", 1000, () => 1);
    const file = graph.model();
    const feeds = { x: fromNumbers("float32", [16, ...shape], normals(16 * sizeOf(shape))) };
    const options = { form: "int8-static", evenIfSlower: true, keep: new Set(["1.weight"]) } as const;
    const made = await quantizeFile(file, { one: feeds, calibration: [feeds] }, options);
    assert.deepEqual(
      made.layers.map(({ form }) => form),
      ["int8-static", "float32", "int8-static"],
    );
    const { relativeError } = deviation(await answer(file, feeds), await answer(made.model, feeds));
    assert.ok(relativeError > 0 && relativeError < 0.05, `relative error ${relativeError}`);
  });

for (const form of ["int8-static", "int8-dynamic"] as const)
  test(`${form}: a file whose weights were kept within 7 bits needs no exact products, one of 8 bits does`, async () => {
    const { file, feeds } = form === "int8-static" ? images() : texts();
    const data = { one: feeds, calibration: [feeds] };
    for (const [largestCode, expected] of [
      [63, false],
      [127, true],
    ] as const) {
      const { model } = await quantizeFile(file, data, { form, largestCode, evenIfSlower: true });
      assert.equal(maySaturate(model), expected, `weights up to ${largestCode}`);
    }
  });

test("a layer that gains nothing stays in float32 and says so; one that is kept, too", async () => {
  const { file, feeds } = texts();
  const data = { one: feeds, calibration: [feeds] };
  const impossible = await quantizeFile(file, data, { form: "int8-dynamic", leastSpeedup: 1e6 });
  for (const { op, form, reason } of impossible.layers)
    if (op !== "Gather") assert.match(`${form}: ${reason}`, /^float32: (no faster|too small)/);
  const keep = new Set(["transformer.h.0.mlp.c_fc.weight"]);
  const kept = await quantizeFile(file, data, { form: "int8-dynamic", evenIfSlower: true, keep });
  assert.deepEqual(
    kept.layers.flatMap(({ name, reason }) => (reason === "kept" ? [name] : [])),
    [...keep],
  );
});

test("weights of ops that a form is not for are named, and stay as they were", async () => {
  const { file, feeds } = texts();
  const data = { one: feeds, calibration: [feeds] };
  const { model, layers } = await quantizeFile(file, data, { form: "int8-static", evenIfSlower: true });
  assert.deepEqual(
    layers.flatMap(({ op, reason }) => (op === "Gather" ? [reason] : [])),
    ["int8-static has no form of Gather", "int8-static has no form of Gather"],
  );
  const [before, after] = [file, model].map((one) => new FileGraph(one).floatsOf("transformer.wpe.weight")?.data);
  assert.deepEqual(after, before);
  const image = images();
  const dynamic = await quantizeFile(image.file, { one: image.feeds, calibration: [image.feeds] }, { form: "int8-dynamic" });
  assert.ok(
    dynamic.layers.some(
      ({ op, form, reason }) => op === "Conv" && form === "float32" && reason === "int8-dynamic has no form of Conv",
    ),
  );
});

test("weights of a quantized decoder are found again by the paths of its parameters", async () => {
  const { file, feeds, model } = texts();
  const parameters = new Map([...model.state()].map(([path, { dims }]) => [path, dims] as const));
  const before = storedWeights(file, parameters).numbers;
  for (const [form, largest] of [
    ["int8-dynamic", 0.02],
    ["int4", 0.15],
    ["float16", 0.001],
  ] as const) {
    const options = { form, blockSize: 32, evenIfSlower: true };
    const made = await quantizeFile(file, { one: feeds, calibration: [feeds] }, options);
    const { numbers } = storedWeights(made.model, parameters);
    assert.deepEqual([...numbers.keys()].sort(), [...before.keys()].sort());
    for (const [path, { data }] of numbers) {
      const { relativeError } = deviation(before.get(path)?.data as Float32Array, data as Float32Array);
      assert.ok(relativeError <= largest, `${form} ${path}: ${relativeError}`);
    }
  }
});

test("masks are not activations: a product beside one of −1e9 is quantized by its own numbers", async () => {
  const layer = new Linear(32, 48);
  const [x, mask] = [input("x", [N, 32]), input("mask", [N, 48])];
  const file = fileOf(layer, { x, mask }, () => layer.forward(x).add(mask).softmax(-1));
  const masked = Array.from({ length: 4 * 48 }, (_, i) => (i % 3 === 0 ? -1e9 : 0));
  const feeds = { x: fromNumbers("float32", [4, 32], normals(128)), mask: fromNumbers("float32", [4, 48], masked) };
  const made = await quantizeFile(file, { one: feeds, calibration: [feeds] }, { form: "int8-static", evenIfSlower: true });
  const scales = new FileGraph(made.model).nodes
    .filter(({ opType }) => opType === "QuantizeLinear")
    .map(({ inputs: [, scale = ""] }) => new FileGraph(made.model).floatsOf(scale)?.data[0] ?? NaN);
  assert.ok(scales.length > 0 && scales.every((scale) => scale < 1));
  assert.ok(deviation(await answer(file, feeds), await answer(made.model, feeds)).relativeError < 0.05);
});
