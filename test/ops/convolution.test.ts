/**
 * Convolution, pooling and normalization against PyTorch: values, gradients, and gradients of gradients, on the engine and
 * through the lowerings of every device (test/golden/conv.json, made by scripts/golden/conv.py).
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { grad } from "../../src/autodiff/index.js";
import type { Tensor, TensorData } from "../../src/graph/index.js";
import { constant, fromNumbers, Graph, input, Parameter } from "../../src/graph/index.js";
import * as ops from "../../src/ops/index.js";
import { compile } from "../../src/runtime/index.js";

interface Numbers {
  readonly shape: readonly number[];
  readonly data: readonly number[];
}
interface Case {
  readonly name: string;
  readonly inputs: Readonly<Record<string, Numbers>>;
  readonly y: Numbers;
  readonly dy: Numbers;
  readonly gradients: Readonly<Record<string, Numbers>>;
  readonly u?: Readonly<Record<string, Numbers>>;
  readonly second?: Readonly<Record<string, Numbers>>;
}
interface Golden {
  readonly cases: readonly Case[];
  readonly running: { readonly batches: readonly Numbers[]; readonly mean: Numbers; readonly variance: Numbers };
}
const golden = JSON.parse(readFileSync("test/golden/conv.json", "utf8")) as Golden;

type Inputs = Readonly<Record<string, Tensor>>;
const at = (inputs: Inputs, name: string): Tensor => {
  const t = inputs[name];
  assert.ok(t !== undefined, `the case has no input ${name}`);
  return t;
};
const conv =
  (options: ops.ConvOptions = {}) =>
  (i: Inputs): Tensor =>
    ops.conv(at(i, "x"), at(i, "w"), { ...options, bias: at(i, "b") });
const transposed =
  (options: ops.ConvTransposeOptions = {}) =>
  (i: Inputs): Tensor =>
    ops.convTranspose(at(i, "x"), at(i, "w"), { ...options, bias: at(i, "b") });
const max =
  (kernel: number, options: ops.PoolOptions = {}) =>
  (i: Inputs): Tensor =>
    ops.maxPool(at(i, "x"), kernel, options);
const average =
  (kernel: number, options: Parameters<typeof ops.averagePool>[2] = {}) =>
  (i: Inputs): Tensor =>
    ops.averagePool(at(i, "x"), kernel, options);
const batchNormTrain = (i: Inputs): Tensor =>
  ops.emit(ops.BatchNormTrain, [at(i, "x"), at(i, "scale"), at(i, "bias")], { epsilon: 1e-5 })[0] as Tensor;

const BUILDERS: Readonly<Record<string, (inputs: Inputs) => Tensor>> = {
  "conv 2-D": conv({ padding: 1 }),
  "conv 2-D strided, remainder": conv({ stride: 2, padding: [1, 0] }),
  "conv 2-D stride beyond kernel": conv({ stride: 3 }),
  "conv 2-D dilated": conv({ dilation: 2, padding: 2 }),
  "conv 2-D strided and dilated": conv({ dilation: 2, stride: 2, padding: 1 }),
  "conv 2-D groups": conv({ groups: 2, padding: 1, stride: 2 }),
  "conv 2-D depthwise": conv({ groups: 3, padding: 1 }),
  "conv 2-D depthwise strided": conv({ groups: 3, padding: 1, stride: 2 }),
  "conv 2-D depthwise, two for each": conv({ groups: 2 }),
  "conv 2-D pointwise": conv(),
  "conv 2-D pointwise strided": conv({ stride: 2 }),
  "conv 2-D padding beyond kernel": conv({ padding: 2 }),
  "conv 1-D": conv({ padding: 1 }),
  "conv 1-D strided dilated": conv({ stride: 2, dilation: 2, padding: 2 }),
  "conv 3-D": conv({ padding: 1 }),
  "convTranspose 2-D": transposed(),
  "convTranspose 2-D strided": transposed({ stride: 2, padding: 1, outputPadding: 1 }),
  "convTranspose 2-D groups": transposed({ stride: 2, groups: 2 }),
  "convTranspose 2-D dilated": transposed({ dilation: 2, padding: 1 }),
  "convTranspose 1-D": transposed({ stride: 3, padding: 1, outputPadding: 2 }),
  "maxPool 2-D": max(2),
  "maxPool 2-D overlapping": max(3, { stride: 2, padding: 1 }),
  "maxPool 2-D dilated": max(2, { stride: 1, padding: 1, dilation: 2 }),
  "maxPool 2-D ceil": max(2, { ceilMode: true }),
  "maxPool 2-D remainder": max(2),
  "maxPool 1-D": max(3, { stride: 2, padding: 1 }),
  "maxPool 2-D ties": max(2, { stride: 1 }),
  "averagePool 2-D": average(2),
  "averagePool 2-D overlapping": average(3, { stride: 2, padding: 1 }),
  "averagePool 2-D not counting padding": average(3, { stride: 2, padding: 1, countIncludePad: false }),
  "averagePool 2-D ceil": average(3, { stride: 2, padding: 1, ceilMode: true }),
  "averagePool 1-D": average(3, { stride: 1, padding: 1 }),
  globalAveragePool: (i) => ops.globalAveragePool(at(i, "x")),
  globalMaxPool: (i) => ops.globalMaxPool(at(i, "x")),
  "batchNorm train": batchNormTrain,
  "batchNorm train 2-D": batchNormTrain,
  "batchNorm eval": (i) =>
    ops.emitOne(ops.BatchNormalization, [at(i, "x"), at(i, "scale"), at(i, "bias"), at(i, "mean"), at(i, "variance")], {
      epsilon: 1e-5,
    }),
  layerNorm: (i) => ops.layerNorm(at(i, "x"), at(i, "scale"), at(i, "bias")),
  "layerNorm over two axes": (i) => ops.layerNorm(at(i, "x"), at(i, "scale"), at(i, "bias")),
  rmsNorm: (i) => ops.rmsNorm(at(i, "x"), at(i, "scale")),
  groupNorm: (i) => ops.groupNorm(at(i, "x"), 2, at(i, "scale"), at(i, "bias")),
  instanceNorm: (i) => ops.instanceNorm(at(i, "x"), at(i, "scale"), at(i, "bias")),
  localResponseNorm: (i) => ops.localResponseNorm(at(i, "x"), 5, { alpha: 0.1, bias: 2 }),
  "localResponseNorm even": (i) => ops.localResponseNorm(at(i, "x"), 4, { alpha: 0.1, bias: 1 }),
};

const float32 = (n: Numbers): TensorData => fromNumbers("float32", n.shape, n.data);

/** Every number that the case knows, as outputs of one graph: y, its gradients, and theirs. */
function graphOf(c: Case): {
  outputs: Record<string, Tensor>;
  expected: Record<string, Numbers>;
  feeds: Record<string, TensorData>;
} {
  const build = BUILDERS[c.name];
  assert.ok(build !== undefined, `no builder for ${c.name}`);
  const inputs = Object.fromEntries(Object.entries(c.inputs).map(([name, v]) => [name, input(name, v.shape)]));
  const feeds = Object.fromEntries(Object.entries(c.inputs).map(([name, v]) => [name, float32(v)]));
  const y = build(inputs);
  const outputs: Record<string, Tensor> = { y };
  const expected: Record<string, Numbers> = { y: c.y };
  const wanted = Object.keys(c.gradients);
  const xs = wanted.map((name) => at(inputs, name));
  const gradients = grad(y.mul(constant(float32(c.dy))).sum(), xs);
  wanted.forEach((name, i) => {
    outputs[`d${name}`] = gradients[i] as Tensor;
    expected[`d${name}`] = c.gradients[name] as Numbers;
  });
  const { u, second } = c;
  if (u !== undefined && second !== undefined) {
    const total = gradients
      .map((g, i) => g.mul(constant(float32(u[wanted[i] as string] as Numbers))).sum())
      .reduce((a, b) => a.add(b));
    grad(total, xs).forEach((t, i) => {
      outputs[`dd${wanted[i]}`] = t;
      expected[`dd${wanted[i]}`] = second[wanted[i] as string] as Numbers;
    });
  }
  return { outputs, expected, feeds };
}

function assertClose(actual: TensorData | undefined, expected: Numbers, tolerance: number, what: string): void {
  assert.ok(actual !== undefined, `${what}: no output`);
  assert.deepEqual([...actual.shape], [...expected.shape], `${what}: shape`);
  const scale = Math.max(1, ...expected.data.map(Math.abs));
  expected.data.forEach((e, i) => {
    const a = Number(actual.data[i]);
    assert.ok(Math.abs(a - e) <= tolerance * scale, `${what}[${i}]: expected ${e}, got ${a}`);
  });
}

// Second derivatives of normalizations over a handful of numbers are sums of large terms of both signs.
const TOLERANCE = 1e-4;

test("every case of the golden file has a builder and the other way round", () => {
  assert.deepEqual(golden.cases.map((c) => c.name).sort(), Object.keys(BUILDERS).sort());
});

for (const target of ["cpu", "webgpu", "onnx"] as const) {
  for (const c of golden.cases) {
    test(`${c.name}: PyTorch's values and gradients, nodes for ${target}`, async () => {
      const { outputs, expected, feeds } = graphOf(c);
      const lowered = ops.verifyGraph(ops.lowerGraph(new Graph(outputs), target), `lowering for ${target}`);
      await using executable = await compile(lowered, { device: "cpu" });
      const results = await executable.call(
        Object.fromEntries(executable.inputs.map((name) => [name, feeds[name] as TensorData])),
      );
      for (const [name, numbers] of Object.entries(expected)) assertClose(results[name], numbers, TOLERANCE, name);
    });
  }
}

test("a module called on two batches leaves PyTorch's running statistics", async () => {
  const { batches, mean, variance } = golden.running;
  const buffer = (value: number): Parameter => new Parameter([3], { initializer: () => [value, value, value], trainable: false });
  const [runningMean, runningVariance, ones] = [buffer(0), buffer(1), ops.ones([3])];
  const ys = batches.map((b) => ops.batchNorm(constant(float32(b)), ones, ones, runningMean, runningVariance, { momentum: 0.3 }));
  const random = ops.randomInputs();
  const { updates } = ops.resolveMode(ys, "train", random);
  const next = { mean: updates.get(runningMean) as Tensor, variance: updates.get(runningVariance) as Tensor };
  const values = new Map([runningMean, runningVariance].map((p, i) => [p, fromNumbers("float32", [3], [i, i, i])]));
  await using executable = await compile(next, { device: "cpu", values });
  const results = await executable.call({});
  assertClose(results["mean"], mean, 1e-6, "mean");
  assertClose(results["variance"], variance, 1e-6, "variance");
});

test("misfits are named with both shapes", () => {
  const x = input("x", [1, 3, 8, 8]);
  assert.throws(
    () => ops.conv(x, input("w", [4, 2, 3, 3])),
    /Conv: expected weights \[M, 3, 3, 3\] for 3 channels, got \[4, 2, 3, 3\]/,
  );
  assert.throws(() => ops.maxPool(x, 9), /MaxPool: expected at least 9 padded elements at axis 2, got \[1, 3, 8, 8\]/);
  assert.throws(() => ops.layerNorm(x, input("s", [7])), /expected scale and bias of shape \[8\], got \[7\]/);
});
