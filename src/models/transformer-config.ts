/**
 * @module Marian and Pegasus of Hugging Face's `config.json` as our options, and back: the Transformer with norms after each part, and before.
 */
import * as z from "zod";
import type { Json } from "../util/described.js";
import { parseWith } from "../util/schema.js";
import type { TransformerOptions } from "./transformer-layers.js";
import { activation, activationName, activationOf, count, layers, only, share } from "./pretrained-config.js";

const schema = z.looseObject({
  vocab_size: count,
  d_model: count,
  encoder_layers: layers,
  decoder_layers: layers,
  encoder_attention_heads: count,
  decoder_attention_heads: count,
  encoder_ffn_dim: count,
  decoder_ffn_dim: count,
  max_position_embeddings: count.default(1024),
  activation_function: activation.default("gelu"),
  dropout: share.default(0.1),
  attention_dropout: share.default(0),
  activation_dropout: share.default(0),
  scale_embedding: z.boolean().default(false),
  share_encoder_decoder_embeddings: only(true),
  tie_word_embeddings: only(true),
  pad_token_id: z.number().int().min(0).nullish(),
  eos_token_id: z.number().int().min(0).nullish(),
  decoder_start_token_id: z.number().int().min(0).nullish(),
});

function read(json: Json, where: string, normFirst: boolean): TransformerOptions {
  const c = parseWith(schema.extend({ normalize_before: only(normFirst) }), json, where);
  return {
    vocabSize: c.vocab_size,
    hiddenSize: c.d_model,
    encoderLayers: c.encoder_layers,
    decoderLayers: c.decoder_layers,
    encoderHeads: c.encoder_attention_heads,
    decoderHeads: c.decoder_attention_heads,
    encoderIntermediateSize: c.encoder_ffn_dim,
    decoderIntermediateSize: c.decoder_ffn_dim,
    maxPositions: c.max_position_embeddings,
    activation: activationOf(c.activation_function),
    dropout: c.dropout,
    attentionDropout: c.attention_dropout,
    activationDropout: c.activation_dropout,
    scaleEmbedding: c.scale_embedding,
    normFirst,
    padToken: c.pad_token_id ?? undefined,
    endToken: c.eos_token_id ?? undefined,
    startToken: c.decoder_start_token_id ?? undefined,
  };
}

const write = (o: TransformerOptions, modelType: string): Json => ({
  model_type: modelType,
  vocab_size: o.vocabSize,
  d_model: o.hiddenSize,
  encoder_layers: o.encoderLayers,
  decoder_layers: o.decoderLayers,
  encoder_attention_heads: o.encoderHeads,
  decoder_attention_heads: o.decoderHeads,
  encoder_ffn_dim: o.encoderIntermediateSize,
  decoder_ffn_dim: o.decoderIntermediateSize,
  max_position_embeddings: o.maxPositions ?? 512,
  activation_function: activationName(o.activation ?? "relu"),
  dropout: o.dropout ?? 0.1,
  attention_dropout: o.attentionDropout ?? 0,
  activation_dropout: o.activationDropout ?? 0,
  scale_embedding: o.scaleEmbedding ?? true,
  pad_token_id: o.padToken ?? null,
  eos_token_id: o.endToken ?? null,
  decoder_start_token_id: o.startToken ?? null,
});

/** Reads configurations of one kind, and writes them for models of that kind alone. */
const kind = (modelType: string, normFirst: boolean) => ({
  read: (json: Json, where = "config.json"): TransformerOptions => read(json, where, normFirst),
  write: (o: TransformerOptions): Json | undefined => ((o.normFirst ?? false) === normFirst ? write(o, modelType) : undefined),
});

export const marianConfig = kind("marian", false);
export const pegasusConfig = kind("pegasus", true);
