/**
 * ONNX files that are meant to do harm: each is refused in one line by the library's own error, or read as what it is.
 */
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { encodeModel } from "../../src/onnx/encode.js";
import { importOnnx, OnnxModel } from "../../src/onnx/index.js";
import type { FunctionProto, ModelProto, NodeProto } from "../../src/onnx/messages.js";
import { WireWriter } from "../../src/onnx/wire.js";
import { compile } from "../../src/runtime/index.js";
import { DescentError, UnsupportedOpError } from "../../src/util/errors.js";
import { ints, list, modelOf, node, one, scalar, type OnnxFile } from "./file.js";

const bytesOf = (file: OnnxFile, change: (model: ModelProto) => void = () => {}): Uint8Array => {
  const model = modelOf(file);
  change(model);
  return encodeModel(model);
};

/** A message of one field, written with any wire type. */
function message(write: (w: WireWriter) => void): Uint8Array {
  const writer = new WireWriter();
  write(writer);
  return writer.finish();
}
const inGraph = (...fields: Uint8Array[]): Uint8Array =>
  message((w) => w.message(7, (graph) => fields.forEach((bytes) => graph.raw(bytes))));
const nodeOf = (write: (w: WireWriter) => void): Uint8Array => inGraph(message((w) => w.message(1, write)));

const functionOf = (name: string, nodes: NodeProto[]): FunctionProto => ({
  name,
  domain: "f",
  inputs: ["x"],
  outputs: ["y"],
  attributes: [],
  attributeDefaults: [],
  nodes,
  opsets: new Map([
    ["", 18],
    ["f", 1],
  ]),
});
const call = (name: string, from: string, to: string): NodeProto => node(name, [from], [to], {}, "f");

const calling = (name: string, functions: FunctionProto[]): Uint8Array =>
  bytesOf({ opset: 18, inputs: [[1]], nodes: [call(name, "x0", "y")], functions });

/** f0 = −x; each next one calls the one before twice. */
const doubling = (count: number): FunctionProto[] =>
  Array.from({ length: count }, (_, i) =>
    functionOf(`f${i}`, i === 0 ? [node("Neg", ["x"], ["y"])] : [call(`f${i - 1}`, "x", "t"), call(`f${i - 1}`, "t", "y")]),
  );

/** If in If, written from the inside out. */
function nested(depth: number): Uint8Array {
  let inner = message((w) => (w.string(1, "x"), w.string(2, "y"), w.string(4, "Identity")));
  for (let i = 0; i < depth; i++) {
    const branch = message((w) => (w.bytes(1, inner), w.message(12, (out) => out.string(1, "y"))));
    inner = message((w) => {
      w.string(1, "c");
      w.string(2, "y");
      w.string(4, "If");
      w.message(5, (a) => (a.string(1, "then_branch"), a.bytes(6, branch), a.int(20, 5)));
    });
  }
  return inGraph(message((w) => w.bytes(1, inner)));
}

const REFUSED: readonly { what: string; bytes: () => Uint8Array; says: RegExp }[] = [
  { what: "a float attribute as a varint", bytes: () => nodeOf((w) => w.message(5, (a) => a.int(2, 1))), says: /32-bit float/ },
  { what: "a name as a varint", bytes: () => nodeOf((w) => w.int(4, 7)), says: /text, bytes or a message in field 4/ },
  { what: "an integer attribute as text", bytes: () => nodeOf((w) => w.message(5, (a) => a.string(3, "7"))), says: /a number/ },
  { what: "a graph as a varint", bytes: () => message((w) => w.int(7, 1)), says: /in field 7/ },
  {
    what: "a list of floats cut off within one",
    bytes: () => nodeOf((w) => w.message(5, (a) => a.bytes(7, new Uint8Array(6)))),
    says: /whole list of 32-bit floats/,
  },
  {
    what: "a packed number without an end",
    bytes: () => nodeOf((w) => w.message(5, (a) => a.bytes(8, new Uint8Array(1000).fill(0x80)))),
    says: /more than 64 bits/,
  },
  { what: "a length of 2^63", bytes: () => message((w) => (w.varint(58), w.varint(2n ** 63n))), says: /whole file/ },
  { what: "If nested 5,000 deep", bytes: () => nested(5000), says: /at most 32 graphs inside one another/ },
  { what: "40 functions that double", bytes: () => calling("f39", doubling(40)), says: /up to 500000 nodes/ },
  { what: "a function that calls itself", bytes: () => calling("f", [functionOf("f", [call("f", "x", "y")])]), says: /itself/ },
  {
    what: "two functions that call each other",
    bytes: () => calling("f", [functionOf("f", [call("g", "x", "y")]), functionOf("g", [call("f", "x", "y")])]),
    says: /itself/,
  },
  {
    what: "functions 1,000 deep",
    bytes: () =>
      calling(
        "f999",
        Array.from({ length: 1000 }, (_, i) =>
          functionOf(`f${i}`, [i === 0 ? node("Neg", ["x"], ["y"]) : call(`f${i - 1}`, "x", "y")]),
        ),
      ),
    says: /up to 64 deep/,
  },
  {
    what: "a function without the result that it declares",
    bytes: () => calling("f", [functionOf("f", [node("Neg", ["x"], ["z"])])]),
    says: /a value named "y"/,
  },
  {
    what: "an identity matrix of 10^10 elements",
    bytes: () => bytesOf(one(18, "EyeLike", [[100_000, 100_000]])),
    says: /10000000000 elements/,
  },
  {
    what: "a range to 2^52",
    bytes: () => bytesOf(one(18, "Range", [], {}, { a: ints(0), b: ints(2 ** 52), c: ints(1) })),
    says: /4503599627370496 elements/,
  },
  {
    what: "a split into 10^9",
    bytes: () => bytesOf(one(18, "Split", [[4]], { num_outputs: 1e9 })),
    says: /a split into 1000000000/,
  },
  {
    what: "a tensor shorter than its shape",
    bytes: () =>
      bytesOf(one(18, "Add", [[4]], {}, { w: ints(1, 2, 3, 4) }), (model) => {
        (model.graph.initializers[0] as { dims: number[] }).dims = [2 ** 40, 2 ** 40];
      }),
    says: /expected [\d.e+]+ bytes for int64/,
  },
];

suite("ONNX files that are meant to do harm", () => {
  for (const { what, bytes, says } of REFUSED) {
    test(`${what} is refused in one line`, () => {
      assert.throws(
        () => importOnnx(bytes(), { where: "a.onnx" }),
        (error: unknown) =>
          error instanceof DescentError &&
          error.message.startsWith("a.onnx: ") &&
          !error.message.includes("\n") &&
          says.test(error.message),
      );
    });
  }

  test("every cut of a file is refused in one line, or read", () => {
    const whole = bytesOf(one(18, "Add", [[2, "N"]], {}, { w: ints(1, 2) }));
    for (let length = 0; length < whole.length; length++) {
      try {
        importOnnx(whole.subarray(0, length));
      } catch (error) {
        assert.ok(error instanceof DescentError, `${length} bytes: ${String(error)}`);
      }
    }
  });

  for (const name of ["constructor", "toString", "__proto__", "hasOwnProperty"]) {
    test(`${name} is a dimension and an input like any other`, () => {
      const file = bytesOf({ opset: 18, inputs: [[name, 2]], nodes: [node("Relu", ["x0"], ["y"])] }, ({ graph }) => {
        (graph.inputs[0] as { name: string }).name = name;
        (graph.nodes[0] as NodeProto).inputs = [name];
      });
      const { inputs, graph } = importOnnx(file);
      assert.deepEqual([...inputs.keys()], [name]);
      assert.deepEqual(graph.outputs.get("y")?.shape.map(String), [name, "2"]);
    });
  }

  test("functions within the limits are read", () => {
    assert.equal(importOnnx(calling("f9", doubling(10))).graph.outputs.size, 1);
  });
});

test("functions that double are refused before the engine follows them", () => {
  const started = performance.now();
  assert.throws(() => new OnnxModel(calling("f39", doubling(40))), /up to 500000 nodes/);
  assert.ok(performance.now() - started < 1000);
});

for (const [domain, opset, said] of [
  ["", 18, /got Frobnicate of opset 18/],
  ["my.ops", 3, /got my\.ops\.Frobnicate of opset 3/],
] as const)
  test(`an op of "${domain}" that the engine lacks is named with its opset`, async () => {
    const bytes = bytesOf({ opset: 18, inputs: [[1]], nodes: [node("Frobnicate", ["x0"], ["y"], {}, domain)] }, (model) =>
      model.opsets.set(domain, opset),
    );
    await assert.rejects(
      () => compile(new OnnxModel(bytes, { where: "their.onnx" })),
      (e) => e instanceof UnsupportedOpError && e.exitCode === 2 && e.message.startsWith("their.onnx: ") && said.test(e.message),
    );
  });

const LARGE: readonly [op: string, inputs: readonly string[], constants: NonNullable<OnnxFile["constants"]>][] = [
  ["ConstantOfShape", ["s"], { s: ints(1e6, 1e6) }],
  ["Expand", ["v", "s"], { s: ints(1e6, 1e6), v: list(1) }],
  ["Tile", ["v", "s"], { s: ints(1e12), v: list(1) }],
  ["Pad", ["v", "s"], { s: ints(0, 1e12), v: list(1) }],
  ["OneHot", ["i", "s", "v"], { i: ints(1), s: ints(1e12), v: list(0, 1) }],
  ["Range", ["a", "s", "d"], { a: scalar(0, "int64"), s: scalar(1e12, "int64"), d: scalar(1, "int64") }],
  ["Resize", ["v", "", "", "s"], { s: ints(1e6, 1e6), v: list(1) }],
];
for (const [op, inputs, constants] of LARGE)
  test(`a constant of 10¹² elements by ${op} is refused before the engine makes it, in a branch as well`, () => {
    const made = node(op, [...inputs], ["large"]);
    const whole = { opset: 17, inputs: [[1]], constants, nodes: [made, node("Cast", ["large"], ["y"], { to: 1 })] };
    const refused = (bytes: Uint8Array): void => {
      const started = performance.now();
      assert.throws(
        () => new OnnxModel(bytes, { where: "their.onnx" }),
        (e) =>
          e instanceof DescentError &&
          e.exitCode === 2 &&
          e.message ===
            `their.onnx: node "path/to/${op}_large" (${op}): expected a result of at most 4294967296 elements, got 1000000000000 elements`,
      );
      assert.ok(performance.now() - started < 1000);
    };
    refused(bytesOf(whole));
    refused(
      bytesOf({ ...whole, nodes: [node("Relu", ["x0"], ["y"])] }, ({ graph }) => {
        const branch = { name: "b", nodes: whole.nodes, initializers: [], inputs: [], outputs: graph.outputs };
        const [then, other] = ["then_branch", "else_branch"].map((name) => ({ name, type: "graph" as const, value: branch }));
        graph.nodes.push({ ...node("If", ["x0"], ["z"]), attributes: [then, other] as NodeProto["attributes"] });
      }),
    );
  });

test("a tensor of negative lengths is refused, however many bytes it has", () => {
  const bytes = bytesOf(
    { opset: 17, inputs: [[1]], constants: { w: list(1, 2, 3, 4) }, nodes: [node("Relu", ["x0"], ["y"])] },
    (m) => {
      (m.graph.initializers[0] as { dims: number[] }).dims = [-2, -2];
    },
  );
  assert.throws(() => new OnnxModel(bytes), /tensor "w": expected lengths of at least 0, got \[-2, -2\]/);
});
