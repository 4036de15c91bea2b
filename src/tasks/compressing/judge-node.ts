/**
 * @module Judging files of a task by one metric on training examples while layers or ranks are chosen.
 */
import type { ModelProto } from "../../onnx/index.js";
import { encodeModel } from "../../onnx/index.js";
import { ConfigError } from "../../util/errors.js";
import { own } from "../../util/record.js";
import { evenly } from "../shared/rows-node.js";
import { nodeTaskNamed } from "../table-node.js";
import { FileModel } from "../use/file-model-node.js";
import { openTrained } from "../use/trained-node.js";
import type { CompressionData, CompressionSource } from "./source-node.js";

/** Examples that a model is judged on. */
const JUDGED = 1000;

/** The loss of a metric that is allowed. */
export interface AllowedLoss {
  /** Left out, the metric that the task's trainings are judged by. */
  readonly name?: string;
  readonly loss: number;
  /** Whether the loss is a share of the value before; left out, that of a metric that should be small is. */
  readonly isShare?: boolean;
}

/** Measures files, and compares what they reach. */
export interface Judge {
  readonly valueOf: (file: ModelProto) => Promise<number>;
  readonly isWithin: (before: number, after: number) => boolean;
}

/** Tells whether a metric of a task should be large or small. */
export const modeOf = (metric: string, usual: { readonly metric: string; readonly mode: "min" | "max" }): "min" | "max" =>
  metric === usual.metric ? usual.mode : /loss|error|perplexity|rmse|mae/i.test(metric) ? "min" : "max";

/** The judge of a source's files. `where` begins messages: ConfigError for a metric that the task does not have. */
export function judgeOf(
  { path, model }: CompressionSource,
  { calibration }: CompressionData,
  allowed: AllowedLoss,
  where: string,
): Judge {
  const { task, modelName, info } = model;
  const rows = evenly(calibration, JUDGED);
  const usual = task.monitor ?? { metric: "loss", mode: "min" };
  const name = allowed.name ?? usual.metric;
  const mode = modeOf(name, usual);
  const isShare = allowed.isShare ?? mode === "min";
  return {
    valueOf: async (file) => {
      await using used = new FileModel(task, modelName, info, { bytes: encodeModel(file), where: path });
      const measurement = await used.measure(rows);
      const measured = await nodeTaskNamed(task.name).measure?.({
        model: used,
        run: path,
        examples: rows,
        measurement,
        open: openTrained,
      });
      const all = { ...measurement?.result(), ...measured };
      const value = own(all, name);
      if (value === undefined)
        throw new ConfigError(`${where}: expected a metric of ${task.name}, ${Object.keys(all).join(", ")}, got ${name}`);
      return value;
    },
    isWithin: (before, after) => {
      const lost = mode === "max" ? before - after : after - before;
      return lost <= allowed.loss * (isShare ? Math.abs(before) : 1);
    },
  };
}
