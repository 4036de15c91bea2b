/**
 * @module Hugging Face's `config.json` as the options of our models, and back. What would change a model's outputs and is not supported is refused by
 * name; everything else in the file is left alone.
 */
import * as z from "zod";
import type { Activation, ActivationName } from "../nn/index.js";
import type { Json } from "../util/described.js";
import { ConfigError } from "../util/errors.js";
import { parseWith } from "../util/schema.js";
import type { BertHeadOptions, BertOptions } from "./bert.js";
import type { Gpt2Options } from "./gpt2.js";

const count = z.number().int().positive();
const share = z.number().min(0).lt(1);

const ACTIVATION_NAMES: Readonly<Record<string, ActivationName>> = {
  gelu: "gelu",
  gelu_new: "geluTanh",
  gelu_pytorch_tanh: "geluTanh",
  relu: "relu",
  silu: "silu",
  swish: "silu",
  tanh: "tanh",
};
export const activation = z.enum(Object.keys(ACTIVATION_NAMES) as [string, ...string[]]);
export const activationOf = (name: string): ActivationName => ACTIVATION_NAMES[name] as ActivationName;

/** The name that Hugging Face has for an activation. ConfigError for a function, or one that it has not. */
export function activationName(given: ActivationName | Activation): string {
  const found = Object.entries(ACTIVATION_NAMES).find(([, ours]) => ours === given)?.[0];
  if (found === undefined)
    throw new ConfigError(
      `config.json: activation: expected one of ${[...new Set(Object.values(ACTIVATION_NAMES))].join(", ")}, got ${typeof given === "function" ? "a function" : given}`,
    );
  return found;
}

/** What a file may say only in one way: other values would need code that is not there. */
export const only = <T extends boolean | number | string | null>(value: T): z.ZodOptional<z.ZodLiteral<T>> =>
  z.literal(value).optional();

const gpt2Schema = z.looseObject({
  vocab_size: count,
  n_positions: count,
  n_embd: count,
  n_layer: count,
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
    ...(c.n_inner == null ? {} : { intermediateSize: c.n_inner }),
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

const labelsSchema = z.looseObject({
  num_labels: count.optional(),
  id2label: z.record(z.string(), z.string()).optional(),
});

/** The names of a classifier's labels, in order; undefined where the file has none but `LABEL_0`, …. */
export function labelsOf(json: Json, where = "config.json"): readonly string[] | undefined {
  const { id2label } = parseWith(labelsSchema, json, where);
  if (id2label === undefined) return undefined;
  const names = Object.entries(id2label).sort(([a], [b]) => Number(a) - Number(b));
  return names.every(([i, name]) => name === `LABEL_${i}`) ? undefined : names.map(([, name]) => name);
}

/** How many labels a classifier's checkpoint has: 2 unless the file says otherwise. */
export function labelCount(json: Json, where = "config.json"): number {
  const c = parseWith(labelsSchema, json, where);
  return c.num_labels ?? (c.id2label === undefined ? 2 : Object.keys(c.id2label).length);
}

const bertSchema = z.looseObject({
  vocab_size: count,
  hidden_size: count,
  num_hidden_layers: count,
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
    ...(c.classifier_dropout == null ? {} : { classifierDropout: c.classifier_dropout }),
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
  ...(o.numLabels === undefined ? {} : labelConfig(o.numLabels)),
});

/** As transformers reads it: the number of labels is that of their names. */
const labelConfig = (labels: number): Record<string, Json> => ({
  id2label: Object.fromEntries(Array.from({ length: labels }, (_, i) => [String(i), `LABEL_${i}`])),
  label2id: Object.fromEntries(Array.from({ length: labels }, (_, i) => [`LABEL_${i}`, i])),
});
