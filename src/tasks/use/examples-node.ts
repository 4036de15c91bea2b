/**
 * @module Examples for a trained model: data with targets to measure on, and inputs without to answer.
 */
import type { Dataset, LoadOptions } from "../../data/node.js";
import { KNOWN_DATASETS, loadData, parseFold, tableReading } from "../../data/node.js";
import type { RunConfig } from "../../run/run-folder.js";
import { ConfigError } from "../../util/errors.js";
import { unknownName } from "../../util/nearest.js";
import type { ColumnsInHand } from "../tables/file-columns.js";
import { nodeTaskNamed } from "../table-node.js";
import type { InputOptions, NamedInputs } from "../task-node.js";
import type { TrainedModel } from "../trained-model.js";
import type { AnyTask, TaskInfo } from "../task.js";
import { inWindows } from "../shared/windows.js";
import { readingInfo } from "./checked-info.js";

/** Options of examples that a run is measured on. */
export interface ExamplesOptions extends Omit<InputOptions, "count" | "seed"> {
  readonly data: string;
  readonly labelColumn?: string;
  /** Columns that are not inputs of a file: a run knows its own. */
  readonly ignoreColumn?: readonly string[];
  readonly repair?: boolean;
  /** The part of data that are split; left out, the test part. Of other data, all rows are either. */
  readonly part?: "test" | "train" | "validation";
}

/**
 * How a run's tables are read: by the schema that it keeps. Runs of before schemas had classes `false` and `true` where a file says `no` and `yes`.
 */
export function schemaReading(
  task: AnyTask,
  info: TaskInfo,
  target = task.targetColumn(info),
): Pick<LoadOptions, "schema" | "plainBooleans"> {
  const schema = task.schema?.(info);
  const { classes } = info as { readonly classes?: readonly string[] };
  const isPlain = task.schema !== undefined && schema === undefined && classes?.join() === "false,true";
  return { schema, plainBooleans: isPlain && target !== undefined ? [target] : [] };
}

/** Rows with targets, and what was decided on the way. */
interface LoadedExamples {
  readonly examples: Dataset;
  /** The same examples as they were read. */
  readonly rows: Dataset;
  readonly notes: readonly string[];
  readonly leftOut: readonly string[];
}

/** The seed that a run's data were split by. */
export function splitSeedOf({ splitSeed, seed }: RunConfig["options"]): number {
  return [splitSeed, seed].find((value) => typeof value === "number") ?? 1;
}

/**
 * Data with targets. Of the data that the model was trained on, and of known data, the test part by the run's own seed; of a folder with
 * a test part, that; of another file, all rows.
 */
export function loadExamples(
  model: TrainedModel,
  config: Pick<RunConfig, "options">,
  options: ExamplesOptions,
): Promise<LoadedExamples> {
  return readingInfo("config.json", model.task.name, () => load(model, config, options));
}

async function load(model: TrainedModel, config: Pick<RunConfig, "options">, options: ExamplesOptions): Promise<LoadedExamples> {
  const { task } = model;
  const info = inWindows(task, model.info, options.stride);
  const seed = splitSeedOf(config.options);
  const { fold } = config.options;
  const labelColumn = options.labelColumn ?? task.targetColumn(info);
  const isTrainingData = options.data === config.options["data"];
  const isKnown = KNOWN_DATASETS.some(({ name }) => name === options.data);
  const usualText = task.textColumn?.(info);
  const data = await loadData(options.data, {
    seed,
    ...task.reads,
    // How the file of the training is written was said there.
    ...(isTrainingData ? tableReading(config.options) : {}),
    ...tableReading(options),
    ...schemaReading(task, info, labelColumn),
    usualText,
    ...task.loading?.(info),
    // Nothing is held out of a file that is given to be measured on.
    ...(isTrainingData || isKnown ? {} : { testFraction: 0, validationFraction: 0 }),
    labelColumn,
    textColumn: options.textColumn,
    ...(isTrainingData && typeof fold === "string" ? { fold: parseFold(fold, "--fold") } : {}),
    signal: options.signal,
    skipBadRows: options.skipBadRows === true,
    repair: options.repair === true,
    maxMegapixels: options.maxMegapixels,
  });
  const wanted = data[options.part ?? "test"];
  const whole = wanted.length > 0 ? wanted : data.train.concat(data.validation);
  const unknown = options.ignoreColumn?.find((name) => !whole.has(name));
  if (unknown !== undefined) throw new ConfigError(`--ignore-column: ${unknownName("column", unknown, whole.names)}`);
  const part = whole.drop(...(options.ignoreColumn ?? []));
  const examples = await task.examples(data, part, info);
  const remarks = nodeTaskNamed(task.name).remarks?.(examples, info, part) ?? [];
  return { examples, rows: part, notes: [...data.notes, ...remarks], leftOut: data.leftOut };
}

/** Reads the columns of data without the one to predict, for a file that leaves their number free. Errors: those of `loadData`. */
export async function columnsOf(options: ExamplesOptions): Promise<ColumnsInHand> {
  const { labelColumn, skipBadRows = false, signal, ignoreColumn = [] } = options;
  const data = await loadData(options.data, {
    ...tableReading(options),
    testFraction: 0,
    validationFraction: 0,
    labelColumn,
    signal,
    skipBadRows,
  });
  const left = new Set([...ignoreColumn, data.roles.target]);
  return { rows: data.train.pick(...data.train.names.filter((name) => !left.has(name))), areGiven: false };
}

/** Inputs from a command line: image files, IDX files, tables, or one row as `name=value` pairs. Errors: DataError, ConfigError. */
export async function readInputs(
  model: TrainedModel,
  inputs: readonly string[],
  options: InputOptions = {},
): Promise<NamedInputs> {
  const { name } = model.task;
  return readingInfo("config.json", name, () => nodeTaskNamed(name).readInputs(model, inputs, options));
}
