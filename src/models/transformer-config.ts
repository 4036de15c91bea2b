/**
 * @module Marian and Pegasus of Hugging Face's `config.json` as our options, and back: the Transformer with norms after each part, and before.
 */
import * as z from "zod";
import type { Json } from "../util/described.js";
import type { TransformerOptions } from "./transformer-layers.js";
import { activationEntry, configOptions, count, entry, layers, nullable, only, share } from "./pretrained-config.js";

const token = z.number().int().min(0);
const entries = {
  vocabSize: entry("vocab_size", count),
  hiddenSize: entry("d_model", count),
  encoderLayers: entry("encoder_layers", layers),
  decoderLayers: entry("decoder_layers", layers),
  encoderHeads: entry("encoder_attention_heads", count),
  decoderHeads: entry("decoder_attention_heads", count),
  encoderIntermediateSize: entry("encoder_ffn_dim", count),
  decoderIntermediateSize: entry("decoder_ffn_dim", count),
  maxPositions: entry("max_position_embeddings", count, 1024, 512),
  activation: activationEntry("activation_function", "gelu", "relu"),
  dropout: entry("dropout", share, 0.1),
  attentionDropout: entry("attention_dropout", share, 0),
  activationDropout: entry("activation_dropout", share, 0),
  scaleEmbedding: entry("scale_embedding", z.boolean(), false, true),
  padToken: nullable("pad_token_id", token),
  endToken: nullable("eos_token_id", token),
  startToken: nullable("decoder_start_token_id", token),
};

/** Reads configurations of one kind, and writes them for models of that kind alone. */
function kind(modelType: string, normFirst: boolean) {
  const options = configOptions<Omit<TransformerOptions, "normFirst">>(entries, {
    share_encoder_decoder_embeddings: only(true),
    tie_word_embeddings: only(true),
    normalize_before: only(normFirst),
  });
  return {
    read: (json: Json, where?: string): TransformerOptions => ({ ...options.read(json, where), normFirst }),
    write: (o: TransformerOptions): Json | undefined =>
      (o.normFirst ?? false) === normFirst ? { model_type: modelType, ...options.write(o) } : undefined,
  };
}

export const marianConfig = kind("marian", false);
export const pegasusConfig = kind("pegasus", true);
