/**
 * @module Texts from a command line as rows of a tagging task.
 */
import { labelledTexts } from "../../data/node.js";
import { inWindows } from "../shared/windows.js";
import type { InputOptions, NamedInputs } from "../task-node.js";
import type { TrainedModel } from "../trained-model.js";
import { readTexts } from "./texts-node.js";

/** Reads texts, each named as it was given; long ones in windows, where the model takes so many tokens at once. */
export async function readTaggingInputs(
  model: TrainedModel,
  inputs: readonly string[],
  { skipBadRows = false, stride }: InputOptions,
): Promise<NamedInputs> {
  const { texts, names, badRows } = await readTexts(inputs, { skipBadRows });
  const info = inWindows(model.task, model.info, stride);
  const examples = await model.task.encode(labelledTexts(texts.map((text) => ({ text }))), info);
  return { examples, names, badRows };
}
