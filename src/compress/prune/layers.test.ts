import assert from "node:assert/strict";
import { test } from "node:test";
import { Graph, input, symbol } from "../../graph/index.js";
import { BertForSequenceClassification, modelNamed } from "../../models/index.js";
import { verifyGraph } from "../../ops/index.js";
import { ConfigError } from "../../util/errors.js";
import { droppingLayers, findLayers } from "./layers.js";

const sizes = { vocabSize: 11, hiddenSize: 16, numHeads: 4, intermediateSize: 24, maxPositions: 8, numLabels: 3 };
const bert = (numLayers: number): { readonly model: BertForSequenceClassification; readonly graph: Graph } => {
  const model = new BertForSequenceClassification({ ...sizes, numLayers });
  const [x, y] = [input("x", [symbol("N"), 7], "int32"), input("x2", [3, 5], "int32")];
  // Two traces of one model, as training and use are.
  return { model, graph: new Graph({ y: model.forward(x), z: model.forward(y) }) };
};
const share = (): never => assert.fail("no parameter changes");

test("layers of an encoder are found in each trace, and leave what a shallower one is made of", () => {
  const { model, graph } = bert(4);
  const layers = [0, 1, 2, 3].map((i) => `bert.encoder.layer.${i}`);
  assert.deepEqual(
    findLayers(graph).map(({ path }) => path),
    [...layers, ...layers],
  );
  const paths = new Map([...model.state()].map(([path, p]) => [p, path] as const));
  const half = droppingLayers([layers[1] as string, layers[3] as string]).apply({ graph, paths }, share);
  verifyGraph(half.graph, "cutting");
  const shallow = bert(2).graph;
  const kinds = (of: Graph): string[] => of.nodes.map(({ op }) => op);
  assert.deepEqual(kinds(half.graph).sort(), kinds(shallow).sort());
  assert.equal(half.paths.size, shallow.parameters.length);
  assert.ok([...half.paths.values()].every((path) => !/layer\.[13]\./.test(path)));
});

test("blocks of a residual network go where nothing changes its shape", () => {
  const model = modelNamed("resnet-20-cifar", { inputShape: [3, 8, 8], outFeatures: 10 });
  const forward = model.forward.bind(model) as (x: ReturnType<typeof input>) => ReturnType<typeof input>;
  const graph = new Graph({ y: forward(input("x", [symbol("N"), 3, 8, 8])) });
  assert.deepEqual(
    findLayers(graph).map(({ path }) => path),
    ["layer1.0", "layer1.1", "layer1.2", "layer2.1", "layer2.2", "layer3.1", "layer3.2"],
  );
});

test("a path that is no layer is refused with those that there are", () => {
  const { model, graph } = bert(1);
  const paths = new Map([...model.state()].map(([path, p]) => [p, path] as const));
  assert.throws(
    () => droppingLayers(["bert.pooler"]).apply({ graph, paths }, share),
    (error) => error instanceof ConfigError && error.message.includes("bert.encoder.layer.0"),
  );
});
