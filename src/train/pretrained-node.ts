/**
 * @module Checkpoints as Hugging Face's libraries write and read them: a folder with `config.json`, `model.safetensors` (one file, or
 * several with an index) and, for language, `tokenizer.json`.
 */
import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import * as z from "zod";
import { saveSafetensors, SafetensorsReader } from "../data/node.js";
import type { TensorData } from "../graph/index.js";
import { DTYPES, fromNumbers, isFloat, toNumbers } from "../graph/index.js";
import type { ArchitectureName, PretrainedModel, PretrainedOptions } from "../models/index.js";
import { architectureOf, configOf, matchCheckpoint, modelFromConfig } from "../models/index.js";
import type { Module } from "../nn/index.js";
import { parseTokenizerJson, vocabularyOf } from "../text/tokenizer-json.js";
import { makeFolders } from "../util/folders-node.js";
import type { Json } from "../util/described.js";
import { isRecord } from "../util/described.js";
import { ConfigError, DataError } from "../util/errors.js";
import { readRegularFile } from "../util/regular-file-node.js";
import { parseJsonWith } from "../util/schema.js";
import { setOwn } from "../util/record.js";

/** A model and its weights, as they were read. */
export interface Pretrained<A extends ArchitectureName = ArchitectureName> {
  readonly architecture: A;
  readonly model: PretrainedModel<A>;
  /** By parameter path, for `TrainingState.create` or `compile`; a new head's are not among them. */
  readonly weights: Map<string, TensorData>;
  /** The whole of `config.json`. */
  readonly config: Json;
  /** The text of `tokenizer.json`, where there is one. */
  readonly tokenizer: string | undefined;
  /** Parameters of a new head: their values come from an initializer. */
  readonly fresh: readonly string[];
  /** Tensors that belong to another head. */
  readonly unused: readonly string[];
  /** Whether float32 weights were left in the file. */
  readonly isMapped: boolean;
}

/** Options of `loadPretrained`: the architecture that is expected. */
export interface LoadPretrainedOptions<A extends ArchitectureName> extends PretrainedOptions {
  /** Another architecture on the same trunk, with a new head: `BertForTokenClassification` from a masked-language checkpoint. */
  readonly as?: A;
  /**
   * Leaves float32 weights in the file, mapped into memory, for models larger than memory; `auto` where they take more than half of what is free. For
   * `Generator.create(model, weights, { constant: false })`.
   */
  readonly mapped?: boolean | "auto";
}

const indexSchema = z.looseObject({ weight_map: z.record(z.string(), z.string()) });

async function textOf(path: string): Promise<string | undefined> {
  try {
    return (await readRegularFile(path)).toString("utf8");
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT" || (cause as NodeJS.ErrnoException).code === "ENOTDIR")
      return undefined;
    throw new DataError(`${path}: expected a file that can be read (${(cause as Error).message})`, { cause });
  }
}

/** Readers of the files that hold the tensors: one, or as many as the index names. */
async function openWeights(folder: string): Promise<SafetensorsReader[]> {
  const index = join(folder, "model.safetensors.index.json");
  const text = await textOf(index);
  if (text === undefined) return [await SafetensorsReader.open(join(folder, "model.safetensors"))];
  const files = [...new Set(Object.values(parseJsonWith(indexSchema, text, index).weight_map))].sort();
  const readers: SafetensorsReader[] = [];
  try {
    for (const file of files) {
      if (file !== file.split(/[\\/]/).at(-1)) throw new ConfigError(`${index}: expected names of files beside it, got ${file}`);
      readers.push(await SafetensorsReader.open(join(folder, file)));
    }
  } catch (error) {
    for (const reader of readers) await reader.close();
    throw error;
  }
  return readers;
}

/** Half and double precision become float32, which models compute in. */
export const widened = (data: TensorData): TensorData =>
  isFloat(data.dtype) && data.dtype !== "float32" ? fromNumbers("float32", data.shape, toNumbers(data)) : data;

/**
 * The `config.json` of a checkpoint's folder; undefined where the path is none, such as a run of Descent, which has one of another kind.
 *
 * Errors: ConfigError for one that is not JSON.
 */
export async function pretrainedConfig(folder: string): Promise<Json | undefined> {
  const path = join(folder, "config.json");
  const text = await textOf(path);
  if (text === undefined) return undefined;
  const config = parseJsonWith(z.json(), text, path) as Json;
  const isRun = !isRecord(config) || "descent" in config || !("model_type" in config || "architectures" in config);
  return isRun ? undefined : config;
}

/**
 * Reads a checkpoint's folder.
 *
 * Errors: ConfigError for an architecture or option that is not supported (those supported are listed), for tensors that do not fit the
 * configuration (each is named), and for a tokenizer with more tokens than the embedding; DataError for files that cannot be read.
 *
 * @example
 * import { loadPretrained } from "descentjs/train";
 * const { model, fresh } = await loadPretrained("path/to/bert", { as: "BertForTokenClassification", numLabels: 5 });
 * console.log(model.parameterCount > 0, fresh); // true [ 'classifier.weight', 'classifier.bias' ]
 */
export async function loadPretrained<A extends ArchitectureName = ArchitectureName>(
  folder: string,
  { as, mapped = false, ...options }: LoadPretrainedOptions<A> = {},
): Promise<Pretrained<A>> {
  const configPath = join(folder, "config.json");
  const configText = await textOf(configPath);
  if (configText === undefined)
    throw new DataError(`${folder}: expected a folder with config.json and model.safetensors, got none of that name`);
  const config = parseJsonWith(z.json(), configText, configPath) as Json;
  const own = architectureOf(config, as, configPath) as A;
  const model = modelFromConfig(own, config, { where: configPath, ...options });
  const tokenizerPath = join(folder, "tokenizer.json");
  const tokenizer = await textOf(tokenizerPath);
  if (tokenizer !== undefined) expectVocabulary(tokenizer, model.config.vocabSize, tokenizerPath);
  const readers = await openWeights(folder);
  try {
    const shapes = new Map(readers.flatMap(({ header }) => header.entries.map((entry) => [entry.name, entry.shape] as const)));
    const match = matchCheckpoint(model, own, shapes, { newHead: as !== undefined, where: folder });
    const weights = new Map<string, TensorData>();
    const isMapped = mapped === "auto" ? 8 * model.parameterCount > process.availableMemory() : mapped;
    for (const [path, name] of match.sources) {
      const reader = readers.find((candidate) => candidate.has(name)) as SafetensorsReader;
      weights.set(path, (isMapped ? await reader.map(name) : undefined) ?? widened(await reader.read(name)));
    }
    return { architecture: own, model, weights, config, tokenizer, fresh: match.fresh, unused: match.unused, isMapped };
  } finally {
    for (const reader of readers) await reader.close();
  }
}

/** SentencePiece's own files, which Marian's checkpoints have. */
const SENTENCE_PIECE = /\.(spm|model)$/;

/**
 * The `tokenizer.json` of a checkpoint that reads texts.
 *
 * Errors: ConfigError where there is none; it names SentencePiece's files, if these lie there.
 */
export async function tokenizerOfCheckpoint(
  folder: string,
  { tokenizer }: Pick<Pretrained, "tokenizer">,
  where = folder,
): Promise<string> {
  if (tokenizer !== undefined) return tokenizer;
  const pieces = (await readdir(folder)).filter((name) => SENTENCE_PIECE.test(name)).sort();
  const [found, remedy] =
    pieces.length === 0
      ? ["none", "save the model's tokenizer there"]
      : [
          `${pieces.join(", ")} alone`,
          "make one of them, a Unigram model with the ids of vocab.json, with Hugging Face's tokenizers library",
        ];
  throw new ConfigError(`${where}: expected tokenizer.json beside config.json, got ${found}; ${remedy}`);
}

/** ConfigError if a tokenizer has tokens that the model has no embedding for. */
function expectVocabulary(tokenizer: string, vocabSize: number, where: string): void {
  const json = parseTokenizerJson(tokenizer, where);
  const size = [...vocabularyOf(json).values()].reduce((a, b) => Math.max(a, b), -1) + 1;
  if (size > vocabSize)
    throw new ConfigError(
      `${where}: expected at most ${vocabSize} tokens, as the model's embedding has, got ${size}; take the tokenizer that belongs to the model`,
    );
}

/** Options of `savePretrained`; a shard's greatest size in bytes. */
export interface SavePretrainedOptions {
  /** Written beside the model as `tokenizer.json`. */
  readonly tokenizer?: string;
  /** Further entries of `config.json`, such as the names of labels; they win over the model's own. */
  readonly config?: Readonly<Record<string, Json>>;
  /** From this size on the tensors go into several files with an index; 5 GB by default, as in Hugging Face's. */
  readonly maxShardBytes?: number;
}

/** Writes a model as a folder that Hugging Face's libraries (and `loadPretrained`) read. Errors: ConfigError for missing weights. */
export async function savePretrained(
  folder: string,
  model: Module,
  weights: ReadonlyMap<string, TensorData>,
  { tokenizer, config = {}, maxShardBytes = 5e9 }: SavePretrainedOptions = {},
): Promise<void> {
  const own = configOf(model).config as Readonly<Record<string, Json>>;
  const tensors = [...model.state().keys()].map((path): readonly [string, TensorData] => {
    const data = weights.get(path);
    if (data === undefined) throw new ConfigError(`${folder}: expected weights for ${path}, got none`);
    return [path, data];
  });
  makeFolders(folder);
  await writeFile(join(folder, "config.json"), `${JSON.stringify({ ...own, ...config }, null, 2)}\n`);
  if (tokenizer !== undefined) await writeFile(join(folder, "tokenizer.json"), tokenizer);
  const shards = shardsOf(tensors, maxShardBytes);
  if (shards.length === 1) {
    await saveSafetensors(join(folder, "model.safetensors"), tensors, { format: "pt" });
    return;
  }
  const place = (i: number): string => String(i).padStart(5, "0");
  const weightMap: Record<string, string> = {};
  for (const [i, shard] of shards.entries()) {
    const file = `model-${place(i + 1)}-of-${place(shards.length)}.safetensors`;
    await saveSafetensors(join(folder, file), shard, { format: "pt" });
    for (const [path] of shard) setOwn(weightMap, path, file);
  }
  const metadata = { total_size: tensors.reduce((sum, [, { data }]) => sum + data.byteLength, 0) };
  await writeFile(
    join(folder, "model.safetensors.index.json"),
    `${JSON.stringify({ metadata, weight_map: weightMap }, null, 2)}\n`,
  );
}

/** Tensors in order, as many to a file as fit. */
function shardsOf(tensors: readonly (readonly [string, TensorData])[], limit: number): (readonly [string, TensorData])[][] {
  const shards: (readonly [string, TensorData])[][] = [[]];
  let bytes = 0;
  for (const entry of tensors) {
    const size = entry[1].data.length * DTYPES[entry[1].dtype].bytes;
    if (bytes > 0 && bytes + size > limit) {
      shards.push([]);
      bytes = 0;
    }
    shards.at(-1)?.push(entry);
    bytes += size;
  }
  return shards;
}
