/**
 * @module Weights that are computed from constants, once: a graph in use scales, turns and reorders its weights, which the engine would do in
 * every run where it has no rule to fold the op.
 */
import type { Tensor, TensorData } from "../graph/index.js";
import { Graph, isLeaf, isStatic, Parameter, reachableNodes, rewriteGraph, sizeOf } from "../graph/index.js";
import { exportGraph } from "../onnx/index.js";
import type { Runtime, SessionOptions, Value } from "./runtime.js";

/** Fewer elements cost nothing in a run. */
const FEWEST_ELEMENTS = 1024;

export interface WithWeights {
  readonly graph: Graph;
  readonly names: ReadonlyMap<Tensor, string>;
  readonly values: ReadonlyMap<Tensor, TensorData>;
}

/** The float32 tensors that depend on constants only, and that others read, or that are results. */
function settledTensors(graph: Graph, values: ReadonlyMap<Tensor, TensorData>): Tensor[] {
  const settled = new Set<Tensor>();
  const read = new Set<Tensor>();
  for (const node of reachableNodes(graph.outputs.values())) {
    const isSettled = isLeaf(node)
      ? node.op === "Constant" || node.outputs.some((t) => values.has(t))
      : node.inputs.every((t) => t === null || settled.has(t));
    if (isSettled) for (const t of node.outputs) settled.add(t);
    else for (const t of node.inputs) if (t !== null && settled.has(t) && !isLeaf(t.node)) read.add(t);
  }
  return [...read].filter((t) => t.dtype === "float32" && isStatic(t.shape) && sizeOf(t.shape) >= FEWEST_ELEMENTS);
}

/** The graph with such weights as parameters whose numbers are known. */
export async function computeWeights(
  { graph, names, values }: WithWeights,
  runtime: Runtime,
  options: SessionOptions,
): Promise<WithWeights> {
  const found = settledTensors(graph, values);
  if (found.length === 0) return { graph, names, values };
  const outputs = new Graph(new Map(found.map((t, i) => [`weights${i}`, t])));
  await using session = await runtime.createSession(exportGraph(outputs, { names, values }), {
    device: options.device,
    ...(options.threads !== undefined && { threads: options.threads }),
    spin: false,
  });
  const computed = await session.run({});
  const [allNames, allValues] = [new Map(names), new Map(values)];
  const made = new Map<Tensor, Tensor>();
  for (const [i, t] of found.entries()) {
    using value = computed[`weights${i}`] as Value;
    const data = await runtime.read(value);
    const parameter = new Parameter(data.shape, { initializer: () => data.data as Float32Array });
    made.set(t, parameter);
    allNames.set(parameter, `computed.weights${i}`);
    // The engine's memory goes with its value.
    allValues.set(parameter, { ...data, data: data.data.slice() });
  }
  const replaced = rewriteGraph(graph, (node) => {
    if (!node.outputs.some((t) => made.has(t))) return undefined;
    return node.outputs.map((t) => made.get(t) ?? t);
  });
  return { graph: replaced, names: allNames, values: allValues };
}
