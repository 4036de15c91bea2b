/**
 * The tensors of a file that count as parameters, by the nodes that read them and by their form.
 */
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { fromNumbers, type TensorData } from "../../src/graph/index.js";
import { encodeModel } from "../../src/onnx/index.js";
import { OnnxModel } from "../../src/onnx/model.js";
import type { NodeProto } from "../../src/onnx/messages.js";
import { ConfigError } from "../../src/util/errors.js";
import { ints, modelOf, node, proto, w } from "./file.js";

const table = (rows: number, columns: number, f: (row: number, column: number) => number): TensorData =>
  fromNumbers(
    "float32",
    [rows, columns],
    Array.from({ length: rows * columns }, (_, i) => f(Math.floor(i / columns), i % columns)),
  );
const constantNode = (name: string, value: TensorData): NodeProto => ({
  ...node("Constant", [], [name]),
  attributes: [{ name: "value", type: "tensor", value: proto("", value) }],
});
const random = w([6, 4]);
const withPadding: TensorData = table(6, 4, (row, column) => (row === 0 ? 0 : Number(random.data[row * 4 + column])));

interface Row {
  readonly name: string;
  readonly constants?: Readonly<Record<string, TensorData>>;
  readonly nodes: readonly NodeProto[];
  readonly input?: readonly (number | string)[];
  readonly parameters: readonly string[];
  readonly buffers?: readonly string[];
}

const ROWS: readonly Row[] = [
  { name: "a weight and a bias", constants: { a: w([4, 3]), b: w([3]) }, nodes: [node("MatMul", ["x0", "a"], ["h"]), node("Add", ["h", "b"], ["y"])], parameters: ["a", "b"] },
  { name: "a weight in a Constant node", nodes: [constantNode("a", w([4, 3])), node("MatMul", ["x0", "a"], ["y"])], parameters: ["a"] },
  { name: "behind Identity and Transpose", constants: { a: w([3, 4]) }, nodes: [node("Identity", ["a"], ["i"]), node("Transpose", ["i"], ["t"], { perm: [1, 0] }), node("MatMul", ["x0", "t"], ["y"])], parameters: ["a"] },
  { name: "behind Cast, from float16", constants: { a: fromNumbers("float16", [4, 3], w([4, 3]).data as Float32Array) }, nodes: [node("Cast", ["a"], ["c"], { to: 1 }), node("MatMul", ["x0", "c"], ["y"])], parameters: ["a"] },
  { name: "a mask beside a weight", constants: { a: w([4, 3]), mask: fromNumbers("float32", [1, 3], [0, 0, -3.4e38]) }, nodes: [node("MatMul", ["x0", "a"], ["h"]), node("Add", ["h", "mask"], ["y"])], parameters: ["a"] },
  { name: "a mask of 0 and −100", constants: { a: w([4, 4]), mask: table(4, 4, (i, j) => (j > i ? -100 : 0)) }, nodes: [node("MatMul", ["x0", "a"], ["h"]), node("Add", ["h", "mask"], ["y"])], input: [4, 4], parameters: ["a"] },
  { name: "biases that are all 0", constants: { a: w([4, 3]), b: fromNumbers("float32", [3], [0, 0, 0]) }, nodes: [node("MatMul", ["x0", "a"], ["h"]), node("Add", ["h", "b"], ["y"])], parameters: ["a", "b"] },
  { name: "rows for tokens, the first for padding", constants: { emb: withPadding, i: ints(1, 2) }, nodes: [node("Cast", ["x0"], ["t"], { to: 7 }), node("Gather", ["emb", "t"], ["y"], { axis: 0 })], parameters: ["emb"] },
  { name: "a table of cosines by position", constants: { table: table(6, 4, (p, i) => Math.cos(p / 10 ** i)) }, nodes: [node("Cast", ["x0"], ["t"], { to: 7 }), node("Gather", ["table", "t"], ["y"], { axis: 0 })], parameters: [] },
  { name: "frequencies of rotary embeddings", constants: { f: w([4, 2]) }, nodes: [node("MatMul", ["x0", "f"], ["h"]), node("Cos", ["h"], ["y"])], parameters: [] },
  { name: "preparation of pictures", constants: { mean: w([1, 3, 1, 1]), a: w([2, 3, 1, 1]) }, nodes: [node("Mul", ["x0", "mean"], ["n"]), node("Conv", ["n", "a"], ["y"])], input: ["N", 3, 4, 4], parameters: ["a"] },
  { name: "running statistics", constants: { s: w([3]), b: w([3]), mean: w([3]), variance: fromNumbers("float32", [3], [1, 2, 3]) }, nodes: [node("BatchNormalization", ["x0", "s", "b", "mean", "variance"], ["y"])], input: ["N", 3, 4, 4], parameters: ["s", "b"], buffers: ["mean", "variance"] },
  { name: "a learned token beside the input's", constants: { cls: w([1, 4]) }, nodes: [node("Concat", ["cls", "x0"], ["y"], { axis: 0 })], parameters: ["cls"] },
  { name: "learned positions, and the same folded by an exporter", constants: { positions: w([3, 4]), "onnx::Add_12": w([3, 4]) }, nodes: [node("Relu", ["x0"], ["h"]), node("Add", ["h", "positions"], ["p"]), node("Add", ["p", "onnx::Add_12"], ["y"])], input: [3, 4], parameters: ["positions"] },
  { name: "single numbers and whole ones", constants: { eps: fromNumbers("float32", [], [1e-5]), n: ints(2) }, nodes: [node("Add", ["x0", "eps"], ["y"])], parameters: [] },
]; // prettier-ignore

const open = ({ constants = {}, nodes, input = ["N", 4] }: Row, choice = {}): OnnxModel =>
  new OnnxModel(encodeModel(modelOf({ opset: 17, inputs: [[...input]], constants, nodes: [...nodes] })), { parameters: choice });

const named = (model: OnnxModel, role: string): string[] => model.stored.filter((t) => t.role === role).map(({ name }) => name);

suite("what is a parameter", () => {
  for (const row of ROWS) {
    test(row.name, () => {
      const model = open(row);
      assert.deepEqual(named(model, "parameter"), row.parameters);
      assert.deepEqual(named(model, "buffer"), row.buffers ?? []);
      assert.deepEqual(
        [...model.parameters.keys()].filter((name) => model.parameters.get(name)?.trainable),
        row.parameters,
      );
    });
  }

  test("patterns correct it", () => {
    const row = ROWS[4] as Row;
    assert.deepEqual(named(open(row, { include: "mask" }), "parameter"), ["a", "mask"]);
    assert.deepEqual(named(open(row, { exclude: ["a"] }), "parameter"), []);
    assert.throws(
      () => open(row, { include: "b*" }).stored,
      (e: Error) => e instanceof ConfigError && /parameters\.include: .*"b\*"/.test(e.message),
    );
    assert.throws(
      () => open(ROWS.at(-1) as Row, { include: "n" }).stored,
      (e: Error) => e instanceof ConfigError && /floating-point/.test(e.message),
    );
  });

  test("a weight that a function is given", () => {
    const model = modelOf({
      opset: 17,
      inputs: [["N", 4]],
      constants: { a: w([4, 3]) },
      nodes: [node("F", ["x0", "a"], ["y"], {}, "own")],
    });
    model.functions.push({
      name: "F",
      domain: "own",
      inputs: ["x", "weight"],
      outputs: ["z"],
      attributes: [],
      attributeDefaults: [],
      nodes: [node("MatMul", ["x", "weight"], ["z"])],
      opsets: new Map([["", 17]]),
    });
    assert.deepEqual(named(new OnnxModel(encodeModel(model)), "parameter"), ["a"]);
  });
});

suite("a model of a file", () => {
  const model = (): OnnxModel => open({ ...(ROWS[0] as Row), input: ["batch", 4] });

  test("graphs for other lengths share the parameters, and the latest are kept", () => {
    const m = model();
    const [two, three] = [2, 3].map((n) => m.trace({ shapes: { x0: [n, 4] } }));
    assert.deepEqual(two?.graph.outputs.get("y")?.shape, [2, 3]);
    assert.equal(two?.parameters.get("a"), three?.parameters.get("a"));
    assert.equal(m.trace({ bindings: { batch: 2 } }), two);
    for (let n = 4; n < 12; n++) m.trace({ bindings: { batch: n } });
    assert.notEqual(m.trace({ bindings: { batch: 2 } }), two);
    assert.equal(m.parameters.get("a"), two?.parameters.get("a"));
  });

  test("lengths that are unknown or contradict each other", () => {
    const m = model();
    assert.deepEqual([...m.lengthsOf({ x0: [5, 4] })], [["batch", 5]]);
    assert.throws(
      () => m.lengthsOf({ x0: [5, 4] }, { batch: 6 }),
      /input "x0": expected \[batch, 4\] where batch = 6, got \[5, 4\]/,
    );
    assert.throws(() => m.lengthsOf({}, { bacth: 6 }), /did you mean "batch"/);
    assert.throws(() => m.trace({ shapes: { x: [5, 4] } }), /unknown input "x"/);
  });
});
