/**
 * @module Tagging by a model that reads subwords (`subword-rows.ts`): a word's scores are those of its first subword, and its tag is the best that the
 * scheme allows.
 */
import type { WorkerCollate } from "../../../data/node.js";
import type { Dataset } from "../../../data/index.js";
import type { Dim, Tensor, TensorData } from "../../../graph/index.js";
import { constant, fromNumbers, toNumbers } from "../../../graph/index.js";
import { crossEntropy, viterbi, viterbiPath } from "../../../losses/index.js";
import type { TextModel } from "../../../models/index.js";
import { BertForTokenClassification, DistilBertForTokenClassification } from "../../../models/index.js";
import type { Module } from "../../../nn/index.js";
import { zeros } from "../../../ops/index.js";
import { ConfigError } from "../../../util/errors.js";
import type { SubwordInfo } from "./subword-rows.js";
import { IGNORED, readsSubwords } from "./subword-rows.js";
import { moveScores } from "./tag-moves.js";
import type { TagInfo } from "../tagging.js";
import { addFalseNegativeCost, scoresOf } from "../tagging.js";
import type { ColumnTypes, BuiltChoice, RowOutputs, TaskContext, Tensors } from "../../task.js";
import { TextGraph } from "../text-graph.js";
import { textCollate, textInputs } from "../texts.js";

export const subwordInputs = (context: TaskContext<SubwordInfo>, batch: Dim): ColumnTypes => ({
  ...textInputs(context, batch),
  first: { shape: [batch, context.length ?? 1], dtype: "int32" },
});

export function subwordCollate(context: TaskContext<SubwordInfo>, rows: Dataset): WorkerCollate {
  return textCollate(context, rows, {
    columns: {
      first: { from: "first", dtype: "int32", pad: -1 },
      ...(rows.has("tags") ? { tags: { from: "tags", dtype: "int64", pad: IGNORED } as const } : {}),
    },
    keep: context.use === "train" ? undefined : ["words", "window", "gold"].filter((name) => rows.has(name)),
  });
}

const SCORERS = [BertForTokenClassification, DistilBertForTokenClassification, TextGraph] as const;

/** A classifier of tokens: BERT, DistilBERT, or somebody else's graph. */
const scorerOf = (model: Module): TextModel => {
  if (SCORERS.some((kind) => model instanceof kind)) return model as TextModel;
  throw new ConfigError(`token-classification: expected BERT with a classifier of tokens, got ${model.constructor.name}`);
};

/** The vectors of the subwords: [N, T, D]. */
export const subwordFeatures = (batch: Tensors, _context: unknown, model: Module): Tensor =>
  scorerOf(model).embed(batch["input_ids"] as Tensor);

/**
 * `emissions` [N, T, K] of words: the logits of their first subwords; behind the last word those of the first subword. In use with the best `tags` and
 * `transitions` as a CRF has them (tagging.ts), which only keep tags from following where their scheme does not let them.
 */
export function subwordOutputs(model: Module, vectors: Tensor, batch: Tensors, { info, use }: TaskContext<SubwordInfo>): Tensors {
  const ids = batch["input_ids"] as Tensor;
  const logits = scorerOf(model).forward(ids, { mask: batch["attention_mask"] as Tensor, inputsEmbeds: vectors }); // [N, T, K]
  const first = batch["first"] as Tensor;
  const emissions = logits.gatherElements(first.max(0).unsqueeze(-1).expand(logits.shape), 1);
  if (use === "train") return { emissions };
  const moves = constant(moveScores(info.tags));
  const [transitions, start, end] = moves.split([info.tags.length, 1, 1]) as [Tensor, Tensor, Tensor];
  const scores = { transitions, start: start.squeeze(0), end: end.squeeze(0) };
  const { tags } = viterbi(emissions, scores, { mask: first.greaterOrEqual(0) });
  return { emissions, tags, transitions: zeros([ids.shape[0] as Dim, 1, 1]).add(moves) };
}

/** The cross-entropy of the words' tags. */
export function subwordLoss(outputs: Tensors, batch: Tensors, { info, options }: TaskContext<SubwordInfo>): Tensor {
  const tags = batch["tags"] as Tensor;
  const emissions = addFalseNegativeCost(outputs["emissions"] as Tensor, tags, options.falseNegativeCost ?? info.usualMissCost);
  return crossEntropy(emissions, tags, { ignoreIndex: IGNORED });
}

/** Joins each window's own words into one text, and finds the best tags of the whole. */
export function mergedWords(windows: readonly RowOutputs[]): RowOutputs {
  const offsets = windows.map(
    ({ batch }) => Array.from((batch["window"] as TensorData).data, Number) as [number, number, number],
  );
  const words = (offsets.at(-1) as [number, number, number])[2];
  const { outputs, batch } = windows[0] as RowOutputs;
  const { emissions, transitions } = outputs as Record<"emissions" | "transitions", TensorData>;
  const count = emissions.shape[2] as number;
  const joined = new Float64Array(words * count);
  for (const [i, [from, start, end]] of offsets.entries()) {
    const given = toNumbers((windows[i] as RowOutputs).outputs["emissions"] as TensorData);
    joined.set(given.subarray((start - from) * count, (end - from) * count), start * count);
  }
  const { tags } = viterbiPath(joined, scoresOf(transitions));
  return {
    outputs: {
      emissions: fromNumbers(emissions.dtype, [1, words, count], joined),
      tags: fromNumbers("int32", [1, words], tags),
      transitions,
    },
    batch: { ...batch, words: fromNumbers("int32", [1], [words]) },
  };
}

/** BERT in small, without pre-training. */
export const bertTagger: BuiltChoice<TagInfo> = {
  name: "bert",
  summary:
    "a small form of Devlin et al. 2018 (2 layers, 128 wide) over subwords, without pre-training; --init FOLDER takes a pretrained one",
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
