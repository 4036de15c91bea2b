import assert from "node:assert/strict";
import { test } from "node:test";
import { constant, fromNumbers } from "../../graph/index.js";
import type { Tensor } from "../../graph/index.js";
import { crfNegativeLogLikelihood } from "../../losses/index.js";
import { compile } from "../../runtime/index.js";
import type { TaggedRow, TaggingInfo } from "./tagging.js";
import { learnTagging, taggedRows, taggingLoss } from "./tagging.js";
import { tagAsked } from "./tag-question.js";

const row = (words: string, ...inside: number[]): TaggedRow => ({
  features: words.split(" ").map((word) => [word, word.slice(0, 1)]),
  spans: inside.map((at) => ({ start: at, end: at + 1, label: "X" })),
});

test("the rarer spans are, the higher is the false-negative cost: ln(outside / inside), within 0…3", () => {
  const cost = (rows: readonly TaggedRow[]): number => learnTagging(rows, "words", "BIOES").usualMissCost;
  assert.equal(cost([row("a b c d", 0)]), Number(Math.log(3).toFixed(2)));
  assert.equal(cost([row("a b", 0, 1)]), 0);
  assert.equal(cost([row(new Array<string>(200).fill("a").join(" "), 5)]), 3);
});

test("what one text alone has is unknown, however many rows are made of it", () => {
  const texts = Array.from({ length: 100 }, (_, i) => row(`common own${i}`, 0));
  const rows = texts.flatMap((text) => [text, text, text]);
  const { vocabulary } = learnTagging(rows, "words", "BIOES", (i) => Math.floor(i / 3));
  assert.deepEqual(vocabulary, [["common"], ["c", "o"]]);
});

test("an empty text is a row of one token of padding", () => {
  const info = learnTagging([row("a b", 1)], "words", "BIOES");
  const rows = taggedRows([{ features: [], spans: [] }], info);
  assert.deepEqual([...rows.tensor("length").data], [1]);
  assert.deepEqual([...rows.tensor("input_ids").data], [0, 0]);
});

test("the loss is the CRF's, with the false-negative cost where a span is called outside", async () => {
  const tensor = (shape: number[], data: number[], dtype: "float32" | "int64" = "float32"): Tensor =>
    constant(fromNumbers(dtype, shape, data));
  const emissions = tensor([1, 2, 2], [1, 0.5, 0.25, 2]);
  const scores = { start: tensor([2], [0.1, 0]), transitions: tensor([2, 2], [0.3, 0, 0.2, 0.1]), end: tensor([2], [0, 0.4]) };
  const batch = { tags: tensor([1, 2], [0, 1], "int64"), attention_mask: tensor([1, 2], [1, 1], "int64") };
  const info = { tags: ["O", "S-X"], usualMissCost: 9 } as unknown as TaggingInfo;
  const loss = (falseNegativeCost: number): Tensor =>
    taggingLoss({ emissions, ...scores }, batch, { info, use: "train", options: { falseNegativeCost } });
  // Outside at the second token, where a span is, costs more.
  const costed = tensor([1, 2, 2], [1, 0.5, 1.25, 2]);
  const executable = await compile({
    plain: loss(0),
    crf: crfNegativeLogLikelihood(emissions, batch.tags, scores),
    dear: loss(1),
    expected: crfNegativeLogLikelihood(costed, batch.tags, scores),
  });
  const found = await executable.call({});
  const value = (name: string): number => Number(found[name]?.data[0]);
  await executable.dispose();
  assert.ok(Math.abs(value("plain") - value("crf")) < 1e-6);
  assert.ok(Math.abs(value("dear") - value("expected")) < 1e-6);
  assert.ok(value("dear") > value("plain"));
});

test("a name of several characters, or of several words, is asked about by the first of them", () => {
  const info = { tags: ["O", "B-NAME", "E-NAME"], labels: ["NAME"] } as unknown as TaggingInfo;
  const asked = (words: readonly string[], target: string): number => {
    const scored = { words, emissions: new Float64Array(words.length * 3), best: words.map(() => 0) };
    return tagAsked("text", scored, info, { run: "run", target }).word;
  };
  assert.equal(asked(["现", "任", "张", "伟", "任"], "张伟:NAME"), 2);
  assert.equal(asked(["to", "New", "York", "City"], "New York:NAME"), 1);
  assert.equal(asked(["New", "York", "York"], "York:NAME"), 1);
  assert.throws(() => asked(["张", "伟", "现"], "张现:NAME"), /--target: expected a word of "text" before the colon, got "张现"/);
});
