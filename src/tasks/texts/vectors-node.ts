/**
 * @module Pretrained vectors as what a model's embedding begins with.
 */
import type { TextModel } from "../../models/index.js";
import type { Module } from "../../nn/index.js";
import { loadVectors, widthOfVectors } from "../../text/node.js";
import { ConfigError } from "../../util/errors.js";
import type { InitialWeights } from "../task-node.js";
import type { TaskInfo, TaskOptions } from "../task.js";
import type { TextInfo } from "./texts.js";
import { tokenizerOf } from "./texts.js";

type Asked = Pick<TaskOptions, "vectors">;

/** Reads the width of the requested vectors. ConfigError where the model has weights already. */
export async function vectorSize({ vectors }: Asked, init: string | undefined): Promise<{ readonly vectorSize?: number }> {
  if (vectors === undefined) return {};
  if (init !== undefined) throw new ConfigError(`--vectors: expected none beside --init ${init}, whose model has its own`);
  return { vectorSize: await widthOfVectors(vectors) };
}

/** The embedding's weights, by its path, and how many rows are of the file. ConfigError if the model's is not as wide. */
export async function vectorWeights(
  { vectors }: Asked,
  model: Module,
  info: TaskInfo,
  seed: number,
): Promise<InitialWeights | undefined> {
  if (vectors === undefined) return undefined;
  const table = (model as TextModel).wordEmbedding?.weight;
  if (table === undefined) throw new ConfigError(`--vectors ${vectors}: expected a model whose embedding takes them`);
  const { vocabulary, size } = await tokenizerOf(info as TextInfo);
  const { weight, found } = await loadVectors(vectors, vocabulary, { size, seed, lowercase: true });
  const path = [...model.parameters()].find(([, p]) => p === table)?.[0] ?? "";
  if (weight.shape[1] !== table.dims[1])
    throw new ConfigError(
      `--vectors ${vectors}: expected vectors of ${table.dims[1]} numbers for this model, got ${weight.shape[1]}`,
    );
  return { weights: new Map([[path, weight]]), notes: [`--vectors ${vectors}: ${found} of ${size} rows have a vector`] };
}
