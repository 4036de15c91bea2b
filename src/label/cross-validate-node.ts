/**
 * @module Probabilities for every example of a data set, each by a model of the same kind that was not trained on it: cross-validation with any model of Descent.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Dataset, LoadedData, TensorColumn } from "../data/node.js";
import { classesOf, concatenate, encodeLabels, isMissing, loadData, splitIndices } from "../data/node.js";
import { toNumbers } from "../graph/index.js";
import type { TrainTaskOptions } from "../tasks/node.js";
import { taskNamed } from "../tasks/table.js";
import { textAt } from "../tasks/shared/windows.js";
import { trainTask } from "../tasks/training/train-task-node.js";
import { TrainedModel } from "../tasks/use/trained-node.js";
import { ConfigError, DataError, DescentError } from "../util/errors.js";
import { softmaxRow } from "../tasks/shared/softmax.js";

export interface CrossValidationOptions extends Partial<Omit<TrainTaskOptions, "task" | "data">> {
  /** The task; what the data suggest, if left out. */
  readonly task?: string;
  /** The model, by its name; one that is quick to fit, if left out. */
  readonly model?: string;
  readonly folds?: number;
  readonly seed?: number;
  /** Changes labels, [N] of 0 … K − 1, before anything is trained: for measurements with known faults. */
  readonly relabel?: (labels: Int32Array, classes: number) => Int32Array;
}

export interface CrossValidationContext {
  readonly signal?: AbortSignal;
  readonly note?: (text: string) => void;
  readonly onFold?: (done: number, folds: number) => void;
}

/** All examples of a data set with their labels and the probabilities that models gave which had not seen them. */
export interface CrossValidated {
  readonly name: string;
  readonly task: string;
  readonly model: string;
  /** The rows as they were read: training part first, then validation, then test. */
  readonly rows: Dataset;
  readonly target: string;
  /** The column that a person would look at. */
  readonly shown: { readonly image?: string; readonly text?: string };
  /** The largest value of a pixel. */
  readonly maximum: number;
  readonly classes: readonly string[];
  readonly labels: Int32Array;
  /** [N, K], row-major. */
  readonly probabilities: Float64Array;
}

/** A model of each task that is fitted in seconds. */
const QUICK: ReadonlyMap<string, string> = new Map([
  ["text-classification", "naive-bayes"],
  ["image-classification", "logistic-regression"],
  ["tabular-classification", "gradient-boosting"],
]);

/** Share of the rows of a fold's training that training is watched on. */
const WATCHED = 0.1;

/** All rows with their labels as numbers. */
function wholeOf(loaded: LoadedData, { relabel }: CrossValidationOptions): { rows: Dataset; target: string; classes: string[] } {
  const { target } = loaded.roles;
  if (target === undefined)
    throw new DataError(`${loaded.name}: expected a column of labels, found none; name it (--label-column)`);
  const parts = [loaded.train, loaded.validation, loaded.test].filter(({ length }) => length > 0);
  const joined = concatenate(parts);
  const column = joined.column(target);
  const present = Array.from({ length: joined.length }, (_, i) => i).filter((i) => !isMissing(column, i));
  const rows = present.length === joined.length ? joined : joined.select(present);
  const classes = classesOf(rows.column(target), target);
  if (classes.length < 2) throw new DataError(`column "${target}": expected at least 2 classes, got ${classes.length}`);
  if (relabel === undefined) return { rows, target, classes };
  const labels = encodeLabels(rows.column(target), classes, loaded.name);
  const changed = relabel(Int32Array.from(labels.data, Number), classes.length);
  const column2: TensorColumn = { dtype: "int32", shape: [changed.length], data: changed, classes };
  const texts = { dtype: "string" as const, values: Array.from(changed, (k) => classes[k] ?? null) };
  return { rows: rows.with({ [target]: rows.column(target).dtype === "string" ? texts : column2 }), target, classes };
}

/** The probabilities of some rows by a run, by the classes' own order. */
async function predict(
  path: string,
  loaded: LoadedData,
  classes: readonly string[],
  each: (row: number, probabilities: Float64Array) => void,
): Promise<void> {
  const { model } = await TrainedModel.open(path);
  await using used = model;
  const known = (used.info as { readonly classes?: readonly string[] }).classes;
  if (known === undefined) throw new ConfigError(`${used.task.name}: expected a task of one class for each example`);
  const positions = known.map((name) => classes.indexOf(name));
  const examples = await used.task.examples(loaded, loaded.test, used.info);
  await used.run(examples, (outputs, rows) => {
    const logits = outputs["logits"];
    if (logits === undefined) throw new ConfigError(`${used.task.name}: expected a task of one class for each example`);
    const numbers = toNumbers(logits);
    const width = known.length;
    rows.forEach((row, i) => {
      const own = softmaxRow(Float64Array.from(numbers.subarray(i * width, (i + 1) * width)));
      const all = new Float64Array(classes.length);
      own.forEach((p, k) => (all[positions[k] as number] = p));
      each(textAt(examples, row), all);
    });
  });
}

/**
 * Trains a model on all folds but one, in turn, and gathers what it says of that one.
 *
 * Errors: DataError without labels or with one class; ConfigError for a task of other answers than one class.
 */
export async function crossValidate(
  data: string,
  options: CrossValidationOptions = {},
  context: CrossValidationContext = {},
): Promise<CrossValidated> {
  const { folds = 5, seed = 1, relabel: _, model: asked, task: askedTask, ...training } = options;
  const { signal, note = () => undefined, onFold } = context;
  const first = await loadData(data, { ...training, seed, signal } as Parameters<typeof loadData>[1]);
  const task = taskNamed(askedTask ?? first.task);
  const model = asked ?? QUICK.get(task.name);
  if (model === undefined)
    throw new ConfigError(`${task.name}: expected a task of one class for each example (${[...QUICK.keys()].join(", ")})`);
  const folder = await mkdtemp(join(tmpdir(), "descent-folds-"));
  let whole: ReturnType<typeof wholeOf> | undefined;
  let parts: readonly Uint32Array[] = [];
  let probabilities = new Float64Array();
  try {
    for (let k = 0; k < folds; k++) {
      let loaded: LoadedData | undefined;
      const change = (given: LoadedData): Promise<LoadedData> => {
        whole ??= wholeOf(given, options);
        const { rows, target } = whole;
        if (parts.length === 0) parts = splitIndices(rows, new Array<number>(folds).fill(1 / folds), { seed, stratify: target });
        const held = parts[k] as Uint32Array;
        const others = Uint32Array.from(parts.flatMap((part, j) => (j === k ? [] : [...part]))).sort();
        const rest = rows.select(others);
        const [kept, watched] = splitIndices(rest, [1 - WATCHED, WATCHED], { seed, stratify: target });
        loaded = {
          ...given,
          train: rest.select(kept as Uint32Array),
          validation: rest.select(watched as Uint32Array),
          test: rows.select(held),
        };
        return Promise.resolve(loaded);
      };
      const out = join(folder, `fold-${k + 1}`);
      const asTraining = { ...training, task: task.name, data, model, seed, check: false } as TrainTaskOptions;
      const result = await trainTask(asTraining, {
        out,
        change,
        note: k === 0 ? note : () => undefined,
        onlyModel: true,
        signal,
      });
      if (result.ended === "interrupted") throw new DescentError("interrupted");
      const { rows, classes } = whole as unknown as ReturnType<typeof wholeOf>;
      if (probabilities.length === 0) probabilities = new Float64Array(rows.length * classes.length);
      const held = parts[k] as Uint32Array;
      await predict(result.path, loaded as unknown as LoadedData, classes, (row, found) =>
        probabilities.set(found, (held[row] as number) * classes.length),
      );
      await rm(out, { recursive: true, force: true });
      onFold?.(k + 1, folds);
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  const { rows, target, classes } = whole as unknown as ReturnType<typeof wholeOf>;
  const labels = Int32Array.from(encodeLabels(rows.column(target), classes, data).data, Number);
  const { image, text } = first.roles;
  const shown = { ...(image === undefined ? {} : { image }), ...(text === undefined ? {} : { text }) };
  const { maximum = 255 } = first;
  return { name: first.name, maximum, task: task.name, model, rows, target, shown, classes, labels, probabilities };
}
