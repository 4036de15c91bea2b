/**
 * @module Tagging by a model that reads sub-words (`subword-rows.ts`): a word's scores are those of its first sub-word, and its tag is the best that the
 * scheme allows.
 */
import type { WorkerCollate } from "../data/node.js";
import type { Dataset } from "../data/index.js";
import type { Dim, Tensor, TensorData } from "../graph/index.js";
import { constant, DTYPES, fromNumbers } from "../graph/index.js";
import { crossEntropy } from "../losses/index.js";
import { BertForTokenClassification } from "../models/index.js";
import type { Module } from "../nn/index.js";
import { zeros } from "../ops/index.js";
import { ConfigError } from "../util/errors.js";
import type { SubwordInfo } from "./subword-rows.js";
import { IGNORED, readsSubwords } from "./subword-rows.js";
import { moveScores } from "./tag-moves.js";
import type { TagInfo } from "./tagging.js";
import { dearerMisses } from "./tagging.js";
import type { ColumnTypes, ModelChoice, RowOutputs, TaskContext, Tensors } from "./task.js";
import { textCollate, textInputs } from "./texts.js";

export const subwordInputs = (context: TaskContext<SubwordInfo>, batch: Dim): ColumnTypes => ({
  ...textInputs(context, batch),
  first: { shape: [batch, context.length ?? 1], dtype: "int32" },
});

export function subwordCollate(context: TaskContext<SubwordInfo>, rows: Dataset): WorkerCollate {
  return textCollate(context, rows, {
    columns: {
      first: { from: "first", dtype: "int32", pad: 0 },
      ...(rows.has("tags") ? { tags: { from: "tags", dtype: "int64", pad: IGNORED } as const } : {}),
    },
    ...(context.use === "train" ? {} : { keep: ["words", "window", "gold"].filter((name) => rows.has(name)) }),
  });
}

const bertOf = (model: Module): BertForTokenClassification => {
  if (model instanceof BertForTokenClassification) return model;
  throw new ConfigError(`token-classification: expected BERT with a classifier of tokens, got ${model.constructor.name}`);
};

/** The vectors of the sub-words: [N, T, D]. */
export const subwordFeatures = (batch: Tensors, _context: unknown, model: Module): Tensor =>
  bertOf(model).bert.embeddings.wordEmbeddings.forward(batch["input_ids"] as Tensor);

/**
 * `emissions` [N, T, K] of words: the logits of their first sub-words; behind the last word those of the first sub-word. In use with `transitions` as a
 * CRF has them (tagging.ts), which only keep tags from following where their scheme does not let them.
 */
export function subwordOutputs(model: Module, vectors: Tensor, batch: Tensors, { info, use }: TaskContext<SubwordInfo>): Tensors {
  const ids = batch["input_ids"] as Tensor;
  const logits = bertOf(model).forward(ids, { mask: batch["attention_mask"] as Tensor, inputsEmbeds: vectors }); // [N, T, K]
  const first = (batch["first"] as Tensor).unsqueeze(-1).expand(logits.shape);
  const emissions = logits.gatherElements(first, 1);
  if (use === "train") return { emissions };
  const moves = moveScores(info.tags);
  return { emissions, transitions: zeros([ids.shape[0] as Dim, 1, 1]).add(constant(moves)) };
}

/** The cross-entropy of the words' tags. */
export function subwordLoss(outputs: Tensors, batch: Tensors, { info, options }: TaskContext<SubwordInfo>): Tensor {
  const tags = batch["tags"] as Tensor;
  const emissions = dearerMisses(outputs["emissions"] as Tensor, tags, options.missCost ?? info.usualMissCost);
  return crossEntropy(emissions, tags, { ignoreIndex: IGNORED });
}

/** Of each window the words that it answers for, as one text. */
export function mergedWords(windows: readonly RowOutputs[]): RowOutputs {
  const places = windows.map(({ batch }) => Array.from((batch["window"] as TensorData).data, Number) as [number, number, number]);
  const words = (places.at(-1) as [number, number, number])[2];
  const { outputs, batch } = windows[0] as RowOutputs;
  const joined = Object.entries(outputs).map(([name, like]): [string, TensorData] => {
    const [, , ...inner] = like.shape;
    if (name === "transitions") return [name, like];
    const size = inner.reduce((product, d) => product * d, 1);
    const data = DTYPES[like.dtype].create(words * size);
    for (const [i, [from, start, end]] of places.entries()) {
      const given = (windows[i] as RowOutputs).outputs[name] as TensorData;
      const part = given.data.subarray((start - from) * size, (end - from) * size);
      // `set` wants equal kinds of array, which one dtype has.
      (data as Uint8Array).set(part as Uint8Array, start * size);
    }
    return [name, { dtype: like.dtype, shape: [1, words, ...inner], data }];
  });
  return { outputs: Object.fromEntries(joined), batch: { ...batch, words: fromNumbers("int32", [1], [words]) } };
}

/** BERT in small, without pre-training. */
export const bertTagger: ModelChoice<TagInfo> = {
  name: "bert",
  summary:
    "Devlin et al. 2018 in small (2 layers, 128 wide) over sub-words, without pre-training; --init FOLDER takes a pretrained one",
  build: (info) => {
    if (!readsSubwords(info)) throw new ConfigError("bert: expected a run with a tokenizer, got one of another model");
    return new BertForTokenClassification({
      vocabSize: info.vocabularySize,
      numLabels: info.tags.length,
      hiddenSize: 128,
      numLayers: 2,
      numHeads: 2,
      intermediateSize: 512,
      maxPositions: info.maxLength,
      dropout: 0.2,
    });
  },
  defaults: (examples) => ({
    epochs: Math.min(40, Math.max(10, Math.round(34_000 / Math.max(1, examples)))),
    batchSize: 32,
    lr: 1e-3,
    optimizer: "adamw",
    schedule: "one-cycle",
    weightDecay: 0.01,
    clipNorm: 1,
  }),
};
