/**
 * @module BERT of Hugging Face's `config.json` as our options, and back.
 */
import * as z from "zod";
import type { Json } from "../util/described.js";
import { parseWith } from "../util/schema.js";
import type { BertOptions } from "./bert.js";
import type { BertHeadOptions } from "./bert-heads.js";
import { activation, activationName, activationOf, count, layers, numberedLabels, only, share } from "./pretrained-config.js";

const bertSchema = z.looseObject({
  vocab_size: count,
  hidden_size: count,
  num_hidden_layers: layers,
  num_attention_heads: count,
  intermediate_size: count,
  max_position_embeddings: count.default(512),
  type_vocab_size: count.default(2),
  hidden_act: activation.default("gelu"),
  hidden_dropout_prob: share.default(0.1),
  attention_probs_dropout_prob: share.default(0.1),
  classifier_dropout: share.nullish(),
  layer_norm_eps: z.number().positive().default(1e-12),
  position_embedding_type: only("absolute"),
  is_decoder: only(false),
  tie_word_embeddings: only(true),
});

export function readBertConfig(json: Json, where = "config.json"): BertOptions & Pick<BertHeadOptions, "classifierDropout"> {
  const c = parseWith(bertSchema, json, where);
  return {
    vocabSize: c.vocab_size,
    hiddenSize: c.hidden_size,
    numLayers: c.num_hidden_layers,
    numHeads: c.num_attention_heads,
    intermediateSize: c.intermediate_size,
    maxPositions: c.max_position_embeddings,
    typeVocabSize: c.type_vocab_size,
    activation: activationOf(c.hidden_act),
    dropout: c.hidden_dropout_prob,
    attentionDropout: c.attention_probs_dropout_prob,
    classifierDropout: c.classifier_dropout ?? undefined,
    epsilon: c.layer_norm_eps,
  };
}

export const writeBertConfig = (o: BertOptions & Partial<BertHeadOptions>): Json => ({
  model_type: "bert",
  vocab_size: o.vocabSize,
  hidden_size: o.hiddenSize,
  num_hidden_layers: o.numLayers,
  num_attention_heads: o.numHeads,
  intermediate_size: o.intermediateSize,
  max_position_embeddings: o.maxPositions ?? 512,
  type_vocab_size: o.typeVocabSize ?? 2,
  hidden_act: activationName(o.activation ?? "gelu"),
  hidden_dropout_prob: o.dropout ?? 0.1,
  attention_probs_dropout_prob: o.attentionDropout ?? 0.1,
  classifier_dropout: o.classifierDropout ?? null,
  layer_norm_eps: o.epsilon ?? 1e-12,
  ...numberedLabels(o.numLabels),
});
