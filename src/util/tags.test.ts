import assert from "node:assert/strict";
import { test } from "node:test";
import { strictSpansOfTags } from "./strict-spans.test.util.js";
import { findBrokenTag, parseTag, schemeOf, spansOfTags, tagsOfSpans } from "./tags.js";
import { Random } from "./random.js";

test("spans to tags and back, in both schemes", () => {
  for (let seed = 0; seed < 50; seed++) {
    const random = new Random(seed, "spans");
    const spans = [];
    for (let at = random.integer(3); at < 20; at += random.integer(3)) {
      const end = Math.min(20, at + 1 + random.integer(4));
      spans.push({ start: at, end, label: ["A", "B-c"][random.integer(2)] as string });
      at = end;
    }
    for (const scheme of ["BIO", "BIOES"] as const) {
      const { tags, dropped } = tagsOfSpans(spans, 20, scheme);
      assert.deepEqual(dropped, []);
      assert.deepEqual(spansOfTags(tags), spans);
      assert.deepEqual(strictSpansOfTags(tags, scheme), spans);
      assert.equal(findBrokenTag(tags, scheme), undefined);
    }
  }
});

test("BMES and BILOU are BIOES in other letters", () => {
  assert.deepEqual(spansOfTags(["B-X", "M-X", "E-X", "S-Y", "O"]), [
    { start: 0, end: 3, label: "X" },
    { start: 3, end: 4, label: "Y" },
  ]);
  assert.deepEqual(spansOfTags(["B-X", "L-X", "U-Y"]), spansOfTags(["B-X", "E-X", "S-Y"]));
  assert.equal(schemeOf(["O", "B-X", "L-X"]), "BIOES");
  assert.equal(schemeOf(["O", "B-X", "I-X"]), "BIO");
  assert.equal(parseTag("X-PER"), undefined);
  assert.equal(parseTag("Beginning"), undefined);
});

test("the first tag that breaks its scheme is named", () => {
  assert.deepEqual(findBrokenTag(["O", "I-A"], "BIO"), { at: 1, problem: "expected B-A before I-A, got O" });
  assert.deepEqual(findBrokenTag(["B-A", "I-B"], "BIO"), { at: 1, problem: "expected B-B before I-B, got B-A" });
  assert.deepEqual(findBrokenTag(["B-A", "O"], "BIOES"), {
    at: 0,
    problem: "expected the end of A to be marked, got B-A before O",
  });
  assert.deepEqual(findBrokenTag(["B-A"], "BIOES"), {
    at: 0,
    problem: "expected the end of A to be marked, got B-A before the end",
  });
  assert.match(findBrokenTag(["B-A", "loc"], "BIO")?.problem ?? "", /expected a tag such as O, B-PER or I-PER, got "loc"/);
});

test("of two spans that overlap, the earlier in the list stands", () => {
  const [a, b] = [
    { start: 0, end: 2, label: "A" },
    { start: 1, end: 3, label: "B" },
  ];
  assert.deepEqual(tagsOfSpans([a, b], 3, "BIO"), { tags: ["B-A", "I-A", "O"], dropped: [b] });
});
