/**
 * @module The models that tagging tasks train: a BiLSTM with a CRF, and the linear CRF that it is compared with.
 */
import { Tagger } from "../../models/index.js";
import type { BuiltChoice, TrainingDefaults } from "../task.js";
import type { TaggingInfo } from "./tagging.js";

/** Sizes found in a task's own experiments. */
export interface TaggingSizes {
  readonly embeddingSize: (info: TaggingInfo) => number;
  /** Neighbours that score a token directly in the linear CRF. */
  readonly window: number;
  readonly featureDropout: number;
  readonly dropout: number;
  readonly lr: number;
  /** Passes over large data; small data are passed more often. */
  readonly epochs: number;
}

/** Sequences that a model has seen when it has learned. */
const SEEN = 34_000;
const MOST_EPOCHS = 40;

export function taggingModels(sizes: TaggingSizes): readonly BuiltChoice<TaggingInfo>[] {
  const { embeddingSize, window: neighbours, dropout, featureDropout, lr, epochs } = sizes;
  const build = (hiddenSize: number, window: number) => (info: TaggingInfo) =>
    new Tagger({
      vocabSize: info.vocabularySize,
      slots: info.vocabulary.length,
      numLabels: info.tags.length,
      embeddingSize: embeddingSize(info),
      hiddenSize,
      window,
      dropout,
      featureDropout,
    });
  const usual = (examples: number): TrainingDefaults => ({
    epochs: Math.min(MOST_EPOCHS, Math.max(epochs, Math.round(SEEN / Math.max(1, examples)))),
    batchSize: 32,
    lr,
    optimizer: "adamw",
    schedule: "cosine",
    weightDecay: 0.01,
    warmupSteps: 50,
    clipNorm: 5,
  });
  return [
    {
      name: "bilstm-crf",
      summary: "a BiLSTM over features of tokens, direct scores of the features, a CRF over tags; Huang et al. 2015",
      build: build(128, 0),
      defaults: usual,
    },
    {
      name: "crf",
      summary: "a linear CRF on the same features of a token and its neighbours; Lafferty et al. 2001",
      build: build(0, neighbours),
      defaults: (examples) => ({ ...usual(examples), lr: 1e-2, weightDecay: 0.1 }),
    },
  ];
}
