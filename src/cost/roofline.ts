/**
 * @module Predicted time of a graph on a machine whose rates are known, node by node: the longer of computing and moving bytes, and what bounds it.
 *
 * Source: Williams, Waterman and Patterson 2009, Roofline, doi:10.1145/1498765.1498785.
 * Differs from the source: small products have a roof of their own, bandwidth depends on what fits into the caches, and each node has an overhead.
 */
import type { Graph, Node } from "../graph/index.js";
import { isLeaf } from "../graph/index.js";
import type { SliceAttributes } from "../ops/slice.js";
import { elementCount } from "../ops/index.js";
import { VIEWS } from "./memory.js";
import type { Machine, Rate } from "./machine.js";
import { CONVOLUTIONS, PRODUCTS, workOf } from "./work.js";

/** The predicted time of one node. */
export interface NodeTime {
  readonly node: Node;
  readonly seconds: number;
  /** Which of the three takes longest. */
  readonly bound: "compute" | "memory" | "overhead";
}

/** Ops that compute a function of each element by a polynomial or a table, and how many such functions. */
const FUNCTIONS = new Map([
  ["Exp", 1],
  ["Log", 1],
  ["Tanh", 1],
  ["Sigmoid", 1],
  ["Erf", 1],
  ["Gelu", 1],
  ["Softmax", 1],
  ["LogSoftmax", 1],
  ["Pow", 2],
  ["Sin", 1],
  ["Cos", 1],
  ["Softplus", 2],
  ["Elu", 1],
  ["Mish", 2],
  ["Swish", 1],
  ["QuickGelu", 1],
]);
/** Ops whose bytes move at a rate of their own, below that of elementwise ones. */
const BANDWIDTHS = new Map<string, Rate>(
  Object.entries({
    transposeBandwidth: "Transpose ReorderInput ReorderOutput DepthToSpace SpaceToDepth",
    copyBandwidth: "Slice Pad Where Cast Expand Tile ScatterND",
    normalizationBandwidth: "BatchNormalization LayerNormalization InstanceNormalization GroupNormalization",
  }).flatMap(([rate, ops]) => ops.split(" ").map((op) => [op, rate as Rate] as const)),
);

/** FLOPs of a product at which it reaches the half of its roof. */
const SMALL_PRODUCT = 2 * 128 ** 3;
/** Bytes of a node's operands that are still in the caches from the node before, and from which on none are. */
const [CACHED, UNCACHED] = [2 ** 18, 2 ** 22];

/** Bandwidth for a node that touches so many bytes: between the cache's and the memory's, by the logarithm of the size. */
function bandwidthFor({ cacheBandwidth, memoryBandwidth }: Machine, bytes: number): number {
  const share = Math.min(1, Math.max(0, Math.log(bytes / CACHED) / Math.log(UNCACHED / CACHED)));
  return cacheBandwidth ** (1 - share) * memoryBandwidth ** share;
}

/** Tells whether a node takes elements that do not lie side by side, one by one. */
function takesSteps({ op, attributes, inputs }: Node): boolean {
  if (op !== "Slice") return false;
  const last = (inputs[0]?.rank ?? 0) - 1;
  const { axes, steps } = attributes as unknown as SliceAttributes;
  return axes.some((axis, i) => axis === last && steps[i] !== 1);
}

function memorySeconds(node: Node, machine: Machine, bytes: number): number {
  const own = takesSteps(node) ? "strideBandwidth" : BANDWIDTHS.get(node.op);
  const usual = bandwidthFor(machine, bytes);
  return bytes / (own === undefined ? usual : Math.min(usual, machine[own]));
}

/** The roof of a product of so many FLOPs, by the two that were measured. */
function productRate({ productFlops, smallProductFlops }: Machine, flops: number): number {
  // Time is what a large one takes for each FLOP, and something for each product.
  const extra = Math.max(0, SMALL_PRODUCT / smallProductFlops - SMALL_PRODUCT / productFlops);
  return flops / (flops / productFlops + extra);
}

/** The roof of a convolution: single channels, whole blocks of them, or neither. */
function convolutionRate({ op, attributes, inputs }: Node, machine: Machine): number {
  const each = inputs[1]?.shape[1];
  if (Number(attributes["group"] ?? 1) > 1 && each === 1) return machine.depthwiseFlops;
  return op === "BlockedConv" || machine.channelBlock === 1 ? machine.convolutionFlops : machine.plainConvolutionFlops;
}

function computeSeconds(node: Node, machine: Machine, flops: number): number {
  const [size, indexed] = [node.outputs[0], node.inputs[1]].map((t) => (t ? elementCount(t.shape) : 0)) as [number, number];
  if (CONVOLUTIONS.has(node.op)) return flops / convolutionRate(node, machine);
  if (PRODUCTS.has(node.op) && flops > 0) return flops / productRate(machine, flops);
  if (node.op === "MaxPool" && node.outputs.length > 1) return (size * windowSize(node)) / machine.poolingRate;
  if (node.op === "ScatterElements") return indexed / machine.scatterRate;
  return ((FUNCTIONS.get(node.op) ?? 0) * size) / machine.functionRate;
}

const windowSize = ({ attributes }: Node): number => (attributes["kernel_shape"] as readonly number[]).reduce((a, b) => a * b, 1);

/** Predicts the time of a node. */
export function timeOf(node: Node, machine: Machine): NodeTime {
  if (isLeaf(node) || VIEWS.has(node.op)) return { node, seconds: isLeaf(node) ? 0 : machine.nodeSeconds, bound: "overhead" };
  const { flops, bytes } = workOf(node);
  const compute = computeSeconds(node, machine, flops);
  const memory = memorySeconds(node, machine, bytes);
  const work = Math.max(compute, memory);
  const bound = work < machine.nodeSeconds ? "overhead" : compute >= memory ? "compute" : "memory";
  return { node, seconds: work + machine.nodeSeconds, bound };
}

/** Predicts the time of each node of a graph that is prepared for the machine's device. */
export const timesOf = (graph: Graph, machine: Machine): NodeTime[] =>
  graph.nodes.filter((node) => !isLeaf(node)).map((node) => timeOf(node, machine));

/** Predicted seconds of running a graph once, its nodes one after the other. */
export const predictedSeconds = (graph: Graph, machine: Machine): number =>
  timesOf(graph, machine).reduce((sum, { seconds }) => sum + seconds, 0);
