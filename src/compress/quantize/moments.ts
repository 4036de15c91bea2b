/**
 * @module Moments of what layers are given on examples: the products of their inputs' columns, means, and largest numbers. The engine does the sums.
 */
import type { TensorData } from "../../graph/index.js";
import { toNumbers } from "../../graph/index.js";
import type { ModelProto } from "../../onnx/index.js";
import type { CompileOptions } from "../../runtime/index.js";
import type { Feeds } from "../activations.js";
import { eachActivation } from "../activations.js";
import { intAttribute, nodeProto, tensorProto } from "../file-graph.js";

/** Sums over the rows x [K] of an input. */
export interface Moments {
  readonly k: number;
  rows: number;
  /** Σ x xᵀ, [K, K]; empty where it was not asked for. */
  readonly products: Float64Array;
  /** Σ |x|. */
  readonly sizes: Float64Array;
  /** max |x|. */
  readonly largest: Float64Array;
}

/** Suffixes of the values that are added to a file. */
const [ROWS, SIZES, SUM, LARGEST, PRODUCTS] = [".rows", ".sizes", ".sum", ".largest", ".products"];

/** The file with the sums over inputs [.., K] computed in it. */
function withSums(model: ModelProto, inputs: ReadonlyMap<string, number>, products: boolean): ModelProto {
  const axis = tensorProto("descent.moments.axis", "int64", [1], BigInt64Array.of(0n));
  const initializers = [...model.graph.initializers, axis];
  const nodes = [...model.graph.nodes];
  for (const [name, k] of inputs) {
    const shape = tensorProto(`${name}.rows.shape`, "int64", [2], BigInt64Array.of(-1n, BigInt(k)));
    initializers.push(shape);
    nodes.push(
      nodeProto("Reshape", [name, shape.name], [name + ROWS]),
      nodeProto("Abs", [name + ROWS], [name + SIZES]),
      nodeProto("ReduceSum", [name + SIZES, axis.name], [name + SUM], [intAttribute("keepdims", 0)]),
      nodeProto("ReduceMax", [name + SIZES, axis.name], [name + LARGEST], [intAttribute("keepdims", 0)]),
    );
    if (products) nodes.push(nodeProto("Gemm", [name + ROWS, name + ROWS], [name + PRODUCTS], [intAttribute("transA", 1)]));
  }
  return { ...model, graph: { ...model.graph, nodes, initializers } };
}

/** Sums up the named inputs, with the lengths K of their last axes, over batches. */
export async function momentsOf(
  model: ModelProto,
  inputs: ReadonlyMap<string, number>,
  batches: readonly Feeds[],
  { products, ...options }: CompileOptions & { readonly products: boolean },
): Promise<Map<string, Moments>> {
  const found = new Map<string, Moments>();
  for (const [name, k] of inputs) {
    const square = new Float64Array(products ? k * k : 0);
    found.set(name, { k, rows: 0, products: square, sizes: new Float64Array(k), largest: new Float64Array(k) });
  }
  const add = (to: Float64Array, tensor: TensorData | undefined): void => {
    if (tensor !== undefined) toNumbers(tensor).forEach((value, i) => (to[i] = (to[i] as number) + value));
  };
  const suffixes = [SUM, LARGEST, ROWS, ...(products ? [PRODUCTS] : [])];
  const names = [...inputs.keys()].flatMap((name) => suffixes.map((suffix) => name + suffix));
  const take = (values: ReadonlyMap<string, TensorData>): void => {
    for (const [name, moments] of found) {
      moments.rows += values.get(name + ROWS)?.shape[0] ?? 0;
      add(moments.sizes, values.get(name + SUM));
      add(moments.products, values.get(name + PRODUCTS));
      const largest = values.get(name + LARGEST);
      if (largest !== undefined)
        toNumbers(largest).forEach((value, i) => (moments.largest[i] = Math.max(moments.largest[i] as number, value)));
    }
  };
  await eachActivation(withSums(model, inputs, products), names, batches, take, options);
  return found;
}
