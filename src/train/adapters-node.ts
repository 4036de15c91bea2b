/**
 * @module Adapters as the PEFT library writes and reads them: a folder with `adapter_config.json` and `adapter_model.safetensors`.
 */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import * as z from "zod";
import { readFileBytes } from "../data/files-node.js";
import { loadSafetensors, saveSafetensors } from "../data/node.js";
import type { TensorData } from "../graph/index.js";
import { formatShape, sameShape } from "../graph/index.js";
import { PEFT_PREFIX, peftConfigOf, readPeftConfig } from "../models/index.js";
import type { Adapted, Lora, Module } from "../nn/index.js";
import { adaptedParts, addAdapters } from "../nn/index.js";
import { makeFolders } from "../util/folders-node.js";
import { ConfigError } from "../util/errors.js";
import { parseJsonWith } from "../util/schema.js";
import { widened } from "./pretrained-node.js";

const CONFIG = "adapter_config.json";
const TENSORS = "adapter_model.safetensors";

/**
 * Writes the adapters of a model, and the modules that are trained whole, as a folder that PEFT (and `loadAdapters`) reads. `base` is the name or path of the
 * model that they belong to.
 *
 * Errors: ConfigError for missing weights.
 */
export async function saveAdapters(
  folder: string,
  model: Module,
  weights: ReadonlyMap<string, TensorData>,
  lora: Lora,
  { base }: { readonly base?: string } = {},
): Promise<void> {
  const tensors = adaptedParts(model, lora.modulesToSave).trained.map((path): readonly [string, TensorData] => {
    const data = weights.get(path);
    if (data === undefined) throw new ConfigError(`${folder}: expected weights for ${path}, got none`);
    return [PEFT_PREFIX + path, data];
  });
  makeFolders(folder);
  await writeFile(join(folder, CONFIG), `${JSON.stringify(peftConfigOf(model, lora, base ?? null), null, 2)}\n`);
  await saveSafetensors(join(folder, TENSORS), tensors, { format: "pt" });
}

/** Adapters of a PEFT folder, the model that has them, and their weights by name. */
export interface LoadedAdapters {
  readonly lora: Lora;
  readonly adapted: Adapted;
  /** Weights of the adapters and of the modules that are trained whole, by path. */
  readonly weights: Map<string, TensorData>;
}

/**
 * Puts the adapters of a folder into a model, in place, and reads their weights: `new Map([...base, ...weights])` are those of the whole.
 *
 * Errors: DataError for files that cannot be read; ConfigError for a configuration that is not supported, and for tensors that do not fit the model (each
 * is named).
 */
export async function loadAdapters(folder: string, model: Module): Promise<LoadedAdapters> {
  const configPath = join(folder, CONFIG);
  const text = new TextDecoder().decode(await readFileBytes(configPath));
  const lora = readPeftConfig(parseJsonWith(z.json(), text, configPath), model, configPath);
  const { tensors } = await loadSafetensors(join(folder, TENSORS));
  const adapted = addAdapters(model, lora);
  const parameters = model.state();
  const weights = new Map<string, TensorData>();
  const problems: string[] = [];
  for (const path of adapted.trained) {
    const dims = parameters.get(path)?.dims ?? [];
    const given = tensors.get(PEFT_PREFIX + path);
    if (given === undefined) problems.push(`${path} ${formatShape(dims)} is missing`);
    else if (!sameShape(given.shape, dims))
      problems.push(`${path}: expected ${formatShape(dims)}, got ${formatShape(given.shape)}`);
    else weights.set(path, widened(given));
  }
  for (const [name, { shape }] of tensors) {
    if (!adapted.trained.includes(name.slice(PEFT_PREFIX.length))) problems.push(`${name} ${formatShape(shape)} is unknown`);
  }
  if (problems.length > 0)
    throw new ConfigError(
      `${folder}: expected the adapters of this model as ${CONFIG} describes them, got ${problems.join("; ")}`,
    );
  return { lora, adapted, weights };
}
