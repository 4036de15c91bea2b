/**
 * @module Every task by name. The command line, the server and the studio read this table.
 */
import { ConfigError } from "../util/errors.js";
import { unknownName } from "../util/nearest.js";
import { imageClassification } from "./images/image-classification/image-classification.js";
import { imageGeneration } from "./images/image-generation/image-generation.js";
import { imageRecognition } from "./images/image-recognition/image-recognition.js";
import { languageModeling } from "./texts/language-modeling/language-modeling.js";
import { objectDetection } from "./images/object-detection/object-detection.js";
import { semanticRoles } from "./texts/semantic-roles/semantic-roles.js";
import { sequenceToSequence } from "./texts/sequence-to-sequence/sequence-to-sequence.js";
import { tabularClassification } from "./tables/tabular-classification/tabular-classification.js";
import { tabularRegression } from "./tables/tabular-regression/tabular-regression.js";
import { tokenClassification } from "./texts/token-classification/token-classification.js";
import { textClassification } from "./texts/text-classification/text-classification.js";
import type { AnyTask, BuiltChoice, ModelChoice, TaskInfo } from "./task.js";

/** All tasks. */
export const TASKS: readonly AnyTask[] = [
  imageClassification,
  imageRecognition,
  imageGeneration,
  objectDetection,
  textClassification,
  tokenClassification,
  languageModeling,
  semanticRoles,
  sequenceToSequence,
  tabularClassification,
  tabularRegression,
] as readonly unknown[] as readonly AnyTask[];

/** A task by name; ConfigError with the nearest one. */
export function taskNamed(name: string): AnyTask {
  const task = TASKS.find((t) => t.name === name);
  if (task === undefined)
    throw new ConfigError(
      unknownName(
        "task",
        name,
        TASKS.map((t) => t.name),
      ),
    );
  return task;
}

/** A task's model by name; ConfigError with the nearest one. */
export function modelNamed(task: AnyTask, name: string): ModelChoice<TaskInfo> {
  const model = task.models.find((m) => m.name === name);
  if (model === undefined)
    throw new ConfigError(
      `${task.name}: ${unknownName(
        "model",
        name,
        task.models.map((m) => m.name),
      )}`,
    );
  return model;
}

/** A task's model of layers by name; ConfigError with the nearest one, and for one that is fitted. */
export function builtNamed(task: AnyTask, name: string): BuiltChoice<TaskInfo> {
  const model = modelNamed(task, name);
  if (model.build === undefined)
    throw new ConfigError(`${task.name}: expected a model that is trained in steps, got ${name}, which is fitted at once`);
  return model;
}
