/**
 * @module Helpers that all models in use share: how many rows run at once, which columns a graph is given, where its last linear layer begins.
 */
import type { Batch } from "../../data/index.js";
import type { Dim, Tensor, TensorData } from "../../graph/index.js";
import { sizeOf, symbol } from "../../graph/index.js";
import type { AnyTask, TaskContext, TaskInfo } from "../task.js";

/** Rows that are computed at once unless the task says less; a single input is computed alone. */
const BATCH = 256;

/** Bytes of images, as floats, of the rows that are computed at once: activations are many times as large. */
const IMAGE_BYTES = 2 ** 24;

/** Rows that are computed at once: fewer of large images, 27 of 224×224 in colour. */
export function rowsAtOnce(task: Pick<AnyTask, "mostAtOnce" | "loading">, info: TaskInfo): number {
  const most = task.mostAtOnce ?? BATCH;
  const shape = task.loading?.(info).imageShape;
  return shape === undefined ? most : Math.max(1, Math.min(most, Math.floor(IMAGE_BYTES / (4 * sizeOf(shape)))));
}

/** The context in which a graph is made for use: any number of rows, of any length. */
export const usingContext = (task: AnyTask, info: TaskInfo): TaskContext<TaskInfo> => ({
  info,
  use: "eval",
  options: {},
  length: task.buckets && symbol("T"),
});

/** Columns of a batch by name. */
export const pick = (batch: Batch, columns: readonly string[]): Batch =>
  Object.fromEntries(columns.map((name) => [name, batch[name] as TensorData]));

/** Tells whether a tensor is a weight as it is stored, or with its axes in another order. */
function isWeight({ node }: Tensor): boolean {
  const { op } = node.op === "Transpose" ? (node.inputs[0] as Tensor).node : node;
  return op === "Parameter" || op === "Constant";
}

/** The matrix that the nearest product before `output` takes: an output's features. Of networks side by side, [K, N, D], a row has those of all. */
export function beforeLastLinear(output: Tensor): Tensor | undefined {
  for (let node = output.node; ;) {
    const [first, second] = node.inputs;
    if (first === undefined || first === null) return undefined;
    if (/^(Gemm|MatMul|FusedMatMul)$/.test(node.op)) {
      if (first.rank === 2) return first;
      const [members, rows, width] = first.shape;
      if (first.rank === 3 && second?.rank === 3 && isWeight(second))
        return first.transpose([1, 0, 2]).reshape([rows as Dim, Number(members) * Number(width)]);
    }
    node = first.node;
  }
}
