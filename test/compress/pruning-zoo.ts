/**
 * @module Small models of every kind that the zoo has, for tests that rewrite graphs.
 */
import type { Tensor, TensorData } from "../../src/graph/index.js";
import { fromNumbers, Graph, input, sizeOf, symbol } from "../../src/graph/index.js";
import type { ModelName } from "../../src/models/index.js";
import { BertForSequenceClassification, BiLstm, Gpt2, Llama, modelNamed, MODELS, TextCnn } from "../../src/models/index.js";
import type { Module } from "../../src/nn/index.js";
import { Random } from "../../src/util/random.js";

/** A model, its graph with N free, and numbers for both. */
export interface ZooModel {
  readonly model: Module;
  readonly graph: Graph;
  readonly numbers: ReadonlyMap<Tensor, TensorData>;
  readonly paths: ReadonlyMap<Tensor, string>;
  readonly feeds: Readonly<Record<string, TensorData>>;
}

/** The first tensor of what a model gives. */
function mainOutput(result: unknown): Tensor {
  const first = typeof result === "object" && result !== null && !("node" in result) ? Object.values(result)[0] : result;
  return first as Tensor;
}

/** Numbers that no layer makes vanish: running variances near 1, everything else as its initializer draws it, a little moved. */
function numbersOf(model: Module): Map<Tensor, TensorData> {
  const made = new Map<Tensor, TensorData>();
  for (const [path, p] of model.state()) {
    const [drawn, noise] = [p.initializer(p.dims, new Random(1, path)), new Random(2, path)];
    const moved = Float64Array.from(drawn, (v) => v + noise.uniform(0, path.endsWith("running_var") ? 0.3 : 0.01));
    made.set(p, fromNumbers(p.dtype, p.dims, moved));
  }
  return made;
}

function zooModel(model: Module, x: Tensor, data: TensorData): ZooModel {
  const forward = model.forward.bind(model) as (x: Tensor) => unknown;
  const paths = new Map<Tensor, string>([...model.state()].map(([path, p]) => [p, path]));
  return { model, graph: new Graph({ y: mainOutput(forward(x)) }), numbers: numbersOf(model), paths, feeds: { x: data } };
}

/** A model of the table on two images of a side. */
export function imageModel(name: ModelName, side?: number, options: Readonly<Record<string, unknown>> = {}): ZooModel {
  const [channels = 1, ...sides] = MODELS[name].usual.inputShape;
  const inputShape = [channels, ...(side === undefined ? sides : [side, side])];
  const random = new Random(3, name);
  const shape = [2, ...inputShape];
  const data = fromNumbers(
    "float32",
    shape,
    Float64Array.from({ length: sizeOf(shape) }, () => random.normal()),
  );
  const outFeatures = side === undefined ? MODELS[name].usual.outFeatures : 10;
  return zooModel(modelNamed(name, { inputShape, outFeatures, options }), input("x", [symbol("N"), ...inputShape]), data);
}

/** A model of texts on two texts of seven tokens of eleven. */
function textModel(model: Module): ZooModel {
  const random = new Random(4, "tokens");
  const data = fromNumbers(
    "int32",
    [2, 7],
    Float64Array.from({ length: 14 }, () => random.integer(11)),
  );
  return zooModel(model, input("x", [symbol("N"), 7], "int32"), data);
}

const encoder = { vocabSize: 11, hiddenSize: 16, numLayers: 2, numHeads: 4, intermediateSize: 24, maxPositions: 8 };

/** One model of each kind of coupling: plain, residual, concatenating, depthwise, with heads, with shared keys, recurrent. */
export const ZOO: ReadonlyMap<string, () => ZooModel> = new Map([
  ["mlp", () => imageModel("mlp", 8, { hidden: [12, 9], dropout: 0.1 })],
  ["lenet-5", () => imageModel("lenet-5", 28)],
  ["conv-net", () => imageModel("conv-net", 12)],
  ["vgg-11-bn", () => imageModel("vgg-11-bn", 32, { width: 8, hidden: 24 })],
  ["googlenet", () => imageModel("googlenet", 32, { auxiliary: false })],
  ["resnet-20-cifar", () => imageModel("resnet-20-cifar", 12)],
  ["densenet-40-cifar", () => imageModel("densenet-40-cifar", 8)],
  ["mobilenet-v3-small", () => imageModel("mobilenet-v3-small", 32)],
  ["vit-tiny", () => imageModel("vit-tiny", 16)],
  ["text-cnn", () => textModel(new TextCnn({ vocabSize: 11, embeddingSize: 8, widths: [1, 2], filters: 6, numLabels: 3 }))],
  ["bilstm", () => textModel(new BiLstm({ vocabSize: 11, embeddingSize: 6, hiddenSize: 5, numLabels: 3 }))],
  ["bert", () => textModel(new BertForSequenceClassification({ ...encoder, numLabels: 3 }))],
  ["gpt-2", () => textModel(new Gpt2(encoder))],
  ["llama", () => textModel(new Llama({ ...encoder, numKeyValueHeads: 2 }))],
]);
