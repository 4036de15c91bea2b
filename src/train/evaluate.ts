/**
 * @module Running a graph over a whole data set in batches of one size: the last batch is filled up with its own rows, and
 * the rows that filled it are cut from the answers.
 */
import type { Batch, Dataset } from "../data/index.js";
import type { TensorData } from "../graph/index.js";

/** Runs a compiled forward on one batch. */
export type BatchRunner = (batch: Batch) => Promise<Readonly<Record<string, TensorData>>>;

/** The first `rows` rows of a tensor whose axis 0 is the batch. */
function firstRows(values: TensorData, rows: number): TensorData {
  const [count = 0, ...rest] = values.shape;
  if (count === rows) return values;
  const size = rest.reduce((product, d) => product * d, 1);
  return { dtype: values.dtype, shape: [rows, ...rest], data: values.data.subarray(0, rows * size) };
}

/** Calls `each` with the outputs and the batch of every slice of the data, in order. */
export async function forEachBatch(
  dataset: Dataset,
  batchSize: number,
  run: BatchRunner,
  each: (outputs: Readonly<Record<string, TensorData>>, batch: Batch, firstRow: number) => void,
): Promise<void> {
  for (let start = 0; start < dataset.length; start += batchSize) {
    const rows = Math.min(batchSize, dataset.length - start);
    const indices = Uint32Array.from({ length: batchSize }, (_, i) => start + (i % rows));
    const outputs = await run(dataset.gather(indices));
    const cut = Object.fromEntries(Object.entries(outputs).map(([name, t]) => [name, firstRows(t, rows)]));
    each(cut, dataset.gather(indices.subarray(0, rows)), start);
  }
}
