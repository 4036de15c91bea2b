import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { crc32c, firstEvent, histogramEvent, imageEvent, scalarsEvent } from "./tensorboard.js";

test("CRC-32C of the RFC's examples", () => {
  assert.equal(crc32c(new Uint8Array(32)), 0x8a9136aa);
  assert.equal(crc32c(new Uint8Array(32).fill(255)), 0x62a8ab43);
  assert.equal(crc32c(Uint8Array.from({ length: 32 }, (_, i) => i)), 0x46dd794e);
});

test("the bytes are those of TensorBoard's own writer", () => {
  const file = new URL("../../../test/golden/event-file.json", import.meta.url);
  const golden = (JSON.parse(readFileSync(file, "utf8")) as { base64: string }).base64;
  const png = Uint8Array.from({ length: 200 }, (_, i) => i);
  const written = Buffer.concat([
    firstEvent(1700000000.25),
    scalarsEvent(1700000001.5, 1, { "train/loss": 2.25, "训练/准确率": 0 }),
    scalarsEvent(1700000002, 0, { "step zero": 1e30 }),
    scalarsEvent(1700000003, 5_000_000_000, { last: Infinity }),
    histogramEvent(1700000004, 300, "weights", [1, 2, NaN, 2, 5], 4),
    imageEvent(1700000005, 301, "picture", { width: 10, height: 20, channels: 3, png }),
  ]);
  assert.equal(written.toString("base64"), golden);
});

test("a histogram counts each finite value once, whatever the values are", () => {
  for (const values of [
    [],
    [3, 3, 3],
    [0],
    [-1, 1e-9, 1],
    [NaN, Infinity],
    Array.from({ length: 1000 }, (_, i) => Math.sin(i)),
  ]) {
    const { limits, counts } = parseHistogram(histogramEvent(0, 1, "h", values));
    const finite = values.filter(Number.isFinite);
    assert.equal(
      counts.reduce((a, b) => a + b, 0),
      finite.length,
    );
    assert.equal(limits.length, counts.length);
    for (let i = 1; i < limits.length - 1; i++) assert.ok((limits[i] as number) > (limits[i - 1] as number));
    if (finite.length > 0) assert.equal(limits.at(-1), Math.max(...finite));
  }
});

/** The two packed lists at the end of an event whose last message is a histogram of 30 buckets. */
function parseHistogram(framed: Uint8Array): { limits: number[]; counts: number[] } {
  const view = new DataView(framed.buffer, framed.byteOffset);
  const end = framed.length - 4;
  const list = (from: number): number[] => Array.from({ length: 30 }, (_, i) => view.getFloat64(from + i * 8, true));
  // Each list follows its tag and a two-byte length.
  return { counts: list(end - 240), limits: list(end - 240 - 3 - 240) };
}
