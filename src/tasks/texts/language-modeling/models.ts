/**
 * @module The models of language modelling, with defaults that reach what the documentation promises.
 */
import { BertForMaskedLm, Gpt2, Llama } from "../../../models/index.js";
import type { LanguageInfo } from "./info.js";
import type { BuiltChoice, TrainingDefaults } from "../../task.js";

type Sizes = Pick<LanguageInfo, "vocabularySize" | "maxLength">;

/** At least so many updates, and one pass over larger texts, within reason. */
const updates = (examples: number, batchSize: number, least: number): number =>
  Math.max(least, Math.min(20_000, Math.floor(examples / batchSize)));

const adamW = (examples: number, batchSize: number, least: number): TrainingDefaults => {
  const steps = updates(examples, batchSize, least);
  return {
    epochs: steps / Math.max(1, Math.floor(examples / batchSize)),
    batchSize,
    lr: 3e-3,
    finalLrFraction: 0.1,
    optimizer: "adamw",
    beta2: 0.99,
    schedule: "cosine",
    weightDecay: 0.1,
    warmupSteps: Math.min(100, Math.ceil(steps / 10)),
    clipNorm: 1,
    evaluations: 8,
  };
};

const CHARACTERS: Sizes = { vocabularySize: 65, maxLength: 64 };

const row = (
  name: string,
  summary: string,
  make: (sizes: Sizes) => Gpt2 | Llama | BertForMaskedLm,
  defaults: BuiltChoice<LanguageInfo>["defaults"],
): BuiltChoice<LanguageInfo> => ({
  name,
  summary,
  build: make,
  usual: { inputShape: [CHARACTERS.maxLength], dtype: "int64", build: () => make(CHARACTERS) },
  defaults,
});

const gpt = ({ vocabularySize, maxLength }: Sizes, numLayers: number, numHeads: number, hiddenSize: number): Gpt2 =>
  new Gpt2({
    vocabSize: vocabularySize,
    maxPositions: maxLength,
    hiddenSize,
    numLayers,
    numHeads,
    dropout: 0,
    attentionDropout: 0,
  });

/** Models whose tokens are hidden, in place of the next one. */
export const MASKED_MODELS: readonly string[] = ["bert-tiny", "bert"];

export const languageModels: readonly BuiltChoice<LanguageInfo>[] = [
  row(
    "gpt-nano",
    "GPT-2 with 4 layers and heads, 128 wide: nanoGPT's configuration for a CPU",
    (sizes) => gpt(sizes, 4, 4, 128),
    (examples) => adamW(examples, 12, 2000),
  ),
  row(
    "gpt2",
    "GPT-2 as published: 12 layers and heads, 768 wide",
    (sizes) => gpt(sizes, 12, 12, 768),
    (examples) => ({ ...adamW(examples, 12, 2000), lr: 6e-4 }),
  ),
  row(
    "llama-tiny",
    "Llama's architecture with 4 layers, 4 heads in 2 groups, 128 wide",
    ({ vocabularySize, maxLength }) =>
      new Llama({
        vocabSize: vocabularySize,
        maxPositions: maxLength,
        hiddenSize: 128,
        intermediateSize: 352,
        numLayers: 4,
        numHeads: 4,
        numKeyValueHeads: 2,
        tied: true,
      }),
    (examples) => adamW(examples, 12, 2000),
  ),
  row(
    "bert-tiny",
    "BERT with 2 layers and heads, 128 wide: predicts hidden tokens",
    ({ vocabularySize, maxLength }) =>
      new BertForMaskedLm({
        vocabSize: vocabularySize,
        maxPositions: maxLength,
        hiddenSize: 128,
        intermediateSize: 512,
        numLayers: 2,
        numHeads: 2,
        dropout: 0,
        attentionDropout: 0,
      }),
    (examples) => adamW(examples, 32, 3000),
  ),
];
