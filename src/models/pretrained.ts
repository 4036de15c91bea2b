/**
 * @module Checkpoints in Hugging Face's form, without files: from a configuration to a model, from the names of tensors to its parameters, and
 * back. `descentjs/train` reads and writes folders.
 */
import type { Module } from "../nn/index.js";
import type { Json } from "../util/described.js";
import { isRecord } from "../util/described.js";
import { ConfigError } from "../util/errors.js";
import { formatShape } from "../graph/index.js";
import { Gpt2, Gpt2Model } from "./gpt2.js";
import { BertModel } from "./bert.js";
import { BertForMaskedLm, BertForPreTraining, BertForSequenceClassification, BertForTokenClassification } from "./bert-heads.js";
import {
  DistilBertForMaskedLm,
  DistilBertForSequenceClassification,
  DistilBertForTokenClassification,
  DistilBertModel,
} from "./distilbert.js";
import { Llama, LlamaModel } from "./llama.js";
import { readBertConfig, writeBertConfig } from "./bert-config.js";
import { readDistilBertConfig, writeDistilBertConfig } from "./distilbert-config.js";
import { readGpt2Config, writeGpt2Config } from "./gpt2-config.js";
import { readLlamaConfig, writeLlamaConfig } from "./llama-config.js";
import { labelCount } from "./pretrained-config.js";
import { marianConfig, pegasusConfig } from "./transformer-config.js";
import { Transformer } from "./transformer.js";
import { shown } from "../util/shown.js";

/** Options of the caller beside the configuration. */
export interface PretrainedOptions {
  /** Classes of a new classifier. */
  readonly numLabels?: number;
  /** The beginning of error messages; `config.json` by default. */
  readonly where?: string;
}

interface Architecture<M extends Module> {
  /** `model_type` of the configurations that it takes. */
  readonly modelType: string;
  /** The path below which all but the heads lie, "" for a model without heads. */
  readonly base: string;
  readonly make: (config: Json, options: PretrainedOptions) => M;
  /** The configuration of a model of this class; undefined for others. */
  readonly describe: (model: Module) => Json | undefined;
}

type Maker<M extends Module> = new (options: never, ...more: never[]) => M;

function family<O>(
  modelType: string,
  base: string,
  read: (config: Json, where?: string) => O,
  write: (options: O) => Json | undefined,
) {
  const of = <M extends Module & { readonly config: O }>(
    kind: Maker<M>,
    at: string,
    make: (config: Json, options: PretrainedOptions) => M,
  ): Architecture<M> => ({
    modelType,
    base: at,
    make,
    describe: (model) => (model.constructor === kind ? write((model as M).config) : undefined),
  });
  return {
    /** The model that headed ones have below `base`. */
    trunk: <M extends Module & { readonly config: O }>(kind: Maker<M> & (new (options: O) => M)): Architecture<M> =>
      of(kind, "", (config, { where }) => new kind(read(config, where))),
    /** A model with a head that needs no more than the configuration. */
    headed: <M extends Module & { readonly config: O }>(kind: Maker<M> & (new (options: O) => M)): Architecture<M> =>
      of(kind, base, (config, { where }) => new kind(read(config, where))),
    /** A model with a classifier. */
    classifier: <M extends Module & { readonly config: O }>(
      kind: Maker<M> & (new (options: O & { readonly numLabels: number }) => M),
    ): Architecture<M> =>
      of(
        kind,
        base,
        (config, { where, numLabels = labelCount(config, where) }) => new kind({ ...read(config, where), numLabels }),
      ),
  };
}

const bert = family("bert", "bert", readBertConfig, writeBertConfig);
const distilbert = family("distilbert", "distilbert", readDistilBertConfig, writeDistilBertConfig);
const gpt2 = family("gpt2", "transformer", readGpt2Config, writeGpt2Config);
/** Llama's architecture under its three names, of which Qwen2 alone has biases for queries, keys and values. */
const llama = family("llama", "model", readLlamaConfig, (o) => (o.attentionBias === "inputs" ? undefined : writeLlamaConfig(o)));
const qwen2 = family("qwen2", "model", readLlamaConfig, (o) => (o.attentionBias === "inputs" ? writeLlamaConfig(o) : undefined));
const mistral = family("mistral", "model", readLlamaConfig, () => undefined);
const marian = family("marian", "model", marianConfig.read, marianConfig.write);
const pegasus = family("pegasus", "model", pegasusConfig.read, pegasusConfig.write);

/** Every architecture that a checkpoint may name, by Hugging Face's class. */
export const ARCHITECTURES = {
  BertModel: bert.trunk(BertModel),
  BertForMaskedLM: bert.headed(BertForMaskedLm),
  BertForPreTraining: bert.headed(BertForPreTraining),
  BertForSequenceClassification: bert.classifier(BertForSequenceClassification),
  BertForTokenClassification: bert.classifier(BertForTokenClassification),
  DistilBertModel: distilbert.trunk(DistilBertModel),
  DistilBertForMaskedLM: distilbert.headed(DistilBertForMaskedLm),
  DistilBertForSequenceClassification: distilbert.classifier(DistilBertForSequenceClassification),
  DistilBertForTokenClassification: distilbert.classifier(DistilBertForTokenClassification),
  GPT2Model: gpt2.trunk(Gpt2Model),
  GPT2LMHeadModel: gpt2.headed(Gpt2),
  LlamaModel: llama.trunk(LlamaModel),
  LlamaForCausalLM: llama.headed(Llama),
  MistralForCausalLM: mistral.headed(Llama),
  Qwen2ForCausalLM: qwen2.headed(Llama),
  MarianMTModel: marian.headed(Transformer),
  PegasusForConditionalGeneration: pegasus.headed(Transformer),
} as const;

/** Architectures of checkpoints in Hugging Face's form. */
export type ArchitectureName = keyof typeof ARCHITECTURES;
/** The class of an architecture. */
export type PretrainedModel<A extends ArchitectureName = ArchitectureName> = ReturnType<(typeof ARCHITECTURES)[A]["make"]>;

/** The architecture that a configuration names (or `requested`). ConfigError, with those supported, if there is none such. */
export function architectureOf(config: Json, requested?: string, where = "config.json"): ArchitectureName {
  if (!isRecord(config)) throw new ConfigError(`${where}: expected a JSON object`);
  const { model_type: type, architectures } = config;
  const named = requested ?? (Array.isArray(architectures) ? architectures[0] : undefined);
  const known = Object.keys(ARCHITECTURES);
  if (typeof named !== "string" || !known.includes(named))
    throw new ConfigError(
      `${where}: expected an architecture among ${known.join(", ")}, got ${named === undefined ? `none (model_type ${shown(type)})` : shown(named)}`,
    );
  const { modelType } = ARCHITECTURES[named as ArchitectureName];
  if (type !== undefined && type !== modelType)
    throw new ConfigError(`${where}: model_type: expected ${modelType} for ${named}, got ${shown(type)}`);
  return named as ArchitectureName;
}

/** Makes the model of a configuration, without weights. ConfigError for what is wrong in it, or not supported. */
export function modelFromConfig<A extends ArchitectureName>(
  architecture: A,
  config: Json,
  options: PretrainedOptions = {},
): PretrainedModel<A> {
  return (ARCHITECTURES[architecture] as Architecture<PretrainedModel<A>>).make(config, options);
}

/** Hugging Face's class that a model is; undefined for one that it has not. */
export const nameOfArchitecture = (model: Module): ArchitectureName | undefined =>
  Object.entries(ARCHITECTURES).find(([, { describe }]) => describe(model) !== undefined)?.[0] as ArchitectureName | undefined;

/** The configuration of a model, as `config.json` says it, and its architecture's name. ConfigError for a model of another kind. */
export function configOf(model: Module): { readonly architecture: ArchitectureName; readonly config: Json } {
  const architecture = nameOfArchitecture(model);
  if (architecture === undefined)
    throw new ConfigError(
      `${model.constructor.name}: expected a model of one of ${Object.keys(ARCHITECTURES).join(", ")}, got another`,
    );
  const config = ARCHITECTURES[architecture].describe(model) as Record<string, Json>;
  return { architecture, config: { architectures: [architecture], ...config } };
}

/** Tensors that checkpoints hold and that are not parameters: fixed tables, and second copies of tied weights. */
const NO_PARAMETERS =
  /(^|\.)(attn\.(masked_)?bias|position_ids|rotary_emb\.inv_freq|embed_positions\.weight|cls\.predictions\.decoder\.(weight|bias))$/;
const TIED_COPIES = /(^|\.)(lm_head|vocab_projector|(en|de)coder\.embed_tokens)\.weight$/;

/** A layer of the trunk that masked-language checkpoints lack, since only heads of whole texts read it. */
const POOLER = /(^|\.)pooler\./;

/** Names of earlier versions: TensorFlow's for the scale and shift of a layer norm. */
const modern = (name: string): string =>
  name.replace(/LayerNorm\.gamma$/, "LayerNorm.weight").replace(/LayerNorm\.beta$/, "LayerNorm.bias");

/** The match of a checkpoint's tensors to a model's parameters. */
export interface CheckpointMatch {
  /** Names of tensors, by parameter path. */
  readonly sources: ReadonlyMap<string, string>;
  /** Parameters of a new head, which the checkpoint does not hold. */
  readonly fresh: readonly string[];
  /** Tensors of another head. */
  readonly unused: readonly string[];
}

/**
 * Finds each parameter's tensor. A checkpoint of another head, or of none, gives the parameters below `base`; without `newHead` every parameter must
 * be there and every tensor be one.
 *
 * Errors: ConfigError that names each tensor that is missing, of another shape, or unknown.
 */
export function matchCheckpoint(
  model: Module,
  architecture: ArchitectureName,
  shapes: ReadonlyMap<string, readonly number[]>,
  { newHead = false, where = "checkpoint" }: { readonly newHead?: boolean; readonly where?: string } = {},
): CheckpointMatch {
  const { base } = ARCHITECTURES[architecture];
  const parameters = model.state();
  const given = new Map([...shapes.keys()].filter((name) => !NO_PARAMETERS.test(name)).map((name) => [modern(name), name]));
  // The trunk alone is saved without its prefix; a model without heads finds its parts below the prefix of others.
  const prefix = base === "" ? commonPrefix([...given.keys()], [...parameters.keys()]) : "";
  const sources = new Map<string, string>();
  const problems: string[] = [];
  const fresh: string[] = [];
  for (const [path, parameter] of parameters) {
    const inTrunk = base === "" || path.startsWith(`${base}.`);
    const bare = base !== "" && inTrunk ? path.slice(base.length + 1) : path;
    const name = given.get(prefix + path) ?? given.get(bare);
    const shape = name === undefined ? undefined : shapes.get(name);
    if (name === undefined || shape === undefined) {
      if (newHead && (!inTrunk || POOLER.test(path))) fresh.push(path);
      else problems.push(`${path} ${formatShape(parameter.dims)} is missing`);
    } else if (shape.join() !== parameter.dims.join()) {
      if (newHead && !inTrunk) fresh.push(path);
      else problems.push(`${name}: expected ${formatShape(parameter.dims)}, got ${formatShape(shape)}`);
    } else sources.set(path, name);
  }
  const used = new Set(sources.values());
  const left = [...given].filter(([current, name]) => !used.has(name) && !TIED_COPIES.test(current)).map(([, name]) => name);
  const hasTrunk = [...given.keys()].some((name) => name.startsWith(`${base}.`));
  const unknown = newHead ? left.filter((name) => isOfTrunk(modern(name), base, prefix, hasTrunk) && !POOLER.test(name)) : left;
  if (newHead || base !== "")
    problems.push(...unknown.map((name) => `${name} ${formatShape(shapes.get(name) ?? [])} is unknown`));
  if (problems.length > 0)
    throw new ConfigError(
      `${where}: expected the tensors of ${architecture} as config.json describes it, got ${problems.join("; ")}`,
    );
  return { sources, fresh, unused: left };
}

/** Tells whether a tensor lies in a trunk: below its path, or anywhere if the trunk was saved alone. */
function isOfTrunk(name: string, base: string, prefix: string, hasTrunk: boolean): boolean {
  if (base === "") return prefix !== "" && name.startsWith(prefix);
  return name.startsWith(`${base}.`) || !hasTrunk;
}

/** "bert." where the names are the paths with that before them. */
function commonPrefix(names: readonly string[], [first = ""]: readonly string[]): string {
  const found = names.includes(first) ? undefined : names.find((name) => name.endsWith(`.${first}`));
  return found?.slice(0, -first.length) ?? "";
}
