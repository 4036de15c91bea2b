import assert from "node:assert/strict";
import { test } from "node:test";
import type { Batch } from "../../data/index.js";
import { Dataset } from "../../data/index.js";
import { fromNumbers, toNumbers } from "../../graph/index.js";
import { strideOption } from "../texts/options.js";
import type { AnyTask, Outputs, RowOutputs } from "../task.js";
import { asWindows, inWindows, textAt, textByText, textCount, windowedCount } from "./windows.js";

const column = (...values: number[]) => fromNumbers("float32", [values.length], values);

/** The windows of a text say their sum. */
const merge = (windows: readonly RowOutputs[]): RowOutputs => ({
  outputs: { y: column(windows.reduce((sum, { outputs }) => sum + Number(outputs["y"]?.data[0]), 0)) },
  batch: windows[0]?.batch ?? {},
});
const task = { name: "sums", options: { stride: strideOption("") }, merge } as unknown as AnyTask;

test("rows of one text each are texts; windows know which text they are of", () => {
  const rows = new Dataset({ x: [1, 2, 3, 4] });
  const windows = asWindows(rows, [1, 2, 1]);
  assert.equal(asWindows(rows, [1, 1, 1, 1]), rows);
  assert.deepEqual([textCount(rows), textCount(windows), textCount(new Dataset({}))], [4, 3, 0]);
  assert.deepEqual([windowedCount(rows), windowedCount(windows)], [0, 1]);
  assert.deepEqual([textAt(rows, 2), textAt(windows, 2)], [2, 1]);
});

test("outputs come text by text, in whatever batches the windows were", () => {
  const windows = asWindows(new Dataset({ x: [1, 2, 3, 4, 5] }), [1, 3, 1]);
  const seen: (readonly [rows: number[], y: number[], x: number[]])[] = [];
  const each = textByText(task, {}, windows, (outputs: Outputs, batch: Batch, rows) =>
    seen.push([[...rows], [...toNumbers(outputs["y"] ?? column())], [...toNumbers(batch["x"] ?? column())]]),
  );
  // One buffer for all outputs, as an engine has.
  const y = column(0, 0, 0);
  for (const rows of [
    [3, 0, 1],
    [4, 2],
  ]) {
    rows.forEach((row, i) => (y.data[i] = 10 * (row + 1)));
    const outputs = { y: { ...y, shape: [rows.length], data: y.data.subarray(0, rows.length) } };
    each(outputs, { x: column(...rows.map((row) => row + 1)) }, Uint32Array.from(rows));
  }
  assert.deepEqual(seen, [
    [[0], [10], [1]],
    // 20 + 30 + 40, by the row of the first window.
    [[1], [90], [2]],
    [[4], [50], [5]],
  ]);
  const same = (): void => undefined;
  assert.equal(textByText({ ...task, merge: undefined }, {}, windows, same), same);
});

test("--stride: for tasks that read in windows, of models with a length, and less than it", () => {
  assert.deepEqual(inWindows(task, { maxLength: 8 }, 2), { maxLength: 8, stride: 2 });
  assert.deepEqual(inWindows(task, { maxLength: 8, stride: 3 }, undefined), { maxLength: 8, stride: 3 });
  assert.throws(() => inWindows(task, {}, 2), /--stride: expected a model that reads texts of limited length .*, got sums/);
  assert.throws(() => inWindows({ name: "other", options: {} }, { maxLength: 8 }, 2), /--stride: expected .*, got other/);
  assert.throws(() => inWindows(task, { maxLength: 8 }, 8), {
    message: "--stride: expected less than the 8 tokens that the model takes at once, got 8",
  });
});
