/**
 * @module GPT-2 of Hugging Face's `config.json` as our options, and back.
 */
import * as z from "zod";
import type { Json } from "../util/described.js";
import type { Gpt2Options } from "./gpt2.js";
import { activationEntry, configOptions, count, entry, layers, nullable, only, share } from "./pretrained-config.js";

const options = configOptions<Gpt2Options>(
  {
    vocabSize: entry("vocab_size", count),
    maxPositions: entry("n_positions", count),
    hiddenSize: entry("n_embd", count),
    numLayers: entry("n_layer", layers),
    numHeads: entry("n_head", count),
    intermediateSize: nullable("n_inner", count),
    activation: activationEntry("activation_function", "geluTanh"),
    dropout: entry("resid_pdrop", share, 0.1),
    attentionDropout: entry("attn_pdrop", share, 0.1),
    epsilon: entry("layer_norm_epsilon", z.number().positive(), 1e-5),
    tied: entry("tie_word_embeddings", z.boolean(), true),
  },
  {
    embd_pdrop: share.default(0.1),
    scale_attn_weights: only(true),
    scale_attn_by_inverse_layer_idx: only(false),
    add_cross_attention: only(false),
  },
);

export const readGpt2Config = options.read;
export const writeGpt2Config = (o: Gpt2Options): Json => ({
  model_type: "gpt2",
  ...options.write(o),
  embd_pdrop: o.dropout ?? 0.1,
});
