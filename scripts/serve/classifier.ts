/**
 * @module The text classifier of the figures: BERT of 4 layers × 256 with random weights, as a checkpoint's folder; its texts, all of the same number of tokens; and what bare onnxruntime makes of its batches.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { saveSafetensors } from "../../src/data/node.js";
import type { TensorData } from "../../src/graph/index.js";
import { fromNumbers, sizeOf } from "../../src/graph/index.js";
import { modelFromConfig } from "../../src/models/index.js";
import type { Module } from "../../src/nn/index.js";
import { openModel } from "../../src/tasks/use/open-node.js";
import { tokenizerFrom, trainWordPiece } from "../../src/text/node.js";
import { Random } from "../../src/util/random.js";

/** Random weights: they change no time. */
export function randomWeights(model: Module): Map<string, TensorData> {
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

export const CLASSIFIER = {
  architectures: ["BertForSequenceClassification"],
  model_type: "bert",
  vocab_size: 8000,
  hidden_size: 256,
  num_hidden_layers: 4,
  num_attention_heads: 4,
  intermediate_size: 1024,
  max_position_embeddings: 128,
  type_vocab_size: 2,
  id2label: { 0: "neg", 1: "pos" },
};

const WORDS = ["the", "film", "was", "good", "bad", "long", "quiet", "a", "story", "of", "two", "rooms", "clean", "slow"];
/** Tokens of each text, with the two around it. */
export const TOKENS = 32;

/** Text number i. */
export function textOf(i: number): string {
  const random = new Random(3, "text", i);
  return Array.from({ length: TOKENS - 2 }, () => WORDS[random.integer(WORDS.length)]).join(" ");
}

/** Writes the checkpoint's folder, and the file that its server runs; gives both paths. */
export async function writeClassifier(folder: string): Promise<{ readonly checkpoint: string; readonly file: string }> {
  const checkpoint = join(folder, "classifier");
  mkdirSync(checkpoint, { recursive: true });
  const specialTokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"];
  const json = await trainWordPiece(
    Array.from({ length: 50 }, (_, i) => textOf(i)),
    { vocabularySize: 200, specialTokens },
  );
  const tokenizer = await tokenizerFrom(json);
  const { length } = (await tokenizer.encode(textOf(0))).ids;
  if (length !== TOKENS) throw new Error(`expected texts of ${TOKENS} tokens, got ${length}`);
  const model = modelFromConfig("BertForSequenceClassification", CLASSIFIER, { numLabels: 2 });
  await saveSafetensors(join(checkpoint, "model.safetensors"), randomWeights(model));
  writeFileSync(join(checkpoint, "config.json"), JSON.stringify(CLASSIFIER));
  writeFileSync(join(checkpoint, "tokenizer.json"), tokenizer.toJson());
  await using trained = (await openModel(checkpoint)).model;
  const file = join(folder, "classifier.onnx");
  writeFileSync(file, trained.toOnnx());
  return { checkpoint, file };
}

/**
 * Texts a second of bare onnxruntime, in batches of these rows on average (of the whole numbers on both sides of it, as often as it takes), and its processor time for a text in
 * milliseconds.
 */
export async function bareRate(
  file: string,
  rows: number,
  threads: number,
  seconds: number,
): Promise<[rate: number, cpuMs: number]> {
  const { InferenceSession, Tensor } = await import("onnxruntime-node");
  const session = await InferenceSession.create(file, { intraOpNumThreads: threads, executionMode: "sequential" });
  const feedsOf = (count: number) =>
    Object.fromEntries(
      session.inputMetadata.map((input) => {
        if (!input.isTensor) throw new Error(`${input.name}: expected a tensor`);
        const shape = input.shape.length === 1 ? [count] : [count, TOKENS];
        const size = shape.reduce((a, b) => a * b, 1);
        const value = /mask/.test(input.name) ? 1 : /length/.test(input.name) ? TOKENS : /type/.test(input.name) ? 0 : 7;
        const data = input.type === "int64" ? new BigInt64Array(size).fill(BigInt(value)) : new Int32Array(size).fill(value);
        return [input.name, new Tensor(input.type, data, shape)];
      }),
    );
  const [few, many] = [feedsOf(Math.floor(rows)), feedsOf(Math.ceil(rows))];
  for (let i = 0; i < 5; i++) await session.run(many);
  const start = performance.now();
  const cpuStart = process.cpuUsage();
  let [done, batches] = [0, 0];
  while (performance.now() - start < 1000 * seconds) {
    batches++;
    const isFew = done + Math.ceil(rows) > batches * rows;
    await session.run(isFew ? few : many);
    done += isFew ? Math.floor(rows) : Math.ceil(rows);
  }
  const rate = (1000 * done) / (performance.now() - start);
  const { user, system } = process.cpuUsage(cpuStart);
  await session.release();
  return [rate, (user + system) / 1000 / done];
}
