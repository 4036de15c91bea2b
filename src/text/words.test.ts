import assert from "node:assert/strict";
import { test } from "node:test";
import { FeatureVocabulary } from "./feature-vocabulary.js";
import { FEATURE_SLOTS, featuresOf, wordShape } from "./token-features.js";
import { tokenOffsets } from "./words.js";

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

test("scripts without spaces are cut into words that make up the text; characters are code points", () => {
  assert.equal(cut("我住在北京,很好。").join(""), "我住在北京,很好。");
  assert.ok(cut("我住在北京").includes("北京"));
  assert.deepEqual(cut("北京 😀𠮷", "characters"), ["北", "京", "😀", "𠮷"]);
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
