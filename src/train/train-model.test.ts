import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { toNumbers } from "../graph/index.js";
import { crossEntropy, meanSquaredError } from "../losses/index.js";
import { accuracy } from "../metrics/index.js";
import { Mlp } from "../models/index.js";
import { adamW, chain, clipByGlobalNorm, cosine } from "../optim/index.js";
import { train } from "./train-model-node.js";
import { Dataset, loadData } from "../data/node.js";

test("train: images changed at random and mixed, to the same bits each time; data without images are refused", async () => {
  const options = {
    data: "digits",
    augment: "crop:1,rotate:10,mixup",
    loss: crossEntropy(),
    optimizer: adamW({ learningRate: 5e-3 }),
    metrics: { accuracy },
    epochs: 4,
    batchSize: 64,
    seed: 1,
    device: "cpu",
    quiet: true,
  } as const;
  const model = (): Mlp => new Mlp({ inFeatures: 64, hidden: [64], outFeatures: 10 });
  const weights = async (more: object): Promise<unknown> => {
    await using run = await train(model(), { ...options, ...more });
    const reached = run.summary.metrics.test?.["accuracy"] ?? 0;
    assert.ok(reached > 0.7, `test accuracy ${reached}`);
    return (await run.state.parameters()).get("layers.0.weight")?.data;
  };
  const table = new Dataset({
    features: { dtype: "float32", shape: [64, 64], data: new Float32Array(64 * 64) },
    label: new Int32Array(64),
  });
  const first = await weights({});
  assert.deepEqual(await weights({}), first);
  assert.notDeepEqual(await weights({ augment: "none" }), first);
  await assert.rejects(train(model(), { ...options, augment: "flop" }), /train: augment: unknown augmentation "flop"/);
  await assert.rejects(
    train(model(), { ...options, data: { train: table } }),
    /augment: expected columns image .* got features, label/,
  );
});

test("train: three lines learn the digits, write a run, and predict", async () => {
  const folder = mkdtempSync(join(tmpdir(), "descent-"));
  try {
    const options = {
      data: "digits",
      loss: crossEntropy(),
      optimizer: chain(clipByGlobalNorm(1), adamW({ learningRate: cosine({ peak: 5e-3, warmupSteps: 10 }) })),
      metrics: { accuracy },
      epochs: 8,
      batchSize: 64,
      seed: 1,
      device: "cpu",
      quiet: true,
    } as const;
    await using run = await train(new Mlp({ inFeatures: 64, hidden: [64], outFeatures: 10 }), {
      ...options,
      out: join(folder, "run"),
    });
    const reached = run.summary.metrics.test?.["accuracy"] ?? 0;
    assert.ok(reached > 0.9, `test accuracy ${reached}`);
    const data = await loadData("digits", { seed: 1 });
    const outputs = await run.predict(data.test);
    assert.deepEqual(outputs[0]?.shape, [180, 10]);
    await using again = await train(new Mlp({ inFeatures: 64, hidden: [64], outFeatures: 10 }), options);
    assert.deepEqual(
      (await again.state.parameters()).get("layers.0.weight")?.data,
      (await run.state.parameters()).get("layers.0.weight")?.data,
    );
    await assert.rejects(train(new Mlp({ inFeatures: 63, hidden: [], outFeatures: 10 }), options), /layers\.0: .*63/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

/** Rows of two features whose label is which one is larger, with one label replaced. */
const labelled = (replaced: number): Dataset => {
  const label = Int32Array.from({ length: 40 }, (_, i) => (i === 7 ? replaced : i % 2));
  const features = Float32Array.from({ length: 80 }, (_, i) => ((i >> 1) % 2 === i % 2 ? 1 : 0));
  return new Dataset({ features: { dtype: "float32", shape: [40, 2], data: features }, label });
};

test("train: a label that the model has no output for is refused, with its example; one that the loss ignores is not", async () => {
  const given = (replaced: number): Parameters<typeof train>[1] => ({
    data: { train: labelled(1), validation: labelled(replaced) },
    loss: crossEntropy({ ignoreIndex: 255 }),
    optimizer: adamW({ learningRate: 0.01 }),
    steps: 2,
    device: "cpu",
    quiet: true,
  });
  const linear = (): Mlp => new Mlp({ inFeatures: 2, hidden: [], outFeatures: 2 });
  await assert.rejects(train(linear(), given(5)), {
    name: "DataError",
    message: 'train: validation: column "label", example 8: expected a label in 0 … 1, got 5',
  });
  await assert.rejects(train(linear(), given(-1)), /example 8: expected a label in 0 … 1, got -1/);
  await using run = await train(linear(), given(255));
  assert.equal(run.summary.steps, 2);
  const few = labelled(1).tensor("label");
  const label = { ...few, data: Int32Array.from(toNumbers(few), (k) => 3 * k), classes: ["a", "b", "c", "d"] };
  const gap = { ...given(1), data: { train: labelled(1).with({ label }) } };
  const four = new Mlp({ inFeatures: 2, hidden: [], outFeatures: 4 });
  await assert.rejects(train(four, gap), /got none of b, c; is a label out of range\?/);
});

/** Two classes by the sign of a + b − c, as rows of named numbers. */
const ROWS = Array.from({ length: 60 }, (_, i) => {
  const [a, b, c] = [Math.sin(i), Math.cos(2 * i), Math.sin(3 * i + 1)];
  return { a, b, c, label: a + b > c ? "high" : "low" };
});
const QUICK = {
  loss: crossEntropy(),
  optimizer: adamW({ learningRate: 0.05 }),
  steps: 60,
  batchSize: 20,
  device: "cpu",
  quiet: true,
  seed: 1,
} as const;
const small = (outFeatures = 2): Mlp => new Mlp({ inFeatures: 3, hidden: [8], outFeatures });

test("train: rows, columns, lists, typed arrays and data sets are one thing", async () => {
  const x = ROWS.map(({ a, b, c }) => [a, b, c]);
  const y = ROWS.map(({ label }) => (label === "high" ? 0 : 1));
  const forms = {
    rows: ROWS,
    "rows with lists": x.map((list, i) => ({ x: list, y: y[i] as number })),
    "columns of lists": { x, y },
    "typed arrays": { features: x.map((list) => Float32Array.from(list)), label: Int32Array.from(y) },
    "named columns": {
      a: x.map((list) => list[0] as number),
      b: x.map((list) => list[1] as number),
      c: x.map((list) => list[2] as number),
      target: y,
    },
    "a data set": new Dataset({ x, y }),
    "parts of rows": { train: ROWS, validation: ROWS.slice(0, 20) },
  };
  let first: number | undefined;
  for (const [name, data] of Object.entries(forms)) {
    await using run = await train(small(), { ...QUICK, data, metrics: { accuracy } });
    const reached = run.summary.metrics.train?.["accuracy"] ?? 0;
    first ??= reached;
    assert.ok(reached > 0.9, `${name}: accuracy ${reached}`);
    assert.equal(reached, first, name);
  }
  await using run = await train(small(), { ...QUICK, data: ROWS });
  const [output] = await run.predict([{ a: 1, b: 1, c: -1 }]);
  assert.deepEqual(output?.shape, [1, 2]);
});

test("train: plain numbers are a target of one output, float64 or not", async () => {
  const data = ROWS.map(({ a, b, c }) => ({ x: [a, b, c], y: a - 2 * b }));
  await using run = await train(small(1), { ...QUICK, data, loss: meanSquaredError(), steps: 200 });
  assert.ok((run.summary.metrics.train?.["loss"] ?? 1) < 0.05);
});

test("train: what is no data is refused in one line", async () => {
  const refused = async (data: unknown, message: string): Promise<void> => {
    await assert.rejects(train(small(), { ...QUICK, data: data as typeof ROWS }), (error: Error) => {
      assert.ok(error.message.startsWith(message), error.message);
      assert.doesNotMatch(error.message, /\n|Cannot read/);
      return true;
    });
  };
  await refused([], "train: data: expected at least one row, got none");
  await refused([[1, 2, 3]], "train: data, example 1: expected named values");
  await refused(null, "train: data: expected rows, columns by name or a Dataset, got null");
  await refused(new Float32Array(3), "train: data: expected rows, columns by name or a Dataset, got object");
  await refused([{ a: 1 }], "train: expected a target column, got a; name it with target");
  await refused(
    [
      { x: [1, 2, 3], y: 0 },
      { x: [1, 2], y: 1 },
    ],
    'column "x", example 2: expected numbers of shape [3]',
  );
  await refused(
    [
      { a: 1, b: 2, c: 3, y: 0 },
      { a: 1, b: null, c: 3, y: 1 },
    ],
    'column "b", example 2: expected a number, got none',
  );
  await refused([{ a: 1, b: 2, c: "x", y: 0 }], 'column "c": expected numbers, got texts');
  await refused([{ x: [1, 2, 3], y: -1 }], 'train: train: column "y", example 1: expected a label in 0 … 1, got -1');
  await refused([{ x: [1, 2, 3], y: 0.5 }], 'column "y", example 1: expected a label, which is a whole number, got 0.5');
});

test("train: a loss or an optimizer that is left out is asked for in one line", async () => {
  const without = (name: "loss" | "optimizer"): Promise<unknown> => train(small(), { ...QUICK, data: ROWS, [name]: undefined });
  await assert.rejects(without("loss"), {
    name: "ConfigError",
    message: /^train: expected a loss such as crossEntropy\(\), got none$/,
  });
  await assert.rejects(without("optimizer"), {
    name: "ConfigError",
    message: /^training: expected an optimizer such as adamW\(\), got none$/,
  });
});
