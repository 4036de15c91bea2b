/**
 * ONNX files on disk, with their numbers in files beside them.
 */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fromNumbers, Graph, input, Parameter } from "../graph/index.js";
import { encodeModel, graphToModel } from "../onnx/index.js";
import { DataError } from "../util/errors.js";
import { loadOnnx } from "./onnx-node.js";

const folder = mkdtempSync(join(tmpdir(), "descent-onnx-"));
after(() => rmSync(folder, { recursive: true }));

/** A model whose weight stands at byte 8 of the file `location`. */
function write(name: string, location: string): string {
  const weight = new Parameter([3, 2], { initializer: () => [] });
  const y = input("x", [1, 3]).matMul(weight);
  const values = new Map([[weight, fromNumbers("float32", [3, 2], [1, 2, 3, 4, 5, 6])]]);
  const model = graphToModel(new Graph({ y }), { names: new Map([[weight, "w"]]), values });
  const [stored] = model.graph.initializers;
  assert.ok(stored !== undefined);
  writeFileSync(join(folder, "weights.bin"), Buffer.concat([Buffer.alloc(8), stored.rawData]));
  stored.external = new Map(Object.entries({ location, offset: "8", length: "24" }));
  const path = join(folder, name);
  writeFileSync(path, encodeModel(model));
  return path;
}

test("numbers beside the file", async () => {
  const model = await loadOnnx(write("model.onnx", "weights.bin"));
  assert.deepEqual(model.values.get(model.parameters.get("w") as Parameter)?.data, Float32Array.of(1, 2, 3, 4, 5, 6));
});

test("a file cannot read outside its folder", async () => {
  writeFileSync(join(folder, "..", `${folder.split("/").at(-1)}-secret`), "x".repeat(100));
  const secret = join(folder, "..", `${folder.split("/").at(-1)}-secret`);
  after(() => rmSync(secret));
  symlinkSync(secret, join(folder, "link.bin"));
  for (const location of [`../${folder.split("/").at(-1)}-secret`, secret, "link.bin"]) {
    const path = write("outside.onnx", location);
    await assert.rejects(
      loadOnnx(path),
      (e: Error) => e instanceof DataError && e.message.startsWith("outside.onnx: "),
      location,
    );
  }
});

test("files that are missing or too short", async () => {
  await assert.rejects(loadOnnx(join(folder, "none.onnx")), DataError);
  await assert.rejects(loadOnnx(write("model.onnx", "none.bin")), /no such file/);
  const path = write("short.onnx", "weights.bin");
  writeFileSync(join(folder, "weights.bin"), Buffer.alloc(20));
  await assert.rejects(loadOnnx(path), /expected 24 bytes from 8 of "weights.bin", got 12/);
});

test("a large file, also behind a link: numbers are read when they are asked for, from the file that was opened", async () => {
  const rows = 2 ** 18;
  const weight = new Parameter([rows, 5], { initializer: () => [] });
  const numbers = Float32Array.from({ length: rows * 5 }, (_, i) => i % 97);
  const values = new Map([[weight, fromNumbers("float32", [rows, 5], numbers)]]);
  const model = graphToModel(new Graph({ y: input("x", [1, rows]).matMul(weight) }), { names: new Map([[weight, "w"]]), values });
  const path = join(folder, "large.onnx");
  writeFileSync(path, encodeModel(model));
  mkdirSync(join(folder, "links"));
  symlinkSync(path, join(folder, "links", "linked.onnx"));
  for (const place of [path, join(folder, "links", "linked.onnx")]) {
    const opened = await loadOnnx(place);
    assert.ok(opened.proto.graph.initializers.some((t) => t.external !== undefined));
    assert.deepEqual(opened.values.get(opened.parameters.get("w") as Parameter)?.data, numbers);
  }
  const opened = await loadOnnx(path);
  writeFileSync(path, encodeModel({ ...model, producerName: "another" }));
  assert.throws(
    () => [...opened.values.values()][0]?.data,
    /large\.onnx: expected the file that was opened, got one that has changed/,
  );
});
