/**
 * @module The work of nodes: floating-point operations, of which a multiply-add is two, the multiply-adds among them, and bytes moved.
 */
import type { Node, Tensor } from "../graph/index.js";
import { isLeaf } from "../graph/index.js";
import { costOf, elementCount } from "../ops/index.js";

/** The work of running nodes once. */
export interface Work {
  /** Floating-point operations; a multiply-add is two. */
  readonly flops: number;
  /** Multiply-adds of products and convolutions: half of their FLOPs. Published figures ("4.1 GFLOPs" of ResNet-50) often are these. */
  readonly multiplyAdds: number;
  /** Read and written, each operand once. */
  readonly bytes: number;
}

/** The cost of all nodes of one op together. */
export interface OpCost extends Work {
  readonly op: string;
  readonly nodes: number;
}

/** The cost of running a graph once. */
export interface PassCost extends Work {
  /** FLOPs for each byte moved. */
  readonly intensity: number;
  /** The ops with the most work first. */
  readonly ops: readonly OpCost[];
}

export const NO_WORK: Work = { flops: 0, multiplyAdds: 0, bytes: 0 };

export const CONVOLUTIONS: ReadonlySet<string> = new Set(
  "Conv BlockedConv ConvInputGradient ConvWeightGradient ConvTranspose".split(" "),
);
/** Products of matrices and convolutions: a multiply-add for each term, and nothing else. */
export const PRODUCTS: ReadonlySet<string> = new Set(["MatMul", "Gemm", "FusedMatMul", ...CONVOLUTIONS]);

/** Products per row and unit of recurrent ops. */
const GATES = new Map([
  ["LSTM", 4],
  ["GRU", 3],
  ["RNN", 1],
]);

/** Multiply-adds of a node with its FLOPs. */
function multiplyAddsOf(node: Node, flops: number): number {
  if (PRODUCTS.has(node.op)) return flops / 2;
  const gates = GATES.get(node.op);
  if (gates === undefined) return 0;
  const [x, w, r] = node.inputs as readonly [Tensor, Tensor, Tensor];
  // x [T, N, F], w [directions, gates·H, F], r [directions, gates·H, H].
  return elementCount(x.shape.slice(0, 2)) * (elementCount(w.shape) + elementCount(r.shape));
}

/** The work of running a node once; none for a leaf. */
export function workOf(node: Node): Work {
  if (isLeaf(node)) return NO_WORK;
  const { flops, bytes } = costOf(node);
  return { flops, multiplyAdds: multiplyAddsOf(node, flops), bytes };
}

export const addWork = (a: Work, b: Work): Work => ({
  flops: a.flops + b.flops,
  multiplyAdds: a.multiplyAdds + b.multiplyAdds,
  bytes: a.bytes + b.bytes,
});

/** Sums the cost of running nodes once, by op. */
export function passCost(nodes: Iterable<Node>): PassCost {
  const ops = new Map<string, OpCost>();
  let total = NO_WORK;
  for (const node of nodes) {
    if (isLeaf(node)) continue;
    const work = workOf(node);
    const sum = ops.get(node.op) ?? { op: node.op, nodes: 0, ...NO_WORK };
    ops.set(node.op, { op: node.op, nodes: sum.nodes + 1, ...addWork(sum, work) });
    total = addWork(total, work);
  }
  const list = [...ops.values()].sort((a, b) => b.flops - a.flops || b.bytes - a.bytes);
  return { ...total, intensity: total.bytes === 0 ? 0 : total.flops / total.bytes, ops: list };
}
