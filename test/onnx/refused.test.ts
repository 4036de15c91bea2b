/**
 * Files that the engine refuses, and nodes that fail on what they are given: said of the file in one line, in none of the engine's words for it.
 */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite, test } from "node:test";
import { loadOnnx } from "../../src/data/node.js";
import { fromNumbers } from "../../src/graph/index.js";
import { encodeModel, OnnxModel } from "../../src/onnx/index.js";
import type { ModelProto } from "../../src/onnx/messages.js";
import { compile } from "../../src/runtime/index.js";
import { openModel } from "../../src/tasks/use/open-node.js";
import { DescentError } from "../../src/util/errors.js";
import type { OnnxFile } from "./file.js";
import { ints, modelOf, node, w } from "./file.js";

const weights = { w: w([4, 3]) };
const product = node("MatMul", ["x0", "w"], ["y"]);
const plain: OnnxFile = { opset: 18, inputs: [["N", 4]], nodes: [product], constants: weights };
const bytesOf = (file: OnnxFile, change: (model: ModelProto) => void = () => {}): Uint8Array => {
  const model = modelOf(file);
  change(model);
  return encodeModel(model);
};

/** Tells whether an error is one line about the file, of exit code 2, without the engine's name for itself or its sources. */
const isPlain = (error: unknown, says: string | RegExp): boolean =>
  error instanceof DescentError &&
  error.exitCode === 2 &&
  (typeof says === "string" ? error.message === says : says.test(error.message)) &&
  !/\n|engine on|onnxruntime|TypeError|Non-zero status/.test(error.message);

const REFUSED: readonly (readonly [what: string, bytes: Uint8Array, says: string | RegExp])[] = [
  [
    "an output of floats that is declared int64",
    bytesOf({ ...plain, nodes: [node("MatMul", ["x0", "w"], ["y_int64"])], outputs: ["y_int64"] }),
    'a.onnx: output "y_int64": expected float32, as node "path/to/MatMul_y_int64" (MatMul) gives, got a declared type of int64',
  ],
  [
    "integers and floats multiplied",
    bytesOf({ ...plain, inputs: [{ shape: ["N", 4], dtype: "int64" }] }),
    'a.onnx: node "path/to/MatMul_y" (MatMul): expected inputs of one type, got int64 and float32',
  ],
  [
    "an attribute of another type",
    bytesOf({ ...plain, nodes: [node("Softmax", ["x0"], ["y"], { axis: "one" })] }),
    'a.onnx: node "path/to/Softmax_y" (Softmax): expected axis to be of type int, got string',
  ],
  [
    "an attribute that the op does not have",
    bytesOf({ ...plain, nodes: [node("Softmax", ["x0"], ["y"], { shine: 1 })] }),
    'a.onnx: node "path/to/Softmax_y" (Softmax): expected attributes that the op has, got "shine"',
  ],
  [
    "an input that is missing",
    bytesOf({ ...plain, nodes: [node("MatMul", ["x0"], ["y"])] }),
    'a.onnx: node "path/to/MatMul_y" (MatMul): expected 2 inputs, got 1',
  ],
  [
    "shapes that do not go together",
    bytesOf({ ...plain, constants: { w: w([5, 3]) } }),
    /^a\.onnx: node "path\/to\/MatMul_y" \(MatMul\): expected what the op takes, got something else: Incompatible dimensions/,
  ],
  [
    "a value that is given twice",
    bytesOf({ ...plain, nodes: [node("Relu", ["x0"], ["t"]), node("Neg", ["x0"], ["t"]), node("MatMul", ["t", "w"], ["y"])] }),
    'a.onnx: expected one node that gives "t", got several',
  ],
  [
    "an output that no node gives",
    bytesOf({ ...plain, nodes: [node("MatMul", ["x0", "w"], ["z"])] }),
    'a.onnx: expected a node that gives output "y", got none',
  ],
  [
    "an opset to come",
    bytesOf({ ...plain, opset: 99 }),
    /^a\.onnx: expected opset \d+ of ai\.onnx or an older one, got 99; export/,
  ],
  [
    "an IR version to come",
    bytesOf(plain, (model) => void (model.irVersion = 99)),
    /^a\.onnx: expected an IR version of at most \d+, got 99; export/,
  ],
];

suite("refused by the engine, said of the file", () => {
  for (const [what, bytes, says] of REFUSED)
    test(what, async () => {
      await assert.rejects(compile(new OnnxModel(bytes, { where: "a.onnx" })), (error) => isPlain(error, says));
    });
});

test("an empty file, and an opset that no number is, are refused as they are read", () => {
  assert.throws(() => new OnnxModel(new Uint8Array(), { where: "a.onnx" }), {
    message: "a.onnx: expected an ONNX model, got an empty file",
  });
  assert.throws(
    () => new OnnxModel(bytesOf({ ...plain, opset: -5 }), { where: "a.onnx" }),
    (error) => isPlain(error, "a.onnx: expected a version of ai.onnx (opset_import) from 1 on, got one out of range"),
  );
});

test("a node that fails on what it is given is named, with its file", async () => {
  const fixed = node("Reshape", ["x0", "s"], ["y"]);
  const model = new OnnxModel(bytesOf({ ...plain, nodes: [fixed], constants: { s: ints(2, 4) } }), { where: "a.onnx" });
  await using session = await compile(model);
  await assert.rejects(session.call({ x0: fromNumbers("float32", [1, 4], [1, 2, 3, 4]) }), (error) =>
    isPlain(
      error,
      /^a\.onnx: node "path\/to\/Reshape_y" \(Reshape\): expected values that it takes, got others: The input tensor/,
    ),
  );
  const given = { x0: fromNumbers("float32", [2, 4], [1, 2, 3, 4, 5, 6, 7, 8]) };
  assert.deepEqual((await session.call(given))["y"]?.shape, [2, 4]);
});

test("values given twice, no inputs, and pictures that no memory holds are refused as a file is opened", async () => {
  const folder = mkdtempSync(join(tmpdir(), "descent-refused-"));
  const path = join(folder, "their.onnx");
  const twice = [node("Relu", ["x0"], ["t"]), node("Neg", ["x0"], ["t"]), node("MatMul", ["t", "w"], ["y"])];
  const pooled = [node("GlobalAveragePool", ["x0"], ["p"]), node("Flatten", ["p"], ["y"])];
  const cases: readonly (readonly [OnnxFile, string | RegExp])[] = [
    [{ ...plain, nodes: twice }, 'their.onnx: expected "t" to be given once, got it twice'],
    [{ ...plain, inputs: [], nodes: [node("Identity", ["w"], ["y"])] }, /expected inputs of columns, .* got none$/],
    [
      { ...plain, inputs: [["N", 3, 1e6, 1e6]], nodes: pooled },
      "their.onnx: expected images of at most 8192 pixels a side, got x0 [N, 3, 1000000, 1000000]",
    ],
  ];
  for (const [file, says] of cases) {
    writeFileSync(path, bytesOf(file));
    await assert.rejects(openModel(path), (error) => isPlain(error, says));
  }
  rmSync(folder, { recursive: true });
});

test("numbers elsewhere than in a file of the model's own folder are refused", async () => {
  const folder = mkdtempSync(join(tmpdir(), "descent-external-"));
  mkdirSync(join(folder, "inner"));
  writeFileSync(join(folder, "inner", "w.bin"), new Uint8Array(48));
  const elsewhere = mkdtempSync(join(tmpdir(), "descent-elsewhere-"));
  writeFileSync(join(elsewhere, "w.bin"), new Uint8Array(48));
  symlinkSync(join(elsewhere, "w.bin"), join(folder, "link.bin"));
  const open = async (location: string): Promise<unknown> => {
    const bytes = bytesOf(plain, ({ graph }) => {
      const [tensor] = graph.initializers as [ModelProto["graph"]["initializers"][number]];
      tensor.rawData = new Uint8Array();
      tensor.external = new Map(Object.entries({ location, offset: "0", length: "48" }));
    });
    const path = join(folder, "their.onnx");
    writeFileSync(path, bytes);
    return (await loadOnnx(path)).values;
  };
  await open("inner/w.bin");
  for (const out of ["../../etc/passwd", "/etc/passwd", "inner/../../etc/passwd", "gone/../inner/w.bin", "link.bin", ""])
    await assert.rejects(open(out), {
      message: `their.onnx: expected its numbers in a file of its own folder, got "${out}"`,
    });
  await assert.rejects(open("inner"), {
    message: 'their.onnx: expected its numbers in "inner" beside it, got something that is not a file',
  });
  for (const each of [folder, elsewhere]) rmSync(each, { recursive: true });
});
