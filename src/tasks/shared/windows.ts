/**
 * @module Rows that are windows of longer texts: which text each is of, and outputs put together text by text before they are measured or answered.
 */
import type { Batch, Dataset } from "../../data/index.js";
import type { TensorData } from "../../graph/index.js";
import { DTYPES } from "../../graph/index.js";
import { ConfigError } from "../../util/errors.js";
import type { AnyTask, Outputs, TaskInfo } from "../task.js";

/** The column of the text that each row is a window of, ascending; there is none where every row is a whole text. */
const TEXT_OF = "text_of";

/** The text that a row is, or is a window of. */
export const textAt = (rows: Dataset, row: number): number => (rows.has(TEXT_OF) ? Number(rows.tensor(TEXT_OF).data[row]) : row);

/** Counts the texts that the rows belong to. */
export const textCount = (rows: Dataset): number => (rows.length === 0 ? 0 : textAt(rows, rows.length - 1) + 1);

/** Counts the texts of more than one row. */
export function windowedCount(rows: Dataset): number {
  if (!rows.has(TEXT_OF)) return 0;
  const texts = rows.tensor(TEXT_OF).data as Int32Array;
  return new Set(texts.filter((text, i) => text === texts[i - 1])).size;
}

/** Rows of which the first `counts[0]` are windows of the first text, and so on. */
export function asWindows(rows: Dataset, counts: readonly number[]): Dataset {
  if (counts.every((count) => count === 1)) return rows;
  const data = Int32Array.from(counts.flatMap((count, text) => new Array<number>(count).fill(text)));
  return rows.with({ [TEXT_OF]: { dtype: "int32", shape: [data.length], data } });
}

/**
 * A model's info, for windows that share `stride` tokens. ConfigError for a task or a model that does not read texts in windows, and for
 * windows that would not go forward.
 */
export function inWindows<I extends TaskInfo>(task: Pick<AnyTask, "name" | "options">, info: I, stride: number | undefined): I {
  if (stride === undefined) return info;
  const { maxLength } = info;
  if (!Object.hasOwn(task.options, "stride") || typeof maxLength !== "number")
    throw new ConfigError(
      `--stride: expected a model that reads texts of limited length (text-classification, token-classification with BERT), got ${task.name}`,
    );
  if (stride >= maxLength)
    throw new ConfigError(`--stride: expected less than the ${maxLength} tokens that the model takes at once, got ${stride}`);
  return { ...info, stride };
}

type Each = (outputs: Outputs, batch: Batch, rows: Uint32Array) => void;

/** Rows of each tensor, copied: outputs lie in buffers that the next batch is written to. */
const rowsOf = (tensors: Outputs, rows: readonly number[]): Record<string, TensorData> =>
  Object.fromEntries(
    Object.entries(tensors).map(([name, { dtype, shape, data }]) => {
      const size = data.length / (shape[0] as number);
      const copy = DTYPES[dtype].create(rows.length * size);
      // `set` wants equal kinds of array, which one dtype has.
      for (const [i, row] of rows.entries())
        (copy as Uint8Array).set(data.subarray(row * size, (row + 1) * size) as Uint8Array, i * size);
      return [name, { dtype, shape: [rows.length, ...shape.slice(1)], data: copy }];
    }),
  );

/**
 * `each` for whole texts: rows that are windows wait until all of their text are there, and are given as one, by the row of its first. Where rows are
 * texts, or the task does not read in windows, `each` itself.
 */
export function textByText(task: AnyTask, info: TaskInfo, rows: Dataset, each: Each): Each {
  if (task.merge === undefined || !rows.has(TEXT_OF)) return each;
  const texts = rows.tensor(TEXT_OF).data as Int32Array;
  const counts = new Map<number, number>();
  for (const text of texts) counts.set(text, (counts.get(text) ?? 0) + 1);
  const waiting = new Map<number, { row: number; outputs: Outputs; batch: Batch }[]>();
  return (outputs, batch, indices) => {
    const whole: number[] = [];
    for (const [n, row] of indices.entries()) {
      const text = texts[row] as number;
      if (counts.get(text) === 1) {
        whole.push(n);
        continue;
      }
      const windows = [...(waiting.get(text) ?? []), { row, outputs: rowsOf(outputs, [n]), batch: rowsOf(batch, [n]) }];
      waiting.set(text, windows);
      if (windows.length < (counts.get(text) as number)) continue;
      waiting.delete(text);
      const inOrder = windows.sort((a, b) => a.row - b.row);
      const merged = task.merge?.(inOrder, info) as (typeof windows)[number];
      each(merged.outputs, merged.batch, Uint32Array.of((inOrder[0] as { row: number }).row));
    }
    if (whole.length === indices.length) each(outputs, batch, indices);
    else if (whole.length > 0)
      each(
        rowsOf(outputs, whole),
        rowsOf(batch, whole),
        Uint32Array.from(whole, (n) => indices[n] as number),
      );
  };
}
