/**
 * @module Llama's and Qwen's families in GGUF files: their settings as `config.json` has them, and their weights by the paths of our parameters.
 *
 * Source: https://github.com/ggml-org/llama.cpp, gguf-py/gguf/constants.py and convert_hf_to_gguf.py.
 */
import type { TensorData } from "../graph/index.js";
import type { Json } from "../util/described.js";
import { ConfigError, DataError } from "../util/errors.js";
import type { GgufFile, GgufTensor, GgufValue } from "./gguf.js";
import { ggufNumbers } from "./gguf.js";
import type { ArchitectureName } from "./pretrained.js";
import { matchCheckpoint, modelFromConfig } from "./pretrained.js";

/** Families by the name that files have for them. */
const FAMILIES: ReadonlyMap<string, ArchitectureName> = new Map([
  ["llama", "LlamaForCausalLM"],
  ["qwen2", "Qwen2ForCausalLM"],
]);

/** A model of a file, described as Hugging Face does. */
export interface GgufModel {
  readonly architecture: ArchitectureName;
  readonly config: Json;
  /** By parameter path. */
  readonly weights: ReadonlyMap<string, TensorData>;
  /** The same as they are stored. */
  readonly stored: ReadonlyMap<string, GgufTensor>;
}

/** Names of a block's tensors, and of our parameters below `model.layers.N`. */
const BLOCK: ReadonlyMap<string, string> = new Map([
  ["attn_norm", "input_layernorm"],
  ["attn_q", "self_attn.q_proj"],
  ["attn_k", "self_attn.k_proj"],
  ["attn_v", "self_attn.v_proj"],
  ["attn_output", "self_attn.o_proj"],
  ["ffn_norm", "post_attention_layernorm"],
  ["ffn_gate", "mlp.gate_proj"],
  ["ffn_up", "mlp.up_proj"],
  ["ffn_down", "mlp.down_proj"],
]);
const WHOLE: ReadonlyMap<string, string> = new Map([
  ["token_embd", "model.embed_tokens"],
  ["output_norm", "model.norm"],
  ["output", "lm_head"],
]);
/** Angles that are computed here, and are no parameters. */
const COMPUTED = /^rope_freqs\./;

/** The path of the parameter that a tensor is; undefined for a name that is not known. */
function pathOf(name: string): string | undefined {
  const [, block, part = "", kind = ""] = /^(?:blk\.(\d+)\.)?(.+)\.(weight|bias)$/.exec(name) ?? [];
  const own = block === undefined ? WHOLE.get(part) : BLOCK.get(part);
  if (own === undefined) return undefined;
  return `${block === undefined ? "" : `model.layers.${block}.`}${own}.${kind}`;
}

/** The settings that a file states of itself. */
class Settings {
  readonly #metadata: ReadonlyMap<string, GgufValue>;
  readonly #family: string;
  readonly #where: string;

  constructor({ metadata }: GgufFile, family: string, where: string) {
    this.#metadata = metadata;
    this.#family = family;
    this.#where = where;
  }

  optional(name: string): number | undefined {
    const value = this.#metadata.get(`${this.#family}.${name}`);
    if (value === undefined) return undefined;
    if (typeof value !== "number")
      throw new ConfigError(`${this.#where}: ${this.#family}.${name}: expected a number, got ${typeof value}`);
    return value;
  }

  number(name: string): number {
    const value = this.optional(name);
    if (value === undefined) throw new ConfigError(`${this.#where}: expected ${this.#family}.${name} in its metadata, got none`);
    return value;
  }

  /** Refuses what would be computed in another way. */
  refuse(name: string): void {
    const value = this.#metadata.get(`${this.#family}.${name}`);
    if (value !== undefined && value !== "none")
      throw new ConfigError(`${this.#where}: expected no ${this.#family}.${name}, which is not supported, got ${String(value)}`);
  }
}

/** Rows of queries and keys in the order of our rotary embedding: halves of a head, where the file of a Llama has pairs. */
function unpaired(tensor: GgufTensor, heads: number): GgufTensor {
  const rows = tensor.shape[0] as number;
  const width = tensor.bytes.length / rows;
  const half = rows / heads / 2;
  const bytes = new Uint8Array(tensor.bytes.length);
  for (let row = 0; row < rows; row++) {
    const [head, within] = [Math.floor(row / (2 * half)), row % (2 * half)];
    const from = head * 2 * half + (within % half) * 2 + Math.floor(within / half);
    bytes.set(tensor.bytes.subarray(from * width, (from + 1) * width), row * width);
  }
  return { ...tensor, bytes };
}

/**
 * The model of a file.
 *
 * Errors: ConfigError for another family, a setting that is missing or not supported, and tensors that are not those of the settings.
 */
export function ggufModel(file: GgufFile, where = "GGUF"): GgufModel {
  const family = file.metadata.get("general.architecture");
  const architecture = typeof family === "string" ? FAMILIES.get(family) : undefined;
  if (typeof family !== "string" || architecture === undefined)
    throw new ConfigError(`${where}: general.architecture: expected ${[...FAMILIES.keys()].join(" or ")}, got ${String(family)}`);
  const settings = new Settings(file, family, where);
  settings.refuse("rope.scaling.type");
  settings.refuse("expert_count");
  const [hidden, heads] = [settings.number("embedding_length"), settings.number("attention.head_count")];
  const groups = settings.optional("attention.head_count_kv") ?? heads;
  const table = file.tensors.get("token_embd.weight");
  if (table === undefined) throw new DataError(`${where}: expected the tensor token_embd.weight, got none`);
  const headSize = settings.optional("attention.key_length");
  const config: Json = {
    architectures: [architecture],
    model_type: family,
    vocab_size: table.shape[0] ?? 0,
    hidden_size: hidden,
    intermediate_size: settings.number("feed_forward_length"),
    num_hidden_layers: settings.number("block_count"),
    num_attention_heads: heads,
    num_key_value_heads: groups,
    ...(headSize === undefined ? {} : { head_dim: headSize }),
    max_position_embeddings: settings.number("context_length"),
    rope_theta: settings.optional("rope.freq_base") ?? 10_000,
    rms_norm_eps: settings.number("attention.layer_norm_rms_epsilon"),
    tie_word_embeddings: !file.tensors.has("output.weight"),
  };
  const stored = tensorsOf(file, { architecture, config, family, heads, groups }, where);
  const weights = new Map([...stored].map(([path, tensor]) => [path, ggufNumbers(tensor)] as const));
  return { architecture, config, weights, stored };
}

interface Described {
  readonly architecture: ArchitectureName;
  readonly config: Json;
  readonly family: string;
  readonly heads: number;
  readonly groups: number;
}

function tensorsOf(
  { tensors }: GgufFile,
  { architecture, config, family, heads, groups }: Described,
  where: string,
): Map<string, GgufTensor> {
  const names = new Map<string, string>();
  for (const name of tensors.keys()) {
    const path = pathOf(name);
    if (path !== undefined) names.set(path, name);
    else if (!COMPUTED.test(name)) throw new ConfigError(`${where}: expected tensors of ${architecture}, got "${name}"`);
  }
  // Shapes are compared before numbers are read.
  const shapes = new Map([...names].map(([path, name]) => [path, tensors.get(name)?.shape ?? []] as const));
  const { sources } = matchCheckpoint(modelFromConfig(architecture, config, { where }), architecture, shapes, { where });
  const stored = new Map<string, GgufTensor>();
  for (const [path, source] of sources) {
    const tensor = tensors.get(names.get(source) ?? "");
    if (tensor === undefined) continue;
    const paired = path.endsWith(".q_proj.weight") ? heads : path.endsWith(".k_proj.weight") ? groups : 0;
    const turns = family === "llama" ? paired : 0;
    stored.set(path, turns === 0 ? tensor : unpaired(tensor, turns));
  }
  return stored;
}
