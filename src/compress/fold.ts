/**
 * @module The first step of every rewrite: transposed constants become constants, batch normalization goes into the convolution before it. Neither changes
 * what a file computes, but for last bits.
 */
import type { ModelProto, NodeProto } from "../onnx/index.js";
import { FileGraph, intsAttribute, nodeProto, numberAttribute } from "./file-graph.js";

/** Returns the file with its foldable constants folded. */
export function folded(model: ModelProto): ModelProto {
  const graph = new FileGraph(model);
  for (const node of graph.nodes) {
    if (node.opType === "Transpose") foldTranspose(graph, node);
    else if (node.opType === "BatchNormalization") foldBatchNorm(graph, node);
  }
  return graph.model();
}

/** A transposed matrix, under its own name with `.T` behind it. */
function foldTranspose(graph: FileGraph, node: NodeProto): void {
  const [from = ""] = node.inputs;
  const [to = ""] = node.outputs;
  const matrix = graph.floatsOf(from);
  const perm = intsAttribute(node, "perm") ?? [1, 0];
  if (matrix?.shape.length !== 2 || perm.join() !== "1,0" || graph.isReadElsewhere(to)) return;
  const [rows = 0, columns = 0] = matrix.shape;
  const name = graph.addConstant(`${from}.T`, "float32", [columns, rows], transposed(matrix.data, rows, columns));
  for (const reader of graph.readersOf(to))
    graph.replace(reader, [{ ...reader, inputs: reader.inputs.map((input) => (input === to ? name : input)) }]);
}

/** [R, C] as [C, R]. */
export function transposed(data: Float32Array, rows: number, columns: number): Float32Array {
  const result = new Float32Array(data.length);
  for (let r = 0; r < rows; r++) for (let c = 0; c < columns; c++) result[c * rows + r] = data[r * columns + c] as number;
  return result;
}

/**
 * A normalization in use mode scales and moves each channel: γ (w ∗ x + b − μ) / √(σ² + ε) + β. Both are the convolution's weights and bias.
 */
function foldBatchNorm(graph: FileGraph, node: NodeProto): void {
  const [x = "", ...names] = node.inputs;
  const conv = graph.producerOf(x);
  if (conv?.opType !== "Conv" || graph.readersOf(x).length !== 1 || graph.isReadElsewhere(x)) return;
  const [gamma, beta, mean, variance] = names.map((name) => graph.floatsOf(name)?.data);
  const [input = "", weightName = "", biasName] = conv.inputs;
  const weight = graph.floatsOf(weightName);
  const bias = biasName === undefined ? undefined : graph.floatsOf(biasName)?.data;
  if (!gamma || !beta || !mean || !variance || weight === undefined || (biasName !== undefined && bias === undefined)) return;
  const epsilon = numberAttribute(node, "epsilon", 1e-5);
  const factor = gamma.map((value, c) => value / Math.sqrt((variance[c] as number) + epsilon));
  const size = weight.data.length / factor.length;
  const scaled = weight.data.map((value, i) => value * (factor[Math.floor(i / size)] as number));
  const moved = beta.map((value, c) => value + ((bias?.[c] ?? 0) - (mean[c] as number)) * (factor[c] as number));
  const w = graph.addConstant(`${weightName}.folded`, "float32", weight.shape, scaled);
  const b = graph.addConstant(`${weightName}.folded.bias`, "float32", [moved.length], moved);
  graph.replace(conv, []);
  graph.replace(node, [{ ...nodeProto("Conv", [input, w, b], node.outputs, conv.attributes), name: conv.name }]);
}
