/**
 * @module Somebody else's ONNX file as `--init` for tokens and tables, and behind ops that only the engine has.
 */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { before, test } from "node:test";
import type { TensorData } from "../../src/graph/index.js";
import { fromNumbers, toNumbers } from "../../src/graph/index.js";
import type { NodeProto, ValueInfoProto } from "../../src/onnx/index.js";
import { decodeModel, encodeModel, OnnxModel } from "../../src/onnx/index.js";
import { compile } from "../../src/runtime/index.js";
import { modelOf, node } from "../onnx/file.js";
import { isRefused, scratchFolder, succeeds } from "./command.js";
import { weight, writeTokenizer } from "./their-file.js";

const folder = scratchFolder();
const path = (...names: string[]): string => join(folder, ...names);
const descent = (line: string) => succeeds(folder, line.split(" "), { DESCENT_THREADS: "1" });
const refused = (line: string, expected: RegExp): Promise<void> => isRefused(folder, line.split(" "), expected);

before(async () => {
  await mkdir(path("texts"));
  await writeTokenizer(path("texts"));
});

/** Token ids: vectors, and the scores of each token. */
function taggerFile(): Uint8Array {
  const nodes = [
    node("Gather", ["words", "input_ids"], ["v"]),
    node("Cast", ["attention_mask"], ["m"], { to: 1 }),
    node("Unsqueeze", ["m", "last"], ["kept"]),
    node("Mul", ["v", "kept"], ["seen"]),
    node("MatMul", ["seen", "head"], ["s"]),
    node("Add", ["s", "bias"], ["y"]),
  ];
  const constants = {
    words: weight("words", [40, 16]),
    head: weight("tags", [16, 3]),
    bias: weight("tg", [3]),
    last: fromNumbers("int64", [1], [-1]),
  };
  const model = modelOf({ opset: 17, inputs: [], nodes, constants });
  const value = (name: string, elementType: number, shape: (string | number)[]) => ({ name, elementType, shape });
  const inputs = ["input_ids", "attention_mask"].map((name) => value(name, 7, ["N", "T"]));
  const metadata = new Map([["id2label", '{"0": "O", "1": "B-PET", "2": "I-PET"}']]);
  return encodeModel({ ...model, metadata, graph: { ...model.graph, inputs, outputs: [value("y", 1, ["N", "T", 3])] } });
}

test("tokens: a file's graph learns other tags, by the tokenizer of a folder; as it is, it finds its own", async () => {
  writeFileSync(path("texts", "tagger.onnx"), taggerFile());
  const sentences = [
    ["the", "cat", "sat", "on", "the", "mat"],
    ["the", "dog", "sat", "on", "the", "log"],
  ];
  const tagOf = (word: string): string => (word === "cat" || word === "dog" ? "B-ANIMAL" : word === "mat" ? "B-THING" : "O");
  const lines = Array.from({ length: 60 }, (_, i) =>
    (sentences[i % 2] as string[]).map((word) => `${word} ${tagOf(word)}`).join("\n"),
  );
  writeFileSync(path("pets.conll"), `${lines.join("\n\n")}\n`);
  const { stderr } = await descent(
    "train token-classification --data pets.conll --device cpu --init texts/tagger.onnx --steps 60 --lr 3e-2 --out tags",
  );
  assert.match(stderr, /its head path\/to\/MatMul_s \(16 → 3\) starts anew/);
  const measured = JSON.parse((await descent("eval tags --json")).stdout) as { metrics: { f1: number } };
  assert.equal(measured.metrics.f1, 1);
  const answered = await succeeds(folder, ["predict", "tags", "a dog on a mat", "--json"]);
  const [{ entities }] = JSON.parse(answered.stdout) as [{ entities: { text: string; label: string }[] }];
  assert.deepEqual(entities.map(({ text, label }) => [text, label]), [["dog", "ANIMAL"], ["mat", "THING"]]); // prettier-ignore
  const own = await succeeds(folder, ["predict", "texts/tagger.onnx", "the cat sat", "--json"]);
  assert.match(own.stderr, /tagger\.onnx: labels from its metadata \(id2label\)/);
  assert.ok(Array.isArray((JSON.parse(own.stdout) as [{ entities: unknown }])[0].entities));
});

test("tables: a file's graph learns other classes from columns as they are, and is used like any run", async () => {
  const nodes = [
    node("Gemm", ["x0", "hidden", "hb"], ["h"]),
    node("Tanh", ["h"], ["t"]),
    node("Gemm", ["t", "out", "ob"], ["s"]),
    node("Softmax", ["s"], ["y"], { axis: 1 }),
  ];
  const constants = { hidden: weight("in", [2, 8]), hb: weight("ib", [8]), out: weight("out", [8, 2]), ob: weight("ob", [2]) };
  const model = modelOf({ opset: 15, inputs: [["N", 2]], nodes, constants });
  writeFileSync(path("table.onnx"), encodeModel({ ...model, metadata: new Map([["feature_names", '["b","a"]']]) }));
  const rows = Array.from({ length: 90 }, (_, i) => {
    const [a, b] = [(i % 9) / 4 - 1, ((i * 5) % 7) / 3 - 1];
    return `${a},${b},row ${i},${a > b ? "more" : a < b - 0.5 ? "less" : "near"},${2 * a - b}`;
  });
  writeFileSync(path("rows.csv"), `a,b,note,kind,amount\n${rows.join("\n")}\n`);
  const line = "train tabular-classification --data rows.csv --label-column kind --device cpu --init table.onnx";
  const { stderr } = await descent(`${line} --ignore-column amount --steps 400 --lr 3e-2 --no-check --out table`);
  assert.match(stderr, /table\.onnx: takes 2 columns of numbers as they are, by their names; a missing value counts as 0/);
  assert.match(stderr, /its head path\/to\/Gemm_s \(8 → 2\) starts anew/);
  const measured = JSON.parse((await descent("eval table --json")).stdout) as { metrics: { accuracy: number } };
  assert.ok(measured.metrics.accuracy > 0.7, JSON.stringify(measured));
  const { stdout } = await descent("predict table a=1 b=-1 --json");
  assert.equal((JSON.parse(stdout) as [{ prediction: string }])[0].prediction, "more");
  await descent("explain table a=1 b=-1 --method integrated-gradients --draw table.svg");
  const amount = "train tabular-regression --data rows.csv --label-column amount --device cpu --init table.onnx";
  await descent(`${amount} --steps 8 --no-check --out amount`);
  await descent("train --resume amount");
  await refused(
    "train tabular-regression --data rows.csv --label-column amount --ignore-column b --init table.onnx --out no",
    /rows\.csv: expected 2 columns of numbers, as many as table\.onnx takes, got 1 \(a\); --ignore-column leaves some out/,
  );
});

const columnOf = (name: string, elementType: number, width: number): ValueInfoProto => ({
  name,
  elementType,
  shape: ["N", width],
});

test("a file of several inputs of several columns is tuned, resumed, and takes the same rows afterwards", async () => {
  const nodes = [
    node("Reshape", ["alone", "form"], ["c"]),
    node("Concat", ["pair", "three", "c"], ["x"], { axis: 1 }),
    node("Gemm", ["x", "hidden", "hb"], ["h"]),
    node("Tanh", ["h"], ["t"]),
    node("Gemm", ["t", "out", "ob"], ["y"]),
  ];
  const constants = {
    form: fromNumbers("int64", [2], [-1, 1]),
    hidden: weight("wi", [6, 8]),
    hb: weight("wib", [8]),
    out: weight("wo", [8, 2]),
    ob: weight("wob", [2]),
  };
  const model = modelOf({ opset: 15, inputs: [], nodes, constants });
  const inputs = [columnOf("pair", 1, 2), columnOf("three", 1, 3), { name: "alone", elementType: 1, shape: ["N"] }];
  writeFileSync(path("wide.onnx"), encodeModel({ ...model, graph: { ...model.graph, inputs } }));
  const rows = Array.from({ length: 80 }, (_, i) => {
    const values = Array.from({ length: 6 }, (_, c) => (((i + 1) * (c + 3)) % 11) / 5 - 1);
    // The last column, which is an input of its own, decides.
    return [...values, (values[5] as number) > 0 ? "up" : "down"].join(",");
  });
  writeFileSync(path("wide.csv"), `p,q,r,s,t,u,kind\n${rows.join("\n")}\n`);
  const { stderr } = await descent(
    "train tabular-classification --data wide.csv --label-column kind --device cpu --init wide.onnx --steps 150 --lr 3e-2 --no-check --out wide",
  );
  assert.match(stderr, /wide\.onnx: takes 6 columns of numbers as they are, in the table's order/);
  const measured = JSON.parse((await descent("eval wide --json")).stdout) as { metrics: { accuracy: number } };
  assert.ok(measured.metrics.accuracy > 0.9, JSON.stringify(measured));
  for (const [u, kind] of [
    ["0.8", "up"],
    ["-0.8", "down"],
  ]) {
    const { stdout } = await descent(`predict wide p=0 q=0 r=0 s=0 t=0 u=${u} --json`);
    assert.equal((JSON.parse(stdout) as [{ prediction: string }])[0].prediction, kind);
  }
  await descent("train --resume wide --steps 152");
});

/** A file whose first nodes are of ops that only the engine has: texts become counts of words, columns are scaled, before two layers. */
function behindOthers(inputs: ValueInfoProto[], front: NodeProto[], values: string[], width: number): Uint8Array {
  const nodes = [
    ...front,
    ...(values.length === 1 ? [] : [node("Concat", values, ["all"], { axis: 1 })]),
    node("Gemm", [values.length === 1 ? (values[0] as string) : "all", "hidden", "hb"], ["h"]),
    node("Relu", ["h"], ["r"]),
    node("Gemm", ["r", "out", "ob"], ["s"]),
    node("Softmax", ["s"], ["y"], { axis: 1 }),
  ];
  const constants = { hidden: weight("w", [width, 8]), hb: weight("wb", [8]), out: weight("v", [8, 3]), ob: weight("vb", [3]) };
  const model = modelOf({ opset: 15, inputs: [], nodes, constants });
  const opsets = new Map([...model.opsets].map(([domain, version]) => [domain, domain === "" ? version : 2]));
  return encodeModel({ ...model, opsets, graph: { ...model.graph, inputs } });
}

test("a graph behind ops that only the engine has is tuned, and written with its own nodes", async () => {
  const words = ["cat", "dog", "mat", "log"];
  const counted = {
    mode: "TF",
    min_gram_length: 1,
    max_gram_length: 1,
    max_skip_count: 0,
    ngram_counts: [0],
    ngram_indexes: [0, 1, 2, 3],
    pool_strings: words,
  };
  const ml = "ai.onnx.ml";
  writeFileSync(
    path("words.onnx"),
    behindOthers([columnOf("words", 8, 5)], [node("TfIdfVectorizer", ["words"], ["counts"], counted)], ["counts"], 4),
  );
  const scaler = node("Scaler", ["x"], ["scaled"], { offset: { floats: [10, 0] }, scale: { floats: [0.1, 1] } }, ml);
  const encoder = node("OneHotEncoder", ["city"], ["hot"], { cats_strings: ["ulm", "bonn"], zeros: 1 }, ml);
  const flat = node("Reshape", ["hot", "two"], ["flat"]);
  const two = node("Constant", [], ["two"], { value_ints: [-1, 2] });
  writeFileSync(
    path("scaled.onnx"),
    behindOthers(
      [columnOf("x", 1, 1), columnOf("city", 8, 1)],
      [
        { ...scaler, attributes: scaler.attributes.map((a) => (a.type === "floats" ? { ...a, value: a.value.slice(0, 1) } : a)) },
        encoder,
        two,
        flat,
      ],
      ["scaled", "flat"],
      3,
    ),
  );
  const rows = Array.from(
    { length: 80 },
    (_, i) => `${i % 20},${i % 3 === 0 ? "ulm" : "bonn"},${i % 3 === 0 ? "south" : i % 20 > 9 ? "old" : "young"}`,
  );
  writeFileSync(path("cities.csv"), `x,city,group\n${rows.join("\n")}\n`);
  const { stderr } = await descent(
    "train tabular-classification --data cities.csv --label-column group --device cpu --init scaled.onnx --steps 300 --lr 2e-2 --no-check --out cities",
  );
  assert.match(stderr, /scaled\.onnx: its first part, from x, city to 3 numbers, runs on the engine and stays as it is/);
  const measured = JSON.parse((await descent("eval cities --json")).stdout) as { metrics: { accuracy: number } };
  assert.ok(measured.metrics.accuracy > 0.8, JSON.stringify(measured));
  const [answer] = JSON.parse((await descent("predict cities x=15 city=bonn --json")).stdout) as [
    { prediction: string; probabilities: Record<string, number> },
  ];
  assert.equal(answer.prediction, "old");
  await descent("explain cities x=15 city=bonn --method integrated-gradients --draw cities.svg");
  await descent("export cities --out cities.onnx");
  const written = decodeModel(readFileSync(path("cities.onnx")), "cities.onnx");
  assert.deepEqual(written.graph.nodes.map(({ opType }) => opType), ["Scaler", "OneHotEncoder", "Constant", "Reshape", "Concat", "Gemm", "Relu", "Gemm"]); // prettier-ignore
  await using session = await compile(new OnnxModel(encodeModel(written)));
  const { [written.graph.outputs[0]?.name ?? ""]: logits } = await session.callWithTexts({
    x: fromNumbers("float32", [1, 1], [15]),
    city: { dtype: "string", shape: [1, 1], data: ["bonn"] },
  });
  const given = toNumbers(logits as TensorData).map(Math.exp);
  const total = given.reduce((sum, x) => sum + x, 0);
  Object.values(answer.probabilities).forEach((p, k) => assert.ok(Math.abs(p - (given[k] as number) / total) < 1e-5));
  await refused("train image-classification --data digits --init words.onnx --out no", /expected one input of four dimensions/);
});
