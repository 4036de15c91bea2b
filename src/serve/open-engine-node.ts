/**
 * @module The engine for a path: of a model that generates text, or of any other.
 */
import { isDecoder } from "../generate/index.js";
import { Transformer } from "../models/index.js";
import { openRun, splitRunPath } from "../run/run-folder-node.js";
import { taskOfCheckpoint } from "../tasks/use/checkpoint-node.js";
import { isGguf } from "../tasks/use/gguf-node.js";
import { FreeColumnsError } from "../tasks/use/given-shapes-node.js";
import { openTextSource } from "../tasks/use/text-generator-node.js";
import { pretrainedConfig } from "../train/pretrained-node.js";
import { isRecord, type Json } from "../util/described.js";
import { ConfigError } from "../util/errors.js";
import { EncoderEngine } from "./encoder-engine-node.js";
import { FreeColumnsEngine } from "./free-columns-engine-node.js";
import { LanguageEngine } from "./language-engine.js";
import { languageEngine } from "./language-engine-node.js";
import type { OpenEngineOptions, OwnedEngine } from "./model-engine-node.js";
import { ModelEngine } from "./model-engine-node.js";

/** Tasks whose models write texts. */
const WRITING: ReadonlySet<string> = new Set(["language-modeling", "sequence-to-sequence"]);

/** Whether a path is that of a model that may write texts; `checkpoint` is the configuration of a folder in Hugging Face's form. */
async function mayWrite(path: string, checkpoint: Json | undefined): Promise<boolean> {
  if (path.endsWith(".onnx")) return false;
  if (isGguf(path)) return true;
  if (checkpoint !== undefined) return WRITING.has(taskOfCheckpoint(checkpoint)?.name ?? "");
  const config = await (await openRun(splitRunPath(path).run)).config();
  return WRITING.has(config.task);
}

/** The classes that a checkpoint's configuration names. */
const architecturesOf = (config: Json | undefined): readonly string[] =>
  config !== undefined && isRecord(config) && Array.isArray(config["architectures"])
    ? config["architectures"].filter((name) => typeof name === "string")
    : [];

/** Opens a model as an engine. Errors: those of `openModel`, `openTextSource` and `loadAdapters`; ConfigError for adapters of a model that does not take them. */
export async function openEngine(path: string, options: OpenEngineOptions = {}): Promise<OwnedEngine> {
  const engine = await openAny(path, options);
  const isLanguage = engine instanceof LanguageEngine;
  if (isLanguage || options.adapters === undefined || options.adapters.length === 0) return engine;
  await engine[Symbol.asyncDispose]();
  throw new ConfigError(`--adapter: expected a text generator to adapt, got one of ${engine.description.task}`);
}

/** Opens a model that writes no texts. */
async function openModelEngine(path: string, options: OpenEngineOptions): Promise<OwnedEngine> {
  try {
    return await ModelEngine.open(path, options);
  } catch (error) {
    if (error instanceof FreeColumnsError) return FreeColumnsEngine.open(path, error, options);
    throw error;
  }
}

async function openAny(path: string, options: OpenEngineOptions): Promise<OwnedEngine> {
  const checkpoint = await pretrainedConfig(path);
  const { shape: [shape] = [] } = options;
  if (shape !== undefined && !path.endsWith(".onnx"))
    throw new ConfigError(`--shape ${shape}: expected an ONNX file, got ${path}; leave it out`);
  if (architecturesOf(checkpoint).includes("BertModel")) return EncoderEngine.open(path, options);
  if (!(await mayWrite(path, checkpoint))) return openModelEngine(path, options);
  const source = await openTextSource(path, options);
  // A model that fills in masked tokens is of the same task, and answers like any other.
  const writes = isDecoder(source.model) || source.model instanceof Transformer;
  return writes ? languageEngine(path, source, options) : ModelEngine.open(path, options);
}
