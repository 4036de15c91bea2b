/**
 * @module A model by its place: a run folder, or one of its checkpoints.
 */
import type { TrainedModel, UseOptions } from "../trained-model.js";
import { openTrained } from "./trained-node.js";

/** A model that was opened, and what was decided on the way. */
export interface OpenedModel {
  readonly model: TrainedModel;
  readonly remarks: readonly string[];
}

/** Opens a model. Errors: ConfigError, DataError for what is none. */
export async function openModel(path: string, options: UseOptions = {}): Promise<OpenedModel> {
  const { model } = await openTrained(path, options);
  return { model, remarks: [] };
}
