/**
 * @module `descent inspect`: what it says of files of every kind, and of what it cannot read.
 */
import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite, test } from "node:test";
import { encodeModel } from "../../src/onnx/index.js";
import { writeSafetensors } from "../../src/data/index.js";
import { fromNumbers } from "../../src/graph/index.js";
import { modelOf, node, type OnnxFile, w } from "../onnx/file.js";
import { run, scratchFolder } from "./command.js";

const FILE: OnnxFile = {
  opset: 17,
  inputs: [["batch", 3]],
  constants: { "fc.weight": w([3, 2]), mask: fromNumbers("float32", [1, 2], [0, -3.4e38]) },
  nodes: [node("MatMul", ["x0", "fc.weight"], ["h"]), node("Add", ["h", "mask"], ["y"])],
};

interface Inspected {
  readonly kind: string;
  readonly freeDimensions: readonly string[];
  readonly ops: Readonly<Record<string, number>>;
  readonly parameters: { readonly elements: number; readonly tensors: readonly { readonly name: string }[] };
  readonly constants: readonly { readonly name: string; readonly why: string }[];
  readonly gradients: {
    readonly reached: number;
    readonly parameters: number;
    readonly obstacles: readonly { readonly op: string }[];
  };
}

suite("descent inspect", () => {
  const folder = scratchFolder();
  const write = (name: string, file: OnnxFile): void => writeFileSync(join(folder, name), encodeModel(modelOf(file)));
  const inspect = async (...args: readonly string[]): Promise<Inspected> => {
    const { status, stdout, stderr } = await run(folder, ["inspect", ...args, "--json"]);
    assert.equal(status, 0, stderr);
    return JSON.parse(stdout) as Inspected;
  };

  test("an ONNX file: both lists, and their correction", async () => {
    write("model.onnx", FILE);
    const found = await inspect("model.onnx");
    assert.equal(found.kind, "onnx");
    assert.deepEqual(found.freeDimensions, ["batch"]);
    assert.deepEqual(found.ops, { MatMul: 1, Add: 1 });
    assert.deepEqual(
      found.parameters.tensors.map(({ name }) => name),
      ["fc.weight"],
    );
    assert.deepEqual(found.constants, [{ name: "mask", dtype: "float32", shape: [1, 2], why: "numbers of a mask" }]);
    assert.deepEqual([found.gradients.reached, found.gradients.parameters], [1, 1]);
    const corrected = await inspect("model.onnx", "--parameters", "mask", "--constants", "fc.*");
    assert.deepEqual(
      corrected.parameters.tensors.map(({ name }) => name),
      ["mask"],
    );
  });

  test("ops that Descent does not have, and ops without gradients, by node", async () => {
    write("foreign.onnx", { ...FILE, nodes: [...FILE.nodes.slice(0, 1), node("Foo", ["h"], ["y"])] });
    assert.deepEqual((await inspect("foreign.onnx")).gradients.obstacles, [
      { op: "Foo", node: "path/to/Foo_y", why: "Descent does not have this op" },
    ]);
    write("round.onnx", { ...FILE, nodes: [...FILE.nodes.slice(0, 1), node("Hardmax", ["h"], ["y"])] });
    assert.equal((await inspect("round.onnx")).gradients.reached, 0);
  });

  test("a safetensors file, and a checkpoint's folder", async () => {
    const tensors = new Map([["layer.0.weight", fromNumbers("float32", [2, 3], new Float32Array(6))]]);
    const bytes = writeSafetensors(tensors);
    writeFileSync(join(folder, "model.safetensors"), bytes);
    assert.equal((await inspect("model.safetensors")).kind, "safetensors");
    mkdirSync(join(folder, "checkpoint"));
    writeFileSync(join(folder, "checkpoint", "model.safetensors"), bytes);
    writeFileSync(join(folder, "checkpoint", "config.json"), JSON.stringify({ model_type: "bert", hidden_size: 3 }));
    assert.equal((await inspect("checkpoint")).kind, "checkpoint");
  });

  test("what is none of these is refused in one line", async () => {
    writeFileSync(join(folder, "text.txt"), "hello");
    mkdirSync(join(folder, "empty"));
    write("model.onnx", FILE);
    const refused: readonly (readonly [string, readonly string[], RegExp])[] = [
      ["nothing there", ["none"], /^descent: none: expected an ONNX file, .* got nothing there$/],
      ["a text", ["text.txt"], /^descent: text\.txt: expected/],
      ["an empty folder", ["empty"], /^descent: empty: expected a run or a checkpoint's folder, got one without config\.json$/],
      ["a pattern that fits nothing", ["model.onnx", "--parameters", "fx.*"], /^descent: parameters\.include: .*"fx\.\*"/],
    ];
    for (const [name, args, message] of refused) {
      const { status, stderr } = await run(folder, ["inspect", ...args]);
      assert.equal(status, 2, name);
      assert.match(stderr.trim(), message, name);
    }
  });
});
