/**
 * @module Metadata of ONNX files that are written of a trained model.
 */
import type { TrainedModel } from "../trained-model.js";

/** The task's info, for whoever has the file alone: keys `descent.…`, values as text or JSON. */
export function fileMetadata({ task, modelName, info }: Pick<TrainedModel, "task" | "modelName" | "info">): [string, string][] {
  const preprocessing = task.preprocessing?.(info);
  return [
    ["descent.task", task.name],
    ["descent.model", modelName],
    ["descent.info", JSON.stringify(info)],
    ...(preprocessing === undefined ? [] : [["descent.preprocessing", JSON.stringify(preprocessing)] satisfies [string, string]]),
  ];
}
