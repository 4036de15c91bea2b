import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import type { SequenceOptions, SequenceToken } from "../../src/generate/sequence.js";
import { ContinuousBatch } from "../../src/generate/continuous-batch.js";
import { Generator } from "../../src/generate/index.js";
import { Gpt2, Llama } from "../../src/models/index.js";
import { loadPretrained } from "../../src/train/node.js";

const fixtures = fileURLToPath(new URL("../../../test/fixtures/language-models/", import.meta.url));
const golden = JSON.parse(readFileSync(new URL("../../../test/golden/generation.json", import.meta.url), "utf8")) as {
  texts: { model: string; prompt: number[]; settings: { num_beams?: number; repetition_penalty?: number }; tokens: number[][] }[];
};
const greedy: SequenceOptions = { maxTokens: 7, endTokens: [2], temperature: 0 };
const options = { maxStreams: 3, promptChunk: 2, prefixCacheTokens: 256 };

async function load(name: string) {
  const { model, weights } = await loadPretrained(join(fixtures, name));
  assert.ok(model instanceof Gpt2 || model instanceof Llama);
  return { model, weights };
}

async function all(sequence: AsyncIterable<SequenceToken>): Promise<number[]> {
  const tokens: number[] = [];
  for await (const { token } of sequence) tokens.push(token);
  return tokens;
}

for (const name of ["gpt2", "llama"]) {
  test(`${name}: texts written together, their prompts read in pieces, are those that transformers writes`, async () => {
    const { model, weights } = await load(name);
    await using batch = await ContinuousBatch.create(model, weights, options);
    const own = golden.texts.filter(({ model: of, settings }) => of === name && settings.num_beams === undefined);
    assert.ok(own.length > 0);
    // More texts than places, and each twice: the second time its beginning may be known.
    const written = await Promise.all(
      [...own, ...own].map(({ prompt, settings }) =>
        all(batch.generate(prompt, { ...greedy, repetitionPenalty: settings.repetition_penalty ?? 1 })),
      ),
    );
    assert.deepEqual(
      written,
      [...own, ...own].map(({ tokens }) => tokens[0]),
    );
  });
}

test("texts come and go at any time, and each is what it is alone", async () => {
  const { model, weights } = await load("llama-tied");
  await using batch = await ContinuousBatch.create(model, weights, options);
  await using generator = await Generator.create(model, weights);
  const prompts = Array.from({ length: 12 }, (_, i) =>
    Array.from({ length: 1 + ((i * 5) % 17) }, (_, t) => 3 + ((i * 7 + t * 11) % 30)),
  );
  const alone = await Promise.all(
    prompts.map(async (prompt, i) =>
      all(generator.stream(prompt, { temperature: 0.9, topK: 20, seed: i, maxTokens: 3 + (i % 9), endTokens: [] })),
    ),
  );
  const together = await Promise.all(
    prompts.map(async (prompt, i) => {
      await new Promise((resolve) => setTimeout(resolve, (i * 13) % 40));
      return all(batch.generate(prompt, { temperature: 0.9, topK: 20, seed: i, maxTokens: 3 + (i % 9), endTokens: [] }));
    }),
  );
  assert.deepEqual(together, alone);
});

test("beginnings are known to their owner alone, and change nothing", async () => {
  const { model, weights } = await load("llama");
  await using batch = await ContinuousBatch.create(model, weights, options);
  const prompt = Array.from({ length: 24 }, (_, t) => 3 + ((t * 11) % 30));
  const write = async (owner: string) => {
    const sequence = batch.generate(prompt, { ...greedy, endTokens: [], owner });
    return { tokens: await all(sequence), cached: sequence.cachedTokens };
  };
  const first = await write("alice");
  const again = await write("alice");
  assert.deepEqual([first.cached, again.cached], [0, 23]);
  assert.deepEqual(again.tokens, first.tokens);
  assert.equal((await write("bob")).cached, 0);
});

test("a text that is given up, or whose reader leaves, makes room; prompts that do not fit are refused", async () => {
  const { model, weights } = await load("llama");
  await using batch = await ContinuousBatch.create(model, weights, options);
  const controller = new AbortController();
  const given = batch.generate([5, 6, 7], { ...greedy, endTokens: [], maxTokens: 1e6, signal: controller.signal });
  const reading = (async () => {
    for await (const _ of given) controller.abort();
  })();
  await assert.rejects(reading, { name: "AbortError" });
  for await (const _ of batch.generate([5, 6, 7], { ...greedy, endTokens: [] })) break;
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.equal(batch.active, 0);
  assert.throws(() => batch.generate([1e6], greedy), /tokens of the vocabulary/);
  assert.throws(() => batch.generate([], greedy), /at least one token/);
  assert.throws(() => batch.generate(new Array<number>(1e4).fill(3), greedy), /fewer than the model's/);
  let token: SequenceToken | undefined;
  for await (const each of batch.generate([5, 6], { ...greedy, maxTokens: 1, logprobs: 3 })) token = each;
  assert.equal(token?.top?.length, 3);
  assert.equal(token?.top?.[0]?.token, token?.token);
  assert.ok((token?.logprob ?? 1) <= 0);
});
