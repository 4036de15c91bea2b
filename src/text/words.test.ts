import assert from "node:assert/strict";
import { test } from "node:test";
import { FeatureVocabulary } from "./feature-vocabulary.js";
import { FEATURE_SLOTS, featuresOf, wordShape } from "./token-features.js";
import { cutWords, tokenOffsets } from "./words.js";

const cut = (text: string, unit: "words" | "characters" = "words"): string[] =>
  tokenOffsets(text, unit).map(([start, end]) => text.slice(start, end));

test("words are cut as treebanks and corpora of short messages cut them", () => {
  assert.deepEqual(cut("I don't think it's 3,000.50 dollars."), [
    "I",
    "do",
    "n't",
    "think",
    "it",
    "'s",
    "3,000.50",
    "dollars",
    ".",
  ]);
  assert.deepEqual(cut("@anna see https://a.b/c?d=1, #fun!"), ["@anna", "see", "https://a.b/c?d=1", ",", "#fun", "!"]);
  assert.deepEqual(cut("naïve café 😀"), ["naïve", "café", "😀"]);
});

test("scripts without spaces are cut into words that make up the text; characters are signs as readers see them", () => {
  assert.equal(cut("我住在北京,很好。").join(""), "我住在北京,很好。");
  assert.ok(cut("我住在北京").includes("北京"));
  assert.deepEqual(cut("北京 😀𠮷", "characters"), ["北", "京", "😀", "𠮷"]);
});

test("nothing begins or ends within a sign that readers see as one", () => {
  const signs = ["👨‍👩‍👧", "🏳️‍🌈", "🇫🇷", "👍🏽", "❤️"];
  for (const sign of signs) {
    assert.deepEqual(cut(`Ann ${sign} in Rome`), ["Ann", sign, "in", "Rome"]);
    assert.deepEqual(cut(`a${sign}b`, "characters"), ["a", sign, "b"]);
  }
  assert.deepEqual(cut(signs.join(""), "characters"), signs);
  assert.deepEqual(cut("cafe\u0301 e\u0301", "characters"), ["c", "a", "f", "e\u0301", "e\u0301"]);
});

test("words of ideographs become characters where characters are wanted", () => {
  const text = "韩梅梅去了上海 2012年";
  const words = [
    [0, 3],
    [3, 5],
    [5, 7],
    [8, 12],
    [12, 13],
  ] as const;
  assert.deepEqual(
    cutWords(text, words).map(([start, end]) => text.slice(start, end)),
    ["韩", "梅", "梅", "去", "了", "上", "海", "2012", "年"],
  );
});

test("features: as many as there are slots, and an unknown one of each slot has a number of its own", () => {
  assert.equal(wordShape("McDonald's-2"), "XxXx'x-d");
  for (const unit of ["words", "characters"] as const) {
    const known = featuresOf(cut("Ann saw Ann", unit), unit);
    assert.ok(known.every((features) => features.length === FEATURE_SLOTS[unit]));
    const vocabulary = FeatureVocabulary.fromJson(FeatureVocabulary.learn([known], FEATURE_SLOTS[unit], 1).toJson());
    const ids = vocabulary.encode([...known, known[0]?.map(() => "never seen") ?? []]);
    assert.equal(new Set(ids.slice(-FEATURE_SLOTS[unit])).size, FEATURE_SLOTS[unit]);
    assert.ok(ids.every((id) => id >= 1 && id < vocabulary.size));
    const back = new Set(ids.slice(0, FEATURE_SLOTS[unit]));
    assert.ok([...back].every((id) => id > FEATURE_SLOTS[unit]));
  }
});
