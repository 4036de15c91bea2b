/**
 * @module Models that are fitted at once, through a training and all that is done with its run: a stump, which only the engine runs; class means, which
 * Descent differentiates; counts of words, of texts. The choices stand in the tables of tasks for these tests alone.
 */
import assert from "node:assert/strict";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import sharp from "sharp";
import { loadOnnx } from "../../src/data/node.js";
import { fromNumbers, toNumbers } from "../../src/graph/index.js";
import type { TensorData } from "../../src/graph/index.js";
import { OPSET, encodeModel } from "../../src/onnx/index.js";
import { compile } from "../../src/runtime/index.js";
import { taskNamed } from "../../src/tasks/table.js";
import type { Fitted, FittedChoice, FitData, TaskInfo } from "../../src/tasks/task.js";
import { trainTask } from "../../src/tasks/training/train-task-node.js";
import type { NodeProto } from "../../src/onnx/index.js";
import { modelOf, node } from "../onnx/file.js";
import type { OnnxFile } from "../onnx/file.js";
import { isRefused, scratchFolder, succeeds } from "./command.js";

const folder = scratchFolder();
const path = (name: string): string => join(folder, name);
const descent = (...line: string[]) => succeeds(folder, line, { DESCENT_THREADS: "1" });

/** A file of the opset that Descent writes. */
function fileOf(file: Omit<OnnxFile, "opset">, role: string, extra: readonly (readonly [string, string])[] = []): Uint8Array {
  const model = modelOf({ ...file, opset: OPSET });
  const names = new Map([["x0", role], ...extra]);
  const opsets = new Map([...model.opsets].map(([domain, version]) => [domain, domain === "ai.onnx.ml" ? 3 : version]));
  const renamed = (name: string): string => names.get(name) ?? name;
  const { graph } = model;
  const nodes = graph.nodes.map((n): NodeProto => ({ ...n, inputs: n.inputs.map(renamed) }));
  const inputs = graph.inputs.map((i) => ({ ...i, name: renamed(i.name) }));
  return encodeModel({ ...model, irVersion: 10, opsets, graph: { ...graph, nodes, inputs } });
}

/** Examples of each class, and each class's share of them. */
function countsOf(labels: readonly number[], classes: number): number[] {
  return Array.from({ length: classes }, (_, k) => labels.filter((label) => label === k).length);
}

type Classes = TaskInfo & { readonly classes: readonly string[] };
const labelsOf = ({ train }: FitData<Classes>): number[] => [...toNumbers(train.tensor("label"))];

/** One split of the first feature at its mean; in each half the classes' shares. */
const stump: FittedChoice<Classes> = {
  name: "stump",
  summary: "one split",
  async fit(data): Promise<Fitted> {
    const features = await data.features(data.train);
    const [rows = 0, width = 1] = features.shape;
    const values = Array.from({ length: rows }, (_, i) => toNumbers(features)[i * width] as number);
    const mean = values.reduce((sum, x) => sum + x, 0) / rows;
    const labels = labelsOf(data);
    const halves = [true, false].map((isLow) => labels.filter((_, i) => (values[i] as number) <= mean === isLow));
    const classes = data.info.classes.length;
    const weights = halves.flatMap((half) =>
      countsOf(half, classes).map((count) => Math.log((count + 1) / (half.length + classes))),
    );
    const tree = {
      nodes_treeids: [0, 0, 0],
      nodes_nodeids: [0, 1, 2],
      nodes_featureids: [0, 0, 0],
      nodes_modes: ["BRANCH_LEQ", "LEAF", "LEAF"],
      nodes_values: { floats: [mean, 0, 0] },
      nodes_truenodeids: [1, 0, 0],
      nodes_falsenodeids: [2, 0, 0],
      target_treeids: weights.map(() => 0),
      target_nodeids: weights.map((_, i) => 1 + Math.floor(i / classes)),
      target_ids: weights.map((_, i) => i % classes),
      target_weights: { floats: weights },
      n_targets: classes,
    };
    const nodes = [node("TreeEnsembleRegressor", ["x0"], ["y"], tree, "ai.onnx.ml")];
    const file = fileOf({ nodes, inputs: [["N", width]] }, "features");
    return { file, graph: { inputs: { features: "features" }, output: "y" }, parameters: 1 + weights.length, steps: 1 };
  },
};

/** The mean of a quantity, whatever the features. */
const mean: FittedChoice<TaskInfo & { readonly featureNames: readonly string[] }> = {
  name: "mean",
  summary: "the mean",
  fit({ info, train }): Fitted {
    const numbers = toNumbers(train.tensor("target"));
    const value = numbers.reduce((sum, y) => sum + y, 0) / numbers.length;
    const width = info.featureNames.length;
    const constants = {
      zero: fromNumbers(
        "float32",
        [width, 1],
        Array.from({ length: width }, () => 0),
      ),
      c: fromNumbers("float32", [1], [value]),
    };
    const nodes = [node("Gemm", ["x0", "zero", "c"], ["y"])];
    const file = fileOf({ nodes, inputs: [["N", width]], constants }, "features");
    return { file, graph: { inputs: { features: "features" }, output: "y" }, parameters: 1 };
  },
};

/** The nearest mean of a class: scores x·m − ‖m‖²/2. */
const nearestMean: FittedChoice<Classes & { readonly imageShape: readonly number[] }> = {
  name: "nearest-mean",
  summary: "the nearest mean",
  async fit(data): Promise<Fitted> {
    const features = await data.features(data.train);
    const [rows = 0, ...shape] = features.shape;
    const numbers = toNumbers(features);
    const size = numbers.length / rows;
    const labels = labelsOf(data);
    const counts = countsOf(labels, data.info.classes.length);
    const means = new Float64Array(counts.length * size);
    labels.forEach((k, i) => {
      for (let e = 0; e < size; e++)
        means[k * size + e] = (means[k * size + e] as number) + (numbers[i * size + e] as number) / (counts[k] as number);
    });
    const halved = counts.map((_, k) => -0.5 * means.subarray(k * size, (k + 1) * size).reduce((sum, m) => sum + m * m, 0));
    const constants = {
      m: fromNumbers("float32", [counts.length, size], means),
      h: fromNumbers("float32", [counts.length], halved),
    };
    const nodes = [node("Flatten", ["x0"], ["flat"]), node("Gemm", ["flat", "m", "h"], ["y"], { transB: 1 })];
    const file = fileOf({ nodes, inputs: [["N", ...shape]], constants }, "image");
    return { file, graph: { inputs: { image: "image" }, output: "y" }, parameters: means.length };
  },
};

/** Counts of each token, weighted by how much oftener a class has it. */
const wordCounts: FittedChoice<Classes & { readonly vocabularySize: number; readonly padId: number }> = {
  name: "word-counts",
  summary: "naive Bayes on words",
  fit({ info, train }): Fitted {
    const [size, classes] = [info.vocabularySize, info.classes.length];
    const counts = new Float64Array(size * classes).fill(1);
    const [rows, lengths, labels] = ["input_ids", "length", "label"].map((name) => toNumbers(train.tensor(name))) as [
      Float64Array,
      Float64Array,
      Float64Array,
    ];
    labels.forEach((label, i) => {
      const width = rows.length / labels.length;
      for (const id of rows.subarray(i * width, i * width + (lengths[i] as number)))
        counts[id * classes + label] = (counts[id * classes + label] as number) + 1;
    });
    const totals = Array.from({ length: classes }, (_, k) =>
      counts.reduce((sum, n, i) => (i % classes === k ? sum + n : sum), 0),
    );
    const ids = Array.from({ length: size }, (_, i) => i).filter((id) => id !== info.padId);
    const weights = ids.flatMap((id) => {
      const logs = totals.map((total, k) => Math.log((counts[id * classes + k] as number) / total));
      const middle = logs.reduce((sum, log) => sum + log, 0) / classes;
      return logs.map((log) => log - middle);
    });
    const vectorizer = {
      mode: "TF",
      min_gram_length: 1,
      max_gram_length: 1,
      max_skip_count: 0,
      ngram_counts: [0],
      ngram_indexes: ids.map((_, i) => i),
      pool_int64s: ids,
    };
    const nodes = [node("TfIdfVectorizer", ["x0"], ["counts"], vectorizer), node("MatMul", ["counts", "w"], ["y"])];
    const constants = { w: fromNumbers("float32", [ids.length, classes], weights) };
    const file = fileOf({ nodes, inputs: [{ shape: ["N", "T"], dtype: "int64" }], constants }, "input_ids");
    return { file, graph: { inputs: { input_ids: "input_ids" }, output: "y" }, parameters: weights.length };
  },
};

const CHOICES = [
  ["tabular-classification", stump],
  ["tabular-regression", mean],
  ["image-classification", nearestMean],
  ["text-classification", wordCounts],
] as const;

before(async () => {
  for (const [task, choice] of CHOICES) (taskNamed(task).models as unknown[]).push(choice);
  const rows = Array.from({ length: 60 }, (_, i) => `${i},${(i * 7) % 11},${i < 30 ? "low" : "high"},${i * 2}`);
  writeFileSync(path("rows.csv"), `x,noise,side,price\n${rows.join("\n")}\n`);
  const texts = Array.from({ length: 60 }, (_, i) =>
    i % 2 === 0 ? `a fine warm film ${i % 7},good` : `a dull cold film ${i % 5},bad`,
  );
  writeFileSync(path("texts.csv"), `text,label\n${texts.join("\n")}\n`);
  const images = path("images");
  for (const [name, background] of [["dark", "#101010"], ["light", "#e0e0e0"]] as const) {
    mkdirSync(join(images, name), { recursive: true });
    for (let i = 0; i < 12; i++)
      await sharp({ create: { width: 8, height: 8, channels: 3, background } }).composite([{ input: { create: { width: 1 + (i % 4), height: 2, channels: 3, background: "#808080" } }, left: 0, top: 0 }]).png().toFile(join(images, name, `${i}.png`));
  } // prettier-ignore
});

after(() => {
  for (const [task] of CHOICES) (taskNamed(task).models as unknown[]).pop();
});

/** Whether the file answers as the run: [rows] of its only output. */
async function answersOf(run: string, feeds: Record<string, TensorData>): Promise<number[]> {
  await using session = await compile(await loadOnnx(join(path(run), "model.onnx")));
  const outputs = await session.call(feeds);
  return [...toNumbers(Object.values(outputs)[0] as TensorData)];
}

const near = (got: unknown, expected: number, within = 1e-5): void =>
  assert.ok(typeof got === "number" && Math.abs(got - expected) < within, `${String(got)} beside ${expected}`);

test("a tree of the engine's: trained, evaluated, asked, explained, exported from its run", async () => {
  const { summary, ended } = await trainTask(
    { task: "tabular-classification", data: path("rows.csv"), labelColumn: "side", ignoreColumn: ["price"], model: "stump" },
    { out: path("stump") },
  );
  assert.equal(ended, "fitted");
  assert.equal(summary?.metrics.test?.["accuracy"], 1);
  assert.equal(summary.parameters, 5);
  assert.ok(["graph.onnx", "model.onnx", "report.html", "summary.json"].every((name) => existsSync(join(path("stump"), name))));
  const measured = JSON.parse((await descent("eval", "stump", "--json")).stdout) as { metrics: Record<string, number> };
  assert.deepEqual(measured.metrics, summary.metrics.test);
  const given = await descent("predict", "stump", "x=3", "noise=1", "--json");
  assert.equal((JSON.parse(given.stdout) as { prediction: string }[])[0]?.prediction, "low");
  const { stdout } = await descent("explain", "stump", "x=3", "noise=1", "--draw", "why.svg", "--measure", "none", "--json");
  const [first] = (
    JSON.parse(stdout) as { explanations: { method: string; gap: number; parts: { names: string[]; values: number[] } }[] }
  ).explanations;
  assert.equal(first?.method, "kernel-shap");
  // The split does not read the other column.
  near(first.parts.values[first.parts.names.indexOf("noise")], 0, 1e-6);
  await isRefused(folder, ["explain", "stump", "x=3", "noise=1", "--method", "saliency"], /TreeEnsembleRegressor/);
  await descent("export", "stump", "--out", "stump.onnx");
  const own = await answersOf("stump", { features: fromNumbers("float32", [2, 2], [-1.5, 0, 1.5, 0]) });
  assert.equal(own.length, 4);
  assert.ok((own[0] as number) !== (own[1] as number));
});

test("a quantity, and a model of no weights", async () => {
  const { summary } = await trainTask(
    { task: "tabular-regression", data: path("rows.csv"), labelColumn: "price", ignoreColumn: ["side"], model: "mean" },
    { out: path("mean") },
  );
  near(summary?.metrics.train?.["r2"], 0, 1e-4);
  const given = await descent("predict", "mean", "x=3", "noise=1", "--json");
  const answer = (JSON.parse(given.stdout) as Record<string, number>[])[0]?.["predicted_price"];
  assert.ok(typeof answer === "number" && answer > 30 && answer < 90);
});

test("a graph that Descent has is differentiated: explained by gradients, its pixels scaled inside the file", async () => {
  const { summary } = await trainTask(
    { task: "image-classification", data: path("images"), model: "nearest-mean" },
    { out: path("nearest") },
  );
  assert.equal(summary?.metrics.test?.["accuracy"], 1);
  const line = [
    "explain",
    "nearest",
    "images/dark/1.png",
    "--method",
    "integrated-gradients",
    "--draw",
    "why.svg",
    "--measure",
    "none",
    "--json",
  ];
  const { stdout } = await descent(...line);
  const [first] = (JSON.parse(stdout) as { explanations: { gap: number; label: string }[] }).explanations;
  assert.equal(first?.label, "dark");
  near(first.gap, 0, 1e-2);
});

test("texts: counts of tokens, with words explained by their absence", async () => {
  const { summary } = await trainTask(
    { task: "text-classification", data: path("texts.csv"), model: "word-counts" },
    { out: path("words") },
  );
  assert.equal(summary?.metrics.test?.["accuracy"], 1);
  const measured = JSON.parse((await descent("eval", "words", "--json")).stdout) as { metrics: Record<string, number> };
  assert.deepEqual(measured.metrics, summary.metrics.test);
  const { stdout } = await descent("explain", "words", "a warm film", "--draw", "why.svg", "--measure", "none", "--json");
  const [first] = (JSON.parse(stdout) as { explanations: { label: string; parts: { names: string[]; values: number[] } }[] })
    .explanations;
  assert.equal(first?.label, "good");
  const { names, values } = first.parts;
  assert.ok(Math.abs(values[names.indexOf("warm")] as number) > 5 * Math.abs(values[names.indexOf("film")] as number));
});

test("options of gradient steps are refused beside it; a run is fitted anew, not resumed", async () => {
  const options = { task: "tabular-regression", data: path("rows.csv"), labelColumn: "price", model: "mean" };
  await assert.rejects(trainTask({ ...options, lr: 0.1 }, { out: path("no") }), {
    message: /^--lr: expected a model that is trained in steps, got mean, which is fitted at once; leave it out$/,
  });
  await assert.rejects(trainTask({ ...options, init: path("mean"), model: "mlp" }, { out: path("no") }), /expected/);
  await isRefused(folder, ["train", "--resume", "mean"], /expected a checkpoint, got none; train it again with --overwrite/);
  assert.ok(!existsSync(path("no")));
});
