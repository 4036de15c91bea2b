/**
 * @module What all models in use share: how many rows run at once, which columns a graph is given, where its last linear layer begins.
 */
import type { Batch } from "../../data/index.js";
import type { Tensor, TensorData } from "../../graph/index.js";
import { sizeOf } from "../../graph/index.js";
import type { AnyTask, TaskInfo } from "../task.js";

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
