import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { openStore } from "../store/store.js";
import { submit } from "./answers.js";
import { TextFeatures } from "./features.js";
import { chooseDiverse, uncertainty } from "./active-learning.js";
import { fitHead, likeliest, probabilities } from "./head.js";
import { Learner } from "./learner.js";
import { proposalOf } from "./proposal.js";
import { Proposals } from "./proposals.js";
import type { Scheme } from "./scheme.js";
import { Workspace } from "./workspace.js";

const GOOD = ["a lovely film", "lovely and warm", "a warm and lovely story", "truly lovely"];
const BAD = ["a dull film", "dull and cold", "a cold and dull story", "truly dull"];
const texts = [...GOOD, ...BAD, "a lovely dull film", "warm"];

describe("the head that learns from the labels", () => {
  const features = new TextFeatures(texts);
  const labelled = [
    { row: 0, classes: [0] },
    { row: 1, classes: [0] },
    { row: 4, classes: [1] },
    { row: 5, classes: [1] },
  ];

  test("answers what it has not seen, and is least sure where the words disagree", () => {
    const head = fitHead(features.x, labelled, { classes: 2, several: false });
    assert.ok(head !== undefined);
    const p = probabilities(head, features.x);
    const own = (row: number): Float64Array => p.subarray(2 * row, 2 * row + 2);
    for (const row of [2, 3]) assert.deepEqual(likeliest(own(row), false).classes, [0], texts[row]);
    for (const row of [6, 7]) assert.deepEqual(likeliest(own(row), false).classes, [1], texts[row]);
    const unsure = texts.map((_, row) => uncertainty(own(row), false));
    assert.equal(unsure.indexOf(Math.max(...unsure)), 8);
  });

  test("gives the words that speak for its answer, where they are", () => {
    const head = fitHead(features.x, labelled, { classes: 2, several: false });
    const weights = head?.model.weights.subarray(features.x.columns) ?? new Float64Array();
    const reasons = features.reasons(6, weights);
    const strongest = reasons.reduce((a, b) => (b.weight > a.weight ? b : a));
    assert.equal(texts[6]?.slice(strongest.start, strongest.end), "dull");
    const first = features.reasons(2, head?.model.weights.subarray(0, features.x.columns) ?? new Float64Array());
    const most = first.reduce((a, b) => (b.weight > a.weight ? b : a));
    assert.equal(texts[2]?.slice(most.start, most.end), "lovely");
    assert.ok(most.weight > 0);
  });

  test("of several classes each has its own probability; one that all have needs no training", () => {
    const several = [
      { row: 0, classes: [0, 2] },
      { row: 4, classes: [1, 2] },
      { row: 1, classes: [0, 2] },
    ];
    const head = fitHead(features.x, several, { classes: 3, several: true });
    assert.ok(head !== undefined);
    const own = probabilities(head, features.x).subarray(9, 12);
    assert.deepEqual(likeliest(own, true).classes, [0, 2]);
  });

  test("with one answer only there is nothing to learn", () => {
    assert.equal(fitHead(features.x, labelled.slice(0, 2), { classes: 2, several: false }), undefined);
  });

  test("rows that are alike are not chosen together", () => {
    const { x } = new TextFeatures(["one two", "one two", "three four", "five six"]);
    const chosen = chooseDiverse(x, [0, 1, 2, 3], [1, 1, 0.9, 0.8], 3);
    assert.deepEqual(chosen, [0, 2, 3]);
  });
});

test("after a few labels the next items have proposals with their reasons", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "descent-head-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const path = join(folder, "labels.db");
  await using store = await openStore(path);
  const scheme: Scheme = { kind: "text-classes", labels: [{ name: "good" }, { name: "bad" }], several: false, overlap: "none" };
  const workspace = await Workspace.open(store, { id: "p", name: "p", scheme });
  await workspace.expectItems(texts.map((text) => ({ text })));
  await using learner = new Learner(workspace, { scheme, store: path, project: "p", texts });
  await learner.settled();
  for (const position of [0, 4, 1, 5, 2]) {
    const value = { classes: [position < 4 ? "good" : "bad"] };
    const item = await workspace.find("me", position);
    assert.ok(item);
    await submit(workspace, "me", item, { action: randomUUID(), value, state: "submitted", seconds: 1, revision: 0 });
    learner.noteLabel(undefined, value);
  }
  await learner.settled();
  assert.equal(learner.state().trainedOn, 5);
  const all = await workspace.next("me", 10);
  const byText = new Map(all.map(({ payload, prediction }) => [payload.text, prediction]));
  assert.deepEqual(byText.get("truly dull")?.value, { classes: ["bad"] });
  assert.deepEqual(byText.get("truly lovely")?.value, { classes: ["good"] });
  assert.ok(byText.get("truly dull")?.explanation?.some(({ start, end, weight }) => start === 6 && end === 10 && weight > 0));
});

test("a trained run proposes classes; parts with labels of its own alone are left out", async () => {
  await using store = await openStore(":memory:");
  const scheme: Scheme = {
    kind: "text-classes",
    labels: [{ name: "positive" }, { name: "negative" }],
    several: false,
    overlap: "none",
  };
  const probabilities = { positive: 0.9, negative: 0.1 };
  assert.deepEqual(proposalOf(scheme, {}, { label: "positive", probabilities }), {
    value: { classes: ["positive"] },
    confidence: 0.9,
  });
  assert.equal(proposalOf(scheme, {}, { label: "neutral", probabilities: { neutral: 1 } }), undefined);
  const several = { labels: ["positive", "negative"], probabilities: { positive: 0.9, negative: 0.6 } };
  assert.deepEqual(proposalOf({ ...scheme, several: true }, {}, several)?.confidence, 0.6);
  const spans = { ...scheme, kind: "spans" as const };
  const entities = [
    { start: 0, end: 2, label: "positive", score: 0.9 },
    { start: 3, end: 4, label: "other", score: 0.2 },
  ];
  const found = { value: { spans: [{ start: 0, end: 2, label: "positive" }] }, confidence: 0.9 };
  assert.deepEqual(proposalOf(spans, {}, { entities }), found);
  const boxes = { ...scheme, kind: "boxes" as const };
  const objects = [{ label: "negative", score: 0.5, box: [-2, 3, 5, 20] }];
  const image = { file: "a.png", width: 10, height: 10 };
  assert.deepEqual(proposalOf(boxes, { image }, { objects })?.value, {
    boxes: [{ x: 0, y: 3, width: 5, height: 7, label: "negative" }],
  });
  const workspace = await Workspace.open(store, { id: "p", name: "p", scheme });
  await assert.rejects(
    Proposals.start(workspace, { model: "/no/such/run", scheme, folder: "" }, () => undefined),
    /--model \/no\/such\/run: /,
  );
});
