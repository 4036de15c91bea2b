/**
 * @module Static quantization: activations as uint8 with ranges that were calibrated, weights as int8 with a scale for each channel, written as pairs of
 * QuantizeLinear and DequantizeLinear around ops, which the engine fuses into integer kernels.
 *
 * Activations are unsigned: with int8 activations ResNet-18 ran 0.73 times as fast as in float32, with uint8 three times.
 */
import type { ModelProto, NodeProto } from "../../onnx/index.js";
import { FileGraph, intAttribute, intsAttribute, nodeProto } from "../file-graph.js";
import type { Layer } from "../layers.js";
import { layersOf } from "../layers.js";
import type { Range } from "./calibration.js";
import { rangeToScale } from "./blocks.js";
import { keepFloats } from "./kept-floats.js";
import { LARGEST_CODE } from "./saturation.js";

/** Ops without weights that have integer kernels; they are quantized if all their inputs are. */
const CARRIERS = new Set(["Add", "MaxPool", "AveragePool", "GlobalAveragePool", "Concat", "Pad"]);
/** Ops whose results lie within their input's range: where quantized ops read them, they need no range of their own. */
const RELUS = new Set(["Relu"]);

/** The plan of a quantization. */
export interface StaticPlan {
  readonly layers: readonly Layer[];
  /** Ops without weights. */
  readonly carriers: readonly NodeProto[];
  /** Values that become integers. */
  readonly activations: readonly string[];
}

/** The output value of a layer, after a Relu that is its only reader. */
export function resultOf(graph: FileGraph, node: NodeProto): string {
  const [output = ""] = node.outputs;
  const readers = graph.readersOf(output);
  const [reader] = readers;
  if (readers.length !== 1 || reader === undefined || graph.isReadElsewhere(output) || !RELUS.has(reader.opType)) return output;
  return reader.outputs[0] ?? output;
}

/** Plans the quantization of layers, and of the ops between them. */
export function staticPlan(graph: FileGraph, layers: readonly Layer[]): StaticPlan {
  const activations = new Set<string>();
  for (const layer of layers) activations.add(layer.input).add(resultOf(graph, layer.node));
  const carriers: NodeProto[] = [];
  for (const node of graph.nodes) {
    // A Pad's further inputs are its lengths.
    const read = node.opType === "Pad" ? node.inputs.slice(0, 1) : node.inputs;
    if (!CARRIERS.has(node.opType) || !read.every((name) => activations.has(name))) continue;
    carriers.push(node);
    activations.add(resultOf(graph, node));
  }
  return { layers, carriers, activations: [...activations] };
}

/** Finds the layers that static quantization takes: products and convolutions whose bias, if any, is a constant. */
export const staticLayers = (graph: FileGraph): Layer[] =>
  layersOf(graph).filter(({ kind, bias }) => kind !== "lookup" && (bias === undefined || graph.constant(bias) !== undefined));

/** A range as scale and zero point of uint8. */
export const scaleOfRange = ({ low, high }: Range): { readonly scale: number; readonly zero: number } =>
  rangeToScale(low, high, 8, false);

/** Weights of a layer as int8, with the scale of each output channel. */
export interface ChannelWeights {
  readonly codes: Int8Array;
  readonly scales: Float32Array;
}

/** The axis of a layer's output channels in its constant. */
export const channelAxis = ({ kind, isTransposed }: Layer): 0 | 1 => (kind === "convolution" || isTransposed ? 0 : 1);

/** Quantizes weights by the largest number of each channel, which becomes `most`. */
export function channelWeights(layer: Layer, data: Float32Array, most = LARGEST_CODE): ChannelWeights {
  const axis = channelAxis(layer);
  const channels = layer.weightShape[axis] ?? 1;
  const inner = axis === 0 ? data.length / channels : 1;
  const channelOf = (i: number): number => (axis === 0 ? Math.floor(i / inner) : i % channels);
  const largest = new Float32Array(channels);
  data.forEach((value, i) => {
    const c = channelOf(i);
    largest[c] = Math.max(largest[c] as number, Math.abs(value));
  });
  const scales = largest.map((value) => (value === 0 ? 1 : value / most));
  const codes = Int8Array.from(data, (value, i) =>
    Math.max(-most, Math.min(most, Math.round(value / (scales[channelOf(i)] as number)))),
  );
  return { codes, scales };
}

/** The numbers that integer weights stand for. */
export function channelNumbers(layer: Layer, { codes, scales }: ChannelWeights): Float32Array {
  const axis = channelAxis(layer);
  const inner = axis === 0 ? codes.length / scales.length : 1;
  return Float32Array.from(codes, (code, i) => code * (scales[axis === 0 ? Math.floor(i / inner) : i % scales.length] as number));
}

/** Adds the pair after a value: its readers then read the rounded one, under its own name. */
export function roundActivation(graph: FileGraph, name: string, range: Range): void {
  const { scale, zero } = scaleOfRange(range);
  const s = graph.addConstant(`${name}.scale`, "float32", [], [scale]);
  const z = graph.addConstant(`${name}.zero`, "uint8", [], [zero]);
  putRounded(graph, name, s, z);
}

/** Adds the pair with scale and zero point under these names, behind the nodes that compute them. */
export function putRounded(graph: FileGraph, name: string, s: string, z: string, before: readonly NodeProto[] = []): void {
  const codes = graph.fresh(`${name}.uint8`);
  const producer = graph.producerOf(name);
  const pair = (from: string, to: string): NodeProto[] => [
    ...before,
    nodeProto("QuantizeLinear", [from, s, z], [codes]),
    nodeProto("DequantizeLinear", [codes, s, z], [to]),
  ];
  if (producer === undefined) {
    const rounded = graph.fresh(`${name}.rounded`);
    const readers = [...new Set(graph.readersOf(name))];
    for (const reader of readers)
      graph.replace(reader, [{ ...reader, inputs: reader.inputs.map((input) => (input === name ? rounded : input)) }]);
    const [first] = graph.nodes;
    if (first !== undefined) graph.insertBefore(first, pair(name, rounded));
    return;
  }
  const raw = graph.fresh(`${name}.raw`);
  const renamed = { ...producer, outputs: producer.outputs.map((output) => (output === name ? raw : output)) };
  graph.replace(producer, [renamed, ...pair(raw, name)]);
}

/** Replaces the constants of a layer by integers. `inputScale`: with the weights' own, the unit of the bias. */
function roundWeights(
  graph: FileGraph,
  layer: Layer,
  weights: ChannelWeights,
  inputScale: number,
  bias: Float32Array | undefined,
): void {
  const { weight, weightShape, input } = layer;
  // The node was replaced where its input or output was rounded.
  const node = graph.nodes.find((each) => each.opType === layer.node.opType && each.inputs[1] === weight);
  if (node === undefined) return;
  const axis = intAttribute("axis", channelAxis(layer));
  const w = graph.addConstant(`${weight}.int8`, "int8", weightShape, weights.codes);
  const s = graph.addConstant(`${weight}.int8.scale`, "float32", [weights.scales.length], weights.scales);
  const z = graph.addConstant(`${weight}.int8.zero`, "int8", [weights.scales.length], new Int8Array(weights.scales.length));
  const real = graph.fresh(`${weight}.rounded`);
  const made = [nodeProto("DequantizeLinear", [w, s, z], [real], [axis])];
  const inputs = [node.inputs[0] ?? input, real];
  if (bias !== undefined) {
    const scales = weights.scales.map((scale) => scale * inputScale);
    const codes = Int32Array.from(bias, (value, c) => Math.round(value / (scales[c] as number)));
    const b = graph.addConstant(`${weight}.bias.int32`, "int32", [codes.length], codes);
    const bs = graph.addConstant(`${weight}.bias.scale`, "float32", [codes.length], scales);
    const bz = graph.addConstant(`${weight}.bias.zero`, "int32", [codes.length], new Int32Array(codes.length));
    const moved = graph.fresh(`${weight}.bias.rounded`);
    made.push(nodeProto("DequantizeLinear", [b, bs, bz], [moved], [intAttribute("axis", 0)]));
    inputs.push(moved);
  }
  graph.replace(node, [...made, { ...node, inputs }]);
}

/** A layer alone between integers, for measuring: with the pairs before and after it, but without floats. */
export function staticLayerFile(file: ModelProto): ModelProto {
  const graph = new FileGraph(file);
  const layers = staticLayers(graph);
  const range = { low: -1, high: 1 };
  const plan = staticPlan(graph, layers);
  applyStatic(graph, plan, new Map(plan.activations.map((name) => [name, range])), (layer) => plainWeights(graph, layer));
  const made = graph.model();
  // The first and the last of these nodes only convert from floats to integers and back.
  const nodes = made.graph.nodes.filter(({ inputs, outputs }) => !inputs.includes("x") && !outputs.includes("y"));
  const inputs = made.graph.inputs.map((each) => ({ ...each, name: "x.uint8", elementType: UINT8 }));
  const outputs = made.graph.outputs.map((each) => ({ ...each, name: "y.uint8", elementType: UINT8 }));
  return { ...made, graph: { ...made.graph, nodes, inputs, outputs } };
}

const UINT8 = 2;

/** A layer's weights rounded to the nearest; the largest of a channel becomes `most`. */
export function plainWeights(graph: FileGraph, layer: Layer, most = LARGEST_CODE): StaticLayerWeights {
  const weights = channelWeights(layer, graph.floatsOf(layer.weight)?.data ?? new Float32Array(), most);
  return { weights, bias: layer.bias === undefined ? undefined : graph.floatsOf(layer.bias)?.data };
}

/** The rounded weights of a layer, and its bias. */
export interface StaticLayerWeights {
  readonly weights: ChannelWeights;
  /** [N]; undefined for none. */
  readonly bias: Float32Array | undefined;
}

/** Quantizes a graph by a plan. `ranges`: those of the plan's activations. */
export function applyStatic(
  graph: FileGraph,
  plan: StaticPlan,
  ranges: ReadonlyMap<string, Range>,
  weightsOf: (layer: Layer) => StaticLayerWeights,
): void {
  for (const layer of plan.layers) {
    const { weights, bias } = weightsOf(layer);
    const range = ranges.get(layer.input) ?? { low: 0, high: 0 };
    roundWeights(graph, layer, weights, scaleOfRange(range).scale, bias);
  }
  // The integer kernel rejects this attribute, whatever its value.
  for (const node of graph.nodes)
    if (node.opType === "AveragePool" && (intsAttribute(node, "dilations") ?? []).every((d) => d === 1))
      graph.replace(node, [{ ...node, attributes: node.attributes.filter(({ name }) => name !== "dilations") }]);
  for (const name of plan.activations) roundActivation(graph, name, ranges.get(name) ?? { low: 0, high: 0 });
  keepFloats(graph);
}
