/**
 * @module The layers of a file that hold most of its numbers: products with a constant matrix, convolutions, and rows that are looked up.
 */
import type { NodeProto } from "../onnx/index.js";
import type { FileGraph } from "./file-graph.js";
import { numberAttribute } from "./file-graph.js";

/** A layer of a file. */
export interface Layer {
  readonly kind: "product" | "convolution" | "lookup";
  readonly node: NodeProto;
  /** The name that tables show: the weight's. */
  readonly name: string;
  /** The input value; of a lookup, the indices. */
  readonly input: string;
  /** The constant. */
  readonly weight: string;
  readonly weightShape: readonly number[];
  /** Whether the constant is [N, K], to be multiplied as its transpose. */
  readonly isTransposed: boolean;
  /** The bias of a node that adds one. */
  readonly bias: string | undefined;
}

/** Finds the layers of a file, in its own order. */
export function layersOf(graph: FileGraph): Layer[] {
  return graph.nodes.flatMap((node) => {
    const layer = layerOf(graph, node);
    return layer === undefined ? [] : [layer];
  });
}

function layerOf(graph: FileGraph, node: NodeProto): Layer | undefined {
  const [first = "", second = "", third] = node.inputs;
  const constant = (name: string): readonly number[] | undefined => constantShape(graph, name);
  const common = { node, input: first, bias: third === "" ? undefined : third };
  const constantOf = (weight: string) => ({ name: layerName(weight), weight });
  switch (node.opType) {
    case "MatMul": {
      const weightShape = constant(second);
      if (weightShape?.length !== 2) return undefined;
      return { ...common, kind: "product", ...constantOf(second), weightShape, isTransposed: false };
    }
    case "FusedMatMul":
    case "Gemm": {
      const weightShape = constant(second);
      const turns = ["transBatchA", "transBatchB"].some((name) => numberAttribute(node, name, 0) !== 0);
      const isPlain = numberAttribute(node, "alpha", 1) === 1 && numberAttribute(node, "beta", 1) === 1 && !turns;
      if (weightShape?.length !== 2 || !isPlain || numberAttribute(node, "transA", 0) !== 0) return undefined;
      const isTransposed = numberAttribute(node, "transB", 0) === 1;
      return { ...common, kind: "product", ...constantOf(second), weightShape, isTransposed };
    }
    case "Conv": {
      const weightShape = constant(second);
      if (weightShape === undefined) return undefined;
      return { ...common, kind: "convolution", ...constantOf(second), weightShape, isTransposed: false };
    }
    case "Gather": {
      const weightShape = constant(first);
      if (weightShape?.length !== 2 || numberAttribute(node, "axis", 0) !== 0) return undefined;
      return { node, bias: undefined, kind: "lookup", ...constantOf(first), input: second, weightShape, isTransposed: false };
    }
    default:
      return undefined;
  }
}

const FLOAT = 1;

/** The shape of a constant of float32; undefined of other values. */
export function constantShape(graph: FileGraph, name: string): readonly number[] | undefined {
  const stored = graph.constant(name);
  return stored?.dataType === FLOAT ? stored.dims : undefined;
}

/** The path of the parameter from which folding made a constant. */
export const layerName = (weight: string): string => weight.replace(/(\.T|\.folded)+$/, "");

/** The columns that a layer multiplies (K) and those that it makes (N). */
export function widthsOf({ kind, weightShape, isTransposed }: Layer): { readonly k: number; readonly n: number } {
  const [a = 1, b = 1, ...kernel] = weightShape;
  if (kind === "product") return isTransposed ? { k: b, n: a } : { k: a, n: b };
  return { k: kernel.reduce((size, d) => size * d, b), n: a };
}

/** A product's weights as rows of outputs, [N, K]. */
export function outputRows(layer: Layer, data: Float32Array): Float32Array {
  const { k, n } = widthsOf(layer);
  if (layer.kind !== "product" || layer.isTransposed) return data;
  const rows = new Float32Array(n * k);
  for (let i = 0; i < k; i++) for (let j = 0; j < n; j++) rows[j * k + i] = data[i * n + j] as number;
  return rows;
}
