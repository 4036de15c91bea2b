/**
 * @module The values inside a file while it runs on examples: adds them to its outputs and visits them batch by batch.
 */
import type { TensorData } from "../graph/index.js";
import type { ModelProto } from "../onnx/index.js";
import { encodeModel, OnnxModel } from "../onnx/index.js";
import type { CompileOptions } from "../runtime/index.js";
import { compile } from "../runtime/index.js";

/** Inputs of a run, by name. */
export type Feeds = Readonly<Record<string, TensorData>>;

/** Makes a file whose outputs are the given inner values, and no others. */
export function withOutputs(model: ModelProto, names: readonly string[]): ModelProto {
  const outputs = names.map((name) => ({ name, elementType: 0, shape: undefined }));
  return { ...model, graph: { ...model.graph, nodes: model.graph.nodes, outputs } };
}

/** Runs a file on batches, and yields the named tensors of each. They lie in the engine's own memory, valid until the next batch. */
export async function eachActivation(
  model: ModelProto,
  names: readonly string[],
  batches: readonly Feeds[],
  each: (values: ReadonlyMap<string, TensorData>) => void,
  options: CompileOptions = {},
): Promise<void> {
  const given = new Set(model.graph.inputs.map(({ name }) => name));
  const inside = names.filter((name) => !given.has(name));
  const from = (feeds: Feeds): [string, TensorData][] =>
    names.flatMap((name): [string, TensorData][] => (given.has(name) && feeds[name] !== undefined ? [[name, feeds[name]]] : []));
  if (inside.length === 0) {
    for (const feeds of batches) each(new Map(from(feeds)));
    return;
  }
  await using session = await compile(new OnnxModel(encodeModel(withOutputs(model, inside))), options);
  for (const feeds of batches) {
    const wanted = Object.fromEntries(session.inputs.map((name) => [name, feeds[name] as TensorData]));
    const values = await session.call(wanted);
    each(new Map([...from(feeds), ...Object.entries(values)]));
  }
}

/** Shapes of values inside a file for one batch. */
export async function activationShapes(
  model: ModelProto,
  names: readonly string[],
  batch: Feeds,
  options: CompileOptions = {},
): Promise<ReadonlyMap<string, readonly number[]>> {
  const shapes = new Map<string, readonly number[]>();
  const keep = (values: ReadonlyMap<string, TensorData>): void => {
    for (const [name, { shape }] of values) shapes.set(name, shape);
  };
  await eachActivation(model, [...new Set(names)], [batch], keep, options);
  return shapes;
}
