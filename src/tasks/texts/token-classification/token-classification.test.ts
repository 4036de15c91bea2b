import assert from "node:assert/strict";
import { test } from "node:test";
import { labelledTexts, parseConll } from "../../../data/index.js";
import type { LoadedData } from "../../../data/node.js";
import type { LabelledText } from "../../../data/index.js";
import { goldSpans, TaggingMeasurement } from "../tagging.js";
import { taggedText } from "./entity-rows.js";
import { tokenSpans } from "./entities.js";
import { tokenClassification } from "./token-classification.js";

const { texts } = parseConll("Ann B-PER\nLee I-PER\nis O\nin O\nBonn B-LOC\n\nBonn B-LOC\nis O\nold O\n", "example");

const loaded = (train: readonly LabelledText[], test_: readonly LabelledText[]): LoadedData =>
  ({
    name: "example",
    train: labelledTexts(train),
    validation: labelledTexts(train),
    test: labelledTexts(test_),
  }) as LoadedData;

const settings = { seed: 1, ignore: [], model: "bilstm-crf" };

test("spans of a text become tokens; one that cuts a token takes all of it", () => {
  const offsets = [
    [0, 3],
    [4, 7],
    [8, 10],
  ] as const;
  const spans = [
    { start: 0, end: 7, label: "A" },
    { start: 9, end: 10, label: "B" },
    { start: 3, end: 4, label: "C" },
  ];
  assert.deepEqual(tokenSpans(spans, offsets), [
    { start: 0, end: 2, label: "A" },
    { start: 2, end: 3, label: "B" },
  ]);
});

test("tags are those of the training part; what has another label counts as missed, and is said", async () => {
  const strange: LabelledText = { text: "Bonn shop", spans: [{ start: 5, end: 9, label: "SHOP" }] };
  const { info, test: rows, notes } = await tokenClassification.prepare(loaded(texts, [strange]), settings);
  assert.deepEqual(info.tags, ["O", "B-PER", "E-PER", "S-LOC"]);
  assert.deepEqual(info.labels, ["LOC", "PER"]);
  assert.ok(notes.some((note) => note.startsWith("1 spans of validation and test have labels")));
  assert.deepEqual(goldSpans(rows.batch(), 0, info.labels), [{ start: 1, end: 2, label: "?" }]);
});

test("--scheme bio writes no ends, another one is refused", async () => {
  const { info } = await tokenClassification.prepare(loaded(texts, texts), { ...settings, scheme: "bio" });
  assert.deepEqual(info.tags, ["O", "B-LOC", "B-PER", "I-PER"]);
  assert.throws(() => void tokenClassification.prepare(loaded(texts, texts), { ...settings, scheme: "iob1" as "bio" }), {
    message: "--scheme: expected bio or bioes, got iob1",
  });
});

test("texts without spans cannot be learned from", () => {
  const bare = texts.map(({ text, tokens }) => ({ text, ...(tokens === undefined ? {} : { tokens }) }));
  assert.throws(() => void tokenClassification.prepare(loaded(bare, bare), settings), /expected texts with labelled spans/);
});

test("tags become spans of the text with their probability, and are measured as seqeval does", async () => {
  const { info, test: rows } = await tokenClassification.prepare(loaded(texts, texts.slice(0, 1)), settings);
  const best = ["B-PER", "E-PER", "O", "O", "O"].map((tag) => info.tags.indexOf(tag));
  const emissions = Float32Array.from({ length: 5 * 4 }, (_, i) => (best[Math.floor(i / 4)] === i % 4 ? 50 : 0));
  const outputs = {
    emissions: { dtype: "float32", shape: [1, 5, 4], data: emissions },
    tags: { dtype: "int32", shape: [1, 5], data: Int32Array.from(best) },
    transitions: { dtype: "float32", shape: [1, 6, 4], data: new Float32Array(24) },
  } as const;
  const given = labelledTexts(texts.slice(0, 1));
  const [answer] = tokenClassification.answers(outputs, info, rows.batch(), given);
  assert.deepEqual(answer, { entities: [{ text: "Ann Lee", start: 0, end: 7, label: "PER", score: 1 }] });
  const measurement = new TaggingMeasurement(info);
  measurement.update(outputs, rows.batch());
  const { f1, precision, recall } = measurement.result();
  assert.deepEqual([precision, recall], [1, 0.5]);
  assert.ok(Math.abs((f1 as number) - 2 / 3) < 1e-12);
});

test("a raw text is cut by rule, in the units of the training part", () => {
  assert.equal(taggedText({ text: "I don't." }, "words").features.length, 4);
  assert.equal(taggedText({ text: "住在 北京😀" }, "characters").features.length, 5);
});
