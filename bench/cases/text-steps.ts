/**
 * @module `bilstm-step`, `text-classifier-step`, `bert-finetune-step`: one AdamW step of classifiers of texts, without dropout.
 *
 * Inputs file: the model's parameters by their paths, which are PyTorch's (and for BERT transformers') names; `tokens` [batches, batch, length] and
 * `labels` [batches, batch] int32. All texts are full: no padding.
 */
import { BertForSequenceClassification, BiLstm, TextCnn } from "../../src/models/index.js";
import type { TextModel } from "../../src/models/index.js";
import type { Module } from "../../src/nn/index.js";
import { Random } from "../../src/util/random.js";
import type { NamedTensor } from "../tensor-file.js";
import { constantTensor, normalTensor } from "./random-tensors.js";
import type { BenchCase } from "./types.js";

const BATCHES = 8;

/** A classifier of texts, and its batches. */
export interface TextStep {
  readonly name: "bilstm-step" | "text-classifier-step" | "bert-finetune-step";
  readonly title: string;
  readonly vocabulary: number;
  readonly batch: number;
  readonly length: number;
  readonly learningRate: number;
  readonly make: () => Module & TextModel;
}

export const TEXT_STEPS = {
  bilstm: {
    name: "bilstm-step",
    title: "BiLSTM of 128 units each way on 100-wide vectors, 64 tokens, batch 32: a whole training step with AdamW",
    vocabulary: 5000,
    batch: 32,
    length: 64,
    learningRate: 1e-3,
    make: () => new BiLstm({ vocabSize: 5000, numLabels: 2, dropout: 0 }),
  },
  textCnn: {
    name: "text-classifier-step",
    title:
      "Kim's convolutional classifier (300-wide vectors, 100 filters of 3, 4 and 5), 50 tokens, batch 64: a whole training step with AdamW",
    vocabulary: 5000,
    batch: 64,
    length: 50,
    learningRate: 1e-3,
    make: () => new TextCnn({ vocabSize: 5000, numLabels: 2, dropout: 0 }),
  },
  bert: {
    name: "bert-finetune-step",
    title:
      "BERT of MiniLM-L6's sizes (6 layers, 384 wide, 12 heads; 8,192 tokens), 64 tokens, batch 24: a whole fine-tuning step with AdamW",
    vocabulary: 8192,
    batch: 24,
    length: 64,
    learningRate: 5e-5,
    make: () =>
      new BertForSequenceClassification({
        vocabSize: 8192,
        hiddenSize: 384,
        numLayers: 6,
        numHeads: 12,
        intermediateSize: 1536,
        maxPositions: 512,
        dropout: 0,
        attentionDropout: 0,
        classifierDropout: 0,
        numLabels: 2,
      }),
  },
} as const satisfies Readonly<Record<string, TextStep>>;

/** Texts of two classes, each of which prefers one half of the vocabulary. */
function texts({ name, vocabulary, batch, length }: TextStep): NamedTensor[] {
  const random = new Random(1, name, "texts");
  const labels = Int32Array.from({ length: BATCHES * batch }, () => random.integer(2));
  const tokens = Int32Array.from({ length: labels.length * length }, (_, i) => {
    const half = random.uniform() < 0.7 ? (labels[Math.floor(i / length)] as number) : random.integer(2);
    return Math.floor(((half + random.uniform()) * vocabulary) / 2);
  });
  return [
    { name: "tokens", shape: [BATCHES, batch, length], values: tokens },
    { name: "labels", shape: [BATCHES, batch], values: labels },
  ];
}

/** Weights by path: 1 for norms, 0 for biases, small numbers for all else. */
const weights = ({ make }: TextStep): NamedTensor[] =>
  [...make().state()].map(([path, { dims }]) =>
    /norm\.weight$/i.test(path)
      ? constantTensor(path, dims, 1)
      : dims.length === 1
        ? constantTensor(path, dims, 0)
        : normalTensor(path, dims, 0.05),
  );

const caseOf = (step: TextStep): BenchCase => ({
  name: step.name,
  title: step.title,
  settings: { learningRate: step.learningRate, weightDecay: 0.01 },
  inputs: () => [...weights(step), ...texts(step)],
  agreement: { steps: 5, tolerance: 1e-3 },
  contenders: [
    { name: "descent", program: { module: `cases/${step.name}.descent.js` } },
    { name: "pytorch", variant: `${step.name} eager`, program: { python: "peers/torch_texts.py" } },
    { name: "pytorch", variant: `${step.name} compile`, program: { python: "peers/torch_texts.py" } },
  ],
});

export const textSteps: readonly BenchCase[] = Object.values(TEXT_STEPS).map(caseOf);
