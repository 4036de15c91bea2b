/**
 * @module Teachers' answers for the rows that a student learns from: computed once and cached by a hash of model and rows, or read from a
 * file that somebody with the big model made.
 */
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { cacheFolder } from "../../data/registry-node.js";
import { Dataset, isText, loadSafetensors, readSafetensors, writeSafetensors } from "../../data/node.js";
import type { TensorData } from "../../graph/index.js";
import { fromNumbers, sizeOf, toNumbers } from "../../graph/index.js";
import { nodeFileSystem, writeWhole } from "../../run/run-folder-files-node.js";
import { ConfigError, DataError } from "../../util/errors.js";
import type { TrainedModel } from "../trained-model.js";
import { makeFolders } from "../../util/folders-node.js";
import { formatNames } from "../../util/text.js";

/** Names the column of the k-th teacher's logits; stored ones may hold only the largest, with their classes. */
export const logitsColumn = (k: number): string => `teacher ${k}: logits`;
export const valuesColumn = (k: number): string => `teacher ${k}: values`;
export const indicesColumn = (k: number): string => `teacher ${k}: indices`;

/** The output from which soft targets are made. */
const LOGITS = "logits";

/** Hashes the model's file and every column of the rows: the key of the cache. */
function keyOf(model: TrainedModel, rows: Dataset): string {
  const hash = createHash("sha256").update(model.toOnnx());
  for (const [name, column] of rows.entries()) {
    hash.update(name);
    if (isText(column)) for (const text of column.values) hash.update(`${text}\n`);
    else
      for (const { buffer, byteOffset, byteLength } of [column.data, column.encoded ?? column.data])
        hash.update(new Uint8Array(buffer, byteOffset, byteLength));
  }
  return hash.digest("hex").slice(0, 32);
}

/** Logits [N, K] of all rows, in their order. ConfigError for a task whose outputs have none. */
async function computed(model: TrainedModel, rows: Dataset): Promise<TensorData> {
  let all: Float32Array | undefined;
  let classes = 0;
  let seen = 0;
  await model.run(rows, (outputs, positions) => {
    const logits = outputs[LOGITS];
    if (logits === undefined || logits.shape.length !== 2)
      throw new ConfigError(
        `distill: expected a teacher that gives logits [N, K] for ${model.task.name}, got ${Object.entries(outputs)
          .map(([name, t]) => `${name} [${t.shape.join(", ")}]`)
          .join(", ")}`,
      );
    classes = sizeOf(logits.shape.slice(1));
    all ??= new Float32Array(rows.length * classes);
    const numbers = toNumbers(logits);
    positions.forEach((row, i) => all?.set(Float32Array.from(numbers.subarray(i * classes, (i + 1) * classes)), row * classes));
    seen += positions.length;
  });
  if (all === undefined || seen !== rows.length)
    throw new ConfigError(
      `distill: expected an answer of the teacher for each of ${rows.length} rows, got ${seen}; texts that are read in windows have one answer for all of their windows`,
    );
  return { dtype: "float32", shape: [rows.length, classes], data: all };
}

/** Gets a teacher's logits for rows, from the cache if it has them. `folder` replaces the user's cache. */
export async function teacherLogits(
  model: TrainedModel,
  rows: Dataset,
  { folder = join(cacheFolder(), "teachers"), note }: { readonly folder?: string; readonly note: (text: string) => void },
): Promise<TensorData> {
  const path = join(folder, `${keyOf(model, rows)}.safetensors`);
  if (existsSync(path)) {
    const kept = readSafetensors(await readFile(path), path).tensors.get(LOGITS);
    if (kept !== undefined) {
      note(`${model.modelName}: its outputs of ${rows.length} rows were kept in ${path}`);
      return kept;
    }
  }
  const logits = await computed(model, rows);
  makeFolders(folder);
  await writeWhole(nodeFileSystem, path, writeSafetensors(new Map([[LOGITS, logits]])));
  return logits;
}

/** Keeps the k largest of each row, with their columns. */
export function largest(logits: TensorData, k: number): { readonly values: TensorData; readonly indices: TensorData } {
  const [rows = 0, classes = 0] = logits.shape;
  const numbers = toNumbers(logits);
  const [values, indices]: [number[], number[]] = [[], []];
  for (let row = 0; row < rows; row++) {
    const own = numbers.subarray(row * classes, (row + 1) * classes);
    const order = Array.from(own, (_, i) => i).sort((a, b) => (own[b] as number) - (own[a] as number));
    for (const i of order.slice(0, k)) {
      values.push(own[i] as number);
      indices.push(i);
    }
  }
  const shape = [rows, Math.min(k, classes)];
  return { values: fromNumbers("float32", shape, values), indices: fromNumbers("int64", shape, indices) };
}

/**
 * Stored outputs: safetensors with `logits` [N, K], or with `values` and `indices` [N, k], row by row for the training rows.
 *
 * Errors: DataError for other tensors, another number of rows, or positions that are no class.
 */
export async function storedOutputs(path: string, rows: number, classes: number, k: number): Promise<Dataset> {
  const { tensors } = await loadSafetensors(path);
  const [logits, values, indices] = ["logits", "values", "indices"].map((name) => tensors.get(name));
  const found = [...tensors].map(([name, t]) => `${name} [${t.shape.join(", ")}]`).join(", ");
  if (logits !== undefined) {
    if (logits.shape.join() !== [rows, classes].join())
      throw new DataError(`${path}: expected logits [${rows}, ${classes}], a row for each training row, got ${found}`);
    return new Dataset({ [logitsColumn(k)]: fromNumbers("float32", [rows, classes], toNumbers(logits)) });
  }
  if (values === undefined || indices === undefined || values.shape.join() !== indices.shape.join() || values.shape[0] !== rows)
    throw new DataError(`${path}: expected logits [${rows}, ${classes}], or values and indices [${rows}, k], got ${found}`);
  const positions = toNumbers(indices);
  const stray = positions.find((place) => !Number.isInteger(place) || place < 0 || place >= classes);
  if (stray !== undefined) throw new DataError(`${path}: indices: expected classes 0 to ${classes - 1}, got ${stray}`);
  return new Dataset({
    [valuesColumn(k)]: fromNumbers("float32", values.shape, toNumbers(values)),
    [indicesColumn(k)]: fromNumbers("int64", indices.shape, positions),
  });
}

/** ConfigError unless a teacher has the student's classes, in whatever order. */
export function checkClasses(from: readonly string[], to: readonly string[], who: string): void {
  if (from.length === to.length && to.every((name) => from.includes(name))) return;
  throw new ConfigError(`distill: expected a teacher with the classes ${formatNames(to)}, got ${who} with ${formatNames(from)}`);
}

/** Reorders a teacher's logits to the student's classes. */
export function inOrder(logits: TensorData, from: readonly string[], to: readonly string[]): TensorData {
  if (from.join("\n") === to.join("\n")) return logits;
  const positions = to.map((name) => from.indexOf(name));
  const numbers = toNumbers(logits);
  const rows = logits.shape[0] as number;
  const ordered = Array.from({ length: rows }, (_, row) =>
    positions.map((place) => numbers[row * from.length + place] as number),
  ).flat();
  return fromNumbers("float32", logits.shape, ordered);
}
