/**
 * @module A model that is fitted at once, trained into a run folder: `graph.onnx` is what was fitted, `model.onnx` the same with preprocessing for others.
 */
import type { Dataset } from "../../data/node.js";
import type { TensorData } from "../../graph/index.js";
import { fromNumbers, inputsOf, toNumbers } from "../../graph/index.js";
import { Module } from "../../nn/index.js";
import { resolveForUse } from "../../ops/index.js";
import type { Device } from "../../runtime/index.js";
import { compile } from "../../runtime/index.js";
import { peakMemoryMiB } from "../../run/progress-node.js";
import type { RunSummary } from "../../run/run-folder.js";
import { createRun } from "../../run/run-folder-node.js";
import { forEachBatch } from "../../train/evaluate.js";
import { ConfigError } from "../../util/errors.js";
import { kebabCase } from "../../util/option.js";
import { descentVersion } from "../../util/version-node.js";
import { trainingOptions } from "../options.js";
import { fetcherFor } from "../shared/rows-node.js";
import { textCount } from "../shared/windows.js";
import { modelNamed, taskNamed } from "../table.js";
import { nodeTaskNamed } from "../table-node.js";
import type { AnyTask, Fitted, FittedChoice, Prepared, TaskContext, TaskInfo, TaskOptions } from "../task.js";
import { GRAPH_FILE, openTrained } from "../use/trained-node.js";
import { completeRun } from "./complete-node.js";
import { readData } from "./read-data-node.js";
import type { TrainTaskOptions } from "./training-options.js";
import { checkOptions, SEED, taskOptions } from "./training-options.js";
import { defined } from "../../util/record.js";
import type { TrainTaskContext, TrainTaskResult } from "./train-task-node.js";

/** Options of training that a fit has a use for; the others are of gradient steps. */
const TAKEN = new Set(["model", "fold", "trainFraction", "seed", "splitSeed", "device", "threads", "check", "lang"]);
/** Rows whose features are computed at once. */
const ROWS = 256;

/**
 * The model that is asked for, if it is one that is fitted.
 *
 * Errors: ConfigError for a model that the task does not have, and for options of gradient steps beside one that takes none.
 */
export function fittedChoice(options: TrainTaskOptions): FittedChoice<TaskInfo> | undefined {
  const task = taskNamed(options.task);
  if (options.init !== undefined && options.model === undefined) return undefined;
  const choice = modelNamed(task, options.model ?? task.defaultModel);
  if (choice.fit === undefined) return undefined;
  const stray = Object.entries(trainingOptions).find(([name, option]) => {
    const value = options[name as keyof TrainTaskOptions];
    return !TAKEN.has(name) && value !== undefined && value !== ("default" in option ? option.default : undefined);
  });
  const own = options as TaskOptions;
  const weights = own.classWeights === undefined ? own.weightColumn && "weightColumn" : "classWeights";
  if (weights !== undefined)
    throw new ConfigError(`--${kebabCase(weights)}: expected a model that is trained in steps, got ${choice.name}; leave it out`);
  if (stray !== undefined)
    throw new ConfigError(
      `--${kebabCase(stray[0])}: expected a model that is trained in steps, got ${choice.name}, which is fitted at once; leave it out`,
    );
  return choice;
}

/** Stands where features need a model. */
class NoModel extends Module {
  override forward(): never {
    throw new ConfigError("fit: expected features outside the model, got those of a model of texts; read input_ids");
  }
}

/** The features of encoded rows, in their order. */
async function featuresOf(
  task: AnyTask,
  info: TaskInfo,
  rows: Dataset,
  use: { readonly device: Device; readonly threads?: number },
): Promise<TensorData> {
  const model = new NoModel();
  if (task.graphs?.outputs !== undefined) model.forward();
  const context: TaskContext<TaskInfo> = { info, use: "eval", options: {} };
  const size = Math.min(ROWS, Math.max(1, rows.length));
  const columns = inputsOf(task.inputs(context, size));
  await using executable = await compile(resolveForUse({ features: task.features(columns, context, model).mul(1) }), use);
  using fetcher = fetcherFor(task, context, rows);
  let all = new Float64Array();
  let shape: readonly number[] = [];
  let filled = 0;
  await forEachBatch(
    rows,
    size,
    (batch) => executable.call(Object.fromEntries(executable.inputs.map((name) => [name, batch[name] as TensorData]))),
    ({ features }) => {
      const numbers = toNumbers(features as TensorData);
      const [count = 1, ...each] = (features as TensorData).shape;
      if (all.length === 0) [all, shape] = [new Float64Array((numbers.length / count) * rows.length), each];
      all.set(numbers, filled);
      filled += numbers.length;
    },
    fetcher,
  );
  return fromNumbers("float32", [rows.length, ...shape], all);
}

/** A fitted model with the data that it was fitted to. */
interface FittedTask extends Fitted {
  readonly prepared: Prepared<TaskInfo>;
  readonly own: TaskOptions;
  readonly dataName: string;
  readonly notes: readonly string[];
  readonly seconds: number;
}

/** Reads the data, and fits the model to them. */
async function fit(
  choice: FittedChoice<TaskInfo>,
  options: TrainTaskOptions,
  device: Device,
  { note = () => undefined, signal, progress, change }: TrainTaskContext,
): Promise<FittedTask> {
  const task = taskNamed(options.task);
  checkOptions(task, options, "");
  const own = taskOptions(task, options);
  const seed = options.seed ?? SEED;
  const threads = options.threads === undefined ? {} : { threads: options.threads };
  const ending = signal === undefined ? {} : { signal };
  const loaded = await readData({ options, task }, { note, signal });
  const data = (await change?.(loaded)) ?? loaded;
  const read = await nodeTaskNamed(task.name).readOptions?.(own, {});
  const prepared = await task.prepare(data, { ...own, ...read, seed, ignore: options.ignoreColumn ?? [], model: choice.name });
  const { info, train, validation, test } = prepared;
  const counts = `${train.length} training, ${textCount(validation)} validation, ${textCount(test)} test examples`;
  note(`${task.name}: ${data.name}, ${counts}; ${choice.name}, fitted on ${device}`);
  const features = (rows: Dataset): Promise<TensorData> => featuresOf(task, info, rows, { device, ...threads });
  const began = performance.now();
  const given = { seed, own, note, ...threads, ...ending, progress };
  const fitted = await choice.fit({ info, train, validation, features }, given);
  signal?.throwIfAborted();
  const seconds = (performance.now() - began) / 1000;
  const notes = [...data.notes, ...prepared.notes, ...(fitted.notes ?? [])];
  for (const text of notes) note(text, data.leftOut.includes(text));
  return { ...fitted, prepared, own, dataName: data.name, notes, seconds };
}

/** Makes the summary of a fit, but for its metrics. */
const aboutFit = (
  { parameters, steps = 0, seconds, dataName }: FittedTask,
  { task, model, seed, device }: Pick<RunSummary, "task" | "model" | "seed" | "device">,
): Omit<RunSummary, "metrics"> => ({
  task,
  model,
  data: dataName,
  seed,
  device,
  parameters,
  flopsPerStep: 0,
  steps,
  stepMs: steps === 0 ? 0 : (1000 * seconds) / steps,
  trainSeconds: seconds,
  peakMemoryMiB: peakMemoryMiB(),
});

/** Fits a task's model, and leaves a complete run folder behind. Errors: those of the fit; DataError, ConfigError for what was given. */
export async function fitTask(
  choice: FittedChoice<TaskInfo>,
  options: TrainTaskOptions,
  device: Device,
  context: TrainTaskContext,
): Promise<TrainTaskResult> {
  const fitted = await fit(choice, options, device, context);
  const { prepared, own, notes, graph, file } = fitted;
  const [seed, model] = [options.seed ?? SEED, choice.name];
  const info = { ...prepared.info, graph };
  const config = {
    descent: await descentVersion(),
    task: options.task,
    command: context.command,
    options: defined({ ...options, task: undefined, model, seed }),
    model,
    info,
    fitted: true,
    notes,
  };
  using _ = context.hold?.();
  using writer = await createRun(context.out, { config, overwrite: context.overwrite === true });
  await writer.write(GRAPH_FILE, file);
  if (context.onlyModel === true) return { path: writer.path, ended: "fitted" };
  const threads = options.threads === undefined ? {} : { threads: options.threads };
  const opened = await openTrained(writer.path, { device, ...threads });
  await using used = opened.model;
  const summary = await completeRun(writer, {
    used,
    prepared: { ...prepared, info },
    options: own,
    config,
    language: options.lang ?? "en",
    notes,
    summarize: (metrics) => ({ ...aboutFit(fitted, { task: options.task, model, seed, device }), metrics }),
  });
  return { path: writer.path, summary, ended: "fitted" };
}
