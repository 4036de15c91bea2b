/**
 * @module Recomputation as a pass over a traced loss: which inner values are not kept for the backward pass is chosen from the graph alone.
 */
import type { Node, Tensor } from "../graph/index.js";
import { byteSize, copyNode, isFloat, isLeaf, reachableNodes } from "../graph/index.js";
import { CustomGradient, emitOne } from "../ops/index.js";
import { recompute } from "./checkpointing.js";

/** A part of a graph between two tensors through which all that is learned passes, and what it costs to keep. */
export interface Segment {
  /** Where it begins and ends. */
  readonly from: Tensor;
  readonly to: Tensor;
  /** The bytes of its inner values. */
  readonly bytes: number;
}

/** Ops whose result is their input's memory under another shape. */
const VIEWS = new Set(["Reshape", "Squeeze", "Unsqueeze", "Flatten", "Identity"]);

/** Bytes from which on a tensor is kept rather than computed again is no question: scalars and short vectors are no place to cut. */
const LEAST_CUT_BYTES = 1024;

/**
 * The segments of a loss, in order: a cut is where a single float tensor of all that depends on the parameters is still to be used, such as the
 * residual stream between two blocks. What lies before the first cut and behind the last is in none.
 * The loss is a scalar.
 */
export function segments(loss: Tensor, parameters: ReadonlySet<Tensor>): Segment[] {
  const nodes = reachableNodes([loss]).filter((node) => !isLeaf(node));
  const learned = new Set<Tensor>(parameters);
  const lastUse = new Map<Tensor, number>();
  nodes.forEach((node, i) => {
    const depends = node.inputs.some((t) => t !== null && learned.has(t));
    for (const t of node.inputs) if (t !== null) lastUse.set(t, i);
    if (depends) for (const t of node.outputs) if (isFloat(t.dtype)) learned.add(t);
  });
  const found: Segment[] = [];
  const live = new Set<Tensor>();
  let [from, bytes]: [Tensor | undefined, number] = [undefined, 0];
  nodes.forEach((node, i) => {
    for (const t of node.outputs) {
      if (!learned.has(t)) continue;
      if (!VIEWS.has(node.op)) bytes += byteSize(t);
      if (lastUse.has(t)) live.add(t);
    }
    for (const t of node.inputs) if (t !== null && lastUse.get(t) === i) live.delete(t);
    const [only] = live;
    if (live.size !== 1 || only === undefined || byteSize(only) < LEAST_CUT_BYTES || only === from) return;
    if (from !== undefined) found.push({ from, to: only, bytes: bytes - byteSize(only) });
    [from, bytes] = [only, 0];
  });
  return joined(found);
}

/** Segments worth a cut: those of few bytes join the next one. */
function joined(found: readonly Segment[]): Segment[] {
  const largest = Math.max(0, ...found.map(({ bytes }) => bytes));
  const result: Segment[] = [];
  let open: Segment | undefined;
  for (const segment of found) {
    const whole: Segment = open === undefined ? segment : { from: open.from, to: segment.to, bytes: open.bytes + segment.bytes };
    if (whole.bytes < largest / 2) open = whole;
    else {
      result.push(whole);
      open = undefined;
    }
  }
  return result;
}

/** The parts that are computed again: the first `parts` of them, `together` at a time. */
export interface Recomputation {
  readonly parts: number;
  /** Segments between two values that are kept; left out, one. */
  readonly together?: number;
}

/**
 * Maps tensors of a loss's graph to the same ones in a graph whose gradient computes inner values of the first segments again in place of keeping them.
 * Values and gradients are the same; dropout draws the same masks both times.
 *
 * Source: Chen et al. 2016, arXiv:1604.06174. Differs from the source: where to cut is found from the graph, and only the first segments are computed
 * again: the last ones are needed at once.
 * The loss is a scalar; all tensors keep their shapes.
 */
export function withRecomputation(
  loss: Tensor,
  others: Iterable<Tensor>,
  parameters: ReadonlySet<Tensor>,
  { parts, together = 1 }: Recomputation,
): (t: Tensor) => Tensor {
  const all = segments(loss, parameters).slice(0, Math.max(0, parts));
  const replaced = new Map<Tensor, Tensor>();
  for (let at = 0; at < all.length; at += together) {
    const group = all.slice(at, at + together);
    const [first, last] = [group[0] as Segment, group.at(-1) as Segment];
    rebuild([last.to], replaced);
    const from = replaced.get(first.from) ?? first.from;
    const to = replaced.get(last.to) ?? last.to;
    replaced.set(last.to, emitOne(CustomGradient, [to, from, ...captured(to, from, parameters)], { rule: recompute }));
  }
  rebuild([loss, ...others], replaced);
  return (t) => replaced.get(t) ?? t;
}

/** Makes the nodes up to `roots` anew on what was replaced, as far as they depend on it. */
function rebuild(roots: readonly Tensor[], replaced: Map<Tensor, Tensor>): void {
  for (const node of reachableNodes(roots)) {
    if (isLeaf(node) || node.outputs.every((t) => replaced.has(t))) continue;
    if (!node.inputs.some((t) => t !== null && replaced.has(t))) continue;
    const inputs = node.inputs.map((t) => (t === null ? null : (replaced.get(t) ?? t)));
    const copy = copyNode(node, inputs);
    node.outputs.forEach((t, i) => replaced.has(t) || replaced.set(t, copy.outputs[i] as Tensor));
  }
}

/** The tensors from outside that what lies between `from` and `to` takes, and that parameters reach: gradients go to them. */
function captured(to: Tensor, from: Tensor, parameters: ReadonlySet<Tensor>): Set<Tensor> {
  const inside = new Set<Node>();
  const before = new Set(reachableNodes([from]));
  const nodes = reachableNodes([to]).filter((node) => !before.has(node));
  const reached = new Set<Tensor>([from]);
  for (const node of nodes) {
    if (isLeaf(node) || !node.inputs.some((t) => t !== null && reached.has(t))) continue;
    inside.add(node);
    for (const t of node.outputs) reached.add(t);
  }
  const outside = new Set<Tensor>();
  const learned = new Set<Tensor>(parameters);
  for (const node of reachableNodes([to]))
    if (node.inputs.some((t) => t !== null && learned.has(t))) for (const t of node.outputs) learned.add(t);
  for (const node of inside)
    for (const t of node.inputs)
      if (t !== null && t !== from && isFloat(t.dtype) && learned.has(t) && !reached.has(t)) outside.add(t);
  return outside;
}
