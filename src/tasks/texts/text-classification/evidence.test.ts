/** @module Marked spans of texts as tokens. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Dataset } from "../../../data/index.js";
import { learnTokenizer } from "../texts.js";
import { outsideSpans } from "./evidence.js";

const texts = ["a warm film", "😀 dull and cold", "nothing said"];
const info = { tokenizer: (await learnTokenizer(texts, { kind: "words" })).toJson(), maxLength: 8 };
const rows = (why: readonly (string | null)[]): Dataset =>
  new Dataset({ text: { dtype: "string", values: texts }, why: { dtype: "string", values: why } });

test("tokens outside the spans of a text are marked; characters are code points; texts without spans have none", async () => {
  const { column, note } = await outsideSpans(rows(["[[2, 6]]", "[[2, 6], [11, 15]]", null]), "text", "why", info);
  const width = column.shape[1] as number;
  const row = (i: number): number[] => [...column.data].slice(i * width, i * width + (i === 1 ? 4 : 3)).map(Number);
  assert.deepEqual(row(0), [1, 0, 1]);
  assert.deepEqual(row(1), [1, 0, 1, 0]);
  assert.deepEqual(row(2).slice(0, 2), [0, 0]);
  assert.equal(note, "evidence: spans in 2 of 3 texts; those without spans have no evidence penalty");
});

test("cells without spans, and spans outside their text, are refused with the row", async () => {
  const cases = [
    ["[[2, 60]]", /column "why", example 1: expected spans within the 11 characters of the text, got 2 to 60/],
    ["[[6, 2]]", /expected spans within the 11 characters/],
    ["[[-1, 2]]", /expected spans within the 11 characters/],
    ["warm", /column "why", example 1: expected spans as \[\[START, END\], …\], got "warm"/],
    ["[2, 6]", /expected spans as \[\[START, END\], …\]/],
    ["", /expected spans in at least one training text, got none/],
  ] as const;
  for (const [cell, message] of cases) await assert.rejects(outsideSpans(rows([cell, null, null]), "text", "why", info), message);
  await assert.rejects(
    outsideSpans(rows(["[[2, 6]]", null, null]), "text", "text", info),
    /--evidence text: expected a column of spans/,
  );
});
