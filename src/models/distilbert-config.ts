/**
 * @module DistilBERT of Hugging Face's `config.json` as our options, and back.
 */
import * as z from "zod";
import type { Json } from "../util/described.js";
import { parseWith } from "../util/schema.js";
import type { BertHeadOptions } from "./bert-heads.js";
import type { DistilBertOptions } from "./distilbert.js";
import { activation, activationName, activationOf, count, layers, numberedLabels, only, share } from "./pretrained-config.js";

const schema = z.looseObject({
  vocab_size: count.default(30_522),
  dim: count.default(768),
  n_layers: layers.default(6),
  n_heads: count.default(12),
  hidden_dim: count.default(3072),
  max_position_embeddings: count.default(512),
  activation: activation.default("gelu"),
  dropout: share.default(0.1),
  attention_dropout: share.default(0.1),
  seq_classif_dropout: share.default(0.2),
  tie_word_embeddings: only(true),
});

/** Norms have this, which the configuration does not name. */
const EPSILON = 1e-12;

export function readDistilBertConfig(
  json: Json,
  where = "config.json",
): DistilBertOptions & Pick<BertHeadOptions, "classifierDropout"> {
  const c = parseWith(schema, json, where);
  return {
    vocabSize: c.vocab_size,
    hiddenSize: c.dim,
    numLayers: c.n_layers,
    numHeads: c.n_heads,
    intermediateSize: c.hidden_dim,
    maxPositions: c.max_position_embeddings,
    activation: activationOf(c.activation),
    dropout: c.dropout,
    attentionDropout: c.attention_dropout,
    classifierDropout: c.seq_classif_dropout,
    epsilon: EPSILON,
  };
}

export const writeDistilBertConfig = (o: DistilBertOptions & Partial<BertHeadOptions>): Json => ({
  model_type: "distilbert",
  vocab_size: o.vocabSize,
  dim: o.hiddenSize,
  n_layers: o.numLayers,
  n_heads: o.numHeads,
  hidden_dim: o.intermediateSize,
  max_position_embeddings: o.maxPositions ?? 512,
  activation: activationName(o.activation ?? "gelu"),
  dropout: o.dropout ?? 0.1,
  attention_dropout: o.attentionDropout ?? 0.1,
  seq_classif_dropout: o.classifierDropout ?? 0.2,
  ...numberedLabels(o.numLabels),
});
