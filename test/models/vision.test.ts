/**
 * The vision models against torchvision's: names and shapes as published, logits, logits of auxiliary heads and gradients in training,
 * and each as an ONNX file that runs alone. Numbers come from scripts/golden/vision-models.py and from a formula that it shares.
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { InferenceSession, Tensor as EngineTensor } from "onnxruntime-node";
import { vjpOf } from "../../src/autodiff/index.js";
import type { Layer, Tensor, TensorData } from "../../src/graph/index.js";
import { constant, fromNumbers, Graph, input, sizeOf, symbol } from "../../src/graph/index.js";
import { crossEntropy } from "../../src/losses/index.js";
import type { ModelName } from "../../src/models/index.js";
import { hasAuxiliary, modelNamed, MODELS } from "../../src/models/index.js";
import type { Module } from "../../src/nn/index.js";
import { exportGraph } from "../../src/onnx/index.js";
import { lowerGraph, resolveMode } from "../../src/ops/index.js";
import { adam, sgd } from "../../src/optim/index.js";
import { compile } from "../../src/runtime/index.js";
import { evaluateReference } from "../reference/index.js";
import { addAuxiliaryLosses, outputsWithAuxiliary } from "../../src/tasks/images/image-classification/auxiliary.js";
import { TrainingState, trainingStep } from "../../src/train/index.js";
import { randomInputs } from "../../src/ops/index.js";

interface Numbers {
  readonly options: Readonly<Record<string, unknown>>;
  readonly side: number;
  readonly logits: readonly number[];
  readonly train?: {
    readonly logits: readonly (readonly number[])[];
    readonly gradients: Readonly<Record<string, { readonly rms: number; readonly first?: readonly number[] }>>;
  };
}
const golden = JSON.parse(readFileSync(new URL("../../../test/golden/vision-models.json", import.meta.url), "utf8")) as {
  readonly full: Readonly<Record<string, { readonly tensors: number; readonly hash: string }>>;
  readonly numbers: Readonly<Record<string, Numbers>>;
};
const BATCH = 3;

/**
 * The tolerance of single gradients, as a fraction of their root mean square. GoogLeNet's last stages normalize over a few pixels, where a picture
 * that differs by 10⁻⁷ moves them by 2 %.
 */
const gradientTolerance = (name: string): number => (name === "googlenet" ? 5e-2 : 5e-3);

/** Numbers in −1…1 by name and place: as `uniform` in the script. */
function uniform(name: string, size: number): Float32Array {
  let h = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(name)) h = Math.imul(h ^ byte, 0x01000193);
  return Float32Array.from({ length: size }, (_, i) => {
    let x = (i + h) | 0;
    x = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
    x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
    return ((x ^ (x >>> 16)) >>> 0) / 2 ** 31 - 1;
  });
}

/** As `number` in the script: of a size that keeps activations in range. */
function weights(name: string, shape: readonly number[]): TensorData {
  const data = uniform(name, sizeOf(shape));
  const fanIn = sizeOf(shape.slice(1));
  const [scale, shift] = name.endsWith("running_var")
    ? [0.5, 1]
    : shape.length > 1
      ? [Math.fround(Math.sqrt(6 / fanIn)), 0]
      : name.endsWith("weight")
        ? [0.2, 1]
        : [0.1, 0];
  return { dtype: "float32", shape, data: data.map((u) => shift + scale * u) };
}

const dropoutOptions = (name: string): Readonly<Record<string, number>> =>
  Object.fromEntries(MODELS[name as ModelName].options.filter((option) => /dropout/i.test(option)).map((option) => [option, 0]));

const make = (name: string, { side, options }: Pick<Numbers, "side" | "options">): Module & Layer =>
  modelNamed(name, { inputShape: [3, side, side], outFeatures: 10, options: { ...options, ...dropoutOptions(name) } }) as Module &
    Layer;

/** Within a share of the largest expected number: float32 in two orders of summation. */
function assertClose(actual: ArrayLike<number>, expected: readonly number[], tolerance: number, what: string): void {
  assert.equal(actual.length, expected.length, what);
  const largest = Math.max(...expected.map(Math.abs));
  expected.forEach((value, i) => {
    const error = Math.abs((actual[i] as number) - value);
    assert.ok(error <= tolerance * largest, `${what}[${i}]: expected ${value}, got ${actual[i]}; largest ${largest}`);
  });
}

for (const [name, { tensors, hash }] of Object.entries(golden.full)) {
  test(`${name}: names and shapes of all weights and statistics are torchvision's`, () => {
    const lines = [...modelNamed(name, MODELS[name as ModelName].usual).state()].map(
      ([path, p]) => `${path}:${p.dims.join(",")}`,
    );
    assert.equal(lines.length, tensors);
    assert.equal(createHash("sha256").update(lines.sort().join("\n")).digest("hex").slice(0, 16), hash);
  });
}

for (const [name, numbers] of Object.entries(golden.numbers)) {
  const { side, train } = numbers;
  const image = uniform("image", BATCH * 3 * side * side);

  test(`${name}: logits are torchvision's; its ONNX file gives Descent's own to another number of images`, async () => {
    const model = make(name, numbers);
    const values = new Map<Tensor, TensorData>([...model.state()].map(([path, p]) => [p, weights(path, p.dims)]));
    const names = new Map<Tensor, string>([...model.state()].map(([path, p]) => [p, path]));
    const x = input("x", [symbol("N"), 3, side, side]);
    const { logits: traced, ...others } = outputsWithAuxiliary(model, x, {}, { use: "eval" }) as { logits: Tensor };
    assert.deepEqual(others, {});
    const graph = new Graph({ logits: resolveMode([traced], "eval", randomInputs()).map(traced) });

    await using executable = await compile(graph, { names, values, bindings: new Map([["N", BATCH]]) });
    const own = (await executable.call({ x: { dtype: "float32", shape: [BATCH, 3, side, side], data: image } }))["logits"];
    const ownLogits = own?.data as Float32Array;
    assertClose(ownLogits, numbers.logits, 2e-4, "logits");

    const bytes = exportGraph(lowerGraph(graph, "onnx"), { names, values, inputs: [x] });
    for (const path of names.values())
      if (/^aux/i.test(path))
        assert.ok(!Buffer.from(bytes).includes(path, 0, "latin1"), `${path}: expected no such part in the file`);
    const session = await InferenceSession.create(bytes);
    const one = new EngineTensor("float32", image.subarray(0, 3 * side * side), [1, 3, side, side]);
    const alone = (await session.run({ x: one }))["logits"];
    await session.release();
    assertClose(alone?.data as Float32Array, [...ownLogits.subarray(0, 10)], 1e-5, "ONNX alone");
  });

  if (train === undefined) continue;
  test(`${name}: in training, logits${"aux1" in make(name, numbers) ? " of all heads" : ""} and gradients are torchvision's`, async () => {
    const model = make(name, numbers);
    const x = input("x", [BATCH, 3, side, side]);
    let heads = [model.forward(x)];
    if (hasAuxiliary(model)) {
      const { logits, auxiliary } = model.forwardWithAuxiliary(x);
      heads = [logits, ...auxiliary];
    }
    const { map } = resolveMode(heads, "train", randomInputs());
    const outputs = heads.map(map);
    const count = BATCH * 10;
    const dy = Array.from({ length: count }, (_, i) => -1 + (2 * i) / (count - 1));
    const seed = constant(fromNumbers("float32", [BATCH, 10], dy));
    const paths = Object.keys(train.gradients);
    const gradients = vjpOf(
      outputs,
      outputs.map(() => seed),
      paths.map((path) => model.parameters().get(path) as Tensor),
    );
    const names = new Map<Tensor, string>([...model.state()].map(([path, p]) => [p, path]));
    await using executable = await compile(
      {
        ...Object.fromEntries(outputs.map((y, i) => [`logits ${i}`, y])),
        ...Object.fromEntries(paths.map((path, i) => [`gradient of ${path}`, gradients[i] as Tensor])),
      },
      { names },
    );
    const data = [...model.state()]
      .filter(([path]) => executable.inputs.includes(path))
      .map(([path, p]) => [path, weights(path, p.dims)] as const);
    const results = await executable.call({
      ...Object.fromEntries(data),
      x: { dtype: "float32", shape: [BATCH, 3, side, side], data: image },
    });
    train.logits.forEach((expected, i) =>
      assertClose(results[`logits ${i}`]?.data as Float32Array, expected, 1e-3, `logits of head ${i}`),
    );
    for (const [path, { rms, first }] of Object.entries(train.gradients)) {
      const gradient = results[`gradient of ${path}`]?.data as Float32Array;
      const square = gradient.reduce((sum, g) => sum + g * g, 0) / gradient.length;
      assertClose([Math.sqrt(square)], [rms], 0.4 * gradientTolerance(name), `root mean square, gradient of ${path}`);
      if (first !== undefined)
        for (const [i, value] of first.entries())
          assert.ok(
            Math.abs((gradient[i] as number) - value) <= gradientTolerance(name) * rms,
            `gradient of ${path}[${i}]: ${value}, ${gradient[i]}`,
          );
    }
  });
}

test("losses of auxiliary heads are added at their weight", () => {
  const numbers = (value: number): Tensor => constant(fromNumbers("float32", [], [value]));
  const outputs = { logits: numbers(2), "auxiliary.0": numbers(3), "auxiliary.1": numbers(5), auxiliaryWeight: numbers(0.25) };
  const loss = addAuxiliaryLosses(outputs, ({ logits }) => (logits as Tensor).square());
  const [value] = evaluateReference([loss], new Map());
  assert.deepEqual([...(value?.data ?? [])], [4 + 0.25 * (9 + 25)]);
});

interface Fit extends Pick<Numbers, "side" | "options"> {
  readonly steps: number;
  readonly images?: number;
  readonly learningRate?: number;
  /** Plain steps in place of Adam's: what the engine takes to prepare the graph of a large network is half as long. */
  readonly sgd?: boolean;
  /** The fraction of the first loss that the last one falls below; left out, half. */
  readonly to?: number;
}

/** Narrow where there is an option for it, on small images and few of them: each kind of block overfits one batch. */
const FITS: Readonly<Record<string, Fit>> = {
  alexnet: { side: 63, options: { hidden: 24 }, steps: 15, to: 0.9 },
  "vgg-11": { side: 32, options: { width: 8, hidden: 24 }, steps: 30, learningRate: 3e-3, to: 0.85 },
  "vgg-11-bn": { side: 32, options: { width: 8, hidden: 24 }, steps: 30, learningRate: 0.01 },
  googlenet: { side: 32, options: {}, steps: 12, images: 4, learningRate: 0.01, sgd: true },
  "inception-v3": { side: 75, options: {}, steps: 5, images: 4, learningRate: 0.01, sgd: true },
  "resnet-18": { side: 32, options: { width: 8 }, steps: 15, learningRate: 0.01 },
  "resnet-50": { side: 32, options: { width: 8 }, steps: 15, learningRate: 0.01 },
  "resnet-18-cifar": { side: 8, options: { width: 8 }, steps: 15, learningRate: 0.01 },
  "densenet-40-cifar": { side: 8, options: {}, steps: 15, learningRate: 0.01 },
  "mobilenet-v3-small": { side: 32, options: { width: 0.5 }, steps: 15, learningRate: 3e-3 },
  "vit-tiny": { side: 8, options: {}, steps: 8, to: 0.7 },
};

/** Waves of another length for each image, and noise. */
const waves = (count: number, length: number): Float32Array =>
  uniform("batch", count * length).map((u, i) => u / 4 + Math.sin((i % length) * 0.05 * (1 + Math.floor(i / length))));

for (const [name, { steps, images = 8, learningRate = 1e-3, sgd: plain = false, to = 0.5, ...form }] of Object.entries(FITS)) {
  test(`${name}: the loss falls when it is fitted to one batch`, async () => {
    const model = make(name, form);
    const { side } = form;
    const data = waves(images, 3 * side * side);
    const batch: Record<string, TensorData> = {
      x: { dtype: "float32", shape: [images, 3, side, side], data },
      label: fromNumbers("int32", [images], [...new Array<number>(images).keys()]),
    };
    const step = trainingStep({
      model,
      optimizer: plain ? sgd({ learningRate }) : adam({ learningRate }),
      loss: ({ x, label }) =>
        addAuxiliaryLosses(outputsWithAuxiliary(model, x as Tensor, {}, { use: "train" }), ({ logits }) =>
          crossEntropy(logits as Tensor, label as Tensor),
        ),
    });
    await using state = await TrainingState.create(step, { seed: 1 });
    const losses: number[] = [];
    for (let i = 0; i < steps; i++) losses.push((await state.run(batch)).loss);
    assert.ok((losses.at(-1) as number) < to * (losses[0] as number), losses.join(" "));
  });
}
