import assert from "node:assert/strict";
import { test } from "node:test";
import { Progress } from "../run/progress.js";
import { printable, printableJson, printableLine } from "./terminal.js";
import { formatTable } from "./text.js";

const NASTY = "a\u001B]0;title\u0007\nb\r\u009B2Jc\u202Etxt.exe\u2028\u007F\u0000";
const SHOWN = String.raw`a\x1b]0;title\x07\nb\r\x9b2Jc\u202etxt.exe\u2028\x7f\x00`;
// eslint-disable-next-line no-control-regex -- control characters are what must not be there
const RAW = /[\u0000-\u0009\u000B-\u001F\u007F-\u009F\u2028\u2029\u202A-\u202E\u2066-\u2069]/;

test("control characters of names are shown and not sent", () => {
  assert.equal(printableLine(NASTY), SHOWN);
  assert.equal(printable("a\n\tb\u001B[2J"), "a\n\tb\\x1b[2J");
  assert.equal(printableLine("Capture d'écran 文件 🎉 ‍"), "Capture d'écran 文件 🎉 ‍");
  const json = printableJson({ [NASTY]: [NASTY] });
  assert.doesNotMatch(json, RAW);
  assert.deepEqual(JSON.parse(json), { [NASTY]: [NASTY] });
});

test("tables and progress show names in one line", () => {
  const table = formatTable(["class", "n"], [[NASTY, "1"]]);
  assert.doesNotMatch(table, RAW);
  assert.equal(table.split("\n").length, 3);
  let written = "";
  const sink = { write: (text: string) => void (written += text), isTTY: false };
  const progress = new Progress(sink, { label: NASTY, delayMs: 0, intervalMs: 0, total: 2 });
  progress.update(1, 1, { [NASTY]: NASTY });
  progress.log(`epoch 1 ${NASTY}`);
  progress.finish();
  assert.doesNotMatch(written, RAW);
  assert.equal(written.trimEnd().split("\n").length, 3);
});
