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
import type { RotaryScaling } from "../nn/index.js";
import type { Gpt2Options } from "./gpt2.js";
import type { LlamaOptions } from "./llama.js";
import type { TransformerOptions } from "./transformer.js";

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

const scalingSchema = z.discriminatedUnion("rope_type", [
  z.looseObject({ rope_type: z.literal("default") }),
  z.looseObject({ rope_type: z.literal("linear"), factor: z.number().positive() }),
  z.looseObject({
    rope_type: z.literal("llama3"),
    factor: z.number().positive(),
    low_freq_factor: z.number().positive(),
    high_freq_factor: z.number().positive(),
    original_max_position_embeddings: count,
  }),
]);

const llamaSchema = z.looseObject({
  model_type: z.string().default("llama"),
  vocab_size: count,
  hidden_size: count,
  intermediate_size: count,
  num_hidden_layers: count,
  num_attention_heads: count,
  num_key_value_heads: count.nullish(),
  head_dim: count.nullish(),
  max_position_embeddings: count.default(2048),
  rope_theta: z.number().positive().optional(),
  // Version 5 of transformers joins both in one object, `rope_parameters`; before, the type was `type` for some time.
  rope_scaling: z.looseObject({}).nullish(),
  rope_parameters: z.looseObject({ rope_theta: z.number().positive().optional() }).nullish(),
  hidden_act: activation.default("silu"),
  rms_norm_eps: z.number().positive().default(1e-6),
  tie_word_embeddings: z.boolean().default(false),
  attention_bias: z.boolean().default(false),
  mlp_bias: z.boolean().default(false),
  attention_dropout: share.default(0),
  sliding_window: count.nullish(),
  use_sliding_window: z.boolean().optional(),
});

function readScaling(given: Record<string, unknown> | null | undefined, where: string): RotaryScaling | undefined {
  if (given == null) return undefined;
  const scaling = parseWith(scalingSchema, { ...given, rope_type: given["rope_type"] ?? given["type"] ?? "default" }, where);
  if (scaling.rope_type === "default") return undefined;
  if (scaling.rope_type === "linear") return { type: "linear", factor: scaling.factor };
  return {
    type: "llama3",
    factor: scaling.factor,
    lowFrequencyFactor: scaling.low_freq_factor,
    highFrequencyFactor: scaling.high_freq_factor,
    originalMaxPositions: scaling.original_max_position_embeddings,
  };
}

export function readLlamaConfig(json: Json, where = "config.json"): LlamaOptions {
  const c = parseWith(llamaSchema, json, where);
  const windowed = c.use_sliding_window ?? c.model_type === "mistral";
  if (windowed && c.sliding_window != null && c.sliding_window < c.max_position_embeddings)
    throw new ConfigError(
      `${where}: sliding_window: expected none, or at least ${c.max_position_embeddings}, got ${c.sliding_window}`,
    );
  const theta = c.rope_theta ?? c.rope_parameters?.rope_theta;
  const scaling = readScaling(c.rope_parameters ?? c.rope_scaling, `${where}: rope_scaling`);
  const biases = c.model_type === "qwen2" ? "inputs" : c.attention_bias ? "all" : "none";
  return {
    vocabSize: c.vocab_size,
    hiddenSize: c.hidden_size,
    intermediateSize: c.intermediate_size,
    numLayers: c.num_hidden_layers,
    numHeads: c.num_attention_heads,
    ...(c.num_key_value_heads == null ? {} : { numKeyValueHeads: c.num_key_value_heads }),
    ...(c.head_dim == null ? {} : { headSize: c.head_dim }),
    maxPositions: c.max_position_embeddings,
    ...(theta === undefined ? {} : { theta }),
    ...(scaling === undefined ? {} : { scaling }),
    activation: activationOf(c.hidden_act),
    epsilon: c.rms_norm_eps,
    tied: c.tie_word_embeddings,
    attentionBias: biases,
    perceptronBias: c.mlp_bias,
    attentionDropout: c.attention_dropout,
  };
}

const writeScaling = (s: RotaryScaling): Json =>
  s.type === "linear"
    ? { rope_type: s.type, factor: s.factor }
    : {
        rope_type: s.type,
        factor: s.factor,
        low_freq_factor: s.lowFrequencyFactor,
        high_freq_factor: s.highFrequencyFactor,
        original_max_position_embeddings: s.originalMaxPositions,
      };

export const writeLlamaConfig = (o: LlamaOptions): Json => ({
  model_type: o.attentionBias === "inputs" ? "qwen2" : "llama",
  vocab_size: o.vocabSize,
  hidden_size: o.hiddenSize,
  intermediate_size: o.intermediateSize,
  num_hidden_layers: o.numLayers,
  num_attention_heads: o.numHeads,
  num_key_value_heads: o.numKeyValueHeads ?? o.numHeads,
  ...(o.headSize === undefined ? {} : { head_dim: o.headSize }),
  max_position_embeddings: o.maxPositions ?? 2048,
  rope_theta: o.theta ?? 10_000,
  ...(o.scaling === undefined ? {} : { rope_scaling: writeScaling(o.scaling) }),
  hidden_act: activationName(o.activation ?? "silu"),
  rms_norm_eps: o.epsilon ?? 1e-6,
  tie_word_embeddings: o.tied ?? false,
  attention_bias: o.attentionBias === "all",
  mlp_bias: o.perceptronBias ?? false,
  attention_dropout: o.attentionDropout ?? 0,
});

const marianSchema = z.looseObject({
  vocab_size: count,
  d_model: count,
  encoder_layers: count,
  decoder_layers: count,
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
  normalize_before: z.boolean().default(false),
  share_encoder_decoder_embeddings: only(true),
  tie_word_embeddings: only(true),
  pad_token_id: z.number().int().min(0).nullish(),
  eos_token_id: z.number().int().min(0).nullish(),
  decoder_start_token_id: z.number().int().min(0).nullish(),
});

export function readTransformerConfig(json: Json, where = "config.json"): TransformerOptions {
  const c = parseWith(marianSchema, json, where);
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
    normFirst: c.normalize_before,
    ...(c.pad_token_id == null ? {} : { padToken: c.pad_token_id }),
    ...(c.eos_token_id == null ? {} : { endToken: c.eos_token_id }),
    ...(c.decoder_start_token_id == null ? {} : { startToken: c.decoder_start_token_id }),
  };
}

export const writeTransformerConfig = (o: TransformerOptions): Json => ({
  model_type: "marian",
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
  // Marian itself is post-norm: transformers does not know this one.
  ...(o.normFirst === true ? { normalize_before: true } : {}),
  pad_token_id: o.padToken ?? null,
  eos_token_id: o.endToken ?? null,
  decoder_start_token_id: o.startToken ?? null,
});
