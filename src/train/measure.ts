/**
 * @module Measuring: a graph of a model over a part of the data, and figures of what it gives.
 */
import type { Batch, BatchFetcher, Dataset } from "../data/index.js";
import type { TensorData } from "../graph/index.js";
import type { ProcessGroup } from "../parallel/index.js";
import type { Metrics } from "../metrics/index.js";
import { forEachBatch } from "./evaluate.js";
import type { TrainingState } from "./state.js";

type Evaluate = TrainingState["evaluator"];
type Each = Parameters<typeof forEachBatch>[3];

/** Figures of one pass, gathered batch by batch. */
export interface Gatherer {
  update(outputs: Readonly<Record<string, TensorData>>, batch: Batch): void;
  result(): Metrics;
}

export interface MeasureOptions {
  readonly part: Dataset;
  readonly batchSize: number;
  /** Types of the columns that the graph reads. */
  readonly columns: Parameters<Evaluate>[0];
  readonly forward: Parameters<Evaluate>[1];
  /** Makes a fresh one for each pass; undefined where there is nothing to compare. */
  readonly gatherer: () => Gatherer | undefined;
  /** Makes batches, where the columns as they lie are not one. */
  readonly fetcher?: BatchFetcher;
  readonly order?: Uint32Array;
  /** Several processes that compute a share of the batches each; all of them get the figures of the whole. */
  readonly group?: ProcessGroup;
  /** Gathers what belongs together before it is measured: the windows of a text. */
  readonly joined?: (each: Each) => Each;
}

/** A closure that measures a state on a part of the data, with one compiled graph. */
export async function measurer(
  state: Pick<TrainingState, "evaluator">,
  options: MeasureOptions,
): Promise<() => Promise<Metrics>> {
  const { part, batchSize, columns, forward, joined = (each: Each): Each => each } = options;
  const run = await state.evaluator(columns, forward);
  const names = Object.keys(columns);
  return async () => {
    const gatherer = options.gatherer();
    await forEachBatch(
      part,
      batchSize,
      (batch) => run(Object.fromEntries(names.map((name) => [name, batch[name] as TensorData]))),
      joined((outputs, batch) => gatherer?.update(outputs, batch)),
      options.fetcher,
      options.order,
      options.group,
    );
    return gatherer?.result() ?? {};
  };
}
