/**
 * @module The description of a compressed run in its `config.json`: a run folder without checkpoints, whose model is its `model.onnx`.
 */
import type { RunConfig } from "../../run/run-folder.js";

/** The model of a run as a file; of a compressed run, the model itself. */
export const MODEL_FILE = "model.onnx";

/** One step of making a model smaller, by the verb and options that repeat it. */
export interface CompressionStep {
  readonly verb: "distill" | "prune" | "quantize";
  readonly options: Readonly<Record<string, unknown>>;
}

/** `compression` in the `config.json` of a compressed run. */
export interface Compression {
  /** The model that it was made from: the path of a run or a file. */
  readonly of: string;
  /** The first step first. */
  readonly steps: readonly CompressionStep[];
}

/** Returns how a run's model was made smaller; undefined for a run with checkpoints. */
export const compressionOf = (config: RunConfig): Compression | undefined => config["compression"] as Compression | undefined;

export const isCompressed = (config: RunConfig): boolean => compressionOf(config) !== undefined;
