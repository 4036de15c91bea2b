/**
 * @module The start of a training: another run, a checkpoint's folder in Hugging Face's form, or a file of weights. It says which model and which
 * vocabulary are used, and provides the model's weights; new parameters begin from their initializers.
 */
import { join } from "node:path";
import { targetRules } from "../../generate/index.js";
import type { TensorData } from "../../graph/index.js";
import { fromNumbers, sameShape, toNumbers, sizeOf } from "../../graph/index.js";
import type { ArchitectureName, PretrainedModel } from "../../models/index.js";
import {
  ARCHITECTURES,
  configOf,
  labelsOf,
  matchCheckpoint,
  modelFromConfig,
  nameOfArchitecture,
  Transformer,
} from "../../models/index.js";
import type { Module } from "../../nn/index.js";
import type { Json } from "../../optim/index.js";
import { loadPretrained, pretrainedConfig } from "../../train/node.js";
import type { RunFolder } from "../../run/node.js";
import { openRun, splitRunPath } from "../../run/node.js";
import { tokenizerOfCheckpoint } from "../../train/pretrained-node.js";
import { CHECKPOINT_FILES, checkpointParameters } from "../../train/train-node.js";
import { isRecord } from "../../util/described.js";
import { ConfigError } from "../../util/errors.js";
import { weightsFrom, readWeights } from "./init-node.js";
import type { GraphStart, GraphStartOptions } from "./graph-start-node.js";
import { graphOfRun, openGraph, openGraphRun } from "./graph-start-node.js";
import type { ModelFile, PretrainedInfo } from "../use/model.js";
import { carryOver, unmatchedNote } from "./carry-over.js";
import { TASKS } from "../table.js";
import type { TableInfo } from "../tables/tables.js";
import type { AnyTask, TaskInfo, Inherited } from "../task.js";
import type { TrainedModel } from "../trained-model.js";
import { isCompressed, MODEL_FILE } from "../use/compression.js";
import { bestOrLast, graphFile, openTrained } from "../use/trained-node.js";
import { graphInfo } from "../graph-use.js";

/** The weights that a model begins with. */
export interface StartingWeights {
  /** By parameter path. */
  readonly weights: ReadonlyMap<string, TensorData>;
  /** Parameters that begin from their initializers. */
  readonly fresh: readonly string[];
}

export interface Start {
  /** The vocabulary that the model knows, where it reads texts. */
  readonly tokenizer?: string;
  readonly inherited?: Inherited;
  /** The task's own model to continue with. */
  readonly modelName?: string;
  /** Or the checkpoint's, with the head that the task needs. */
  readonly pretrained?: PretrainedInfo;
  /** Or an imported graph, with a head for the task's classes. */
  readonly graph?: GraphStart;
  /** Errors: ConfigError that names each tensor that does not fit. */
  readonly weightsFor: (model: Module, labels: readonly string[] | undefined, made: MadeFor) => StartingWeights;
}

/** The data that a model is made for, where weights go by names in it. */
export interface MadeFor {
  readonly info: TaskInfo;
  readonly modelName: string;
  readonly seed: number;
}

function inheritedFrom(model: PretrainedModel, labels?: readonly string[]): Inherited {
  const { maxPositions } = model.config;
  return {
    labels,
    maxPositions,
    startToken: model instanceof Transformer ? targetRules(model).startToken : undefined,
  };
}

/** The ensemble of a run of tables, which another training on other rows is to have too. */
function ensembleOf(info: TaskInfo): Pick<Start, "inherited"> {
  const { ensemble } = info as Partial<TableInfo>;
  return ensemble === undefined ? {} : { inherited: { ensemble } };
}

/** Weights of the task's own model, and a note where its head is for other classes. */
const ownWeights =
  (path: string, weights: ReadonlyMap<string, TensorData>, note: (text: string) => void): Start["weightsFor"] =>
  (model) => {
    const parameters = model.state();
    const found = weightsFrom(path, weights, parameters, note);
    return { weights: found, fresh: [...parameters.keys()].filter((name) => !found.has(name)) };
  };

/** Weights of a run of the same task: those that follow its data by the names in them, the others as they are. */
const namedWeights =
  (path: string, task: AnyTask, trained: TrainedModel, note: (text: string) => void): Start["weightsFor"] =>
  (model, labels, made) => {
    const { info, modelName, seed } = made;
    // Another model is refused with each tensor that does not fit.
    const isOther = trained.modelName !== modelName;
    if (task.namedParameters === undefined || isOther) return ownWeights(path, trained.weights, note)(model, labels, made);
    const before = task.namedParameters(trained.info, trained.model, trained.modelName);
    const named = task.namedParameters(info, model, modelName);
    const parameters = model.state();
    const carried = carryOver(parameters, named, { named: before, weights: trained.weights }, seed);
    const isNamed = (name: string): boolean => before.has(name) || named.has(name);
    const others = weightsFrom(
      path,
      new Map([...trained.weights].filter(([name]) => !isNamed(name))),
      new Map([...parameters].filter(([name]) => !isNamed(name))),
      note,
    );
    const lonely = unmatchedNote(carried);
    if (lonely !== undefined) note(`--init ${path}: ${lonely}`);
    return { weights: new Map([...others, ...carried.weights]), fresh: carried.fresh };
  };

/** The class with the task's head on such a trunk. ConfigError where there is none. */
function architectureFor(task: AnyTask, modelType: string, where: string): ArchitectureName {
  const known = task.pretrained?.architectures ?? [];
  const found = known.find((name) => ARCHITECTURES[name].modelType === modelType);
  if (found !== undefined) return found;
  if (known.length > 0)
    throw new ConfigError(
      `${where}: expected a checkpoint of ${known.map((name) => ARCHITECTURES[name].modelType).join(", ")} for ${task.name}, got ${modelType}`,
    );
  const takers = TASKS.filter((other) => other.pretrained !== undefined).map((other) => other.name);
  throw new ConfigError(
    `${where}: expected a run or a file of weights for ${task.name}, got a checkpoint in Hugging Face's form, which ${takers.join(", ")} take`,
  );
}

/** Picks a head's rows for some of its labels, in their order; undefined where it does not know them all. */
function headRows(tensor: TensorData, before: readonly string[], labels: readonly string[]): TensorData | undefined {
  const rows = labels.map((label) => before.indexOf(label));
  const { shape } = tensor;
  if (rows.includes(-1) || shape[0] !== before.length) return undefined;
  const width = sizeOf(shape.slice(1));
  const values = toNumbers(tensor);
  return fromNumbers(
    tensor.dtype,
    [rows.length, ...shape.slice(1)],
    rows.flatMap((row) => [...values.subarray(row * width, (row + 1) * width)]),
  );
}

/** Weights of a trunk with the task's head; the head's own too, where it knows the labels, or no labels are given for it. */
function headedWeights(
  architecture: ArchitectureName,
  given: ReadonlyMap<string, TensorData>,
  before: readonly string[] | undefined,
): Start["weightsFor"] {
  const { base } = ARCHITECTURES[architecture];
  return (model, labels) => {
    const weights = new Map<string, TensorData>();
    const fresh: string[] = [];
    for (const [path, parameter] of model.state()) {
      const named = given.get(path);
      const isNamed = labels !== undefined && before !== undefined && !path.startsWith(`${base}.`);
      const found = named !== undefined && isNamed ? headRows(named, before, labels) : named;
      if (found !== undefined && sameShape(found.shape, parameter.dims)) weights.set(path, found);
      else fresh.push(path);
    }
    return { weights, fresh };
  };
}

/** Without the head of a checkpoint that is of another class than the task's, and has labels of its own. */
function trunkOf(
  weights: ReadonlyMap<string, TensorData>,
  architecture: ArchitectureName,
  task: AnyTask,
  config: Json,
): ReadonlyMap<string, TensorData> {
  const classes = isRecord(config) && Array.isArray(config["architectures"]) ? config["architectures"] : [];
  if (task.pretrained?.labels === undefined || classes.length === 0 || classes.includes(architecture)) return weights;
  return new Map([...weights].filter(([path]) => path.startsWith(`${ARCHITECTURES[architecture].base}.`)));
}

/** A folder of Hugging Face's: the class that it names must be one that is supported, whatever the task makes of it. */
async function fromCheckpoint(path: string, config: Json, task: AnyTask): Promise<Start> {
  const where = `--init ${path}`;
  const type = isRecord(config) && typeof config["model_type"] === "string" ? config["model_type"] : "none";
  const supported = new Set(Object.values(ARCHITECTURES).map(({ modelType }) => modelType));
  if (!supported.has(type))
    throw new ConfigError(`${where}: model_type: expected one of ${[...supported].join(", ")}, got ${type}`);
  const architecture = architectureFor(task, type, where);
  const loaded = await loadPretrained(path, { as: architecture });
  const labels = labelsOf(config);
  return {
    tokenizer: await tokenizerOfCheckpoint(path, loaded, where),
    inherited: inheritedFrom(loaded.model, labels),
    pretrained: { architecture, config },
    weightsFor: headedWeights(architecture, trunkOf(loaded.weights, architecture, task, config), labels),
  };
}

/** Starts from a run of the same task whose model is a file: a graph that was fine-tuned, or what compression wrote; undefined for others. */
async function fileStart(
  path: string,
  folder: RunFolder,
  trained: TrainedModel,
  { task, options }: { readonly task: AnyTask; readonly options: GraphStartOptions },
): Promise<Start | undefined> {
  const config = await folder.config();
  if (config.task !== task.name || config["fitted"] === true) return undefined;
  const { tokenizer } = trained.info as { readonly tokenizer?: string };
  if (isCompressed(config)) return openGraph(join(folder.path, MODEL_FILE), task, options, tokenizer);
  return graphInfo(trained.info) === undefined ? undefined : openGraphRun(path, task, trained, await graphFile(folder), options);
}

/** Starts from a run: of the same task with its model; of another one with its trunk, where Hugging Face has a class for it. */
async function fromRun(path: string, task: AnyTask, note: (text: string) => void, options: GraphStartOptions): Promise<Start> {
  const { run, checkpoint } = splitRunPath(path);
  const folder = await openRun(run);
  const config = await folder.config();
  if (config["model"] === undefined || config["info"] === undefined) {
    const read = await folder.readCheckpoint(checkpoint ?? (await bestOrLast(folder)), [CHECKPOINT_FILES.model]);
    return { weightsFor: ownWeights(path, checkpointParameters(read), note) };
  }
  const { model: trained } = await openTrained(path);
  const { tokenizer } = trained.info as TaskInfo & { readonly tokenizer?: string };
  const file = await fileStart(path, folder, trained, { task, options });
  if (file !== undefined) return file;
  const vocabulary = tokenizer === undefined ? {} : { tokenizer };
  const named = nameOfArchitecture(trained.model);
  const isOwn = config.task === task.name && trained.info["pretrained"] === undefined;
  if (isOwn || named === undefined || task.pretrained === undefined)
    return {
      ...vocabulary,
      ...(config.task === task.name ? { modelName: trained.modelName, ...ensembleOf(trained.info) } : {}),
      weightsFor: config.task === task.name ? namedWeights(path, task, trained, note) : ownWeights(path, trained.weights, note),
    };
  const own = configOf(trained.model).config;
  const architecture = architectureFor(task, ARCHITECTURES[named].modelType, `--init ${path}`);
  const headed = modelFromConfig(architecture, own);
  const shapes = new Map([...trained.weights].map(([name, { shape }]) => [name, shape]));
  const { sources } = matchCheckpoint(headed, architecture, shapes, { newHead: true, where: `--init ${path}` });
  const weights = new Map([...sources].map(([name, source]) => [name, trained.weights.get(source) as TensorData]));
  const before = trained.task.pretrained?.labels?.(trained.info);
  return {
    ...vocabulary,
    inherited: inheritedFrom(headed, before),
    pretrained: { architecture, config: own },
    weightsFor: headedWeights(architecture, weights, before),
  };
}

/**
 * Opens what `--init` names.
 *
 * Errors: DataError for files that cannot be read; ConfigError for what is not a start of this task: an architecture that is not supported, tensors that do
 * not fit `config.json` (each is named), a tokenizer with more tokens than the embedding.
 */
export async function openStart(
  path: string,
  task: AnyTask,
  note: (text: string) => void,
  options: GraphStartOptions & { readonly model?: string } = {},
): Promise<Start> {
  if (path.endsWith(".onnx") && options.model === undefined) {
    const graph = await openGraph(path, task, options);
    if (graph !== undefined) return graph;
  }
  if (/\.(safetensors|onnx)$/.test(path)) return { weightsFor: ownWeights(path, await readWeights(path), note) };
  const config = await pretrainedConfig(path);
  return config === undefined ? fromRun(path, task, note, options) : fromCheckpoint(path, config, task);
}

/** Returns the start of a resumed run: its weights are in its checkpoint; `file` is its `graph.onnx`. */
export function startOfRun(config: { readonly [extra: string]: unknown }, file?: ModelFile): Start {
  const info = config["info"] as TaskInfo & { readonly tokenizer?: string; readonly pretrained?: PretrainedInfo };
  const { tokenizer, pretrained } = info;
  return {
    tokenizer,
    ...ensembleOf(info),
    ...(file === undefined ? {} : graphOfRun(config, file)),
    ...(pretrained === undefined
      ? { modelName: config["model"] as string }
      : { pretrained, inherited: inheritedFrom(modelFromConfig(pretrained.architecture, pretrained.config)) }),
    weightsFor: () => ({ weights: new Map(), fresh: [] }),
  };
}
