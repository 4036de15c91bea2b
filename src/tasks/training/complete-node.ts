/**
 * @module The end of every training: the model that is used is measured, and the run gets its summary, its file for others and its report.
 */
import type { Dataset } from "../../data/node.js";
import type { Metrics } from "../../metrics/index.js";
import type { RunConfig, RunSummary } from "../../run/run-folder.js";
import type { RunWriter } from "../../run/run-folder-node.js";
import { keepBackground } from "../explaining/background-node.js";
import { evenly } from "../shared/rows-node.js";
import { nodeTaskNamed } from "../table-node.js";
import type { ReportSources } from "../task-node.js";
import type { Measurement, Prepared, TaskInfo, TaskOptions } from "../task.js";
import type { TrainedModel } from "../trained-model.js";
import { openTrained } from "../use/trained-node.js";
import { writeReport } from "./report-node.js";

/** A run whose model is there. */
export interface Completed {
  readonly used: TrainedModel;
  readonly prepared: Prepared<TaskInfo>;
  /** The task's own options. */
  readonly options: TaskOptions;
  readonly config: RunConfig;
  readonly language: "en" | "zh";
  readonly notes: readonly string[];
  /** Sections of the report beside the task's own. */
  readonly sections?: ReportSources["sections"];
  /** Examples that the training went through, each as often as it was seen; left out of a fit, which sees all. */
  readonly seenExamples?: number;
  /** Sums up the training with these metrics. */
  readonly summarize: (metrics: RunSummary["metrics"]) => RunSummary;
}

/** The largest number of examples of the training part to measure; more would only cost time. */
const MOST_MEASURED = 10_000;

/** The fewest examples of the training part that say something. */
const FEWEST_MEASURED = 500;
/** Measuring is a forward pass, a third of training on an example: of so many that measuring takes a tenth of the training. */
const MEASURED_SHARE = 0.3;

/** Number of examples of the training part to measure: what is not training costs little. */
function measuredExamples(examples: number, seen = Infinity): number {
  return Math.min(examples, MOST_MEASURED, Math.max(FEWEST_MEASURED, Math.ceil(MEASURED_SHARE * seen)));
}

/** Measures the model, sums up, and leaves what a run has besides checkpoints: files for others, the report. */
export async function completeRun(writer: RunWriter, completed: Completed): Promise<RunSummary> {
  const { used, prepared, options, config, language, notes, summarize } = completed;
  const side = nodeTaskNamed(used.task.name);
  const { seed } = config.options;
  await keepBackground(writer, used, prepared.train, typeof seed === "number" ? seed : 1);
  await side.finish?.({ used, writer, prepared, options });
  const run = writer.path;
  const wholly = async (examples: Dataset, measurement: Measurement | undefined): Promise<Metrics> => ({
    ...measurement?.result(),
    ...measurement?.details?.(),
    ...(await side.measure?.({ model: used, run, open: openTrained, examples, measurement, train: prepared.train })),
  });
  const measurement = await used.measure(prepared.test);
  const sample = measuredExamples(prepared.train.length, completed.seenExamples);
  const summed = summarize({
    train: (await used.measure(evenly(prepared.train, sample)))?.result() ?? {},
    validation: await wholly(prepared.validation, await used.measure(prepared.validation)),
    test: await wholly(prepared.test, measurement),
  });
  const counted = { ...summed, trainExamples: prepared.train.length };
  const measured = sample < prepared.train.length ? { ...counted, measuredTrainExamples: sample } : counted;
  const points = measurement?.operatingPoints?.() ?? [];
  const [, second] = (prepared.info as { readonly classes?: readonly string[] }).classes ?? [];
  const summary =
    points.length === 0 || second === undefined ? measured : { ...measured, operatingPoints: { class: second, points } };
  await writer.writeSummary(summary);
  await writer.write("model.onnx", used.toOnnx());
  const { train, test, testRows } = prepared;
  const { sections } = completed;
  const about = { config, language, notes, sections, open: openTrained };
  await writeReport({ writer, used, summary, measurement, train, test, testRows, ...about });
  return summary;
}
