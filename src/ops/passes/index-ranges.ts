/**
 * @module Finds the inputs of a graph that are indices, and their ranges: labels of a cross-entropy, rows of an embedding table. The engine counts a negative
 * index from the end (label −1 would silently train as the last class) and refuses one that is too large in words of its own, so both are looked
 * for before a run.
 */
import type { Graph, Node, Tensor, TensorData } from "../../graph/index.js";
import { isLeaf, sizeOf } from "../../graph/index.js";
import { DataError } from "../../util/errors.js";

/** The values that an integer input may hold: 0 … size − 1, or `ignored`. */
export interface IndexRange {
  readonly kind: "label" | "index";
  readonly size: number;
  readonly ignored?: number;
}

/** Ops that hand an index on as it is. */
const PASSING: ReadonlySet<string> = new Set([
  "Cast",
  "Identity",
  "Reshape",
  "Squeeze",
  "Unsqueeze",
  "Transpose",
  "StopGradient",
]);

/** The input that a tensor of indices is, and what the loss ignores of it: Where(index ≠ ignored, index, class 0). */
function sourceOf(t: Tensor): { readonly name: string; readonly ignored?: number } | undefined {
  const { node } = t;
  if (node.op === "Input") return { name: String(node.attributes["name"]) };
  if (PASSING.has(node.op)) return sourceOf(node.inputs[0] as Tensor);
  if (node.op !== "Where") return undefined;
  const [kept, index] = node.inputs as readonly [Tensor, Tensor];
  const equal = kept.node.op === "Not" ? kept.node.inputs[0]?.node : undefined;
  const ignored = equal?.op === "Equal" && equal.inputs[0] === index ? equal.inputs[1]?.node : undefined;
  const value = ignored?.op === "Constant" ? (ignored.attributes["value"] as TensorData).data[0] : undefined;
  const source = value === undefined ? undefined : sourceOf(index);
  return source === undefined ? undefined : { ...source, ignored: Number(value) };
}

/** The operand of a node that is an index, what it is called, and how many there are to choose from. */
function indexOf(node: Node): { readonly kind: IndexRange["kind"]; readonly index: Tensor; readonly size: unknown } | undefined {
  const [x, index] = node.inputs;
  if (!x || !index) return undefined;
  if (node.op === "SoftmaxCrossEntropy") return { kind: "label", index, size: x.shape.at(-1) };
  if (node.op === "Gather" && x.node.op === "Parameter")
    return { kind: "index", index, size: x.shape.at(node.attributes["axis"] as number) };
  return undefined;
}

/** The inputs that are indices, by name. Where several ops read one, the narrowest range holds. */
export function indexRanges(graph: Graph): ReadonlyMap<string, IndexRange> {
  const ranges = new Map<string, IndexRange>();
  for (const node of graph.nodes) {
    const found = isLeaf(node) ? undefined : indexOf(node);
    const source = found === undefined ? undefined : sourceOf(found.index);
    if (found === undefined || source === undefined || typeof found.size !== "number") continue;
    const { name, ignored } = source;
    if (found.size >= (ranges.get(name)?.size ?? Infinity)) continue;
    ranges.set(name, { kind: found.kind, size: found.size, ignored });
  }
  return ranges;
}

/**
 * Refuses numbers outside an input's range. Errors: DataError, with the example, counted from 1, and the value. Any shape with the examples along axis
 * 0.
 */
export function checkIndexRange(name: string, { shape, data }: TensorData, { kind, size, ignored }: IndexRange): void {
  for (let i = 0; i < data.length; i++) {
    const value = Number(data[i]);
    if ((value >= 0 && value < size) || value === ignored) continue;
    const perExample = sizeOf(shape.slice(1));
    const place = perExample === 1 ? "" : `, position ${(i % perExample) + 1}`;
    const except = ignored === undefined ? "" : `, or ${ignored}, which the loss ignores`;
    const remedy = kind === "label" && value === size ? "; labels begin at 0" : "";
    throw new DataError(
      `column "${name}", example ${Math.floor(i / perExample) + 1}${place}: expected ${kind === "label" ? "a label" : "an index"} in 0 … ${size - 1}${except}, got ${value}${remedy}`,
    );
  }
}
