/**
 * @module Backgrounds: the rows that stand for absent columns, chosen, stated and seeded.
 */
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { Dataset, isText, readSafetensors, writeSafetensors } from "../../data/node.js";
import type { RunWriter } from "../../run/run-folder-node.js";
import { splitRunPath } from "../../run/run-folder-node.js";
import { ConfigError } from "../../util/errors.js";
import { Random } from "../../util/random.js";
import type { TaskContext, TaskInfo } from "../task.js";
import type { TrainedModel } from "../trained-model.js";
import { readInputs } from "../use/examples-node.js";
import type { Remark } from "../../explain/index.js";

/** The file of a run that keeps a sample of its training rows, encoded. */
const BACKGROUND_FILE = "background.safetensors";

/** Rows of a background: more make Shapley values hardly steadier, and cost as much more. */
export const BACKGROUND_ROWS = 64;

/** Encoded rows, and where they are from. */
export interface Background {
  readonly examples: Dataset;
  readonly remark: Remark;
}

/** At most so many rows, drawn by the seed. */
const drawn = (rows: Dataset, seed: number): Dataset =>
  rows.length <= BACKGROUND_ROWS
    ? rows
    : rows.select(new Random(seed, "background").permutation(rows.length).subarray(0, BACKGROUND_ROWS));

/** Keeps a sample of the training rows with a run of a table, for the columns that its model reads. */
export async function keepBackground(
  writer: RunWriter,
  { task, info }: TrainedModel,
  train: Dataset,
  seed: number,
): Promise<void> {
  if (task.explained?.kind !== "table") return;
  const context: TaskContext<TaskInfo> = { info, use: "eval", options: {} };
  const columns = Object.keys(task.inputs(context, 1)).filter((name) => train.has(name) && !isText(train.column(name)));
  const rows = drawn(train, seed);
  const tensors = new Map(columns.map((name) => [name, rows.tensor(name)]));
  await writer.write(BACKGROUND_FILE, writeSafetensors(tensors));
}

/**
 * The background of a model of tables: the rows of a file, or those that its run keeps; undefined of models of other inputs, and of runs that keep none.
 *
 * Errors: ConfigError for a file without rows, or beside a model of other inputs; DataError for rows that are not the model's.
 */
export async function backgroundOf(
  trained: TrainedModel,
  path: string,
  file: string | undefined,
  seed: number,
): Promise<Background | undefined> {
  const isTable = trained.task.explained?.kind === "table";
  if (file !== undefined) {
    if (!isTable) throw new ConfigError(`--background ${file}: expected a model of tables, got one of ${trained.task.name}`);
    const { examples } = await readInputs(trained, [file]);
    if (examples.names.length === 1 && isText(examples.column(examples.names[0] ?? "")))
      throw new ConfigError(
        `--background ${file}: expected columns, got one text, whose absent words are left out; leave --background out`,
      );
    if (examples.length === 0) throw new ConfigError(`--background ${file}: expected at least one row, got none`);
    const rows = drawn(examples, seed);
    const [few, all] = [rows.length, examples.length];
    const remark =
      few < all
        ? {
            en: `Background: ${few} of ${all} rows of ${file}, drawn by the seed.`,
            zh: `背景：${file} 的 ${all} 行中按种子抽取的 ${few} 行。`,
          }
        : { en: `Background: ${all} of ${all} rows of ${file}.`, zh: `背景：${file} 的全部 ${all} 行。` };
    return { examples: rows, remark };
  }
  const kept = join(splitRunPath(path).run, BACKGROUND_FILE);
  if (!isTable || path.endsWith(".onnx") || !existsSync(kept)) return undefined;
  const { tensors } = readSafetensors(await readFile(kept), kept);
  const rows = new Dataset([...tensors]);
  const remark = {
    en: `Background: ${rows.length} training rows, drawn by the training's seed.`,
    zh: `背景：按训练的种子抽取的 ${rows.length} 行训练数据。`,
  };
  return { examples: rows, remark };
}
