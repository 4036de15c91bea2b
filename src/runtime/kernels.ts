/**
 * @module Finds nodes that a device has no kernel for. From ONNX Runtime 1.30's kernel registrations; `requireDevice` at
 * session creation is the engine's own word on it, and test/runtime/kernels.test.ts holds the two together.
 */
import type { DType, Graph, Node, Tensor } from "../graph/index.js";
import { isLeaf } from "../graph/index.js";
import type { Device } from "./runtime.js";
import { own } from "../util/record.js";

/** Ops without a kernel on WebGPU, whatever the element type. */
const WEBGPU_LACKS: ReadonlySet<string> = new Set(
  `Sign Round Mod Or Xor IsNaN IsInf Sum Selu LogSoftmax GroupNormalization FusedMatMul BitwiseAnd BitwiseOr BitwiseXor BitwiseNot BitShift
  OneHot NonZero ConstantOfShape NonMaxSuppression MaxUnpool LRN Loop Scan Dropout RandomUniform RandomNormal Bernoulli
  QuantizeLinear DynamicQuantizeLinear MatMulInteger RNN`.split(/\s+/),
);

/** Kernels for floating point only. */
const WEBGPU_FLOAT_ONLY: ReadonlySet<string> = new Set(["Abs", "Neg", "MatMul", "Gemm", "Slice", "GatherElements"]);

/** No kernel for truth values. */
const WEBGPU_NO_BOOL: ReadonlySet<string> = new Set(
  "Equal Concat Transpose Tile Split Trilu Identity ScatterElements".split(" "),
);

/** Element types that WebGPU's kernels do not read. Of these, int64 is taken as an index, and may be written. */
const WEBGPU_UNREAD: ReadonlySet<DType> = new Set(["float64", "int64", "uint64", "int8", "uint8", "int16", "uint16"]);

/** Inputs that may be int64: indices. */
const INDEX_INPUT: Readonly<Record<string, number>> = {
  Gather: 1,
  GatherElements: 1,
  GatherND: 1,
  ScatterElements: 1,
  ScatterND: 1,
};

/** `path: Op` of every node that would fall back to the CPU. */
export function nodesWithoutKernel(graph: Graph, device: Device): string[] {
  if (device !== "webgpu") return [];
  const used = new Set([...graph.nodes.flatMap((node) => node.inputs), ...graph.outputs.values()]);
  return graph.nodes
    .filter((node) => !isLeaf(node) && lacksKernel(node, used))
    .map((node) => (node.scope === "" ? node.op : `${node.scope}: ${node.op}`));
}

function lacksKernel(node: Node, used: ReadonlySet<Tensor | null>): boolean {
  const { op, inputs, outputs } = node;
  const first = inputs[0]?.dtype;
  return (
    WEBGPU_LACKS.has(op) ||
    (WEBGPU_FLOAT_ONLY.has(op) && first !== "float32" && first !== "float16") ||
    (WEBGPU_NO_BOOL.has(op) && first === "bool") ||
    (op === "Where" && outputs[0]?.dtype === "bool") ||
    (op === "MaxPool" && outputs.slice(1).some((indices) => used.has(indices))) ||
    inputs.some((t, i) => t !== null && WEBGPU_UNREAD.has(t.dtype) && own(INDEX_INPUT, op) !== i) ||
    outputs.some((t) => t.dtype === "float64")
  );
}
