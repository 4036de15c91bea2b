/**
 * @module Compares a model before and after compression: size, speed and metrics, measured in one process by turns.
 */
import type { Batch, Dataset } from "../../data/node.js";
import { TIMED, timeInTurns } from "../../compress/timing.js";
import type { Metrics } from "../../metrics/index.js";
import { OnnxModel } from "../../onnx/index.js";
import { compile } from "../../runtime/index.js";
import { fetcherFor } from "../shared/rows-node.js";
import { nodeTaskNamed } from "../table-node.js";
import type { CompressionReport, ReportSide } from "../../report/compression.js";
import type { TrainedModel, UseOptions } from "../trained-model.js";
import { pick, usingContext } from "../use/traced-graph.js";
import { openTrained } from "../use/trained-node.js";

/** The table of before and after. */
export type BeforeAfter = Pick<CompressionReport, "before" | "after">;

/** A model with its size. */
export interface Sized {
  readonly model: TrainedModel;
  readonly file: Uint8Array;
  readonly parameters: number;
  /** The folder of the run. */
  readonly run: string;
}

/** Batch sizes that are timed. */
const BATCHES = [1, 32];

/** Makes a batch of the first rows of a data set, repeated where there are too few. */
export async function batchOf({ task, info }: TrainedModel, examples: Dataset, size: number): Promise<Batch> {
  using fetcher = fetcherFor(task, usingContext(task, info), examples);
  const indices = Uint32Array.from({ length: size }, (_, i) => i % examples.length);
  return (await fetcher?.fetch({ indices, seed: 0, epoch: 0, offset: 0 })) ?? examples.gather(indices);
}

async function metricsOf({ model, run }: Sized, examples: Dataset): Promise<Metrics> {
  const measurement = await model.measure(examples);
  const measured = await nodeTaskNamed(model.task.name).measure?.({ model, run, examples, measurement, open: openTrained });
  return { ...measurement?.result(), ...measured };
}

/** Measures two models on the same examples. */
export async function measureBeforeAfter(
  before: Sized,
  after: Sized,
  examples: Dataset,
  options: UseOptions = {},
): Promise<BeforeAfter> {
  const sessions = [before, after].map(({ file }) => compile(new OnnxModel(file), { ...options, ...TIMED }));
  await using first = await (sessions[0] as (typeof sessions)[number]);
  await using second = await (sessions[1] as (typeof sessions)[number]);
  const times: [number, number][] = [];
  for (const size of BATCHES) {
    const batch = await batchOf(before.model, examples, size);
    const runs = [first, second].map((session) => () => session.call(pick(batch, session.inputs)));
    times.push((await timeInTurns(runs)) as [number, number]);
  }
  const side = (sized: Sized, i: 0 | 1, metrics: Metrics): ReportSide => ({
    sizeBytes: sized.file.length,
    parameters: sized.parameters,
    batchMs: Object.fromEntries(BATCHES.map((size, b) => [size, times[b]?.[i] ?? NaN])),
    metrics,
  });
  return {
    before: side(before, 0, await metricsOf(before, examples)),
    after: side(after, 1, await metricsOf(after, examples)),
  };
}
