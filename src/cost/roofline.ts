/**
 * @module Predicted time of a graph on a machine whose rates are known, node by node: the longer of computing and moving bytes, and what bounds it.
 *
 * Source: Williams, Waterman and Patterson 2009, Roofline, doi:10.1145/1498765.1498785.
 * Differs from the source: small products have a roof of their own, bandwidth depends on what fits into the caches, and each node has an overhead.
 */
import type { Graph, Node, Tensor } from "../graph/index.js";
import { isLeaf } from "../graph/index.js";
import { elementCount } from "../ops/index.js";
import { VIEWS } from "./memory.js";
import type { Machine } from "./machine.js";
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
/** Ops that move bytes in another order than they lie. */
const REORDERING: ReadonlySet<string> = new Set(["Transpose", "ReorderInput", "ReorderOutput", "DepthToSpace", "SpaceToDepth"]);

/** FLOPs of a product at which it reaches the half of its roof. */
const SMALL_PRODUCT = 2 * 128 ** 3;
/** Bytes of a node's operands that the caches hold, and from which on all come from main memory. */
const [CACHED, UNCACHED] = [2 ** 20, 2 ** 26];

/** Bandwidth for a node that touches so many bytes: between the cache's and the memory's, by the logarithm of the size. */
function bandwidthFor({ cacheBandwidth, memoryBandwidth }: Machine, bytes: number): number {
  const share = Math.min(1, Math.max(0, Math.log(bytes / CACHED) / Math.log(UNCACHED / CACHED)));
  return cacheBandwidth ** (1 - share) * memoryBandwidth ** share;
}

/** The roof of a product of so many FLOPs, by the two that were measured. */
function productRate({ productFlops, smallProductFlops }: Machine, flops: number): number {
  // Time is what a large one takes for each FLOP, and something for each product.
  const extra = Math.max(0, SMALL_PRODUCT / smallProductFlops - SMALL_PRODUCT / productFlops);
  return flops / (flops / productFlops + extra);
}

function computeSeconds(node: Node, machine: Machine, flops: number): number {
  if (CONVOLUTIONS.has(node.op)) {
    const group = Number(node.attributes["group"] ?? 1);
    return flops / (group > 1 ? machine.depthwiseFlops : machine.convolutionFlops);
  }
  if (PRODUCTS.has(node.op) && flops > 0) return flops / productRate(machine, flops);
  const functions = FUNCTIONS.get(node.op) ?? 0;
  return (functions * elementCount((node.outputs[0] as Tensor).shape)) / machine.functionRate;
}

/** Predicts the time of a node. */
export function timeOf(node: Node, machine: Machine): NodeTime {
  if (isLeaf(node) || VIEWS.has(node.op)) return { node, seconds: isLeaf(node) ? 0 : machine.nodeSeconds, bound: "overhead" };
  const { flops, bytes } = workOf(node);
  const compute = computeSeconds(node, machine, flops);
  const bandwidth = REORDERING.has(node.op) ? machine.transposeBandwidth : bandwidthFor(machine, bytes);
  const memory = bytes / bandwidth;
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
