/**
 * @module Llama, Mistral and Qwen2 of Hugging Face's `config.json` as our options, and back.
 */
import * as z from "zod";
import type { RotaryScaling } from "../nn/index.js";
import type { Json } from "../util/described.js";
import { ConfigError } from "../util/errors.js";
import { parseWith } from "../util/schema.js";
import type { LlamaOptions } from "./llama.js";
import { activation, activationName, activationOf, count, layers, share } from "./pretrained-config.js";

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
  num_hidden_layers: layers,
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
    numKeyValueHeads: c.num_key_value_heads ?? undefined,
    headSize: c.head_dim ?? undefined,
    maxPositions: c.max_position_embeddings,
    theta,
    scaling,
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
