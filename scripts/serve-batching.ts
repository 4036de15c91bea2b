/**
 * @module `npm run serve-batching`: what running together gains: texts of a 12 × 768 decoder, one and eight at a time, and rows of an encoder of 4 layers × 256 at
 * 32 tokens, in batches of 1 and 16. Weights are random: they change no time.
 */
import { ContinuousBatch } from "../src/generate/continuous-batch.js";
import type { TensorData } from "../src/graph/index.js";
import { fromNumbers, input, sizeOf, symbol } from "../src/graph/index.js";
import { BertForSequenceClassification, Gpt2, modelFromConfig } from "../src/models/index.js";
import { boundWeights } from "../src/generate/index.js";
import type { Module } from "../src/nn/index.js";
import { resolveForUse } from "../src/ops/index.js";
import { compile } from "../src/runtime/index.js";
import { Random } from "../src/util/random.js";
import { quantile } from "./serve/load.js";

function randomWeights(model: Module): Map<string, TensorData> {
  const random = new Random(1, "weights");
  return new Map(
    [...model.state()].map(([name, { dims }]) => [
      name,
      fromNumbers(
        "float32",
        dims,
        Float32Array.from({ length: sizeOf(dims) }, () => 0.04 * (random.uniform() - 0.5)),
      ),
    ]),
  );
}

const TOKENS = 48;
const ROUNDS = 5;

async function decoder(): Promise<void> {
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
        const sequence = batch.write([i + 1, 2, 3, 4], { maxTokens: TOKENS, endTokens: [], temperature: 0 });
        const tokens = sequence[Symbol.asyncIterator]();
        while ((await tokens.next()).done !== true);
      }),
    );
    return (1000 * streams * TOKENS) / (performance.now() - start);
  };
  await write(8);
  // In turns, since other load comes and goes.
  const [one, eight]: [number[], number[]] = [[], []];
  for (let round = 0; round < ROUNDS; round++) {
    one.push(await write(1));
    eight.push(await write(8));
  }
  const ratios = eight.map((rate, i) => rate / (one[i] as number));
  console.log(
    `decoder 12 × 768, float32: 1 stream ${quantile(one, 0.5).toFixed(1)} tokens/s, 8 streams ${quantile(eight, 0.5).toFixed(1)}; ratio median ${quantile(ratios, 0.5).toFixed(2)}, of ${ratios.map((ratio) => ratio.toFixed(2)).join(" ")}`,
  );
}

async function encoder(): Promise<void> {
  const config = {
    model_type: "bert",
    vocab_size: 8000,
    hidden_size: 256,
    num_hidden_layers: 4,
    num_attention_heads: 4,
    intermediate_size: 1024,
    max_position_embeddings: 128,
    type_vocab_size: 2,
  };
  const model = modelFromConfig("BertForSequenceClassification", config, { numLabels: 2 });
  if (!(model instanceof BertForSequenceClassification)) throw new Error("expected BERT");
  const shape = [symbol("N"), symbol("T")];
  const mask = input("attention_mask", shape, "int64");
  const logits = model.forward(input("input_ids", shape, "int64"), { mask });
  await using executable = await compile(resolveForUse({ logits }), boundWeights(model, randomWeights(model)));
  const rate = async (rows: number, seconds: number): Promise<number> => {
    const feeds = {
      input_ids: fromNumbers("int64", [rows, 32], new Float64Array(rows * 32).fill(7)),
      attention_mask: fromNumbers("int64", [rows, 32], new Float64Array(rows * 32).fill(1)),
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
  const ratios = many.map((each, i) => each / (one[i] as number));
  console.log(
    `encoder 4 × 256, 32 tokens: batch 1 ${quantile(one, 0.5).toFixed(0)} texts/s, batch 16 ${quantile(many, 0.5).toFixed(0)}; ratio median ${quantile(ratios, 0.5).toFixed(2)}, of ${ratios.map((ratio) => ratio.toFixed(2)).join(" ")}`,
  );
}

await encoder();
await decoder();
