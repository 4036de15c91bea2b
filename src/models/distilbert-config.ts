/**
 * @module DistilBERT of Hugging Face's `config.json` as our options, and back.
 */
import type { Json } from "../util/described.js";
import type { BertHeadOptions } from "./bert-heads.js";
import type { DistilBertOptions } from "./distilbert.js";
import { activationEntry, configOptions, count, entry, layers, numberedLabels, only, share } from "./pretrained-config.js";

/** All that a configuration names; norms have an epsilon that it does not. */
type Named = Omit<DistilBertOptions & Pick<BertHeadOptions, "classifierDropout">, "epsilon">;

const options = configOptions<Named>(
  {
    vocabSize: entry("vocab_size", count, 30_522),
    hiddenSize: entry("dim", count, 768),
    numLayers: entry("n_layers", layers, 6),
    numHeads: entry("n_heads", count, 12),
    intermediateSize: entry("hidden_dim", count, 3072),
    maxPositions: entry("max_position_embeddings", count, 512),
    activation: activationEntry("activation", "gelu"),
    dropout: entry("dropout", share, 0.1),
    attentionDropout: entry("attention_dropout", share, 0.1),
    classifierDropout: entry("seq_classif_dropout", share, 0.2),
  },
  { tie_word_embeddings: only(true) },
);

export const readDistilBertConfig = (json: Json, where?: string): DistilBertOptions & Named => ({
  ...options.read(json, where),
  epsilon: 1e-12,
});

export const writeDistilBertConfig = (o: DistilBertOptions & Partial<BertHeadOptions>): Json => ({
  model_type: "distilbert",
  ...options.write(o),
  ...numberedLabels(o.numLabels),
});
