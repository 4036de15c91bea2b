/**
 * @module The Node side of every task, by name.
 */
import { ConfigError } from "../util/errors.js";
import { imageClassificationNode } from "./images/image-classification/image-classification-node.js";
import { imageGenerationNode } from "./images/image-generation/image-generation-node.js";
import { imageRecognitionNode } from "./images/image-recognition/image-recognition-node.js";
import { languageModelingNode } from "./texts/language-modeling/language-modeling-node.js";
import { objectDetectionNode } from "./images/object-detection/object-detection-node.js";
import { semanticRolesNode } from "./texts/semantic-roles/semantic-roles-node.js";
import { sequenceToSequenceNode } from "./texts/sequence-to-sequence/sequence-to-sequence-node.js";
import { tokenClassificationNode } from "./texts/token-classification/token-classification-node.js";
import { tabularClassificationNode } from "./tables/tabular-classification/tabular-classification-node.js";
import { tabularRegressionNode } from "./tables/tabular-regression/tabular-regression-node.js";
import { textClassificationNode } from "./texts/text-classification/text-classification-node.js";
import type { NodeTask } from "./task-node.js";

const NODE_TASKS: ReadonlyMap<string, NodeTask> = new Map([
  ["image-classification", imageClassificationNode],
  ["image-recognition", imageRecognitionNode],
  ["image-generation", imageGenerationNode],
  ["object-detection", objectDetectionNode],
  ["semantic-role-labeling", semanticRolesNode],
  ["token-classification", tokenClassificationNode],
  ["language-modeling", languageModelingNode],
  ["sequence-to-sequence", sequenceToSequenceNode],
  ["tabular-classification", tabularClassificationNode],
  ["tabular-regression", tabularRegressionNode],
  ["text-classification", textClassificationNode],
]);

/** The part of a task that needs files, by the task's name; ConfigError for an unknown one. */
export function nodeTaskNamed(name: string): NodeTask {
  const found = NODE_TASKS.get(name);
  if (found === undefined) throw new ConfigError(`task ${name}: expected one with a Node side, got none`);
  return found;
}
