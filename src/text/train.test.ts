import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { learnMerges } from "./learn-merges.js";
import { tokenizerFrom, trainByteLevelBpe, trainCharacters, trainWordPiece } from "./node.js";
import { Random } from "../util/random.js";

const { training } = JSON.parse(readFileSync(new URL("../../../test/golden/tokenizers.json", import.meta.url), "utf8")) as {
  training: {
    texts: string[];
    byteLevelBpe: {
      vocabularySize: number;
      minFrequency: number;
      addPrefixSpace: boolean;
      specialTokens: string[];
      size: number;
      merges: string[];
    }[];
  };
};

for (const { size, merges, ...options } of training.byteLevelBpe) {
  test(`byte-level BPE of ${options.vocabularySize}: the merges of Python's trainer, in its order`, async () => {
    const json = await trainByteLevelBpe(training.texts, options);
    assert.deepEqual(
      (json.model["merges"] as string[][]).map((pair) => pair.join(" ")),
      merges,
    );
    assert.equal((await tokenizerFrom(json)).size, size);
  });
}

/** Counts every pair anew before each merge. */
function learnSlowly(words: readonly number[][], counts: readonly number[], vocabulary: string[], size: number): number[][] {
  const merges: number[][] = [];
  while (vocabulary.length < size) {
    const pairs = new Map<string, number>();
    for (const [w, word] of words.entries())
      for (let i = 0; i + 1 < word.length; i++) {
        const key = `${word[i]} ${word[i + 1]}`;
        pairs.set(key, (pairs.get(key) ?? 0) + (counts[w] as number));
      }
    let best: { count: number; left: number; right: number } | undefined;
    for (const [key, count] of pairs) {
      const [left, right] = key.split(" ").map(Number) as [number, number];
      const earlier = best !== undefined && (left < best.left || (left === best.left && right < best.right));
      if (best === undefined || count > best.count || (count === best.count && earlier)) best = { count, left, right };
    }
    if (best === undefined || best.count < 2) return merges;
    const { left, right } = best;
    const symbol = (vocabulary[left] as string) + (vocabulary[right] as string);
    const known = vocabulary.indexOf(symbol);
    const id = known >= 0 ? known : vocabulary.push(symbol) - 1;
    merges.push([left, right]);
    for (const word of words)
      for (let i = 0; i + 1 < word.length; i++) if (word[i] === left && word[i + 1] === right) word.splice(i, 2, id);
  }
  return merges;
}

test("learned merges are those of counting anew each time, where words are random and symbols repeat", async () => {
  for (let seed = 0; seed < 40; seed++) {
    const random = new Random(seed, "merges");
    const kinds = 1 + random.integer(4);
    const words = Array.from({ length: 30 }, () => Array.from({ length: 1 + random.integer(12) }, () => random.integer(kinds)));
    const counts = words.map(() => 1 + random.integer(5));
    const alphabet = ["a", "b", "c", "d"].slice(0, kinds);
    const starts = new Int32Array(words.length + 1);
    for (const [i, word] of words.entries()) starts[i + 1] = (starts[i] as number) + word.length;
    const [fast, slow] = [[...alphabet], [...alphabet]];
    const merges = await learnMerges({ symbols: Int32Array.from(words.flat()), starts, counts }, fast, {
      vocabularySize: 40,
      minFrequency: 2,
      join: (left, right) => left + right,
    });
    assert.deepEqual(merges, learnSlowly(words, counts, slow, 40), `seed ${seed}`);
    assert.deepEqual(fast, slow);
  }
});

test("WordPiece: a text of the training is built from its pieces, and lower-cased without accents", async () => {
  const json = await trainWordPiece(training.texts, { vocabularySize: 600 });
  const tokenizer = await tokenizerFrom(json);
  assert.ok(tokenizer.size <= 600 && tokenizer.size > 300, `${tokenizer.size}`);
  const text = "The Quick Bröwn fox, 房间很干净!";
  const encoding = await tokenizer.encode(text);
  assert.ok(!encoding.ids.includes(tokenizer.special.unk as number));
  assert.equal(await tokenizer.decode(encoding.ids), "the quick brown fox, 房 间 很 干 净!");
  for (const [t, token] of tokenizer.tokensOf(encoding).entries()) {
    if (encoding.textOf[t] !== 0) continue;
    const original = text.slice(encoding.offsets[2 * t], encoding.offsets[2 * t + 1]);
    assert.equal(
      original
        .normalize("NFD")
        .replaceAll(/\p{Mn}/gu, "")
        .toLowerCase(),
      token.replace("##", ""),
    );
  }
  assert.equal(tokenizer.tokensOf(encoding)[0], "[CLS]");
  const small = await tokenizerFrom(await trainWordPiece(training.texts, { vocabularySize: 600, alphabetSize: 30 }));
  assert.ok((await small.encode("净")).ids.includes(small.special.unk as number));
});

test("characters: one token each, places and text come back; the rare ones are unknown", async () => {
  const tokenizer = await tokenizerFrom(await trainCharacters(["to be or not", "是😀"]));
  const { ids, offsets } = await tokenizer.encode("not 是😀");
  assert.deepEqual([...offsets], [0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 7]);
  assert.equal(await tokenizer.decode(ids), "not 是😀");
  assert.deepEqual(tokenizer.tokensOf({ ids: Int32Array.from({ length: tokenizer.size }, (_, i) => i) }).join(""), " benort是😀");
  const few = await tokenizerFrom(
    await trainCharacters(["aaabbc"], { vocabularySize: 4, minFrequency: 2, specialTokens: ["[PAD]", "[UNK]"] }),
  );
  assert.deepEqual([...(await few.encode("abcc")).ids], [2, 3, 1, 1]);
  assert.deepEqual({ ...few.special }, { pad: 0, unk: 1 });
});

test("too small a vocabulary, no text, no [UNK]: one line each", async () => {
  await assert.rejects(trainByteLevelBpe(["a"], { vocabularySize: 100 }), /expected a vocabulary of at least 257 .* got 100/);
  await assert.rejects(trainByteLevelBpe([], { vocabularySize: 300 }), /^DataError: tokenizer: expected texts with words/);
  await assert.rejects(
    trainWordPiece(["a"], { vocabularySize: 9, specialTokens: ["[UNK]"] }),
    /expected \[CLS\] among the special tokens/,
  );
  await assert.rejects(trainCharacters(["abc"], { vocabularySize: 2 }), /expected room for 3 characters, got 2; add "\[UNK\]"/);
});

test("training can be stopped", async () => {
  const controller = new AbortController();
  const many = Array.from({ length: 3000 }, (_, i) => `text ${i}`);
  const stopped = trainByteLevelBpe(many, {
    vocabularySize: 400,
    signal: controller.signal,
    onProgress: () => controller.abort(),
  });
  await assert.rejects(stopped, { name: "AbortError" });
});
