/**
 * @module What cutting gains on this machine: ResNet-18 with half and a quarter of all channels, and a BERT with half its heads and half its feed-forward, with random weights, each
 * beside the whole model in turns: `npm run cut-speed`. What the multiply-adds allow is their ratio.
 */
import type { Feeds } from "../src/compress/activations.js";
import { cutUnits } from "../src/compress/prune/cut.js";
import { groupsOf } from "../src/compress/prune/groups.js";
import { selectUnits } from "../src/compress/prune/select.js";
import { TIMED, timeInTurns } from "../src/compress/timing.js";
import { passCost } from "../src/cost/index.js";
import type { Tensor, TensorData } from "../src/graph/index.js";
import { fromNumbers, Graph, input, staticShape } from "../src/graph/index.js";
import { modelFromConfig, modelNamed, MODELS } from "../src/models/index.js";
import { resolveForUse } from "../src/ops/index.js";
import { compile } from "../src/runtime/index.js";
import { Random } from "../src/util/random.js";
import { formatTable } from "../src/util/text.js";

const random = new Random(1, "cut-speed");
/** Widths that the engine's kernels compute at once. */
const MULTIPLE = 16;

/** A model's graph in use for a batch, what stays of it, and which groups of units are cut; left out, all that prune cuts. */
interface Subject {
  readonly name: string;
  readonly share: number;
  readonly multipleOf: number;
  readonly logits: Tensor;
  readonly feeds: Feeds;
}

function resnet(share: number, batch: number): Subject {
  const { usual } = MODELS["resnet-18"];
  const x = input("x", [batch, ...usual.inputShape]);
  const model = modelNamed("resnet-18", usual);
  const shape = staticShape(x.shape, "cut-speed");
  const size = shape.reduce((a, b) => a * b, 1);
  const feeds = {
    x: fromNumbers(
      "float32",
      shape,
      Array.from({ length: size }, () => random.normal()),
    ),
  };
  return {
    name: `resnet-18, batch ${batch}`,
    share,
    multipleOf: MULTIPLE,
    logits: (model.forward as (x: Tensor) => Tensor)(x),
    feeds,
  };
}

function bert(share: number): Subject {
  const config = {
    model_type: "bert",
    vocab_size: 30522,
    hidden_size: 768,
    num_hidden_layers: 12,
    num_attention_heads: 12,
    intermediate_size: 3072,
  };
  const model = modelFromConfig("BertForSequenceClassification", config, { numLabels: 2 });
  const [ids, mask] = [input("ids", [1, 128], "int64"), input("mask", [1, 128], "int64")];
  const tokens = Array.from({ length: 128 }, (_, i) => (i * 7919) % 30522);
  const feeds = {
    ids: fromNumbers("int64", [1, 128], tokens),
    mask: fromNumbers(
      "int64",
      [1, 128],
      tokens.map(() => 1),
    ),
  };
  return { name: "bert, 128 tokens", share, multipleOf: 1, logits: model.forward(ids, { mask }), feeds };
}

function randomValues(graph: Graph): Map<Tensor, TensorData> {
  const uniform = (shape: readonly number[]): TensorData => {
    const size = shape.reduce((a, b) => a * b, 1);
    const spread = Math.sqrt((shape[0] ?? 1) / size);
    // One-dimensional ones are scales, variances or biases: all are fine at one half.
    const numbers = Array.from({ length: size }, () => (shape.length > 1 ? random.uniform(-spread, spread) : 0.5));
    return fromNumbers("float32", shape, numbers);
  };
  return new Map(graph.parameters.map((t) => [t, uniform(staticShape(t.shape, "cut-speed"))]));
}

async function measure({ name, share, multipleOf, logits, feeds }: Subject): Promise<string[]> {
  const whole = new Graph(resolveForUse({ logits }));
  const values = randomValues(whole);
  const { couplings, groups } = groupsOf(whole);
  const scored = groups.filter(({ isMixed }) => !isMixed).map((group) => ({ group, scores: new Float64Array(group.units) }));
  const cut = cutUnits(couplings, selectUnits(scored, share, { scope: "layer", multipleOf }));
  const left = new Map([...cut.parameters].map(([old, t]) => [t as Tensor, cut.numbersOf(old, values.get(old) as TensorData)]));
  await using before = await compile(whole, { ...TIMED, values });
  await using after = await compile(cut.graph, { ...TIMED, values: left });
  const [wholeMs = NaN, cutMs = NaN] = await timeInTurns([() => before.call(feeds), () => after.call(feeds)], { budgetMs: 6000 });
  const allowed = passCost(whole.nodes).multiplyAdds / passCost(cut.graph.nodes).multiplyAdds;
  const gained = wholeMs / cutMs;
  return [
    name,
    String(share),
    wholeMs.toFixed(2),
    cutMs.toFixed(2),
    `${gained.toFixed(2)} ×`,
    `${allowed.toFixed(2)} ×`,
    (gained / allowed).toFixed(2),
  ];
}

const rows: string[][] = [];
for (const subject of [resnet(0.5, 1), resnet(0.25, 1), resnet(0.5, 32), resnet(0.25, 32), bert(0.5)])
  rows.push(await measure(subject));
console.log(formatTable(["model", "units left", "whole, ms", "cut, ms", "faster", "multiply-adds allow", "share of it"], rows));
