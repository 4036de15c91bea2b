/**
 * @module The models that tagging tasks train: a BiLSTM with a CRF, and the linear CRF that it is compared with.
 */
import { Tagger } from "../models/index.js";
import type { ModelChoice, TrainingDefaults } from "./task.js";
import type { TaggingInfo } from "./tagging.js";

/** Sizes that a task's own experiments found. */
export interface TaggingSizes {
  readonly embeddingSize: (info: TaggingInfo) => number;
  /** Neighbours that score a token directly in the linear CRF. */
  readonly window: number;
}

const usual: TrainingDefaults = {
  epochs: 10,
  batchSize: 32,
  lr: 2e-3,
  optimizer: "adamw",
  schedule: "cosine",
  weightDecay: 0.01,
  warmupSteps: 50,
  clipNorm: 5,
};

export function taggingModels({ embeddingSize, window }: TaggingSizes): readonly ModelChoice<TaggingInfo>[] {
  const build = (hiddenSize: number, wide: number) => (info: TaggingInfo) =>
    new Tagger({
      vocabSize: info.vocabularySize,
      slots: info.vocabulary.length,
      numLabels: info.tags.length,
      embeddingSize: embeddingSize(info),
      hiddenSize,
      window: wide,
    });
  return [
    {
      name: "bilstm-crf",
      summary: "a BiLSTM over features of tokens, direct scores of the features, a CRF over tags; Huang et al. 2015",
      build: build(128, 0),
      defaults: () => usual,
    },
    {
      name: "crf",
      summary: "a linear CRF on the same features of a token and its neighbours; Lafferty et al. 2001",
      build: build(0, window),
      defaults: () => ({ ...usual, lr: 1e-2, weightDecay: 0.1 }),
    },
  ];
}
