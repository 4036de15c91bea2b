import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { join } from "node:path";
import { test } from "node:test";
import type { BeamOptions } from "../../src/generate/index.js";
import { argMax, boundNumbers, decoderOnnx, Generator } from "../../src/generate/index.js";
import type { TensorData } from "../../src/graph/index.js";
import { fromNumbers, input, symbol, toNumbers } from "../../src/graph/index.js";
import { cacheNames, Gpt2, Llama, Transformer } from "../../src/models/index.js";
import { importOnnx } from "../../src/onnx/index.js";
import { resolveMode, seedInput, stepInput } from "../../src/ops/index.js";
import { compile } from "../../src/runtime/index.js";
import { loadPretrained } from "../../src/train/node.js";
import { ConfigError } from "../../src/util/errors.js";

interface Settings {
  readonly repetition_penalty?: number;
  readonly num_beams?: number;
  readonly length_penalty?: number;
  readonly early_stopping?: boolean;
}
interface Golden {
  readonly texts: { model: string; prompt: number[]; settings: Settings; tokens: number[][]; scores: number[] | null }[];
}
const read = (path: string): string => readFileSync(new URL(`../../../test/${path}`, import.meta.url), "utf8");
const golden = JSON.parse(read("golden/generation.json")) as Golden;
const fixtures = fileURLToPath(new URL("../../../test/fixtures/language-models/", import.meta.url));
const limits = { maxTokens: 7, endTokens: [2] };

async function load(name: string): Promise<{ model: Gpt2 | Llama | Transformer; numbers: Map<string, TensorData> }> {
  const { model, numbers } = await loadPretrained(join(fixtures, name));
  assert.ok(model instanceof Gpt2 || model instanceof Llama || model instanceof Transformer);
  return { model, numbers };
}

for (const name of new Set(golden.texts.map(({ model }) => model))) {
  test(`${name}: writes what transformers writes, greedily and with beams, one text or many`, async () => {
    const { model, numbers } = await load(name);
    await using generator = await Generator.create(model, numbers);
    const own = golden.texts.filter((text) => text.model === name);
    for (const { prompt, settings, tokens, scores } of own) {
      const { repetition_penalty: repetitionPenalty = 1, num_beams: beams, length_penalty: lengthPenalty = 1 } = settings;
      const what = `${JSON.stringify(prompt)} ${JSON.stringify(settings)}`;
      if (beams === undefined) {
        const options = { ...limits, temperature: 0, repetitionPenalty };
        const streamed: number[] = [];
        for await (const { token, logProbability } of generator.stream(prompt, options)) {
          streamed.push(token);
          assert.ok(logProbability <= 0);
        }
        assert.deepEqual(streamed, tokens[0], what);
      } else {
        const options: BeamOptions = { beams, lengthPenalty, repetitionPenalty, earlyStopping: settings.early_stopping ?? false };
        const found = await generator.beamSearch(prompt, { ...limits, ...options });
        assert.deepEqual(
          found.map((text) => text.tokens),
          tokens,
          what,
        );
        found.forEach(({ score }, i) =>
          assert.ok(Math.abs(score - (scores?.[i] ?? NaN)) < 1e-4, `${what}: ${score}, ${scores?.[i]}`),
        );
      }
    }
    const greedy = own.filter(({ settings }) => Object.keys(settings).length === 0);
    const all = await generator.generate(
      greedy.map(({ prompt }) => prompt),
      { ...limits, temperature: 0 },
    );
    assert.deepEqual(
      all,
      greedy.map(({ tokens }) => tokens[0]),
    );
  });
}

test("a long text crosses the cache's room, and is what the whole model gives", async () => {
  const { model, numbers } = await load("llama");
  assert.ok(model instanceof Llama);
  const wide = new Llama({ ...model.config, maxPositions: 200 });
  await using generator = await Generator.create(wide, numbers);
  const [tokens = []] = await generator.generate([[4, 7]], { maxTokens: 150, temperature: 0 });
  assert.equal(tokens.length, 150);
  const all = [4, 7, ...tokens];
  const names = new Map([...wide.state()].map(([path, p]) => [p, path]));
  const logits = wide.forward(input("tokens", [1, symbol("T")], "int32"));
  await using executable = await compile(
    { logits },
    { names, values: new Map([...names].map(([p, path]) => [p, numbers.get(path) as TensorData])) },
  );
  const { logits: found } = await executable.call({ tokens: fromNumbers("int32", [1, all.length], all) });
  const width = wide.config.vocabSize;
  // Where two tokens are nearly as likely, rounding may choose: the chosen one must be within 1e-4 of the best.
  tokens.forEach((token, i) => {
    const row = toNumbers(found as TensorData).subarray((i + 1) * width, (i + 2) * width);
    assert.ok((row[argMax(row)] as number) - (row[token] as number) < 1e-4, `token ${i}`);
  });
});

test("the decoder as a file, with a cache of free length, gives the same logits", async () => {
  const { model, numbers } = await load("gpt2");
  assert.ok(model instanceof Gpt2);
  const { graph, values } = importOnnx(decoderOnnx(model, numbers));
  await using grown = await compile(graph, { values });
  const text = [5, 9, 14, 3, 22, 8, 30];
  const feed = (from: number, to: number): Record<string, TensorData> => ({
    input_ids: fromNumbers("int64", [1, to - from], text.slice(from, to)),
    position_ids: fromNumbers(
      "int64",
      [1, to - from],
      Array.from({ length: to - from }, (_, i) => from + i),
    ),
  });
  const { layers, groups, headSize } = model.decoderShape;
  let past: Record<string, TensorData> = {};
  for (let layer = 0; layer < layers; layer++)
    for (const name of cacheNames(layer).past) past[name] = fromNumbers("float32", [1, groups, 0, headSize], []);
  const rows: number[] = [];
  for (const [from, to] of [
    [0, 4],
    [4, 5],
    [5, 7],
  ] as const) {
    const { logits, ...present } = await grown.call({ ...past, ...feed(from, to) });
    rows.push(...(logits?.data as Float32Array));
    past = Object.fromEntries(Object.entries(present).map(([name, data]) => [name.replace("present", "past_key_values"), data]));
  }
  const direct = model.forward(input("tokens", [1, 7], "int32"));
  const resolved = resolveMode([direct], "eval", { seed: seedInput(), step: stepInput() }).map(direct);
  await using whole = await compile({ logits: resolved }, boundNumbers(model, numbers));
  const { logits } = await whole.call({ tokens: fromNumbers("int32", [1, 7], text) });
  rows.forEach((value, i) => assert.ok(Math.abs(value - Number(logits?.data[i])) < 1e-4, `logit ${i}`));
});

test("prompts that cannot be are refused, and a full model stops", async () => {
  const { model, numbers } = await load("gpt2");
  await using generator = await Generator.create(model, numbers);
  await assert.rejects(
    generator.generate([[]]),
    (error: Error) => error instanceof ConfigError && /at least one token/.test(error.message),
  );
  await assert.rejects(generator.generate([new Array<number>(13).fill(1)]), /expected at most 12 tokens, got a prompt of 13/);
  const [tokens = []] = await generator.generate([[1, 2, 3]], { maxTokens: 100, temperature: 0 });
  assert.equal(tokens.length, 10);
  const controller = new AbortController();
  controller.abort();
  await assert.rejects(generator.generate([[1]], { signal: controller.signal }), { name: "AbortError" });
  await assert.rejects(Generator.create(model, new Map()), /expected numbers for transformer\.wte\.weight, got none/);
  assert.deepEqual(
    await generator.generate([[1, 5]], { maxTokens: 5, seed: 3 }),
    await generator.generate([[1, 5]], { maxTokens: 5, seed: 3 }),
  );
});
