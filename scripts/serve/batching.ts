/**
 * @module what running together gains: texts of a 12 × 768 decoder, one and eight at a time, and rows of an encoder of 4 layers × 256 at
 * 32 tokens, in batches of 1 and 16. Weights are random: they change no time.
 */
import { ContinuousBatch } from "../../src/generate/continuous-batch.js";
import { fromNumbers, input, symbol } from "../../src/graph/index.js";
import { BertForSequenceClassification, Gpt2, modelFromConfig } from "../../src/models/index.js";
import { boundWeights } from "../../src/generate/index.js";
import { resolveForUse } from "../../src/ops/index.js";
import { compile } from "../../src/runtime/index.js";
import { CLASSIFIER, randomWeights, TOKENS } from "./classifier.js";
import { quantile } from "./load.js";

const WRITTEN = 48;
const ROUNDS = 5;

const rounded = (value: number): number => Number(value.toFixed(2));

/** Rates a second alone and together, and their ratios round by round. */
function compared(alone: readonly number[], together: readonly number[]) {
  const ratios = together.map((rate, i) => rounded(rate / (alone[i] as number)));
  return {
    alone: rounded(quantile(alone, 0.5)),
    together: rounded(quantile(together, 0.5)),
    ratio: quantile(ratios, 0.5),
    ratios,
  };
}

async function decoder() {
  const config = { model_type: "gpt2", vocab_size: 8192, n_positions: 512, n_embd: 768, n_layer: 12, n_head: 12 };
  const model = modelFromConfig("GPT2LMHeadModel", config);
  if (!(model instanceof Gpt2)) throw new Error("expected GPT-2");
  await using batch = await ContinuousBatch.create(model, randomWeights(model), {
    maxStreams: 8,
    promptChunk: 64,
    prefixCacheTokens: 16,
  });
  const write = async (streams: number): Promise<number> => {
    const start = performance.now();
    await Promise.all(
      Array.from({ length: streams }, async (_, i) => {
        const sequence = batch.generate([i + 1, 2, 3, 4], { maxTokens: WRITTEN, endTokens: [], temperature: 0 });
        const tokens = sequence[Symbol.asyncIterator]();
        while ((await tokens.next()).done !== true);
      }),
    );
    return (1000 * streams * WRITTEN) / (performance.now() - start);
  };
  await write(8);
  // In turns, since other load comes and goes.
  const [one, eight]: [number[], number[]] = [[], []];
  for (let round = 0; round < ROUNDS; round++) {
    one.push(await write(1));
    eight.push(await write(8));
  }
  return compared(one, eight);
}

async function encoder() {
  const model = modelFromConfig("BertForSequenceClassification", CLASSIFIER, { numLabels: 2 });
  if (!(model instanceof BertForSequenceClassification)) throw new Error("expected BERT");
  const shape = [symbol("N"), symbol("T")];
  const mask = input("attention_mask", shape, "int64");
  const logits = model.forward(input("input_ids", shape, "int64"), { mask });
  await using executable = await compile(resolveForUse({ logits }), {
    ...boundWeights(model, randomWeights(model)),
    arena: true,
  });
  const rate = async (rows: number, seconds: number): Promise<number> => {
    const feeds = {
      input_ids: fromNumbers("int64", [rows, TOKENS], new Float64Array(rows * TOKENS).fill(7)),
      attention_mask: fromNumbers("int64", [rows, TOKENS], new Float64Array(rows * TOKENS).fill(1)),
    };
    const start = performance.now();
    let done = 0;
    while (performance.now() - start < 1000 * seconds) {
      await executable.call(feeds);
      done += rows;
    }
    return (1000 * done) / (performance.now() - start);
  };
  await rate(16, 0.5);
  const [one, many]: [number[], number[]] = [[], []];
  for (let round = 0; round < ROUNDS; round++) {
    one.push(await rate(1, 1));
    many.push(await rate(16, 1));
  }
  return compared(one, many);
}

/** The encoder, rows one and sixteen at a time; the decoder, tokens of one and eight streams. */
export const batching = async () => ({ encoder: await encoder(), decoder: await decoder() });
