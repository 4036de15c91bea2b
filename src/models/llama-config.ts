/**
 * @module Llama, Mistral and Qwen2 of Hugging Face's `config.json` as our options, and back.
 */
import * as z from "zod";
import type { RotaryScaling } from "../nn/index.js";
import type { Json } from "../util/described.js";
import { ConfigError } from "../util/errors.js";
import { parseWith } from "../util/schema.js";
import type { LlamaOptions } from "./llama.js";
import { activationEntry, configOptions, count, entry, layers, nullable, share } from "./pretrained-config.js";

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

const options = configOptions<Omit<LlamaOptions, "headSize" | "theta" | "scaling" | "attentionBias">>(
  {
    vocabSize: entry("vocab_size", count),
    hiddenSize: entry("hidden_size", count),
    intermediateSize: entry("intermediate_size", count),
    numLayers: entry("num_hidden_layers", layers),
    numHeads: entry("num_attention_heads", count),
    numKeyValueHeads: nullable("num_key_value_heads", count),
    maxPositions: entry("max_position_embeddings", count, 2048),
    activation: activationEntry("hidden_act", "silu"),
    epsilon: entry("rms_norm_eps", z.number().positive(), 1e-6),
    tied: entry("tie_word_embeddings", z.boolean(), false),
    perceptronBias: entry("mlp_bias", z.boolean(), false),
    attentionDropout: entry("attention_dropout", share, 0),
  },
  {},
);

/** Entries that say an option together, or only in some models. */
const joined = z.looseObject({
  model_type: z.string().default("llama"),
  head_dim: count.nullish(),
  rope_theta: z.number().positive().optional(),
  // Version 5 of transformers joins both in one object, `rope_parameters`; before, the type was `type` for some time.
  rope_scaling: z.looseObject({}).nullish(),
  rope_parameters: z.looseObject({ rope_theta: z.number().positive().optional() }).nullish(),
  attention_bias: z.boolean().default(false),
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
  const plain = options.read(json, where);
  const c = parseWith(joined, json, where);
  const positions = plain.maxPositions ?? Infinity;
  const windowed = c.use_sliding_window ?? c.model_type === "mistral";
  if (windowed && c.sliding_window != null && c.sliding_window < positions)
    throw new ConfigError(`${where}: sliding_window: expected none, or at least ${positions}, got ${c.sliding_window}`);
  return {
    ...plain,
    headSize: c.head_dim ?? undefined,
    theta: c.rope_theta ?? c.rope_parameters?.rope_theta,
    scaling: readScaling(c.rope_parameters ?? c.rope_scaling, `${where}: rope_scaling`),
    attentionBias: c.model_type === "qwen2" ? "inputs" : c.attention_bias ? "all" : "none",
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
  ...options.write({ ...o, numKeyValueHeads: o.numKeyValueHeads ?? o.numHeads }),
  ...(o.headSize === undefined ? {} : { head_dim: o.headSize }),
  rope_theta: o.theta ?? 10_000,
  ...(o.scaling === undefined ? {} : { rope_scaling: writeScaling(o.scaling) }),
  attention_bias: o.attentionBias === "all",
});
