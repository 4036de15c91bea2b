import assert from "node:assert/strict";
import { test } from "node:test";
import {
  displayWidth,
  formatClock,
  formatCount,
  formatInteger,
  formatNames,
  formatNumber,
  formatTable,
  padToWidth,
  truncateToWidth,
} from "./text.js";

test("Chinese characters take two columns, combining marks and colours none", () => {
  assert.equal(displayWidth("loss"), 4);
  assert.equal(displayWidth("损失 loss"), 9);
  assert.equal(displayWidth("e\u0301"), 1);
  assert.equal(displayWidth("\u001B[31mred\u001B[0m"), 3);
  assert.equal(displayWidth("🙂━"), 3);
});

test("cutting never exceeds the width and never splits a wide character", () => {
  for (let columns = 0; columns <= 12; columns++) {
    assert.ok(displayWidth(truncateToWidth("准确率 0.98 与损失", columns)) <= columns);
  }
  assert.equal(truncateToWidth("准确率", 5), "准确…");
  assert.equal(truncateToWidth("准确率", 4), "准…");
  assert.equal(truncateToWidth("short", 5), "short");
  assert.equal(padToWidth("准确", 6), "准确  ");
  assert.equal(padToWidth("12", 5, "right"), "   12");
});

test("a table is aligned by width, numbers flush right", () => {
  assert.equal(
    formatTable(
      ["类别", "f1"],
      [
        ["好评", "0.98"],
        ["bad", "10.5"],
      ],
    ),
    ["类别    f1", "────  ────", "好评  0.98", "bad   10.5"].join("\n"),
  );
});

test("numbers are short and the same in every locale", () => {
  assert.equal(formatInteger(1234567), "1,234,567");
  assert.deepEqual([0.42134, 12.345, 1234.5, 0.0000321, 0, 12, -0.5, 1e12, Infinity, NaN].map(formatNumber), [
    "0.4213",
    "12.35",
    "1,235",
    "3.21e-5",
    "0",
    "12",
    "-0.5000",
    "1.00e12",
    "∞",
    "NaN",
  ]);
  assert.deepEqual([0, 950, 1234, 999_600, 25_600_000].map(formatCount), ["0", "950", "1.23 k", "1.00 M", "25.6 M"]);
  assert.deepEqual([0.4, 7, 725, 11_049, Infinity].map(formatClock), ["0:00", "0:07", "12:05", "3:04:09", "–:––"]);
});

test("of many names the first are said, and how many there are", () => {
  const names = (count: number): string[] => Array.from({ length: count }, (_, i) => `c${i}`);
  assert.equal(formatNames([]), "");
  assert.equal(formatNames(names(10)), "c0, c1, c2, c3, c4, c5, c6, c7, c8, c9");
  assert.equal(formatNames(names(1000)), "c0, c1, c2, c3, c4, c5, c6, c7, c8, … (1000)");
});
