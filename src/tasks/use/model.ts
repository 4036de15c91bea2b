/**
 * @module The model of a task: by the name of its paper, or as the checkpoint described it that training began with.
 */
import type { ArchitectureName } from "../../models/index.js";
import { modelFromConfig } from "../../models/index.js";
import type { Module } from "../../nn/index.js";
import { GraphModule } from "../../nn/index.js";
import type { ParameterChoice } from "../../onnx/index.js";
import { decodeModel, encodeModel, splitPrefix } from "../../onnx/index.js";
import type { Json } from "../../optim/index.js";
import { ConfigError, reasonOf, UnsupportedOpError } from "../../util/errors.js";
import { graphInfo } from "../graph-use.js";
import { builtNamed } from "../table.js";
import type { AnyTask, TaskInfo, TrainingDefaults } from "../task.js";

/** A model in Hugging Face's form: what `info.pretrained` of a run holds that began with such a checkpoint. */
export interface PretrainedInfo {
  readonly architecture: ArchitectureName;
  /** Its `config.json`. */
  readonly config: Json;
}

/** Returns the checkpoint that a run began with; undefined where its model is one of the task's own. */
const pretrainedInfo = (info: TaskInfo): PretrainedInfo | undefined => info["pretrained"] as PretrainedInfo | undefined;

/** A file that is the model's structure, and what messages call it. */
export interface ModelFile {
  readonly bytes: Uint8Array;
  readonly where: string;
  /** Whether it was fitted at once: it has its numbers, and needs none that can be trained. */
  readonly isFitted?: boolean;
  /** How many rows it takes at once; left out, any number. */
  readonly rows?: number | undefined;
  /** Corrections of what is taken for a parameter. */
  readonly parameters?: ParameterChoice;
}

/**
 * The model of a run, without weights and without adapters; `file` is `graph.onnx` of a run whose graph was imported.
 *
 * Errors: ConfigError for a name that the task does not have; those of `GraphModule`.
 */
export function modelOf(task: AnyTask, name: string, info: TaskInfo, file?: ModelFile): Module {
  if (graphInfo(info) !== undefined) return graphModel(task, info, file);
  const pretrained = pretrainedInfo(info);
  if (pretrained === undefined) return builtNamed(task, name).build(info);
  const labels = task.pretrained?.labels?.(info);
  return modelFromConfig(pretrained.architecture, pretrained.config, labels === undefined ? {} : { numLabels: labels.length });
}

function graphModel(task: AnyTask, info: TaskInfo, file: ModelFile | undefined): Module {
  if (task.graphs === undefined) throw new ConfigError(`${task.name}: expected a model of its own, got a graph`);
  if (file === undefined) throw new ConfigError(`${task.name}: expected the run's graph.onnx, got none`);
  const parameters = graphInfo(info)?.parameters;
  const shapes = task.graphs.shapes(info);
  const module = new GraphModule(tracedPart(info, file), {
    shapes,
    where: file.where,
    weightless: file.isFitted === true,
    parameters,
  });
  return task.graphs.wrap(module, info);
}

/** The part of a graph's file that is trained: what is behind ops that only the engine has. ConfigError where these should be and are not. */
export function tracedPart(info: TaskInfo, { bytes, where }: ModelFile): Uint8Array {
  if (graphInfo(info)?.prefix === undefined) return bytes;
  const split = splitPrefix(decodeModel(bytes, where));
  if (split === undefined) throw new ConfigError(`${where}: expected ops that only the engine has before the graph, got none`);
  return encodeModel(split.rest);
}

/** Makes a model of a file; of one that has ops that Descent does not have, the reason why there is none. */
export function modelOrReason<M extends Module>(where: string, make: () => M): M | { readonly reason: string } {
  try {
    return make();
  } catch (error) {
    if (error instanceof UnsupportedOpError) return { reason: reasonOf(error, where) };
    throw error;
  }
}

/** Finds the module that holds a wrapped graph's weights. */
export const graphIn = (model: Module): GraphModule | undefined =>
  [...model.modules().values()].find((module): module is GraphModule => module instanceof GraphModule);

/** The rate at which BERT of 768 wide is fine-tuned. Devlin et al. 2019, arXiv:1810.04805, appendix A.3. */
const RATE = 5e-5;
const RATE_WIDTH = 768;
/** Adapters learn at higher rates: Hu et al. 2021, arXiv:2106.09685, table 9, has about ten times those of the whole model. */
const ADAPTER_FACTOR = 10;

/** Defaults for fine-tuning an imported graph: gentle, since nothing is known of how it was trained. */
export const GRAPH_DEFAULTS: TrainingDefaults = {
  epochs: 8,
  batchSize: 32,
  lr: 3e-4,
  optimizer: "adamw",
  schedule: "one-cycle",
  weightDecay: 0.01,
  clipNorm: 1,
};

/** Returns defaults for fine-tuning a pretrained model. Narrow models take larger steps, as those of Turc et al. 2019, arXiv:1908.08962. */
export const fineTuningDefaults = (hiddenSize: number, hasAdapters: boolean): TrainingDefaults => ({
  epochs: 4,
  batchSize: 32,
  lr: Number((RATE * Math.max(1, RATE_WIDTH / hiddenSize) * (hasAdapters ? ADAPTER_FACTOR : 1)).toPrecision(2)),
  optimizer: "adamw",
  schedule: "linear",
  weightDecay: 0.01,
  clipNorm: 1,
});
