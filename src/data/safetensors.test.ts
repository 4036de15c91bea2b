import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { readSafetensors, writeSafetensors } from "./safetensors.js";
import { loadSafetensors, SafetensorsReader, saveSafetensors } from "./safetensors-node.js";
import type { DType, TensorData } from "../graph/index.js";
import { DTYPES, fromNumbers } from "../graph/index.js";

const dtypes = (Object.keys(DTYPES) as DType[]).filter((dtype) => dtype !== "string");
const tensors: [string, TensorData][] = [
  ...dtypes.map((dtype): [string, TensorData] => [`t.${dtype}`, fromNumbers(dtype, [2, 3], [1, 0, 1, 5, 2, 3])]),
  ["scalar", fromNumbers("float32", [], [Math.PI])],
  ["empty", fromNumbers("float64", [0, 4], [])],
];

/** A file with this header and so many bytes of data. */
function file(header: unknown, dataBytes: number): Uint8Array {
  const json = new TextEncoder().encode(typeof header === "string" ? header : JSON.stringify(header));
  const bytes = new Uint8Array(8 + json.length + dataBytes);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(json.length), true);
  bytes.set(json, 8);
  return bytes;
}

test("every element type comes back, with metadata, at any alignment", () => {
  const bytes = writeSafetensors(tensors, { format: "pt", step: "3" });
  for (const shift of [0, 1, 3]) {
    const moved = new Uint8Array(bytes.length + shift).subarray(shift);
    moved.set(bytes);
    const read = readSafetensors(moved);
    assert.deepEqual(read.metadata, { format: "pt", step: "3" });
    for (const [name, expected] of tensors) assert.deepEqual(read.tensors.get(name), expected, name);
    assert.deepEqual(readSafetensors(Buffer.from(moved)).tensors, read.tensors);
  }
  assert.deepEqual(writeSafetensors(tensors.toReversed(), { format: "pt", step: "3" }), bytes);
});

test("bfloat16 is widened to float32", () => {
  const bytes = file({ w: { dtype: "BF16", shape: [2], data_offsets: [0, 4] } }, 4);
  bytes.set([0xc0, 0x3f, 0x00, 0xc0], bytes.length - 4);
  assert.deepEqual(readSafetensors(bytes).tensors.get("w"), { dtype: "float32", shape: [2], data: Float32Array.of(1.5, -2) });
});

const f32 = (begin: number, end: number, shape: unknown = [(end - begin) / 4]) => ({
  dtype: "F32",
  shape,
  data_offsets: [begin, end],
});
const wrong: [string, Uint8Array, RegExp][] = [
  ["too short", new Uint8Array(3), /expected at least 8 bytes, got 3/],
  ["not safetensors", new TextEncoder().encode("PK\u0003\u0004 a zip file"), /not a safetensors file/],
  ["header cut", file({ a: f32(0, 4) }, 4).subarray(0, 20), /expected a header of \d+ bytes, got 12; the file is truncated/],
  ["header not JSON", file("{a", 0), /expected a JSON header/],
  ["header not an object", file("[]", 0), /expected a JSON object as header, got a list/],
  ["data cut", file({ a: f32(0, 4), b: f32(4, 12) }, 8), /tensor "b": expected \d+ bytes in the file, got \d+; it is truncated/],
  ["overlap", file({ a: f32(0, 8), b: f32(4, 12) }, 12), /tensor "b": expected to begin at byte 8, got 4; it overlaps/],
  ["gap", file({ a: f32(0, 4), b: f32(8, 12) }, 12), /tensor "b": expected to begin at byte 4, got 8; it leaves a gap/],
  ["size against shape", file({ a: f32(0, 4, [2]) }, 4), /tensor "a": expected 8 bytes for F32 \[2\], got offsets 0 … 4/],
  ["negative shape", file({ a: f32(0, 4, [-1]) }, 4), /tensor "a": expected a shape of whole numbers ≥ 0, got \[-1\]/],
  ["offsets missing", file({ a: { dtype: "F32", shape: [1] } }, 4), /tensor "a": expected data_offsets/],
  ["unknown type", file({ a: { ...f32(0, 4), dtype: "F8_E4M3" } }, 4), /tensor "a": expected one of .*got dtype F8_E4M3/],
  [
    "a type that every object has",
    file({ a: { ...f32(0, 4), dtype: "toString" } }, 4),
    /tensor "a": expected one of .*got dtype toString/,
  ],
  ["bytes after the end", file({ a: f32(0, 4) }, 5), /bytes after the last tensor/],
];
for (const [name, bytes, message] of wrong) {
  test(`refused in one line: ${name}`, () => {
    assert.throws(
      () => readSafetensors(bytes, "model.safetensors"),
      (error: Error) => error.name === "DataError" && message.test(error.message) && !error.message.includes("\n"),
    );
  });
}

test("files: written whole, read at once or tensor by tensor", async () => {
  const folder = await mkdtemp(join(tmpdir(), "descent-"));
  const path = join(folder, "w.safetensors");
  await saveSafetensors(path, tensors, { a: "b" });
  assert.deepEqual(await readdir(folder), ["w.safetensors"]);
  assert.deepEqual(new Uint8Array(await readFile(path)), writeSafetensors(tensors, { a: "b" }));
  assert.deepEqual((await loadSafetensors(path)).tensors.get("t.int16"), fromNumbers("int16", [2, 3], [1, 0, 1, 5, 2, 3]));
  const reader = await SafetensorsReader.open(path);
  assert.deepEqual(await reader.read("t.float16"), fromNumbers("float16", [2, 3], [1, 0, 1, 5, 2, 3]));
  await assert.rejects(reader.read("t.flot16"), /unknown tensor "t.flot16"; did you mean "t.float16"/);
  await reader.close();
  await assert.rejects(reader.read("t.float16"), /w\.safetensors: expected one in use, got one that was disposed/);
  await writeFile(path, (await readFile(path)).subarray(0, -1));
  await assert.rejects(SafetensorsReader.open(path), /truncated/);
  await assert.rejects(
    loadSafetensors(join(folder, "none")),
    /none: expected a file that can be read, got an error: no such file/,
  );
  await assert.rejects(
    saveSafetensors(path, [["a", { dtype: "float32", shape: [3], data: new Float32Array(2) }]]),
    /expected 3 numbers/,
  );
  assert.deepEqual(await readdir(folder), ["w.safetensors"], "nothing is left behind");
});

test("names that every object has are names like any other, of tensors and in metadata", () => {
  const one = fromNumbers("float32", [1], [1]);
  const names = ["__proto__", "constructor", "toString", "b", ""];
  const metadata = Object.fromEntries(names.map((name) => [name, `text of ${name}`]));
  const read = readSafetensors(
    writeSafetensors(
      names.map((name) => [name, one]),
      metadata,
    ),
  );
  assert.deepEqual([...read.tensors.keys()].sort(), [...names].sort());
  assert.deepEqual(new Map(Object.entries(read.metadata)), new Map(Object.entries(metadata)));
  assert.throws(() => writeSafetensors([["__metadata__", one]]), /expected names of tensors, got __metadata__/);
});
