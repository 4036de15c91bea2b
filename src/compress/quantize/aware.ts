/**
 * @module Quantization-aware training: a file in which weights and activations are rounded as the static form rounds them, by steps that are learned with
 * the weights, and the static file that becomes of it.
 *
 * Gradients go straight through the rounding; that of a step is Σ dy·(round(x/s) − x/s), or the end of the range where a number is held there.
 * Source: Esser et al. 2020 (LSQ), arXiv:1902.08153, equations 1 to 3. Differs from it: steps begin at the calibrated ranges and at the largest weight of
 * each channel; what is trained is a factor on them, so that an optimizer with adaptive rates changes each by its share; zero points stay.
 */
import { sizeOf } from "../../graph/index.js";
import type { ModelProto, NodeProto } from "../../onnx/index.js";
import type { ParameterGroup, Part } from "../../optim/index.js";
import { FileGraph, intAttribute, nodeProto } from "../file-graph.js";
import type { Layer } from "../layers.js";
import { roundHalfEven } from "./blocks.js";
import type { Range } from "./calibration.js";
import type { StaticLayerWeights, StaticPlan } from "./static.js";
import { LARGEST_CODE } from "./saturation.js";
import { applyStatic, channelAxis, channelWeights, putRounded, scaleOfRange } from "./static.js";

/** The end of the names of trained factors. */
const STEP = ".step";

/** A file to train, and what has to be known of its steps. */
export interface AwareFile {
  readonly file: ModelProto;
  /** Names of all that is trained in the layers: weights, biases, steps. */
  readonly trained: readonly string[];
  /** Factors on the gradients of steps, by their names: √(N·Qp) and s² below the line, for optimizers whose updates grow with the gradient. */
  readonly gradientScales: ReadonlyMap<string, number>;
}

/** Scales times trained factors. */
function learnedScale(graph: FileGraph, name: string, scales: Float32Array, dims: readonly number[]): [string, NodeProto] {
  const fixed = graph.addConstant(`${name}.scale`, "float32", dims, scales);
  const factor = graph.addConstant(`${name}${STEP}`, "float32", dims, new Float32Array(scales.length).fill(1));
  const learned = graph.fresh(`${name}.scale.learned`);
  return [learned, nodeProto("Mul", [fixed, factor], [learned])];
}

/** Holds a layer's weights within `most` steps, where that is less than 8 bits hold by themselves: the nodes, and what they make. */
function heldWeights(graph: FileGraph, layer: Layer, scale: string, most: number): [string, NodeProto[]] {
  const { weight, weightShape } = layer;
  if (most === LARGEST_CODE) return [weight, []];
  const count = graph.addConstant(`${weight}.most`, "float32", [], [most]);
  const along = weightShape.map((d, i) => (i === channelAxis(layer) ? d : 1));
  const shape = graph.addConstant(`${weight}.along`, "int64", [along.length], along);
  const [reach, high, low, cut, held] = ["reach", "high", "low", "cut", "held"].map((what) =>
    graph.fresh(`${weight}.${what}`),
  ) as [string, string, string, string, string];
  const nodes = [
    nodeProto("Mul", [scale, count], [reach]),
    nodeProto("Reshape", [reach, shape], [high]),
    nodeProto("Neg", [high], [low]),
    nodeProto("Min", [weight, high], [cut]),
    nodeProto("Max", [cut, low], [held]),
  ];
  return [held, nodes];
}

/** Makes the file of a plan in which steps are learned. `sizes`: numbers of one example in each activation; `most`: the largest code of a weight. */
export function awareFile(
  model: ModelProto,
  plan: StaticPlan,
  ranges: ReadonlyMap<string, Range>,
  sizes: ReadonlyMap<string, number>,
  most = LARGEST_CODE,
): AwareFile {
  const graph = new FileGraph(model);
  const trained: string[] = [];
  const gradientScales = new Map<string, number>();
  const learn = (name: string, scale: number, count: number, largest: number): void => {
    trained.push(`${name}${STEP}`);
    gradientScales.set(`${name}${STEP}`, 1 / (Math.sqrt(count * largest) * scale ** 2));
  };
  for (const layer of plan.layers) {
    const { weight, weightShape, bias } = layer;
    const node = graph.nodes.find((each) => each.opType === layer.node.opType && each.inputs[1] === weight);
    if (node === undefined) continue;
    const { scales } = channelWeights(layer, graph.floatsOf(weight)?.data ?? new Float32Array(), most);
    const [scale, product] = learnedScale(graph, `${weight}.int8`, scales, [scales.length]);
    const zero = graph.addConstant(`${weight}.int8.zero`, "int8", [scales.length], new Int8Array(scales.length));
    const [codes, real] = [graph.fresh(`${weight}.int8`), graph.fresh(`${weight}.rounded`)];
    const axis = [intAttribute("axis", channelAxis(layer))];
    const [held, holding] = heldWeights(graph, layer, scale, most);
    graph.replace(node, [
      product,
      ...holding,
      nodeProto("QuantizeLinear", [held, scale, zero], [codes], axis),
      nodeProto("DequantizeLinear", [codes, scale, zero], [real], axis),
      { ...node, inputs: node.inputs.map((name) => (name === weight ? real : name)) },
    ]);
    trained.push(weight, ...(bias === undefined ? [] : [bias]));
    const mean = scales.reduce((sum, s) => sum + s, 0) / scales.length;
    learn(`${weight}.int8`, mean, sizeOf(weightShape) / scales.length, most);
  }
  for (const name of plan.activations) {
    const { scale, zero } = scaleOfRange(ranges.get(name) ?? { low: 0, high: 0 });
    const [learned, product] = learnedScale(graph, name, Float32Array.of(scale), []);
    const z = graph.addConstant(`${name}.zero`, "uint8", [], [zero]);
    putRounded(graph, name, learned, z, [product]);
    learn(name, scale, sizes.get(name) ?? 1, 255);
  }
  return { file: graph.model(), trained, gradientScales };
}

/** The part of an optimizer that scales the gradients of steps; it stands first. */
export const stepGradients = (gradientScales: ReadonlyMap<string, number>): Part => ({
  description: { name: "stepGradients" },
  update: (updates, { times }) =>
    new Map([...updates].map(([path, u]) => [path, { ...u, scale: times(u.scale, gradientScales.get(path) ?? 1) }])),
});

/** Settings of the steps' parameters. */
export const STEP_GROUP: ParameterGroup = { match: `*${STEP}`, weightDecay: 0 };

/** The static file of trained weights and steps. `numbersOf`: a trained tensor by its name. */
export function trainedStatic(
  model: ModelProto,
  planOf: (graph: FileGraph) => StaticPlan,
  ranges: ReadonlyMap<string, Range>,
  numbersOf: (name: string) => Float32Array | undefined,
  most = LARGEST_CODE,
): ModelProto {
  const graph = new FileGraph(model);
  for (const { name, dims } of model.graph.initializers) {
    const numbers = graph.floatsOf(name) === undefined ? undefined : numbersOf(name);
    if (numbers !== undefined) graph.setConstant(name, dims, numbers);
  }
  // A step that training drove below 0 counts by its size.
  const factors = (name: string): Float32Array => (numbersOf(`${name}${STEP}`) ?? Float32Array.of(1)).map(Math.abs);
  const plan = planOf(graph);
  const learned = new Map(
    plan.activations.map((name): [string, Range] => {
      const { scale, zero } = scaleOfRange(ranges.get(name) ?? { low: 0, high: 0 });
      const step = scale * (factors(name)[0] ?? 1);
      return [name, { low: -zero * step, high: (255 - zero) * step }];
    }),
  );
  const original = new FileGraph(model);
  const least = most === LARGEST_CODE ? -most - 1 : -most;
  const weightsOf = (layer: Layer): StaticLayerWeights => {
    const data = graph.floatsOf(layer.weight)?.data ?? new Float32Array();
    const begun = channelWeights(layer, original.floatsOf(layer.weight)?.data ?? new Float32Array(), most).scales;
    const steps = factors(`${layer.weight}.int8`);
    const scales = begun.map((scale, c) => scale * (steps[c] ?? 1));
    const inner = channelAxis(layer) === 0 ? data.length / scales.length : 1;
    const codes = Int8Array.from(data, (value, i) => {
      const scale = scales[channelAxis(layer) === 0 ? Math.floor(i / inner) : i % scales.length] as number;
      return Math.max(least, Math.min(most, roundHalfEven(Math.fround(value / scale))));
    });
    return { weights: { codes, scales }, bias: layer.bias === undefined ? undefined : graph.floatsOf(layer.bias)?.data };
  };
  applyStatic(graph, plan, learned, weightsOf);
  return graph.model();
}
