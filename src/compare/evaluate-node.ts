/**
 * @module A model's answers on the test part, judged row by row, and what it takes.
 */
import { statSync } from "node:fs";
import { join } from "node:path";
import { treeNodeOf, treesFromModel } from "../classical/index.js";
import { passCost } from "../cost/index.js";
import type { Batch, Dataset } from "../data/index.js";
import { loadOnnx } from "../data/onnx-node.js";
import type { TensorData } from "../graph/index.js";
import { toNumbers } from "../graph/index.js";
import { CalibrationCurve } from "../metrics/index.js";
import type { OnnxModel } from "../onnx/index.js";
import type { TrainedModel } from "../tasks/trained-model.js";
import { ConfigError, DescentError } from "../util/errors.js";
import type { SentColumn } from "./latency-memory-node.js";
import { argMax } from "../util/vectors.js";

/** The file that a run is used from. */
export const MODEL_FILE = "model.onnx";
/** Rows that latency is measured on at once. */
const AT_ONCE = 32;

/** Answers judged, in the order of the rows. */
export interface Judged {
  /** 1 for a right answer; of a quantity the squared error, in its unit. */
  readonly values: Float64Array;
  /** The class that was answered; of a quantity its value. */
  readonly answers: Float64Array;
  readonly calibrationError: number | undefined;
}

/** Judges all rows of examples. ConfigError for a task of other answers than one class or one quantity. */
export async function judge(model: TrainedModel, examples: Dataset): Promise<Judged> {
  const [values, answers] = [new Map<number, number>(), new Map<number, number>()];
  const curve = new CalibrationCurve();
  let isClasses = false;
  await model.run(examples, (outputs, rows, batch) => {
    const [logits, prediction] = [outputs["logits"], outputs["prediction"]];
    const [label, target] = [
      batch["label"] ?? examples.gather(rows)["label"],
      batch["target"] ?? examples.gather(rows)["target"],
    ];
    if (logits !== undefined && label !== undefined) {
      isClasses = true;
      curve.update(logits, label);
      const [all, width] = [toNumbers(logits), logits.shape[1] as number];
      toNumbers(label).forEach((truth, i) => {
        const answer = argMax(all.subarray(i * width, (i + 1) * width));
        values.set(rows[i] as number, answer === truth ? 1 : 0);
        answers.set(rows[i] as number, answer);
      });
    } else if (prediction !== undefined && target !== undefined) {
      const { targetDeviation = 1, targetMean = 0 } = model.info as { targetDeviation?: number; targetMean?: number };
      const given = toNumbers(prediction);
      toNumbers(target).forEach((truth, i) => {
        values.set(rows[i] as number, (((given[i] as number) - truth) * targetDeviation) ** 2);
        answers.set(rows[i] as number, (given[i] as number) * targetDeviation + targetMean);
      });
    } else
      throw new ConfigError(`compare: expected a task of one class or one quantity for each example, got ${model.task.name}`);
  });
  const order = [...values.keys()].sort((a, b) => a - b);
  const inOrder = (map: ReadonlyMap<number, number>): Float64Array => Float64Array.from(order, (row) => map.get(row) as number);
  return { values: inOrder(values), answers: inOrder(answers), calibrationError: isClasses ? curve.expectedError() : undefined };
}

/** Inputs of some rows, as the model's file takes them. */
export async function someInputs(model: TrainedModel, examples: Dataset): Promise<Readonly<Record<string, SentColumn>>> {
  const rows = Uint32Array.from({ length: AT_ONCE }, (_, i) => i % examples.length);
  let found: Batch | undefined;
  await model.run(examples.select(rows), (_outputs, _rows, batch) => {
    found ??= batch;
  });
  return Object.fromEntries(
    Object.entries(found ?? {}).map(([name, data]: [string, TensorData]) => {
      const { dtype, shape } = data;
      return [name, { dtype, shape, values: [...toNumbers(data)] }];
    }),
  );
}

/** Floating-point operations for one row; of trees the comparisons that a row goes through; undefined where neither is known. */
function flopsOf(file: OnnxModel): number | undefined {
  try {
    // One row, of a length that texts often have.
    const bindings = Object.fromEntries(file.freeDimensions.map((name, i) => [name, i === 0 ? 1 : 32]));
    return passCost(file.trace({ bindings }).graph.nodes).flops;
  } catch (error) {
    if (!(error instanceof DescentError)) throw error;
    if (treeNodeOf(file.proto) === undefined) return undefined;
    const { roots, nodeCover, leafCover } = treesFromModel(file.proto, 0, file.where);
    const coverOf = (child: number): number => (child >= 0 ? nodeCover[child] : leafCover[-1 - child]) as number;
    const total = nodeCover.reduce((a, b) => a + b, 0);
    const [first = -1] = roots;
    return coverOf(first) > 0 ? total / coverOf(first) : undefined;
  }
}

/** Bytes and operations of a run's file. */
export async function fileFigures(run: string): Promise<{ readonly sizeBytes: number; readonly flops: number | undefined }> {
  const path = join(run, MODEL_FILE);
  return { sizeBytes: statSync(path).size, flops: flopsOf(await loadOnnx(path)) };
}
