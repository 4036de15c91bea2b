/**
 * @module The models that classify texts, each with the defaults that reach what the documentation says of it.
 */
import { BagOfNgrams, BertForSequenceClassification, BiLstm, NgramCnn, TextCnn } from "../../../models/index.js";
import type { TextClassInfo } from "./info.js";
import type { ModelChoice, TrainingDefaults } from "../../task.js";

const sizesOf = ({ vocabularySize, classes, embeddingSize }: TextClassInfo) => ({
  vocabSize: vocabularySize,
  numLabels: classes.length,
  embeddingSize,
});

const AROUND = 7000;
/** As many passes as a set of about 7,000 texts needs, fewer over a larger one, and more over a smaller one: by the root, at most four times as many. */
const passes = (epochs: number, examples: number): number =>
  Math.max(2, Math.round(epochs * Math.min(4, Math.sqrt(AROUND / Math.max(1, examples)))));

const SMALL = 4000;
/**
 * Passes of a bag of n-grams, whose rare n-grams learn in few of the updates: a small set gets as many updates as one of 7,000 texts, and more classes get
 * more by the root of their number, since each has fewer texts; at most eight times as many.
 */
function passesOfBag(epochs: number, examples: number, classes: number): number {
  const usual = examples >= SMALL ? passes(epochs, examples) : epochs * Math.min(8, AROUND / Math.max(1, examples));
  return Math.round(Math.min(8 * epochs, usual * Math.sqrt(Math.max(2, classes) / 2)));
}

const defaults =
  (epochs: number, lr: number, count: (epochs: number, examples: number, classes: number) => number = passes) =>
  (examples: number, info?: TextClassInfo): TrainingDefaults => ({
    epochs: count(epochs, examples, info === undefined || info.multiLabel ? 2 : info.classes.length),
    batchSize: examples < 1000 ? 16 : 50,
    lr,
    optimizer: "adamw",
    schedule: "one-cycle",
    weightDecay: 0.01,
  });

export const TEXT_MODELS: readonly ModelChoice<TextClassInfo>[] = [
  {
    name: "ngram-cnn",
    summary: "a CNN and a bag of n-grams, combined",
    build: (info) => new NgramCnn(sizesOf(info)),
    defaults: defaults(4, 2e-3, passesOfBag),
  },
  {
    name: "text-cnn",
    summary: "Kim 2014: filters over 3, 4 and 5 tokens, max pooling over time",
    build: (info) => new TextCnn({ ...sizesOf(info), embeddingSize: info.embeddingSize ?? 100, embeddingDropout: 0.3 }),
    defaults: defaults(5, 2e-3),
  },
  {
    name: "bilstm",
    summary: "a bidirectional LSTM, max pooling over time",
    build: (info) => new BiLstm({ ...sizesOf(info), hiddenSize: 64 }),
    defaults: (examples) => ({ ...defaults(5, 3e-3)(examples), clipNorm: 1 }),
  },
  {
    name: "bag-of-ngrams",
    summary: "Joulin et al. 2016 (fastText): a linear model of a bag of tokens and bigrams",
    build: (info) => new BagOfNgrams({ ...sizesOf(info), embeddingSize: info.embeddingSize ?? 16 }),
    defaults: defaults(6, 5e-3, passesOfBag),
  },
  {
    name: "bert",
    summary: "a small form of Devlin et al. 2018 (2 layers, 128 wide), without pre-training",
    build: ({ vocabularySize, classes, maxLength }) =>
      new BertForSequenceClassification({
        vocabSize: vocabularySize,
        numLabels: classes.length,
        hiddenSize: 128,
        numLayers: 2,
        numHeads: 2,
        intermediateSize: 512,
        maxPositions: maxLength,
        dropout: 0.2,
      }),
    defaults: (examples) => ({ ...defaults(6, 5e-4)(examples), clipNorm: 1 }),
  },
];
