import assert from "node:assert/strict";
import { test } from "node:test";
import { parseIdx } from "./idx.js";

const images = Uint8Array.of(0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 3, 1, 2, 3, 4, 5, 250);

test("bytes keep their type; wider elements are big-endian", () => {
  assert.deepEqual(parseIdx(Buffer.from(images), "f"), {
    dtype: "uint8",
    shape: [2, 1, 3],
    data: Uint8Array.of(1, 2, 3, 4, 5, 250),
  });
  const shorts = Uint8Array.of(0, 0, 0x0b, 1, 0, 0, 0, 2, 0xff, 0xfe, 0x01, 0x00);
  assert.deepEqual(parseIdx(shorts, "f"), { dtype: "int16", shape: [2], data: Int16Array.of(-2, 256) });
  const floats = Uint8Array.of(0, 0, 0x0d, 1, 0, 0, 0, 1, 0x3f, 0xc0, 0, 0);
  assert.deepEqual(parseIdx(floats, "f").data, Float32Array.of(1.5));
  const signed = Uint8Array.of(9, 0, 0, 0x09, 1, 0, 0, 0, 1, 0xff).subarray(1);
  assert.deepEqual(parseIdx(signed, "f").data, Int8Array.of(-1));
});

test("what is not a whole IDX file is refused in one line", () => {
  assert.throws(() => parseIdx(images.subarray(0, 21), "train.idx"), {
    name: "DataError",
    message: "train.idx: expected 22 bytes for uint8 [2, 1, 3], got 21; it is truncated",
  });
  assert.throws(() => parseIdx(images.subarray(0, 9), "f"), /expected 3 dimensions, got 9 bytes; it is truncated/);
  assert.throws(() => parseIdx(Uint8Array.of(...images, 0), "f"), /bytes after its end/);
  assert.throws(() => parseIdx(new TextEncoder().encode("a,b\n1,2\n"), "f"), /expected an IDX file .*got magic 612c620a/);
  assert.throws(() => parseIdx(new Uint8Array(2), "f"), /got 2 bytes/);
});
