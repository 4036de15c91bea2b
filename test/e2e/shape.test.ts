/**
 * @module `--shape`: files whose dimensions are free, settled by the option or by the input in hand, and refused alike by all verbs that take it.
 */
import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { before, test } from "node:test";
import sharp from "sharp";
import { fromNumbers } from "../../src/graph/index.js";
import { encodeModel } from "../../src/onnx/index.js";
import { openEngine } from "../../src/serve/node.js";
import type { Engine } from "../../src/serve/index.js";
import type { OnnxFile } from "../onnx/file.js";
import { ints, modelOf, node } from "../onnx/file.js";
import { isRefused, scratchFolder, succeeds } from "./command.js";
import { writeTokenizer } from "./their-file.js";

const folder = scratchFolder();
const write = (name: string, file: Omit<OnnxFile, "opset">, inputs: readonly string[] = []): void => {
  const model = modelOf({ opset: 15, ...file });
  inputs.forEach((input, i) => ((model.graph.inputs[i] as { name: string }).name = input));
  writeFileSync(join(folder, name), encodeModel(model));
};
const sumOf = (input: string, output: string) => node("ReduceSum", [input, "axis"], [output], { keepdims: 1 });

before(async () => {
  const axis = ints(1);
  write("sum.onnx", { inputs: [["N", "L"]], nodes: [sumOf("x0", "y")], constants: { axis } });
  const two = [sumOf("x0", "left"), sumOf("x1", "right"), node("Sub", ["left", "right"], ["y"])];
  write("two.onnx", { inputs: [["N", "L"], ["N", "M"]], nodes: two, constants: { axis } }); // prettier-ignore
  const pooled = [
    node("GlobalAveragePool", ["x0"], ["mean"]),
    node("Flatten", ["mean"], ["f"]),
    node("MatMul", ["f", "w"], ["y"]),
  ];
  const constants = { w: fromNumbers("float32", [3, 2], [1, 2, 3, 4, 5, 6]) };
  write("photo.onnx", { inputs: [["N", 3, "H", "W"]], nodes: pooled, constants });
  write("any.onnx", { inputs: [["N", "C", "H", "W"]], nodes: pooled, constants });
  const table = fromNumbers("float32", [40, 2], Array.from({ length: 80 }, (_, i) => Math.sin(i))); // prettier-ignore
  const read = [node("Gather", ["table", "input_ids"], ["v"]), node("ReduceMean", ["v"], ["y"], { axes: [1], keepdims: 0 })];
  write("text.onnx", { inputs: [{ shape: ["N", "T"], dtype: "int64" }], nodes: read, constants: { table } }, ["input_ids"]);
  await writeTokenizer(folder);
  writeFileSync(join(folder, "rows.csv"), "a,b,c\n1,2,3\n4,5,6\n");
  writeFileSync(join(folder, "words.csv"), "a,b\none,two\n");
  writeFileSync(join(folder, "truth.csv"), "a,b,c,cost\n1,2,3,6\n4,5,6,14\n1,1,1,3\n");
  await sharp({ create: { width: 8, height: 6, channels: 3, background: "red" } }).png().toFile(join(folder, "red.png")); // prettier-ignore
  mkdirSync(join(folder, "run"));
});

/** Verbs that take the option, on a file of images. */
const VERBS: Readonly<Record<string, readonly string[]>> = {
  cost: ["--runs", "1", "--device", "cpu"],
  predict: ["red.png"],
  explain: ["red.png"],
  eval: ["--data", "rows.csv"],
  serve: ["--port", "0"],
};

/** Shapes that no file of images [N, 3, H, W] can have, and the line that each gets. */
const CONTRADICTIONS: readonly (readonly [readonly string[], RegExp])[] = [
  [["K=4"], /--shape K=4: expected a name of the model's, which has free dimensions N, H, W and inputs x0, got K$/],
  [["H=4", "H=5"], /--shape H=5: expected one value for H, got 4 before; leave one of them out$/],
  [["x0=1x1x6x8"], /photo\.onnx: input "x0": expected \[N, 3, H, W\] where N = 1, got \[1, 1, 6, 8\]$/],
  [["H=4", "x0=1x3x6x8"], /photo\.onnx: input "x0": expected \[N, 3, H, W\] where H = 4, N = 1, got \[1, 3, 6, 8\]$/],
  [["W=99999999999"], /--shape W=99999999999: expected lengths of at most 2147483647, got 99999999999$/],
  [["N=2147483647", "H=100", "W=100"], /expected inputs.* within this machine's memory of [\d.]+ GiB, got [\d.]+ GiB; give smaller lengths by --shape$/],
  [["H"], /--shape H: expected NAME=NUMBER or NAME=NUMBERxNUMBER…, got "H"$/],
]; // prettier-ignore

for (const [verb, more] of Object.entries(VERBS))
  test(`${verb}: contradictions are refused in one line`, async () => {
    for (const [shape, expected] of CONTRADICTIONS)
      await isRefused(folder, [verb, "photo.onnx", ...more, ...shape.flatMap((item) => ["--shape", item])], expected);
  });

type Row = Readonly<Record<string, unknown>>;
const answers = async (...line: string[]): Promise<Row[]> =>
  JSON.parse((await succeeds(folder, ["predict", ...line, "--json"])).stdout) as Row[];
const sums = async (...line: string[]): Promise<unknown[]> => (await answers(...line)).map((row) => row["predicted_y"]);

test("a free number of columns is that of the row, of the table or of the data, or as --shape says", async () => {
  assert.deepEqual(await sums("sum.onnx", "a=1", "b=2"), [3]);
  assert.deepEqual(await sums("sum.onnx", "a=1", "b=2", "c=3", "d=-7"), [-1]);
  assert.deepEqual(await sums("sum.onnx", "rows.csv"), [6, 15]);
  for (const shape of ["L=3", "x0=2x3", "x0=1x3"])
    assert.deepEqual(await sums("sum.onnx", "rows.csv", "--shape", shape), [6, 15]);
  assert.deepEqual(await sums("two.onnx", "rows.csv", "--shape", "L=1", "--shape", "M=2"), [-4, -7]);
  const explained = ["explain", "sum.onnx", "a=1", "b=2", "c=3", "--measure", "none", "--draw", "why.svg", "--json"];
  const { explanations } = JSON.parse((await succeeds(folder, explained)).stdout) as { explanations: { values: number[] }[] };
  assert.deepEqual(explanations[0]?.values.map(Math.round), [1, 2, 3]);
  const measured = await succeeds(folder, ["eval", "sum.onnx", "--data", "truth.csv", "--label-column", "cost", "--json"]);
  const { metrics } = JSON.parse(measured.stdout) as { metrics: { mae: number } };
  assert.ok(Math.abs(metrics.mae - 1 / 3) < 1e-6);
});

test("images have the size that --shape says; channels that are free are asked for", async () => {
  for (const shape of [["H=6", "W=8"], ["x0=1x3x6x8"]]) {
    const { stderr } = await succeeds(folder, [
      "predict",
      "photo.onnx",
      "red.png",
      ...shape.flatMap((item) => ["--shape", item]),
    ]);
    assert.match(stderr, /photo\.onnx: 8×6 pixels of RGB/);
  }
  const { stderr } = await succeeds(folder, ["predict", "any.onnx", "red.png", "--shape", "C=3"]);
  assert.match(stderr, /any\.onnx: 224×224 pixels of RGB/);
  await isRefused(
    folder,
    ["predict", "any.onnx", "red.png"],
    /of 1 or 3 channels, got x0 \[N, C, H, W\]; give their number by --shape C=3/,
  );
});

test("what the input in hand contradicts, or nothing settles, is refused in one line", async () => {
  const refused = (line: string, expected: RegExp): Promise<void> => isRefused(folder, line.split(" "), expected);
  const columns = /rows\.csv: expected 4 columns of numbers, as many as input "x0" takes, got 3 \(a, b, c\) of a, b, c$/;
  await refused("predict sum.onnx rows.csv --shape L=4", columns);
  await refused("explain sum.onnx rows.csv --shape L=4", columns);
  await refused(
    "eval sum.onnx --data truth.csv --label-column cost --shape L=4",
    /truth\.csv: expected 4 columns of numbers.* got 3/,
  );
  // What was typed is meant: nothing is left out.
  await refused(
    "predict sum.onnx a=1 b=two",
    /input: expected 2 columns of numbers, as many as input "x0" takes, got 1 \(a\) of a, b$/,
  );
  await refused("predict sum.onnx a=1 b= c=3", /input: expected 3 columns of numbers.* got 2 \(a, c\) of a, b, c$/);
  const unsettled =
    /two\.onnx: expected the number of columns of input "x0", got \[N, L\], where L, M are free; give it by --shape L=NUMBER --shape M=NUMBER$/;
  await refused("predict two.onnx rows.csv", unsettled);
  await refused("explain two.onnx rows.csv", unsettled);
  await refused("eval two.onnx --data truth.csv", unsettled);
  await refused("predict sum.onnx words.csv", /sum\.onnx: expected columns of numbers for input "x0", got none in a, b$/);
  await refused("predict sum.onnx rows.csv --shape L=0", /--shape L=0: expected lengths of at least 1, got 0$/);
  await refused(
    "predict photo.onnx red.png --shape H=6 --image-size 16",
    /--image-size: expected height 6, by photo\.onnx and --shape H=6, got 16$/,
  );
  await refused(
    "predict photo.onnx red.png --shape H=9000",
    /photo\.onnx: expected images of at most 8192 pixels a side, got x0 \[N, 3, 9000, W\]/,
  );
  await refused(
    "predict text.onnx cat --shape T=6",
    /--shape T=6: expected no length for T of text\.onnx: each text has its own/,
  );
});

test("a server answers rows of any length where the number of columns is free, and of one length with --shape", async () => {
  const path = join(folder, "sum.onnx");
  const answer = async (engine: Engine, row: Row): Promise<unknown> => {
    const { answers } = await engine.call("predict", { instances: [row] });
    return (answers[0] as Row)["y"];
  };
  await using free = await openEngine(path, { device: "cpu" });
  assert.match(free.description.remarks.join(), /sum\.onnx: takes as many columns as a request has, since L is free/);
  // More lengths than models are kept, all at once, and the first one again.
  const lengths = [...Array.from({ length: 12 }, (_, i) => i + 1), 1];
  const rows = lengths.map((count) => Object.fromEntries(Array.from({ length: count }, (_, i) => [`c${i}`, i + 1])));
  const found = await Promise.all(rows.map((row) => answer(free, row)));
  assert.deepEqual(found, lengths.map((count) => (count * (count + 1)) / 2)); // prettier-ignore
  const [explained] = await free.call("explain", { instances: [{ a: 1, b: 2 }] });
  assert.equal(explained?.score, 3);
  await assert.rejects(
    answer(free, { a: "one" }),
    /input: expected 1 column of numbers, as many as input "x0" takes, got 0 \(\) of a$/,
  );
  await assert.rejects(free.call("predict", { instances: [] }), /expected at least one, got none/);
  await using fixed = await openEngine(path, { device: "cpu", shape: ["L=2"] });
  assert.equal(await answer(fixed, { a: 1, b: 2 }), 3);
  await assert.rejects(answer(fixed, { a: 1, b: 2, c: 3 }), /expected 2 columns of numbers, as many as input "x0" takes, got 3/);
  // Several inputs of a free number of columns are tensors alone, and say what would settle them.
  await using two = await openEngine(join(folder, "two.onnx"), { device: "cpu" });
  assert.match(two.description.remarks.join(), /tensors alone: two\.onnx: .* give it by --shape L=NUMBER --shape M=NUMBER/);
  await assert.rejects(openEngine(join(folder, "any.onnx"), { device: "cpu", shape: ["C=2"] }), /of 1 or 3 channels/);
});

test("runs, and several models, take no --shape", async () => {
  for (const verb of ["predict", "explain", "eval"])
    await isRefused(
      folder,
      [verb, "run", ...(VERBS[verb] ?? []), "--shape", "N=1"],
      /--shape: expected an ONNX file, got the run run/,
    );
  await isRefused(folder, ["serve", "run", "--shape", "N=1"], /--shape N=1: expected an ONNX file, got run; leave it out$/);
  await isRefused(
    folder,
    ["serve", "sum.onnx", "photo.onnx", "--shape", "L=1"],
    /--shape: expected one MODEL of this shape, got 2/,
  );
});
