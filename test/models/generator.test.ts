import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { join } from "node:path";
import { test } from "node:test";
import type { BeamOptions } from "../../src/generate/index.js";
import { argMax, boundWeights, decoderOnnx, encoderOnnx, Generator, targetRules } from "../../src/generate/index.js";
import type { TensorData } from "../../src/graph/index.js";
import { fromNumbers, input, symbol, toNumbers } from "../../src/graph/index.js";
import { cacheNames, Gpt2, Llama, pastOf, Transformer } from "../../src/models/index.js";
import { importOnnx } from "../../src/onnx/index.js";
import { randomInputs, resolveMode } from "../../src/ops/index.js";
import type { Executable } from "../../src/runtime/index.js";
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

async function load(name: string): Promise<{ model: Gpt2 | Llama | Transformer; weights: Map<string, TensorData> }> {
  const { model, weights } = await loadPretrained(join(fixtures, name));
  assert.ok(model instanceof Gpt2 || model instanceof Llama || model instanceof Transformer);
  return { model, weights };
}

for (const name of new Set(golden.texts.map(({ model }) => model))) {
  test(`${name}: writes what transformers writes, greedily and with beams, one text or many`, async () => {
    const { model, weights } = await load(name);
    await using generator = await Generator.create(model, weights);
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
  const { model, weights } = await load("llama");
  assert.ok(model instanceof Llama);
  const wide = new Llama({ ...model.config, maxPositions: 200 });
  await using generator = await Generator.create(wide, weights);
  const [tokens = []] = await generator.generate([[4, 7]], { maxTokens: 150, temperature: 0 });
  assert.equal(tokens.length, 150);
  const all = [4, 7, ...tokens];
  const names = new Map([...wide.state()].map(([path, p]) => [p, path]));
  const logits = wide.forward(input("tokens", [1, symbol("T")], "int32"));
  await using executable = await compile(
    { logits },
    { names, values: new Map([...names].map(([p, path]) => [p, weights.get(path) as TensorData])) },
  );
  const { logits: found } = await executable.call({ tokens: fromNumbers("int32", [1, all.length], all) });
  const width = wide.config.vocabSize;
  // Where two tokens are nearly as likely, rounding may choose: the chosen one must be within 1e-4 of the best.
  tokens.forEach((token, i) => {
    const row = toNumbers(found as TensorData).subarray((i + 1) * width, (i + 2) * width);
    assert.ok((row[argMax(row)] as number) - (row[token] as number) < 1e-4, `token ${i}`);
  });
});

async function opened(bytes: Uint8Array): Promise<Executable> {
  const { graph, values } = importOnnx(bytes);
  return compile(graph, { values });
}

function emptyPast({ decoderShape }: Gpt2 | Transformer, texts: number): Record<string, TensorData> {
  const { layers, groups, headSize, side } = decoderShape;
  const names = Array.from({ length: layers }, (_, layer) => cacheNames(layer, side).past).flat();
  return Object.fromEntries(names.map((name) => [name, fromNumbers("float32", [texts, groups, 0, headSize], [])]));
}

test("the decoder as a file, with a cache of free length, gives the same logits", async () => {
  const { model, weights } = await load("gpt2");
  assert.ok(model instanceof Gpt2);
  await using grown = await opened(decoderOnnx(model, weights));
  const text = [5, 9, 14, 3, 22, 8, 30];
  const feed = (from: number, to: number): Record<string, TensorData> => ({
    input_ids: fromNumbers("int64", [1, to - from], text.slice(from, to)),
    position_ids: fromNumbers(
      "int64",
      [1, to - from],
      Array.from({ length: to - from }, (_, i) => from + i),
    ),
  });
  let past = emptyPast(model, 1);
  const rows: number[] = [];
  for (const [from, to] of [
    [0, 4],
    [4, 5],
    [5, 7],
  ] as const) {
    const { logits, ...present } = await grown.call({ ...past, ...feed(from, to) });
    rows.push(...(logits?.data as Float32Array));
    past = pastOf(present);
  }
  const direct = model.forward(input("tokens", [1, 7], "int32"));
  const resolved = resolveMode([direct], "eval", randomInputs()).map(direct);
  await using whole = await compile({ logits: resolved }, boundWeights(model, weights));
  const { logits } = await whole.call({ tokens: fromNumbers("int32", [1, 7], text) });
  rows.forEach((value, i) => assert.ok(Math.abs(value - Number(logits?.data[i])) < 1e-4, `logit ${i}`));
});

for (const name of ["marian", "pegasus"]) {
  test(`${name}: the encoder and the decoder as files write the same tokens, two texts at once`, async () => {
    const { model, weights } = await load(name);
    assert.ok(model instanceof Transformer);
    const { startToken, suppressed } = targetRules(model);
    await using encoder = await opened(encoderOnnx(model, weights));
    await using decoder = await opened(decoderOnnx(model, weights));
    const mask = fromNumbers("int64", [2, 5], [1, 1, 1, 0, 0, 1, 1, 1, 1, 1]);
    const sources = [
      [5, 9, 14],
      [30, 2, 8, 21, 7],
    ];
    const ids = fromNumbers("int64", [2, 5], [...(sources[0] as number[]), 0, 0, ...(sources[1] as number[])]);
    const { last_hidden_state: states, ...read } = await encoder.call({ input_ids: ids, attention_mask: mask });
    assert.deepEqual(states?.shape, [2, 5, 16]);
    const source = { ...pastOf(read), encoder_attention_mask: mask };
    /** Reads one row of tokens for each text, and gives the likeliest next token at each place. */
    const next = async (rows: number[][], from: number, past: Record<string, TensorData>) => {
      const shape = [2, rows[0]?.length as number];
      const { logits, ...present } = await decoder.call({
        ...source,
        ...past,
        input_ids: fromNumbers("int64", shape, rows.flat()),
        position_ids: fromNumbers(
          "int64",
          shape,
          rows.flatMap((row) => row.map((_, i) => from + i)),
        ),
      });
      const numbersOf = toNumbers(logits as TensorData);
      const width = model.config.vocabSize;
      const chosen = rows.map((row, n) =>
        row.map((_, t) => {
          const at = Array.from(numbersOf.subarray((n * row.length + t) * width, (n * row.length + t + 1) * width));
          for (const token of suppressed) at[token] = -Infinity;
          return argMax(at);
        }),
      );
      return { chosen, past: pastOf(present) };
    };
    const written: number[][] = [[startToken], [startToken]];
    let past = emptyPast(model, 2);
    for (let place = 0; place < 8; place++) {
      const step = await next(
        written.map((row) => [row[place] as number]),
        place,
        past,
      );
      past = step.past;
      step.chosen.forEach(([token], n) => written[n]?.push(token as number));
    }
    await using generator = await Generator.create(model, weights);
    const tokens = written.map((row) => row.slice(1));
    assert.deepEqual(await generator.generate(sources, { maxTokens: 8, temperature: 0 }), tokens);
    // All at once, the decoder reads what it wrote one by one.
    const again = await next(
      written.map((row) => row.slice(0, -1)),
      0,
      emptyPast(model, 2),
    );
    assert.deepEqual(again.chosen, tokens);
  });
}

test("padding is never written, however likely it is", async () => {
  const { model, weights } = await load("marian");
  const bias = weights.get("final_logits_bias") as TensorData;
  const raised = fromNumbers("float32", bias.shape, toNumbers(bias));
  raised.data[0] = 1000;
  await using generator = await Generator.create(model, weights);
  await using padding = await Generator.create(model, new Map([...weights, ["final_logits_bias", raised]]));
  assert.deepEqual(await padding.generate([[5]], { temperature: 0 }), await generator.generate([[5]], { temperature: 0 }));
  assert.deepEqual(await padding.beamSearch([5], { beams: 2 }), await generator.beamSearch([5], { beams: 2 }));
});

test("after dispose every way to write is refused in one line", async () => {
  const { model, weights } = await load("gpt2");
  const generator = await Generator.create(model, weights);
  const stream = generator.stream([1], { maxTokens: 3 });
  await generator.dispose();
  await generator.dispose();
  const refused = { name: "SessionError", message: "generator: expected one in use, got one that was disposed" };
  await assert.rejects(stream.next(), refused);
  await assert.rejects(generator.generate([[1]]), refused);
  await assert.rejects(generator.beamSearch([1], { beams: 2 }), refused);
});

test("prompts that cannot be are refused, and a full model stops", async () => {
  const { model, weights } = await load("gpt2");
  await using generator = await Generator.create(model, weights);
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
  await assert.rejects(Generator.create(model, new Map()), /expected weights for transformer\.wte\.weight, got none/);
  assert.deepEqual(
    await generator.generate([[1, 5]], { maxTokens: 5, seed: 3 }),
    await generator.generate([[1, 5]], { maxTokens: 5, seed: 3 }),
  );
});
