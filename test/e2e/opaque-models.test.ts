/**
 * @module Files that only the engine runs, through the command line: models of tables as scikit-learn's converters write them. They answer, and are
 * explained by their answers; whatever needs a graph says what keeps it from there.
 */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { before, test } from "node:test";
import sharp from "sharp";
import { fromNumbers } from "../../src/graph/index.js";
import type { ModelProto, NodeProto, ValueInfoProto } from "../../src/onnx/index.js";
import { encodeModel } from "../../src/onnx/index.js";
import { openModel } from "../../src/tasks/use/open-node.js";
import { modelOf, node } from "../onnx/file.js";
import { isRefused, run, scratchFolder, succeeds } from "./command.js";

const folder = scratchFolder();
const path = (name: string): string => join(folder, name);
const descent = (...line: string[]) => succeeds(folder, line, { DESCENT_THREADS: "1" });
const [FLOAT, STRING] = [1, 8];

const value = (name: string, elementType: number, shape: ValueInfoProto["shape"]): ValueInfoProto => ({
  name,
  elementType,
  shape,
});

/** A file of ai.onnx.ml. */
function write(name: string, nodes: NodeProto[], inputs: ValueInfoProto[], outputs: ValueInfoProto[], notes: object = {}): void {
  const opsets = new Map([["", 15], ["ai.onnx.ml", 2], ["com.microsoft", 1]] as const); // prettier-ignore
  const graph = { name: "g", nodes, initializers: [], inputs, outputs };
  const metadata = new Map(Object.entries(notes as Record<string, string>));
  const model: ModelProto = {
    irVersion: 8,
    producerName: "test",
    producerVersion: "",
    opsets,
    metadata,
    functions: [],
    graph,
  };
  writeFileSync(path(name), encodeModel(model));
}

const ml = (op: string, inputs: string[], outputs: string[], attributes: Parameters<typeof node>[3]): NodeProto =>
  node(op, inputs, outputs, attributes, "ai.onnx.ml");

/** Scores 2·a − b and b − a for "no" and "yes". */
const classifier = (input: string, transform: string): NodeProto =>
  ml("LinearClassifier", [input], ["label", "p"], {
    coefficients: { floats: [2, -1, -1, 1] },
    intercepts: { floats: [0, 0] },
    classlabels_strings: ["no", "yes"],
    post_transform: transform,
  });
const zipMap = ml("ZipMap", ["p"], ["probabilities"], { classlabels_strings: ["no", "yes"] });
const softmax = (a: number, b: number): number => 1 / (1 + Math.exp(b - a - (2 * a - b)));

before(() => {
  const rows = value("X", FLOAT, ["N", 2]);
  const labels = value("label", STRING, ["N"]);
  write("zipped.onnx", [classifier("X", "SOFTMAX"), zipMap], [rows], [labels, value("probabilities", FLOAT, undefined)]);
  write("scores.onnx", [classifier("X", "NONE")], [rows], [labels, value("p", FLOAT, ["N", 2])]);
  write("named.onnx", [classifier("X", "SOFTMAX"), zipMap], [rows], [labels, value("probabilities", FLOAT, undefined)], {
    feature_names: '["b","a"]',
  });
  const regressor = ml("LinearRegressor", ["X"], ["price"], { coefficients: { floats: [3, 10] }, intercepts: { floats: [1] } });
  write("price.onnx", [regressor], [rows], [value("price", FLOAT, ["N", 1])]);
  // Converters of boosted trees suggest the name "input" for columns of numbers.
  const named = ml("LinearRegressor", ["input"], ["price"], { coefficients: { floats: [3, 10] }, intercepts: { floats: [1] } });
  write("input.onnx", [named], [value("input", FLOAT, ["N", 2])], [value("price", FLOAT, ["N", 1])]);
  const encoder = ml("LabelEncoder", ["city"], ["code"], { keys_strings: ["ulm", "bonn"], values_floats: { floats: [10, 20] } });
  write(
    "mixed.onnx",
    [encoder, node("Concat", ["age", "code"], ["both"], { axis: 1 }), ml("LinearRegressor", ["both"], ["y"], { coefficients: { floats: [1, 1] }, intercepts: { floats: [0] } })],
    [value("age", FLOAT, ["N", 1]), value("city", STRING, ["N", 1])],
    [value("y", FLOAT, ["N", 1])],
  ); // prettier-ignore
  writeFileSync(path("rows.csv"), "name,a,b\none,1,2\ntwo,3,-1\n");
  writeFileSync(path("wide.csv"), "a,b,c\n1,2,3\n");
  writeFileSync(path("people.csv"), "city,age\nbonn,3\nulm,5\n");
});

/** Pictures of 4×4, whose halves are added up: the left one for "left", scaled by an op that Descent does not have. */
function writePictures(): void {
  const halves = Array.from({ length: 32 }, (_, i) => Number(i < 16 ? i % 4 < 2 : i % 4 >= 2));
  const model = modelOf({
    opset: 15,
    inputs: [["N", 1, 4, 4]],
    nodes: [
      node("Flatten", ["x0"], ["flat"]),
      ml("Scaler", ["flat"], ["scaled"], { offset: { floats: [0] }, scale: { floats: [0.5] } }),
      node("Gemm", ["scaled", "w", "b"], ["s"], { transB: 1 }),
      node("Softmax", ["s"], ["y"], { axis: 1 }),
    ],
    constants: { w: fromNumbers("float32", [2, 16], halves), b: fromNumbers("float32", [2], [0, 0]) },
  });
  const opsets = new Map([...model.opsets, ["ai.onnx.ml", 2] as const]);
  writeFileSync(path("halves.onnx"), encodeModel({ ...model, opsets, metadata: new Map([["classes", '["left","right"]']]) }));
}

/** A file with a graph: 2·a − b + 3·c from two inputs of columns, [a, b] and [c], and a second output. */
function writeSum(): void {
  const model = modelOf({
    opset: 15,
    inputs: [
      ["N", 2],
      ["N", 1],
    ],
    outputs: ["y", "z"],
    nodes: [
      node("MatMul", ["x0", "v"], ["left"]),
      node("MatMul", ["x1", "u"], ["right"]),
      node("Add", ["left", "right"], ["y"]),
      node("Neg", ["y"], ["z"]),
    ],
    constants: { v: fromNumbers("float32", [2, 1], [2, -1]), u: fromNumbers("float32", [1, 1], [3]) },
  });
  writeFileSync(path("sum.onnx"), encodeModel(model));
}

type Row = Readonly<Record<string, unknown>> & { readonly probabilities?: Readonly<Record<string, number>> };
const answers = async (...line: string[]): Promise<{ rows: Row[]; stderr: string }> => {
  const { stdout, stderr } = await descent("predict", ...line, "--json");
  return { rows: JSON.parse(stdout) as Row[], stderr };
};
const near = (got: unknown, expected: number): void =>
  assert.ok(typeof got === "number" && Math.abs(got - expected) < 1e-6, `${String(got)} beside ${expected}`);

test("columns of numbers go in, in their order; labels and probabilities come out by the names in the file", async () => {
  const { rows, stderr } = await answers("zipped.onnx", "rows.csv");
  assert.match(
    stderr,
    /zipped\.onnx: runs on the engine alone; it uses an op that Descent does not have: ai\.onnx\.ml\.LinearClassifier/,
  );
  assert.match(stderr, /rows\.csv: input "X" takes a, b, in this order/);
  assert.deepEqual(rows.map(({ name, prediction }) => [name, prediction]), [["one", "yes"], ["two", "no"]]); // prettier-ignore
  near(rows[0]?.probabilities?.["no"], softmax(1, 2));
  near(rows[1]?.["score"], softmax(3, -1));
  // By the names that the file has in its metadata, whatever their order in the table.
  const named = await answers("named.onnx", "b=1", "a=2");
  near(named.rows[0]?.probabilities?.["no"], softmax(1, 2));
  // Scores that are no probabilities are not shown as some.
  const scored = await answers("scores.onnx", "rows.csv");
  assert.deepEqual(scored.rows.map(({ prediction }) => prediction), ["yes", "no"]); // prettier-ignore
  assert.equal(scored.rows[0]?.probabilities, undefined);
});

test("quantities come out by the output's name; inputs of one column each go by their names, texts as texts", async () => {
  const { rows } = await answers("price.onnx", "rows.csv");
  assert.deepEqual(rows.map((row) => row["predicted_price"]), [1 + 3 + 20, 1 + 9 - 10]); // prettier-ignore
  const named = await answers("input.onnx", "rows.csv");
  assert.deepEqual(named.rows.map((row) => row["predicted_price"]), [24, 0]); // prettier-ignore
  const mixed = await answers("mixed.onnx", "people.csv");
  assert.deepEqual(mixed.rows.map((row) => row["predicted_y"]), [23, 15]); // prettier-ignore
});

test("it is explained by its answers", async () => {
  const { stdout } = await descent("explain", "price.onnx", "a=2", "b=3", "--draw", "why.svg", "--measure", "none", "--json");
  const { explanations } = JSON.parse(stdout) as { explanations: { method: string; values: number[] }[] };
  const [first] = explanations;
  assert.equal(first?.method, "kernel-shap");
  // Of a linear function the Shapley values against zero are its terms.
  near(Math.round((first?.values[0] ?? 0) * 1e4) / 1e4, 6);
  near(Math.round((first?.values[1] ?? 0) * 1e4) / 1e4, 30);
  // A text counts by what it changes beside an empty one, which the encoder makes 0.
  const mixed = await descent(
    "explain",
    "mixed.onnx",
    "city=bonn",
    "age=3",
    "--draw",
    "mixed.svg",
    "--measure",
    "none",
    "--json",
  );
  const [texts] = (JSON.parse(mixed.stdout) as { explanations: { values: number[] }[] }).explanations;
  assert.deepEqual(texts?.values.map((value) => Math.round(value * 1e4) / 1e4), [3, 20]); // prettier-ignore
});

test("pictures are prepared and answered as a task does it, around a graph that only the engine runs", async () => {
  writePictures();
  const pixels = Buffer.from(Array.from({ length: 16 }, (_, i) => (i % 4 < 2 ? 255 : 51)));
  await sharp(pixels, { raw: { width: 4, height: 4, channels: 1 } }).png().toFile(path("left.png")); // prettier-ignore
  const { rows, stderr } = await answers("halves.onnx", "left.png", "--preprocess", "0..1");
  assert.match(stderr, /halves\.onnx: runs on the engine alone; it uses an op that Descent does not have: ai\.onnx\.ml\.Scaler/);
  assert.equal(rows[0]?.["label"], "left");
  // Halves of 8 pixels, of 1 and of 0.2, times 0.5.
  assert.ok(Math.abs(Number(rows[0]?.["score"]) - 1 / (1 + Math.exp(0.8 - 4))) < 1e-6);
  const line = [
    "explain",
    "halves.onnx",
    "left.png",
    "--preprocess",
    "0..1",
    "--measure",
    "none",
    "--draw",
    "halves.svg",
    "--json",
  ];
  const { stdout } = await descent(...line, "--method", "feature-ablation");
  const { explanations } = JSON.parse(stdout) as { explanations: { shape: number[]; values: number[] }[] };
  assert.deepEqual(explanations[0]?.shape, [1, 4, 4]);
  const sum = (from: number): number =>
    (explanations[0]?.values ?? []).reduce((total, v, i) => total + (i % 4 >= from && i % 4 < from + 2 ? v : 0), 0);
  // Pixels on the left speak for "left", those on the right say nothing of its score.
  assert.ok(sum(0) > 0 && Math.abs(sum(2)) < 1e-6, explanations[0]?.values.join(" "));
  await isRefused(folder, [...line, "--method", "grad-cam"], /only answers \(it uses an op .*Scaler.*\); take a sampling method/);
});

test("a file that gives as many rows as there are objects in a picture is no classifier", async () => {
  const opened = modelOf({
    opset: 15,
    inputs: [["N", 1, 4, 4]],
    nodes: [
      node("Reshape", ["x0", "form"], ["rows"]),
      ml("Scaler", ["rows"], ["y"], { offset: { floats: [0] }, scale: { floats: [1] } }),
    ],
    constants: { form: fromNumbers("int64", [2], [-1, 4]) },
  });
  writeFileSync(path("boxes.onnx"), encodeModel({ ...opened, opsets: new Map([...opened.opsets, ["ai.onnx.ml", 2]]) }));
  await isRefused(
    folder,
    ["predict", "boxes.onnx", "left.png"],
    /boxes\.onnx: expected an output of scores \[N, K\], got \[4, 4\]/,
  );
});

test("what needs a graph says what keeps it from one", async () => {
  const { model } = await openModel(path("zipped.onnx"));
  await using opened = model;
  const reason = /zipped\.onnx: expected a model with a graph for .*; it uses an op .*LinearClassifier/;
  assert.throws(() => opened.toOnnx(), reason);
  assert.throws(() => opened.model, reason);
  await assert.rejects(opened.evaluator({}, (batch) => batch), reason); // prettier-ignore
  const { examples } = await import("../../src/tasks/use/examples-node.js").then((m) => m.readInputs(opened, ["a=1", "b=2"]));
  await assert.rejects(opened.features(examples, () => undefined), reason); // prettier-ignore
  await isRefused(
    folder,
    ["explain", "zipped.onnx", "a=1", "b=2", "--method", "saliency"],
    /only answers \(it uses an op .*LinearClassifier.*\); take a sampling method: kernel-shap, lime/,
  );
});

test("a row whose score is no number is named, not explained", async () => {
  const nodes = [node("ReduceSum", ["x0", "axis"], ["s"], { keepdims: 1 }), node("Log", ["s"], ["y"])];
  writeFileSync(path("log.onnx"), encodeModel(modelOf({ opset: 15, inputs: [["N", 2]], nodes, constants: { axis: fromNumbers("int64", [1], [1]) } }))); // prettier-ignore
  const { status, stderr } = await run(folder, ["explain", "log.onnx", "a=1", "b=-2", "--draw", "log.svg"]);
  assert.equal(status, 1);
  assert.match(
    stderr.trimEnd().split("\n").at(-1) ?? "",
    /log: expected finite scores, got NaN of y for a=1, b=-2; leave that input out/,
  );
  await descent("explain", "log.onnx", "a=1", "b=2", "--draw", "log.svg", "--measure", "none");
});

test("rows that do not fit are refused in one line", async () => {
  const refused = (line: string, expected: RegExp): Promise<void> => isRefused(folder, line.split(" "), expected);
  await refused(
    "predict zipped.onnx wide.csv",
    /wide\.csv: expected 2 columns of numbers, as many as input "X" takes, got 3 \(a, b, c\)/,
  );
  await refused("predict mixed.onnx rows.csv", /rows\.csv: unknown column "age"/);
  await refused("predict zipped.onnx a=1 b=two", /input: expected 2 columns of numbers.* got 1 \(a\) of a, b/);
  await refused("predict price.onnx wide.csv", /got 3 \(a, b, c\) of a, b, c; leave the others out of the table/);
});

test("labels alone are measured by the names that the user gives them", async () => {
  const labels = modelOf({
    opset: 15,
    inputs: [["N", 2]],
    nodes: [node("ArgMax", ["x0"], ["y_int64"], { axis: 1, keepdims: 0 })],
    outputs: ["y_int64"],
  });
  writeFileSync(path("labels.onnx"), encodeModel(labels));
  writeFileSync(path("sides.csv"), "a,b,side\n2,1,left\n0,1,right\n3,1,right\n1,5,right\n");
  writeFileSync(path("sides.txt"), "left\nright\n");
  await isRefused(
    folder,
    ["eval", "labels.onnx", "--data", "sides.csv"],
    /sides\.csv, column "side": expected a model that names its classes, got one that names none; give them with --labels FILE/,
  );
  const { stdout } = await descent("eval", "labels.onnx", "--data", "sides.csv", "--labels", "sides.txt", "--json");
  assert.equal((JSON.parse(stdout) as { metrics: Record<string, number> }).metrics["accuracy"], 0.75);
});

test("a file is measured on a table with the truth, by its labels or its quantities", async () => {
  writeFileSync(path("truth.csv"), "a,b,answer,cost\n1,2,yes,24\n3,-1,no,0\n2,2,yes,30\n");
  const measured = async (...line: string[]): Promise<Record<string, number>> => {
    const { stdout } = await descent("eval", ...line, "--json");
    return (JSON.parse(stdout) as { metrics: Record<string, number> }).metrics;
  };
  const zipped = await measured("zipped.onnx", "--data", "truth.csv", "--label-column", "answer", "--ignore-column", "cost");
  assert.equal(zipped["accuracy"], 2 / 3);
  const truths = [1 - softmax(1, 2), softmax(3, -1), 1 - softmax(2, 2)];
  near(zipped["loss"], -truths.reduce((sum, p) => sum + Math.log(p), 0) / 3);
  // Distances from a boundary have no loss.
  const scored = await measured("scores.onnx", "--data", "truth.csv", "--label-column", "answer", "--ignore-column", "cost");
  assert.deepEqual(Object.keys(scored), ["accuracy", "macroF1"]);
  // Answers 24, 0 and 27.
  const price = await measured("price.onnx", "--data", "truth.csv", "--label-column", "cost", "--ignore-column", "answer");
  near(price["mae"], 1);
  near(price["rmse"], Math.sqrt(3));
  await isRefused(
    folder,
    ["eval", "price.onnx", "--data", "truth.csv", "--label-column", "b"],
    /truth\.csv: expected 2 columns of numbers, as many as input "X" takes, got 2? ?.*a/,
  );
});

test("its cost is given as far as it is known", async () => {
  const { stdout, stderr } = await descent("cost", "mixed.onnx", "--runs", "2", "--json");
  assert.match(
    stderr,
    /mixed\.onnx: FLOPs and intermediate results are not known; it uses ops that Descent does not have: .*LabelEncoder/,
  );
  const { parameters, milliseconds, flops } = JSON.parse(stdout) as Record<string, unknown>;
  assert.deepEqual([parameters, typeof milliseconds, flops], [0, "number", undefined]);
});

test("a table's file with a graph is explained by gradients, its columns shared out among its inputs", async () => {
  writeSum();
  const { stdout, stderr } = await descent("explain", "sum.onnx", "wide.csv", "--method", "integrated-gradients", "--json");
  assert.match(stderr, /sum\.onnx: of its outputs y, z the first is meant/);
  assert.match(stderr, /wide\.csv: input "x0" takes a, b, in this order/);
  const { explanations } = JSON.parse(stdout) as { explanations: readonly { values: readonly number[] }[] };
  assert.deepEqual(
    explanations[0]?.values.map((v) => Math.round(1e5 * v) / 1e5),
    [2, -2, 9],
  );
});

test("a text in front of a vectorizer is explained by its words", async () => {
  const words = node("Tokenizer", ["text"], ["words"], { mark: 0, mincharnum: 1, pad_value: "#", tokenexp: "[a-zA-Z]+" }, "com.microsoft"); // prettier-ignore
  const flat = node("Flatten", ["words"], ["flat"], { axis: 1 });
  const counts = node("TfIdfVectorizer", ["flat"], ["counts"], {
    max_gram_length: 1,
    max_skip_count: 0,
    min_gram_length: 1,
    mode: "TF",
    ngram_counts: [0],
    ngram_indexes: [0, 1],
    pool_strings: ["great", "terrible"],
  });
  const sum = ml("LinearRegressor", ["counts"], ["y"], { coefficients: { floats: [2, -1] }, intercepts: { floats: [0.5] } });
  write("words.onnx", [words, flat, counts, sum], [value("text", STRING, ["N", 1])], [value("y", FLOAT, ["N", 1])]);
  const methods = ["kernel-shap", "lime", "occlusion", "partition-shap", "exact-shapley"];
  const text = "great film, but terrible; great";
  const line = ["explain", "words.onnx", text, "--method", methods.join(","), "--draw", "words.svg", "--json"];
  const { stdout, stderr } = await descent(...line, "--measure", "none");
  const { explanations } = JSON.parse(stdout) as {
    explanations: { method: string; score: number; values: number[]; parts?: { names: string[] } }[];
  };
  assert.deepEqual(explanations.map(({ method }) => method), methods); // prettier-ignore
  for (const { method, score, values, parts } of explanations) {
    assert.equal(score, 3.5);
    if (parts !== undefined) assert.deepEqual(parts.names, ["great", "film", "but", "terrible", "great"]);
    // LIME's ridge draws coefficients towards 0.
    const near = method === "lime" ? 0.2 : 1e-3;
    [2, 0, 0, -1, 2].forEach((expected, i) => {
      assert.ok(Math.abs((values[i] ?? NaN) - expected) < near, `${method}, word ${i}: expected ${expected}, got ${values[i]}`);
    });
  }
  assert.match(stderr, /Words that are absent are left out of the text\./);
  assert.match(readFileSync(path("words.svg"), "utf8"), /<title>terrible: /);
});

test("a graph that has a batch of 1 inside answers one example at a time, and says so", async () => {
  const mix = { dtype: "float32", shape: [16, 2], data: Float32Array.from({ length: 32 }, (_, i) => Math.sin(i)) } as const;
  const file = modelOf({
    opset: 17,
    inputs: [[1, 1, 4, 4]],
    constants: { flat: fromNumbers("int64", [2], [1, 16]), mix },
    nodes: [node("Reshape", ["x0", "flat"], ["row"]), node("MatMul", ["row", "mix"], ["y"])],
  });
  writeFileSync(path("one.onnx"), encodeModel(file));
  const names = ["a.png", "b.png", "c.png"];
  for (const [k, name] of names.entries()) {
    const pixels = Buffer.from(Array.from({ length: 16 }, (_, i) => (37 * (i + 1) * (k + 1)) % 256));
    await sharp(pixels, { raw: { width: 4, height: 4, channels: 1 } }).png().toFile(path(name)); // prettier-ignore
  }
  const together = await answers("one.onnx", ...names, "--preprocess", "0..1");
  assert.match(together.stderr, /one\.onnx: takes one example at a time, since its graph has a batch of 1/);
  for (const [k, name] of names.entries()) {
    const { rows } = await answers("one.onnx", name, "--preprocess", "0..1");
    near(together.rows[k]?.["score"], rows[0]?.["score"] as number);
    assert.equal(together.rows[k]?.["label"], rows[0]?.["label"]);
  }
});

test("an output of another shape than the file declares is said once; of another type it is refused", async () => {
  const product = modelOf({
    opset: 17,
    inputs: [["N", 2]],
    constants: { mix: fromNumbers("float32", [2, 3], [1, 2, 3, 4, 5, 6]) },
    nodes: [node("MatMul", ["x0", "mix"], ["y"])],
  });
  const declare = (name: string, elementType: number): void =>
    writeFileSync(
      path(name),
      encodeModel({ ...product, graph: { ...product.graph, outputs: [value("y", elementType, ["N", 7])] } }),
    );
  declare("seven.onnx", FLOAT);
  const { rows, stderr } = await answers("seven.onnx", "a=1", "b=1");
  assert.equal(
    stderr.match(/seven\.onnx: declares output "y" as \[N, 7\], but its nodes give \[N, 3\], which counts/g)?.length,
    1,
  );
  assert.deepEqual(rows[0]?.["predicted_y"], [5, 7, 9]);
});
