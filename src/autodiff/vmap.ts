/**
 * @module `vmap`: a function written for one example, applied to many at once, by the batching rules of the op table.
 */
import type { Dim, Node } from "../graph/index.js";
import {
  dimEquals,
  formatShape,
  input,
  isLeaf,
  normalizeAxis,
  reachableNodes,
  sameShape,
  staticDim,
  Tensor,
  withScope,
} from "../graph/index.js";
import { emit, opOf, stack } from "../ops/index.js";
import { ShapeError } from "../util/errors.js";

/** Axis of each argument that is mapped; null where all examples share it. */
export interface VmapOptions {
  /** The axis of each argument that holds the examples; null for an argument that all examples share. Left out, 0 for all. */
  readonly axes?: readonly (number | null)[];
}

/**
 * `vmap(f)(x, y)` is f(x[n], y[n]) for every n, stacked along axis 0, without a loop: each node becomes its batched form.
 *
 * An op whose entry says "unroll" is applied example by example. Tensors that f captures are shared; so are random masks.
 * Gradients inside f are per example: `vmap((x, t) => grad(loss(x, t), weight))`.
 * Errors: ShapeError if no argument is mapped, or if mapped axes differ in length.
 *
 * @example
 * import { tensor, vmap } from "descentjs";
 * const lengths = vmap((...[x]) => x!.square().sum().sqrt());
 * console.log(await lengths(tensor([[3, 4], [6, 8]])).data()); // Float32Array(2) [ 5, 10 ]
 */
export function vmap<T extends Tensor | readonly Tensor[]>(
  f: (...xs: readonly Tensor[]) => T,
  options: VmapOptions = {},
): (...xs: readonly Tensor[]) => T {
  return (...xs) => {
    let size: Dim | undefined;
    const values = new Map<Tensor, Tensor>();
    const examples = xs.map((x, i) => {
      const axis = options.axes === undefined ? 0 : (options.axes[i] ?? null);
      if (axis === null) return x;
      const along = normalizeAxis(axis, x.rank, "vmap");
      const length = x.shape[along] as Dim;
      if (size !== undefined && !dimEquals(size, length))
        throw new ShapeError(`vmap: expected arguments with as many examples, got ${size} and ${length}`);
      size = length;
      const example = input(
        `vmap${i}`,
        x.shape.filter((_, d) => d !== along),
        x.dtype,
      );
      values.set(example, along === 0 ? x : x.transpose([along, ...x.shape.map((_, d) => d).filter((d) => d !== along)]));
      return example;
    });
    if (size === undefined) throw new ShapeError("vmap: expected an argument with an axis to map, got none");
    const result = f(...examples);
    const outputs = batched(result instanceof Tensor ? [result] : result, values, size);
    return (result instanceof Tensor ? outputs[0] : outputs) as T;
  };
}

/** The outputs for all examples, given those of some leaves: axis 0 is the mapped one. */
function batched(outputs: readonly Tensor[], values: Map<Tensor, Tensor>, size: Dim): Tensor[] {
  for (const node of reachableNodes(outputs)) {
    if (isLeaf(node) || !node.inputs.some((t) => t !== null && values.has(t))) continue;
    const made = withScope(node.scope, () => batchNode(node, values, size));
    node.outputs.forEach((output, i) => {
      const y = made[i] as Tensor;
      const expected = [size, ...output.shape];
      if (!sameShape(y.shape, expected))
        throw new ShapeError(`vmap of ${node.op}: expected ${formatShape(expected)}, got ${formatShape(y.shape)}`);
      values.set(output, y);
    });
  }
  return outputs.map((t) => values.get(t) ?? t.expand([size, ...t.shape]));
}

function batchNode(node: Node, values: ReadonlyMap<Tensor, Tensor>, size: Dim): readonly Tensor[] {
  const { attributes } = node;
  const op = opOf(node);
  const mapped = node.inputs.map((t) => t !== null && values.has(t));
  const inputs = node.inputs.map((t) => (t === null ? null : (values.get(t) ?? t)));
  if (typeof op.batch === "function") {
    return op.batch({ inputs, mapped, size, attributes, ranks: node.inputs.map((t) => t?.rank ?? 0) });
  }
  const count = staticDim(size, `vmap of ${node.op}`);
  const perExample = Array.from({ length: count }, (_, n) =>
    emit(
      op,
      inputs.map((t, i) => (mapped[i] ? (t as Tensor).slice(0, n, n + 1).squeeze(0) : t)),
      attributes,
    ),
  );
  return node.outputs.map((_, i) => stack(perExample.map((made) => made[i] as Tensor)));
}
