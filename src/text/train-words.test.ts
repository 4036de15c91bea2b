import assert from "node:assert/strict";
import { test } from "node:test";
import { tokenizerFrom, tokenizerFromWeb, trainWords } from "./node.js";

const TEXTS = ["It isn't the film's fault.", "the FILM is n't bad , it 's café-good", "电影 the film"];

test("words, the most frequent first; contractions apart; rare words are unknown", async () => {
  const tokenizer = await tokenizerFrom(await trainWords(TEXTS, { vocabularySize: 100 }));
  assert.deepEqual([...tokenizer.vocabulary.keys()], ["[PAD]", "[UNK]", "film", "the", "'s", "it", "is", "n't"]);
  const text = "It isn't THE films'";
  const encoding = await tokenizer.encode(text);
  assert.deepEqual(tokenizer.tokensOf(encoding), ["it", "is", "n't", "the", "[UNK]", "[UNK]"]);
  assert.equal(text.slice(encoding.offsets[4], encoding.offsets[5]), "n't");
  assert.equal((await tokenizerFrom(await trainWords(TEXTS, { vocabularySize: 4 }))).size, 4);
  await assert.rejects(trainWords(TEXTS, { vocabularySize: 9, specialTokens: [] }), /expected \[UNK\] among/);
});

test("the JavaScript engine cuts words as the Rust library does", async () => {
  const json = await trainWords(TEXTS, { vocabularySize: 100, minFrequency: 1 });
  const [native, web] = [await tokenizerFrom(json), await tokenizerFromWeb(json)];
  for (const text of [...TEXTS, "don't can't N'T 'tis rock'n'roll n' 3,5 _a 很好!😀 naïve e\u0301"]) {
    const [a, b] = [await native.encode(text), await web.encode(text)];
    assert.deepEqual([[...a.ids], [...a.offsets]], [[...b.ids], [...b.offsets]], text);
  }
});
