/**
 * @module Rows on their way to a model: who makes batches of them, and in which order they are gone through.
 */
import type { Batch, BatchFetcher, BatchRequest } from "../../data/index.js";
import type { Dataset, WorkerCollate } from "../../data/node.js";
import { WorkerFetcher } from "../../data/node.js";
import type { AnyTask, TaskContext, TaskInfo } from "../task.js";

/** Creates the fetcher of batches, where the columns do not make one as they are. Owned: dispose it. */
export function fetcherFor(
  task: Pick<AnyTask, "collate">,
  context: TaskContext<TaskInfo>,
  rows: Dataset,
): WorkerFetcher | undefined {
  const collate = task.collate?.(context, rows);
  return collate === undefined ? undefined : new WorkerFetcher(rows, collate);
}

/** Makes one batch of these rows of a data set, all of them by default. */
export async function batchOfRows(
  task: Pick<AnyTask, "collate">,
  context: TaskContext<TaskInfo>,
  rows: Dataset,
  indices = Uint32Array.from({ length: rows.length }, (_, i) => i),
): Promise<Batch> {
  using fetcher = fetcherFor(task, context, rows);
  return (await fetcher?.fetch({ indices, seed: 0, epoch: 0, offset: 0 })) ?? rows.gather(indices);
}

/** Makes batches in this thread: starting another takes longer than a batch or two. */
class InlineFetcher implements BatchFetcher, Disposable {
  readonly #rows: Dataset;
  readonly #collate: WorkerCollate;

  constructor(rows: Dataset, collate: WorkerCollate) {
    this.#rows = rows;
    this.#collate = collate;
  }

  async fetch(request: BatchRequest): Promise<Batch> {
    const { module, name, options } = this.#collate;
    const made = ((await import(module)) as Readonly<Record<string, Collate>>)[name];
    return (made as Collate)(this.#rows, request, options);
  }

  [Symbol.dispose](): void {}
}

type Collate = (rows: Dataset, request: BatchRequest, options: unknown) => Batch | Promise<Batch>;

/** As `fetcherFor`, for rows that are one batch: without a thread of its own. */
export function fetcherForOne(
  task: AnyTask,
  context: TaskContext<TaskInfo>,
  rows: Dataset,
): (BatchFetcher & Disposable) | undefined {
  const collate = task.collate?.(context, rows);
  return collate === undefined ? undefined : new InlineFetcher(rows, collate);
}

/** Sequences from the shortest to the longest, so that batches hold little padding; undefined where rows are no sequences. */
export function byLength(task: AnyTask, info: TaskInfo, rows: Dataset): Uint32Array | undefined {
  const lengths = task.buckets?.(info, rows).lengths;
  if (lengths === undefined) return undefined;
  return Uint32Array.from({ length: rows.length }, (_, i) => i).sort((a, b) => (lengths[a] as number) - (lengths[b] as number));
}

/** At most so many rows, from all over a data set: files are often sorted. */
export function evenly(data: Dataset, most: number): Dataset {
  if (data.length <= most) return data;
  return data.select(Uint32Array.from({ length: most }, (_, i) => Math.floor((i * data.length) / most)));
}
