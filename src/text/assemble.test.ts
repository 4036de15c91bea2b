import assert from "node:assert/strict";
import { test } from "node:test";
import { assemble } from "./assemble.js";

const text = { ids: Int32Array.of(7, 8), offsets: Int32Array.of(0, 1, 1, 2) };

test("a template may name a text twice, or not at all", () => {
  const twice = {
    single: [
      { text: 0, type: 0 },
      { ids: [1], type: 0 },
      { text: 0, type: 1 },
    ],
    pair: [],
  } as const;
  const { ids, offsets, typeIds } = assemble(twice, [text]);
  assert.deepEqual([...ids], [7, 8, 1, 7, 8]);
  assert.deepEqual([...offsets], [0, 1, 1, 2, 0, 0, 0, 1, 1, 2]);
  assert.deepEqual([...typeIds], [0, 0, 0, 1, 1]);
  assert.deepEqual([...assemble({ single: [{ ids: [1, 2], type: 0 }], pair: [] }, [text]).ids], [1, 2]);
});
