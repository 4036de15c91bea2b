/**
 * @module What all models in use share: how many rows run at once, which columns a graph is given, where its last linear layer begins.
 */
import type { Batch } from "../../data/index.js";
import type { Tensor, TensorData } from "../../graph/index.js";

/** Rows that are computed at once unless the task says less; a single input is computed alone. */
export const BATCH = 256;

/** Columns of a batch by name. */
export const pick = (batch: Batch, columns: readonly string[]): Batch =>
  Object.fromEntries(columns.map((name) => [name, batch[name] as TensorData]));

/** The matrix that the nearest product before `output` takes: an output's features. */
export function beforeLastLinear(output: Tensor): Tensor | undefined {
  for (let node = output.node; ;) {
    const [first] = node.inputs;
    if (first === undefined || first === null) return undefined;
    if (/^(Gemm|MatMul|FusedMatMul)$/.test(node.op) && first.rank === 2) return first;
    node = first.node;
  }
}
