/**
 * @module A task's part of `report.html`: confusion or residuals on the test data, and examples with what the model looked at.
 */
import type { Dataset } from "../data/node.js";
import type { TensorData } from "../graph/index.js";
import { elementAt, toNumbers } from "../graph/index.js";
import type { RunConfig, RunSummary } from "../train/run-folder.js";
import type { RunWriter } from "../train/run-folder-node.js";
import type { ReportData, ReportExample } from "../train/report.js";
import { renderReport } from "../train/report.js";
import type { ImageInfo } from "./image-classification.js";
import type { TableInfo } from "./tabular.js";
import { RegressionMeasurement } from "./tabular.js";
import { ClassificationMeasurement, rowsOf, softmaxRow } from "./classification.js";
import type { Measurement } from "./task.js";
import type { TrainedModel } from "./trained-node.js";

export interface ReportSources {
  readonly writer: RunWriter;
  readonly used: TrainedModel;
  readonly summary: RunSummary;
  /** Of the test data. */
  readonly measurement: Measurement;
  readonly test: Dataset;
  readonly config: RunConfig;
  readonly language: "en" | "zh";
  readonly notes: readonly string[];
}

const MISTAKES = 12;
const RIGHT_ONES = 8;

/** What one test row got: its class or quantity, and how sure or how far off. */
interface Judged {
  readonly row: number;
  readonly truth: number;
  readonly predicted: number;
  readonly probabilities: Float64Array | undefined;
  readonly correct: boolean;
  /** Mistakes are shown in falling order of this: confidence, or the size of the error. */
  readonly weight: number;
}

async function judge({ used, test }: ReportSources): Promise<Judged[]> {
  const judged: Judged[] = [];
  const regression = used.task.kind === "regression";
  const truth = test.tensor(regression ? "target" : "label");
  await used.run(test, (outputs, firstRow) => {
    if (regression) {
      toNumbers(outputs["prediction"] as TensorData).forEach((predicted, i) => {
        const error = Math.abs(predicted - elementAt(truth, firstRow + i));
        // Within half a standard deviation of the target counts as near.
        judged.push({
          row: firstRow + i,
          truth: elementAt(truth, firstRow + i),
          predicted,
          probabilities: undefined,
          correct: error < 0.5,
          weight: error,
        });
      });
      return;
    }
    rowsOf(outputs["logits"] as TensorData).forEach((row, i) => {
      const probabilities = softmaxRow(row);
      const predicted = probabilities.reduce((best, p, k) => (p > (probabilities[best] as number) ? k : best), 0);
      const label = elementAt(truth, firstRow + i);
      judged.push({
        row: firstRow + i,
        truth: label,
        predicted,
        probabilities,
        correct: predicted === label,
        weight: probabilities[predicted] as number,
      });
    });
  });
  return judged;
}

/** The most confident mistakes, and right ones of as many classes as there are places. */
function choose(judged: readonly Judged[]): Judged[] {
  const mistakes = judged
    .filter((j) => !j.correct)
    .sort((a, b) => b.weight - a.weight)
    .slice(0, MISTAKES);
  const right = judged.filter((j) => j.correct);
  const seen = new Set<number>();
  const varied = right.filter((j) => !seen.has(j.truth) && seen.add(j.truth)).slice(0, RIGHT_ONES);
  return [...mistakes, ...varied];
}

async function examples(sources: ReportSources, chosen: readonly Judged[]): Promise<ReportExample[]> {
  const { used, test } = sources;
  if (chosen.length === 0) return [];
  const rows = test.select(chosen.map((j) => j.row));
  const { features, attribution } = await used.attributions(
    rows,
    Int32Array.from(chosen, (j) => (j.probabilities === undefined ? 0 : j.predicted)),
  );
  const size = attribution.data.length / chosen.length;
  const info = used.info as ImageInfo & TableInfo;
  const quantity = (x: number): string => String(Number((x * info.targetDeviation + info.targetMean).toPrecision(5)));
  return chosen.map((j, i) => {
    const values = toNumbers(attribution).subarray(i * size, (i + 1) * size);
    const common = { correct: j.correct, name: `#${j.row}` };
    const input = exampleInput(used, rows, features, i, size);
    const attributions = input.kind === "image" ? overChannels(values, info.imageShape) : values;
    if (j.probabilities === undefined)
      return { input, attribution: attributions, truth: quantity(j.truth), prediction: quantity(j.predicted), ...common };
    const scores = [...j.probabilities]
      .map((probability, k) => ({ label: info.classes[k] as string, probability }))
      .sort((a, b) => b.probability - a.probability)
      .slice(0, 3);
    return {
      input,
      attribution: attributions,
      truth: info.classes[j.truth] as string,
      prediction: info.classes[j.predicted] as string,
      scores,
      ...common,
    };
  });
}

function exampleInput(used: TrainedModel, rows: Dataset, features: TensorData, i: number, size: number): ReportExample["input"] {
  if (used.task.name === "image-classification") {
    const { imageShape, maximum } = used.info as ImageInfo;
    const [channels = 1, height = 1, width = 1] = imageShape;
    const pixels = rows.tensor("image").data.subarray(i * size, (i + 1) * size) as Uint8Array;
    return { kind: "image", image: { width, height, channels: channels === 3 ? 3 : 1, data: pixels, maximum } };
  }
  const values = toNumbers(features).subarray(i * size, (i + 1) * size);
  return {
    kind: "features",
    names: (used.info as TableInfo).featureNames,
    values: [...values].map((v) => String(Number(v.toPrecision(3)))),
  };
}

function overChannels(values: Float64Array, [channels = 1, height = 1, width = 1]: readonly number[]): Float64Array {
  const plane = height * width;
  return Float64Array.from({ length: plane }, (_, p) =>
    Array.from({ length: channels }, (_, c) => values[c * plane + p] as number).reduce((a, b) => a + b, 0),
  );
}

/** Renders and writes the report of a finished run. */
export async function writeReport(sources: ReportSources): Promise<void> {
  const { writer, used, summary, measurement, config, language, notes } = sources;
  const chosen = choose(await judge(sources));
  const history = await writer.folder.metrics();
  const bestStep = await writer.folder.pointer("best");
  const info = used.info as ImageInfo & TableInfo;
  const data: ReportData = {
    summary,
    language,
    command: config.command ?? "",
    descent: config.descent,
    createdAt: new Date().toISOString(),
    primaryMetric: used.task.kind === "classification" ? "accuracy" : "r2",
    history,
    ...(bestStep === undefined ? {} : { bestStep }),
    ...(measurement instanceof ClassificationMeasurement
      ? { confusion: { labels: info.classes, counts: measurement.report().matrix } }
      : {}),
    ...(measurement instanceof RegressionMeasurement
      ? { regression: { target: info.target, truth: measurement.truth, prediction: measurement.prediction } }
      : {}),
    examples: await examples(sources, chosen),
    attributionMethod: { en: "input × gradient", zh: "输入 × 梯度" },
    notes,
  };
  await writer.write("report.html", await renderReport(data));
}
