/**
 * @module GPT-2 of Hugging Face's `config.json` as our options, and back.
 */
import * as z from "zod";
import type { Json } from "../util/described.js";
import { parseWith } from "../util/schema.js";
import type { Gpt2Options } from "./gpt2.js";
import { activation, activationName, activationOf, count, layers, only, share } from "./pretrained-config.js";

const gpt2Schema = z.looseObject({
  vocab_size: count,
  n_positions: count,
  n_embd: count,
  n_layer: layers,
  n_head: count,
  n_inner: count.nullish(),
  activation_function: activation.default("gelu_new"),
  resid_pdrop: share.default(0.1),
  embd_pdrop: share.default(0.1),
  attn_pdrop: share.default(0.1),
  layer_norm_epsilon: z.number().positive().default(1e-5),
  tie_word_embeddings: z.boolean().default(true),
  scale_attn_weights: only(true),
  scale_attn_by_inverse_layer_idx: only(false),
  add_cross_attention: only(false),
});

export function readGpt2Config(json: Json, where = "config.json"): Gpt2Options {
  const c = parseWith(gpt2Schema, json, where);
  return {
    vocabSize: c.vocab_size,
    maxPositions: c.n_positions,
    hiddenSize: c.n_embd,
    numLayers: c.n_layer,
    numHeads: c.n_head,
    intermediateSize: c.n_inner ?? undefined,
    activation: activationOf(c.activation_function),
    dropout: c.resid_pdrop,
    attentionDropout: c.attn_pdrop,
    epsilon: c.layer_norm_epsilon,
    tied: c.tie_word_embeddings,
  };
}

export const writeGpt2Config = (o: Gpt2Options): Json => ({
  model_type: "gpt2",
  vocab_size: o.vocabSize,
  n_positions: o.maxPositions,
  n_embd: o.hiddenSize,
  n_layer: o.numLayers,
  n_head: o.numHeads,
  n_inner: o.intermediateSize ?? null,
  activation_function: activationName(o.activation ?? "geluTanh"),
  resid_pdrop: o.dropout ?? 0.1,
  embd_pdrop: o.dropout ?? 0.1,
  attn_pdrop: o.attentionDropout ?? 0.1,
  layer_norm_epsilon: o.epsilon ?? 1e-5,
  tie_word_embeddings: o.tied ?? true,
});
