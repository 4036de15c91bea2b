/**
 * @module `adapter_config.json` as the PEFT library writes it, and the names of its tensors, without files. `descentjs/train` reads and writes folders.
 */
import * as z from "zod";
import type { Adapted, Lora, Module } from "../nn/index.js";
import { adaptedParts, adaptersOf, lora } from "../nn/index.js";
import type { Json } from "../util/described.js";
import { slowPatternReason } from "../text/pattern-bounds.js";
import { ConfigError } from "../util/errors.js";
import { parseWith } from "../util/schema.js";
import type { ArchitectureName } from "./pretrained.js";
import { nameOfArchitecture } from "./pretrained.js";
import { only } from "./pretrained-config.js";

/** The prefix of a parameter's path in an adapter's file. */
export const PEFT_PREFIX = "base_model.model.";

const count = z
  .number()
  .int()
  .positive()
  .max(2 ** 16);
/** Repeats such as `.*` in a pattern of paths: paths have some 50 characters. */
const REPEATS = 4;
/** Modules by the ends of their paths; characters that mean something else in our patterns are none of PEFT's. */
const moduleName = z.string().regex(/^[\w.-]+$/, "expected names of modules");
const none = z.union([z.null(), z.array(z.unknown()).length(0), z.record(z.string(), z.never())]).optional();

const peftSchema = z.looseObject({
  peft_type: z.literal("LORA"),
  r: count,
  lora_alpha: z.number().min(0),
  lora_dropout: z.number().min(0).lt(1).default(0),
  target_modules: z.union([z.string(), z.array(moduleName).min(1)]),
  modules_to_save: z.array(z.string()).nullish(),
  use_rslora: z.boolean().default(false),
  init_lora_weights: z.union([z.boolean(), z.literal("gaussian")]).optional(),
  bias: only("none"),
  use_dora: only(false),
  lora_bias: only(false),
  rank_pattern: none,
  alpha_pattern: none,
  layers_to_transform: none,
  layer_replication: none,
  exclude_modules: none,
  target_parameters: none,
  trainable_token_indices: none,
});

/**
 * The adapters that a configuration of PEFT describes, for `addAdapters` and a model of such names. Modules to save that the model does not have are
 * left out, as PEFT does: it names heads of several architectures.
 *
 * Errors: ConfigError for another method than LoRA, and for options that would change outputs and are not supported.
 */
export function readPeftConfig(json: Json, model: Module, where = "adapter_config.json"): Lora {
  const c = parseWith(peftSchema, json, where);
  const slow = typeof c.target_modules === "string" ? slowPatternReason(c.target_modules, REPEATS) : undefined;
  if (slow !== undefined)
    throw new ConfigError(`${where}: target_modules: expected a pattern that is matched in few steps, got ${slow}`);
  const targets =
    typeof c.target_modules !== "string"
      ? c.target_modules
      : // Every linear layer but the one that gives the outputs.
        c.target_modules === "all-linear"
        ? ["/^(?!(.*\\.)?(lm_head|classifier|score)$)/"]
        : [`/^(?:${c.target_modules})$/`];
  const modules = [...model.modules().keys()];
  const modulesToSave = (c.modules_to_save ?? []).filter((name) =>
    modules.some((path) => path === name || path.endsWith(`.${name}`)),
  );
  // Rank-stabilized adapters (Kalajdzievski 2023, arXiv:2312.03732) count alpha / √rank.
  const alpha = c.use_rslora ? c.lora_alpha * Math.sqrt(c.r) : c.lora_alpha;
  return lora({ rank: c.r, alpha, dropout: c.lora_dropout, targets, modulesToSave });
}

const TASK_TYPES: Partial<Record<ArchitectureName, string>> = {
  BertForSequenceClassification: "SEQ_CLS",
  BertForTokenClassification: "TOKEN_CLS",
  DistilBertForSequenceClassification: "SEQ_CLS",
  DistilBertForTokenClassification: "TOKEN_CLS",
  GPT2LMHeadModel: "CAUSAL_LM",
  LlamaForCausalLM: "CAUSAL_LM",
  MistralForCausalLM: "CAUSAL_LM",
  Qwen2ForCausalLM: "CAUSAL_LM",
  MarianMTModel: "SEQ_2_SEQ_LM",
  PegasusForConditionalGeneration: "SEQ_2_SEQ_LM",
};

/** Targets as PEFT understands them: names of layers where they choose the same, else every path. */
function targetNames({ targets }: Lora, { layers }: Adapted): string[] {
  if (targets === undefined) return [...new Set(layers.map((path) => path.split(".").at(-1) as string))];
  return targets.every((name) => /^[\w.]+$/.test(name)) ? [...targets] : [...layers];
}

/** The configuration of a model's adapters, as PEFT reads it. `base` is the name or path of the model that they belong to. */
export function peftConfigOf(model: Module, given: Lora, base: string | null = null): Json {
  const adapted = adaptedParts(model, given.modulesToSave);
  const architecture = nameOfArchitecture(model);
  return {
    peft_type: "LORA",
    task_type: (architecture === undefined ? undefined : TASK_TYPES[architecture]) ?? null,
    base_model_name_or_path: base,
    r: given.rank,
    lora_alpha: given.alpha,
    lora_dropout: given.dropout,
    target_modules: targetNames(given, adapted),
    modules_to_save: adapted.saved.length === 0 ? null : adapted.saved,
    fan_in_fan_out: [...adaptersOf(model).values()].some(({ stored }) => stored === "inOut"),
    bias: "none",
    init_lora_weights: true,
    inference_mode: true,
    use_rslora: false,
    use_dora: false,
  };
}
