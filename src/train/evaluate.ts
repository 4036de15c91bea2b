/**
 * @module Running a graph over a whole data set in batches of one size: the last batch is filled up with its own rows, and
 * the rows that filled it are cut from the answers.
 */
import { sizeOf } from "../graph/index.js";
import type { Batch, BatchFetcher, Dataset } from "../data/index.js";
import { readSafetensors, writeSafetensors } from "../data/index.js";
import type { TensorData } from "../graph/index.js";
import type { ProcessGroup } from "../parallel/index.js";

/** Runs a compiled forward on one batch. */
export type BatchRunner = (batch: Batch) => Promise<Readonly<Record<string, TensorData>>>;

/** The first `rows` rows of a tensor whose axis 0 is the batch. */
function firstRows(values: TensorData, rows: number): TensorData {
  const [count = 0, ...rest] = values.shape;
  if (count === rows) return values;
  const size = sizeOf(rest);
  return { dtype: values.dtype, shape: [rows, ...rest], data: values.data.subarray(0, rows * size) };
}

const cut = (values: Readonly<Record<string, TensorData>>, rows: number): Record<string, TensorData> =>
  Object.fromEntries(Object.entries(values).map(([name, t]) => [name, firstRows(t, rows)]));

/**
 * Calls `each` with the outputs, the batch and its rows for every slice of the data, in order. Batches are the columns as they lie,
 * or what `fetcher` makes of the rows; it is asked for the next one while the engine works. The processes of a `group` take turns at the batches,
 * and each is given all outputs.
 */
export async function forEachBatch(
  dataset: Dataset,
  batchSize: number,
  run: BatchRunner,
  each: (outputs: Readonly<Record<string, TensorData>>, batch: Batch, rows: Uint32Array) => void,
  fetcher?: BatchFetcher,
  order: Uint32Array = Uint32Array.from({ length: dataset.length }, (_, i) => i),
  group?: ProcessGroup,
): Promise<void> {
  const computed = group === undefined || group.size === 1 ? undefined : new SharedOutputs(group, run);
  const fetch = (start: number): { batch: Batch | Promise<Batch>; rows: Uint32Array } => {
    const rows = order.subarray(start, start + batchSize);
    const indices = Uint32Array.from({ length: batchSize }, (_, i) => rows[i % rows.length] as number);
    const batch = fetcher?.fetch({ indices, seed: 0, epoch: 0, offset: start }) ?? dataset.gather(indices);
    // A failure is raised when its turn comes; until then it must not count as unhandled.
    if (batch instanceof Promise) batch.catch(() => undefined);
    return { batch, rows };
  };
  let next = order.length > 0 ? fetch(0) : undefined;
  for (let start = 0; next !== undefined; start += batchSize) {
    const { rows } = next;
    const batch = await next.batch;
    next = start + batchSize < order.length ? fetch(start + batchSize) : undefined;
    const given = (outputs: Readonly<Record<string, TensorData>>): void =>
      each(cut(outputs, rows.length), cut(batch, rows.length), rows);
    if (computed === undefined) given(await run(batch));
    else await computed.take(batch, given, next === undefined);
  }
}

/** Batches that processes take turns to compute, and hand over to each other. */
class SharedOutputs {
  readonly #group: ProcessGroup;
  readonly #run: BatchRunner;
  #waiting: ((outputs: Readonly<Record<string, TensorData>>) => void)[] = [];
  #own: Uint8Array = new Uint8Array();

  constructor(group: ProcessGroup, run: BatchRunner) {
    this.#group = group;
    this.#run = run;
  }

  /** Takes the next batch, and what is to be done with its outputs: once every process has computed one, or there are no more. */
  async take(batch: Batch, given: (outputs: Readonly<Record<string, TensorData>>) => void, isLast: boolean): Promise<void> {
    const { rank, size } = this.#group;
    if (this.#waiting.length === rank) {
      const outputs = Object.entries(await this.#run(batch));
      this.#own = writeSafetensors(new Map(outputs));
    }
    this.#waiting.push(given);
    if (this.#waiting.length < size && !isLast) return;
    const all = await this.#group.gather(this.#own);
    this.#waiting.forEach((give, i) => give(Object.fromEntries(readSafetensors(all[i] as Uint8Array, "outputs").tensors)));
    this.#waiting = [];
    this.#own = new Uint8Array();
  }
}
