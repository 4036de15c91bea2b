/**
 * @module Sums of products as one product: Σ aₜᵀ·bₜ = Aᵀ·B, where A and B are the rows of all aₜ and bₜ one after another. A weight that a recurrent
 * layer uses in every step has such a gradient: one product over all steps, in place of one a step and as many additions.
 */
import type { Graph, Node, Tensor } from "../../graph/index.js";
import { isStatic, rewriteGraph, sameShape, withScope } from "../../graph/index.js";
import { concat } from "../concat.js";
import { countUses } from "./fuse.js";

/** Two operands of a product over their rows: [.., K, M] and [.., K, N]. */
interface Term {
  readonly a: Tensor;
  readonly b: Tensor;
}

/** Whether a transpose exchanges the last two axes and leaves the others. */
function turnsMatrix(t: Tensor): boolean {
  const perm = t.node.op === "Transpose" ? (t.node.attributes["perm"] as readonly number[]) : [];
  const last = perm.length - 1;
  return last > 0 && perm.every((axis, i) => axis === (i === last ? last - 1 : i === last - 1 ? last : i));
}

/** The operands of aᵀ·b; undefined for all else. */
function termOf({ node }: Tensor): Term | undefined {
  const [a, b] = node.inputs as [Tensor, Tensor];
  if (node.op === "MatMul" && turnsMatrix(a)) return { a: a.node.inputs[0] as Tensor, b };
  const { alpha, transA, transB } = node.attributes;
  const isPlain = node.op === "Gemm" && node.inputs[2] === null && alpha === 1 && transA === true && transB === false;
  return isPlain ? { a, b } : undefined;
}

/**
 * Whether joining the rows moves fewer numbers than adding the products up, and all can be joined: equal shapes, known, with the same axes before
 * the rows.
 */
function pays(terms: readonly Term[]): boolean {
  const [first] = terms;
  if (first === undefined || terms.length < 2 || !isStatic(first.a.shape) || !isStatic(first.b.shape)) return false;
  const [rows, m] = first.a.shape.slice(-2) as [number, number];
  const n = first.b.shape.at(-1) as number;
  const isAlike = ({ a, b }: Term): boolean => sameShape(a.shape, first.a.shape) && sameShape(b.shape, first.b.shape);
  return sameShape(first.a.shape.slice(0, -2), first.b.shape.slice(0, -2)) && rows * (m + n) < m * n && terms.every(isAlike);
}

/** [.., K, M] each → [.., T·K, M]. */
function joinedRows(parts: readonly Tensor[]): Tensor {
  const [first] = parts as [Tensor];
  const [rows, columns] = first.shape.slice(-2) as [number, number];
  const lead = first.shape.slice(0, -2);
  const pieces = parts.map((part) => part.reshape([...lead, 1, rows, columns])); // as the gradient of a split into steps joins them
  return concat(pieces, lead.length).reshape([...lead, parts.length * rows, columns]);
}

/** The graph with each sum of products over rows as one product, where that is less work. */
export function sumProducts(graph: Graph): Graph {
  const uses = countUses(graph);
  const isInner = (t: Tensor): boolean => t.node.op === "Add" && uses.get(t) === 1;
  const added = new Set(graph.nodes.flatMap(({ op, inputs }) => (op === "Add" ? inputs : [])));
  /** The addends of a sum, before and now, the last one first: a gradient's arrive from the last step on. */
  const addends = (old: Node, now: readonly (Tensor | null)[]): (readonly [old: Tensor, now: Tensor])[] => {
    const found: (readonly [Tensor, Tensor])[] = [];
    const pending = old.inputs.map((t, i) => [t, now[i]] as [Tensor, Tensor]);
    for (let top = pending.pop(); top !== undefined; top = pending.pop()) {
      const [before, after] = top;
      const isSum = isInner(before) && sameShape(before.shape, (old.outputs[0] as Tensor).shape);
      if (isSum) pending.push(...before.node.inputs.map((t, i) => [t, after.node.inputs[i]] as [Tensor, Tensor]));
      else found.push(top);
    }
    return found;
  };
  return rewriteGraph(graph, (node, inputs) => {
    const [y] = node.outputs;
    if (node.op !== "Add" || y === undefined || (isInner(y) && added.has(y))) return undefined;
    const all = addends(node, inputs);
    const isProduct = ([old, now]: readonly [Tensor, Tensor]): boolean =>
      uses.get(old) === 1 && termOf(now) !== undefined && sameShape(old.shape, y.shape);
    const terms = all.filter(isProduct).map(([, now]) => termOf(now) as Term);
    if (!pays(terms)) return undefined;
    return withScope(node.scope, () => {
      const product = joinedRows(terms.map(({ a }) => a))
        .swapAxes(-1, -2)
        .matMul(joinedRows(terms.map(({ b }) => b)));
      return [all.filter((each) => !isProduct(each)).reduce((sum, [, rest]) => sum.add(rest), product)];
    });
  });
}
