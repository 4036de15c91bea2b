/**
 * @module Batches for exported explanations, and what `explain` gives for them: for tests and for `scripts/exported-answers.ts`.
 */
import type { ExplainOptions } from "../../src/explain/index.js";
import { explain } from "../../src/explain/index.js";
import type { Tensor, TensorData } from "../../src/graph/index.js";
import { fromNumbers, Graph, sizeOf, staticShape, toNumbers } from "../../src/graph/index.js";
import { evaluate } from "../../src/runtime/index.js";
import { explainedGraph, pathsOf, valuesOf } from "../../src/tasks/explaining/explainable-node.js";
import type { TrainedModel } from "../../src/tasks/trained-model.js";
import { Random } from "../../src/util/random.js";

export type Feeds = Readonly<Record<string, TensorData>>;

/** Numbers for a column of a batch: pixels, token ids and a mask of texts of several lengths, categories, or standardized quantities. */
function numbersFor(name: string, t: Tensor, info: TrainedModel["info"], random: Random): TensorData {
  const shape = staticShape(t.shape, name);
  const [, length = 1] = shape;
  const number = (i: number): number => {
    if (name === "attention_mask") return i % length <= Math.floor(i / length) + 1 ? 1 : 0;
    if (name === "input_ids") return random.integer(Number(info["vocabularySize"]));
    if (name === "categories") return random.integer(2);
    return t.dtype === "uint8" ? random.integer(256) : random.normal();
  };
  return fromNumbers(
    t.dtype,
    shape,
    Float64Array.from({ length: sizeOf(shape) }, (_, i) => number(i)),
  );
}

/**
 * A batch of n rows with its targets (−1 in turn with the places of labels), and the attribution by `explain`: by token where features are vectors of
 * tokens. `length`: tokens of a row of texts.
 */
export async function explainedBatch(
  trained: TrainedModel,
  n: number,
  options: ExplainOptions,
  length = 9,
): Promise<{ readonly feeds: Feeds; readonly attribution: TensorData }> {
  const { task, info } = trained;
  const isText = task.buckets !== undefined;
  const { columns, features, model } = explainedGraph(trained, { info, use: "eval", options: {}, ...(isText && { length }) }, n);
  const random = new Random(5, "exported", n);
  const feeds = Object.fromEntries(Object.entries(columns).map(([name, t]) => [name, numbersFor(name, t, info, random)]));
  const targets = Int32Array.from({ length: n }, (_, i) => (i % 2 === 0 ? -1 : i % model.scoreCount));
  const read = new Graph({ features }).inputs.map((t) => String(t.node.attributes["name"]));
  const bound = { values: valuesOf(trained), names: pathsOf(trained) };
  const seen = await evaluate({ features }, Object.fromEntries(read.map((name) => [name, feeds[name] as TensorData])), bound);
  const others = Object.fromEntries(Object.keys(model.others ?? {}).map((name) => [name, feeds[name] as TensorData]));
  const { values } = await explain(model, { features: seen.features, others }, { ...options, target: [...targets] });
  return {
    feeds: { ...feeds, target: { dtype: "int32", shape: [n], data: targets } },
    attribution: isText && values.shape.length === 3 ? perToken(values) : values,
  };
}

/** [N, T, D] → [N, T]. */
function perToken(values: TensorData): TensorData {
  const [n = 1, t = 1, d = 1] = values.shape;
  const numbers = toNumbers(values);
  const sums = Float64Array.from({ length: n * t }, (_, i) => numbers.subarray(i * d, (i + 1) * d).reduce((a, b) => a + b, 0));
  return fromNumbers("float32", [n, t], sums);
}
