import assert from "node:assert/strict";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { Dataset } from "../../../data/index.js";
import type { LoadedData } from "../../../data/node.js";
import { fromNumbers } from "../../../graph/index.js";
import type { Module } from "../../../nn/index.js";
import type { TextClassInfo } from "./info.js";
import { TEXT_MODELS } from "./models.js";
import { textClassification } from "./text-classification.js";
import { textClassificationNode } from "./text-classification-node.js";
import type { BuiltChoice, Prepared, RowOutputs } from "../../task.js";
import { tokenizerOf } from "../texts.js";
import { builtNamed, taskNamed } from "../../table.js";
import type { TrainedModel } from "../../trained-model.js";
import { vectorWeights, vectorSize } from "../vectors-node.js";
import { textAt } from "../../shared/windows.js";

const TEXTS = ["a warm, warm film", "a dull film", "warm and good", "dull and long, long, long, long"];

const loaded = (labels: readonly string[], texts: readonly string[] = TEXTS): LoadedData => {
  const train = new Dataset({ text: [...texts], label: [...labels] });
  const roles = { text: "text", target: "label" };
  return {
    name: "films",
    train,
    validation: train.take(1),
    test: train.take(2),
    roles,
    task: "text-classification",
    badRows: 0,
    leftOut: [],
    notes: [],
  };
};

const prepared = async (
  data: LoadedData,
  options: Partial<Parameters<typeof textClassification.prepare>[1]> = {},
): Promise<Prepared<TextClassInfo>> => textClassification.prepare(data, { seed: 1, ignore: [], model: "ngram-cnn", ...options });

const build = (name: string, info: TextClassInfo): Module => builtNamed(taskNamed("text-classification"), name).build(info);

test("one class for each text: words in English, characters in Chinese, WordPiece for BERT; what is cut is said", async () => {
  const { info, train, notes } = await prepared(loaded(["good", "bad", "good", "bad"]), { maxLength: 5 });
  assert.deepEqual([info.classes, info.multiLabel, info.maxLength], [["bad", "good"], false, 5]);
  assert.deepEqual([...train.tensor("label").data], [1, 0, 1, 0]);
  assert.deepEqual([...train.tensor("cut").data], [0, 0, 0, 4]);
  assert.deepEqual(notes, [
    "1 of 7 texts is longer than the 5 tokens that the model takes, and cut; --max-length N takes more of them, and --stride N measures on all of them",
  ]);
  assert.ok((await tokenizerOf(info)).tokenToId("film") !== undefined);
  const chinese = await prepared(loaded(["好", "差", "好", "差"], ["房间很好", "房间很差", "很好", "不好"]));
  assert.ok((await tokenizerOf(chinese.info)).tokenToId("房") !== undefined);
  const bert = await prepared(loaded(["good", "bad", "good", "bad"]), { model: "bert" });
  assert.ok((await tokenizerOf(bert.info)).special.cls !== undefined);
});

test("several labels, as JSON lists or with a separator", async () => {
  const lists = await prepared(loaded(['["b", "a"]', "[]", '["a"]', '["c"]']));
  assert.deepEqual([lists.info.classes, lists.info.multiLabel], [["a", "b", "c"], true]);
  assert.deepEqual([...lists.train.tensor("labels").data], [1, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1]);
  const separated = await prepared(loaded(["a|b", "a", "c", "b"]), { labelSeparator: "|" });
  assert.deepEqual([...separated.train.tensor("labels").data], [1, 1, 0, 1, 0, 0, 0, 0, 1, 0, 1, 0]);
});

test("what cannot be learned from is refused in one line", async () => {
  await assert.rejects(prepared(loaded(["x", "x", "x", "x"])), {
    message: 'films, column "label": expected texts of at least two classes, got only x',
  });
  const many = Array.from({ length: 60 }, (_, i) => `class ${i}`);
  await assert.rejects(prepared(loaded(many, many)), /expected classes that texts share, got 60 of 60 texts; name the column/);
  const data = loaded(["good", "bad", "good", "bad"]);
  await assert.rejects(prepared({ ...data, roles: { target: "label" } }), /films: expected a column of texts, got text, label/);
  await assert.rejects(prepared({ ...data, roles: { text: "text" } }), /films: expected a column of labels, got none/);
  await assert.rejects(prepared(data, { tokenizer: "morse" }), /--tokenizer: expected words, .*, got morse/);
  const { info } = await prepared(data);
  await assert.rejects(
    async () => textClassification.examples(loaded(["odd"], ["a film"]), loaded(["odd"], ["a film"]).train, info),
    {
      message: 'column "label", example 1: expected one of bad, good, got "odd"',
    },
  );
});

const modelOf = (info: TextClassInfo): TrainedModel => ({ info, task: textClassification }) as unknown as TrainedModel;

test("a long text is cut and said to be, or read in windows", async () => {
  const { info } = await prepared(loaded(["good", "bad", "good", "bad"]), { maxLength: 4 });
  const texts = ["warm film", "a dull film and a warm and good film"];
  const cut = await textClassificationNode.readInputs(modelOf(info), texts, {});
  assert.equal(cut.examples.length, 2);
  assert.match(cut.notes?.[0] ?? "", /^1 of 2 texts is longer than the 4 tokens .* --stride N reads them in windows$/);
  const windows = await textClassificationNode.readInputs(modelOf(info), texts, { stride: 1 });
  // 9 tokens: 0–3, 3–6, 6–8.
  assert.deepEqual([...windows.examples.tensor("length").data], [2, 4, 4, 3]);
  assert.deepEqual(
    [0, 1, 2, 3].map((row) => textAt(windows.examples, row)),
    [0, 1, 1, 1],
  );
  assert.match(
    windows.notes?.[0] ?? "",
    /^1 of 2 texts is longer than the 4 tokens that the model takes, and read in windows, 4 in all$/,
  );
  await assert.rejects(
    textClassificationNode.readInputs(modelOf(info), texts, { stride: 4 }),
    /--stride: expected less than the 4/,
  );
  await assert.rejects(textClassificationNode.readInputs(modelOf(info), [" "], {}), /input: expected a text, got an empty one/);
});

test("--stride: validation and test are measured in windows, each with the label of its text; training texts are cut", async () => {
  const texts = ["warm film", "a dull film and a warm and good film", "bad film", "a good film"];
  const {
    info,
    train,
    test: rows,
    notes,
  } = await prepared(loaded(["good", "bad", "bad", "good"], texts), {
    maxLength: 4,
    stride: 1,
  });
  assert.deepEqual([info.stride, train.length, rows.length], [1, 4, 4]);
  assert.deepEqual([...rows.tensor("label").data], [1, 0, 0, 0]);
  assert.deepEqual(
    notes.map((note) => /and (cut|read in windows)/.exec(note)?.[1]),
    ["cut", "read in windows"],
  );
});

test("the windows of a text say the mean of their probabilities", () => {
  const windows = (...probabilities: number[][]): RowOutputs[] =>
    probabilities.map((row) => ({
      outputs: { logits: fromNumbers("float32", [1, row.length], row.map(Math.log)) },
      batch: { label: fromNumbers("int32", [1], [1]) },
    }));
  const info = { classes: ["bad", "good"], multiLabel: false } as unknown as TextClassInfo;
  const merged = textClassification.merge?.(windows([0.2, 0.8], [0.4, 0.6], [0.3, 0.7]), info);
  assert.ok(merged !== undefined);
  const [answer] = textClassification.answers(merged.outputs, info, merged.batch, new Dataset({}));
  assert.equal(answer?.["label"], "good");
  assert.ok(Math.abs((answer["score"] as number) - 0.7) < 1e-6);
  const measurement = textClassification.measurement?.(info);
  measurement?.update(merged.outputs, merged.batch);
  assert.ok(Math.abs(Number(measurement?.result()["loss"]) + Math.log(0.7)) < 1e-6);
  // Of several labels each has a mean of its own: 1/2 and 3/4 are the sigmoids of 0 and ln 3.
  const several = { ...info, multiLabel: true } as TextClassInfo;
  const each = textClassification.merge?.(windows([1, 1], [1, 3]), several);
  const [sets] = textClassification.answers(each?.outputs ?? {}, several, {}, new Dataset({}));
  assert.deepEqual(
    Object.values(sets?.["probabilities"] ?? {}).map((p) => Number(Number(p).toFixed(6))),
    [0.5, 0.625],
  );
});

test("an embedding begins with the vectors of a file, as wide as they are", async () => {
  const path = join(mkdtempSync(join(tmpdir(), "descent-vectors-")), "words.vec");
  writeFileSync(path, "2 3\nfilm 1 2 3\nwarm 4 5 6\n");
  const asked = { vectors: path };
  const size = await vectorSize(asked, undefined);
  assert.deepEqual(size, { vectorSize: 3 });
  const { info } = await prepared(loaded(["good", "bad", "good", "bad"]), size);
  const row = (await tokenizerOf(info)).tokenToId("film") as number;
  for (const [name, tensor] of [
    ["ngram-cnn", "cnn.embedding.weight"],
    ["text-cnn", "embedding.weight"],
    ["bilstm", "embedding.weight"],
  ] as const) {
    const { weights, notes } = (await vectorWeights(asked, build(name, info), info, 1)) ?? { notes: [] };
    assert.deepEqual([...(weights?.get(tensor)?.data.subarray(3 * row, 3 * row + 3) ?? [])], [1, 2, 3], name);
    assert.match(notes[0] ?? "", /: 2 of \d+ rows have a vector$/);
  }
  await assert.rejects(
    vectorWeights(asked, build("bert", info), info, 1),
    /expected vectors of 128 numbers for this model, got 3/,
  );
  await assert.rejects(vectorSize(asked, "runs/other"), /--vectors: expected none beside --init runs\/other/);
});

test("a bag of n-grams passes more often over few texts and many classes, at most eight times as many", () => {
  const { defaults } = TEXT_MODELS.find(({ name }) => name === "ngram-cnn") as BuiltChoice<TextClassInfo>;
  const of = (count: number, multiLabel = false): TextClassInfo =>
    ({ classes: Array.from({ length: count }, String), multiLabel }) as unknown as TextClassInfo;
  const epochs = ([examples, info]: readonly [number, TextClassInfo?]): number | undefined => defaults(examples, info).epochs;
  const asked = [[6920], [5760, of(2)], [5760, of(10)], [5760, of(10, true)], [1080, of(2)], [1080, of(10)]] as const;
  assert.deepEqual(asked.map(epochs), [4, 4, 9, 4, 26, 32]);
});
