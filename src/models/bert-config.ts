/**
 * @module BERT of Hugging Face's `config.json` as our options, and back.
 */
import * as z from "zod";
import type { Json } from "../util/described.js";
import type { BertOptions } from "./bert.js";
import type { BertHeadOptions } from "./bert-heads.js";
import {
  activationEntry,
  configOptions,
  count,
  entry,
  layers,
  nullable,
  numberedLabels,
  only,
  share,
} from "./pretrained-config.js";

const options = configOptions<BertOptions & Pick<BertHeadOptions, "classifierDropout">>(
  {
    vocabSize: entry("vocab_size", count),
    hiddenSize: entry("hidden_size", count),
    numLayers: entry("num_hidden_layers", layers),
    numHeads: entry("num_attention_heads", count),
    intermediateSize: entry("intermediate_size", count),
    maxPositions: entry("max_position_embeddings", count, 512),
    typeVocabSize: entry("type_vocab_size", count, 2),
    activation: activationEntry("hidden_act", "gelu"),
    dropout: entry("hidden_dropout_prob", share, 0.1),
    attentionDropout: entry("attention_probs_dropout_prob", share, 0.1),
    classifierDropout: nullable("classifier_dropout", share),
    epsilon: entry("layer_norm_eps", z.number().positive(), 1e-12),
  },
  { position_embedding_type: only("absolute"), is_decoder: only(false), tie_word_embeddings: only(true) },
);

export const readBertConfig = options.read;
export const writeBertConfig = (o: BertOptions & Partial<BertHeadOptions>): Json => ({
  model_type: "bert",
  ...options.write(o),
  ...numberedLabels(o.numLabels),
});
