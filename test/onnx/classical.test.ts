/** @module Files of scikit-learn's kind: ops of ai.onnx.ml, probabilities in maps, texts in and out, locales. The engine alone runs them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { StringData, TensorData } from "../../src/graph/index.js";
import { toNumbers } from "../../src/graph/index.js";
import type { AttributeProto, ModelProto, NodeProto } from "../../src/onnx/index.js";
import { encodeModel, labelsKey, OnnxModel, withUniversalLocale } from "../../src/onnx/index.js";
import { compile } from "../../src/runtime/index.js";
import type { Given } from "./file.js";
import { ints, node, proto } from "./file.js";

const STRING = 8;
const FLOAT = 1;

interface Parts {
  readonly nodes: NodeProto[];
  readonly inputs: readonly (readonly [name: string, elementType: number, shape: (number | string)[]])[];
  readonly outputs: readonly (readonly [name: string, elementType: number])[];
}

const file = ({ nodes, inputs, outputs }: Parts): ModelProto => ({
  irVersion: 8,
  producerName: "test",
  producerVersion: "",
  opsets: new Map([
    ["", 15],
    ["ai.onnx.ml", 2],
  ]),
  metadata: new Map(),
  functions: [],
  graph: {
    name: "g",
    nodes,
    initializers: [],
    inputs: inputs.map(([name, elementType, shape]) => ({ name, elementType, shape })),
    outputs: outputs.map(([name, elementType]) => ({ name, elementType, shape: undefined })),
  },
});

const open = (parts: Parts): OnnxModel => new OnnxModel(encodeModel(file(parts)), { where: "their.onnx" });
const ml = (op: string, inputs: string[], outputs: string[], attributes: Record<string, Given>): NodeProto =>
  node(op, inputs, outputs, attributes, "ai.onnx.ml");
const floats = (...values: number[]): Given => ({ floats: values });

/** A linear classifier of two features and two classes, as scikit-learn's converter writes one. */
const CLASSIFIER: Parts = {
  inputs: [["X", FLOAT, ["N", 2]]],
  outputs: [
    ["label", STRING],
    ["probabilities", 0],
  ],
  nodes: [
    ml("LinearClassifier", ["X"], ["label", "p"], {
      coefficients: floats(1, 0, 0, 1),
      intercepts: floats(0, 0),
      classlabels_strings: ["no", "yes"],
      post_transform: "SOFTMAX",
    }),
    ml("ZipMap", ["p"], ["probabilities"], { classlabels_strings: ["no", "yes"] }),
  ],
};

test("probabilities in maps come as a matrix, with the names of its columns in the metadata; labels come as texts", async () => {
  const model = open(CLASSIFIER);
  assert.equal(model.metadata.get(labelsKey("probabilities")), '["no","yes"]');
  assert.deepEqual(model.declaredOutputs.get("probabilities")?.shape?.map(String), ["N", "2"]);
  await using executable = await compile(model);
  const X: TensorData = { dtype: "float32", shape: [3, 2], data: Float32Array.of(2, 0, 0, 2, 1, 1) };
  const outputs = await executable.callWithTexts({ X });
  const { label, probabilities } = outputs as { label: StringData; probabilities: TensorData };
  assert.deepEqual(label.data.slice(0, 2), ["no", "yes"]);
  const expected = 1 / (1 + Math.exp(-2));
  assert.deepEqual(probabilities.shape, [3, 2]);
  const [first = 0, second = 0, , , half = 0] = toNumbers(probabilities);
  for (const [got, wanted] of [
    [first, expected],
    [second, 1 - expected],
    [half, 0.5],
  ] as const)
    assert.ok(Math.abs(got - wanted) < 1e-6, `${got} beside ${wanted}`);
  await assert.rejects(executable.call({ X }), /output "label": expected numbers, got texts; use callWithTexts/);
});

/** The same with an output for each class, as `zipmap="columns"` writes them. */
function inColumns(lastColumn: number): ModelProto {
  const columns = ["no", "yes"].flatMap((name, i) => [
    node("Slice", ["p", `at${i}`, `at${i + 1}`, "at1"], [`${name}.column`]),
    node("Reshape", [`${name}.column`, "all"], [`s${name}`]),
  ]);
  const outputs = [["label", STRING], ["sno", FLOAT], ["syes", FLOAT]] as const; // prettier-ignore
  const made = file({ ...CLASSIFIER, nodes: [...CLASSIFIER.nodes.slice(0, 1), ...columns], outputs });
  const whole = { at0: 0, at1: 1, at2: lastColumn, all: -1 };
  const initializers = Object.entries(whole).map(([name, value]) => proto(name, ints(value)));
  return { ...made, graph: { ...made.graph, initializers } };
}

test("probabilities in an output for each class come as a matrix; other outputs stay as they are", async () => {
  const model = new OnnxModel(encodeModel(inColumns(2)), { where: "columns.onnx" });
  assert.deepEqual([...model.declaredOutputs.keys()], ["label", "p"]);
  assert.equal(model.metadata.get(labelsKey("p")), '["no","yes"]');
  await using executable = await compile(model);
  const X: TensorData = { dtype: "float32", shape: [1, 2], data: Float32Array.of(2, 0) };
  const { p } = await executable.callWithTexts({ X });
  assert.deepEqual(p?.shape, [1, 2]);
  const other = new OnnxModel(encodeModel(inColumns(9)), { where: "columns.onnx" });
  assert.deepEqual([...other.declaredOutputs.keys()], ["label", "sno", "syes"]);
});

test("probabilities of float64, which no engine puts into maps, come as float32", async () => {
  const DOUBLE = 11;
  const nodes = [node("Softmax", ["X"], ["p"], { axis: 1 }), CLASSIFIER.nodes[1] as NodeProto];
  const model = open({ inputs: [["X", DOUBLE, ["N", 2]]], outputs: [["probabilities", 0]], nodes });
  await using executable = await compile(model);
  const X: TensorData = { dtype: "float64", shape: [1, 2], data: Float64Array.of(0, 0) };
  const { probabilities } = (await executable.callWithTexts({ X })) as { probabilities: TensorData };
  assert.deepEqual([probabilities.dtype, ...toNumbers(probabilities)], ["float32", 0.5, 0.5]);
});

test("texts go in; their number and type are checked", async () => {
  const model = open({
    inputs: [["city", STRING, ["N"]]],
    outputs: [["code", 7]],
    nodes: [ml("LabelEncoder", ["city"], ["code"], { keys_strings: ["a", "b"], values_int64s: [10, 20] })],
  });
  await using executable = await compile(model);
  const texts = (data: string[], shape: number[]): StringData => ({ dtype: "string", shape, data });
  const { code } = (await executable.callWithTexts({ city: texts(["b", "a"], [2]) })) as { code: TensorData };
  assert.deepEqual([...toNumbers(code)], [20, 10]);
  await assert.rejects(executable.callWithTexts({ city: texts(["b"], [2]) }), /expected 2 texts for \[2\], got 1/);
  const numbers: TensorData = { dtype: "float32", shape: [1], data: Float32Array.of(1) };
  await assert.rejects(executable.callWithTexts({ city: numbers }), /input "city": expected string, got float32/);
});

test("a locale that the machine lacks is replaced by one that changes letters in the same way", async () => {
  const normalizer = (locale: string): Parts => ({
    inputs: [["text", STRING, ["N"]]],
    outputs: [["lower", STRING]],
    nodes: [node("StringNormalizer", ["text"], ["lower"], { case_change_action: "LOWER", is_case_sensitive: 1, locale })],
  });
  await using executable = await compile(open(normalizer("xx_YY.UTF-8")));
  const text: StringData = { dtype: "string", shape: [2], data: ["ÄRGER", "Straße"] };
  const { lower } = (await executable.callWithTexts({ text })) as { lower: StringData };
  assert.deepEqual(lower.data, ["ärger", "straße"]);
  // Turkish has letters of its own: nothing stands for it.
  assert.equal(withUniversalLocale(file(normalizer("tr_TR.UTF-8"))), undefined);
  const attributes = (model: ModelProto | undefined): AttributeProto[] | undefined => model?.graph.nodes[0]?.attributes;
  assert.ok(attributes(withUniversalLocale(file(normalizer("en_US"))))?.some(({ value }) => value === "C.UTF-8"));
});
