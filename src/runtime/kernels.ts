/**
 * @module Which ops a device has no kernel for. Read off ONNX Runtime 1.30's kernel registrations; `requireDevice` at
 * session creation is the engine's own word on it, and a test holds the two together.
 */
import type { Graph, Node, Tensor } from "../graph/index.js";
import { isLeaf } from "../graph/index.js";
import type { Device } from "./runtime.js";

const WEBGPU_LACKS: ReadonlySet<string> = new Set([
  "OneHot",
  "Sign",
  "Round",
  "Mod",
  "Or",
  "Xor",
  "NonZero",
  "ConstantOfShape",
  "IsNaN",
  "IsInf",
  "LogSoftmax",
  "Dropout",
  "RandomUniform",
  "RandomNormal",
  "Bernoulli",
  "Sum",
  "MaxUnpool",
  "LRN",
  "QuantizeLinear",
  "DynamicQuantizeLinear",
  "MatMulInteger",
  "NonMaxSuppression",
  "Loop",
  "Scan",
  "BitwiseAnd",
  "BitwiseOr",
  "BitwiseXor",
  "BitwiseNot",
  "BitShift",
  "Mish",
  "PRelu",
  "Softplus",
  "Softsign",
  "HardSwish",
]);

/** `path: Op` of every node that would fall back to the CPU. */
export function nodesWithoutKernel(graph: Graph, device: Device): string[] {
  if (device !== "webgpu") return [];
  const used = new Set([...graph.nodes.flatMap((node) => node.inputs), ...graph.outputs.values()]);
  return graph.nodes
    .filter((node) => !isLeaf(node) && lacksKernel(node, used))
    .map((node) => (node.scope === "" ? node.op : `${node.scope}: ${node.op}`));
}

const lacksKernel = (node: Node, used: ReadonlySet<Tensor | null>): boolean =>
  WEBGPU_LACKS.has(node.op) ||
  node.outputs.some((t) => t.dtype === "float64") ||
  (node.op === "MaxPool" && node.outputs.slice(1).some((places) => used.has(places)));
