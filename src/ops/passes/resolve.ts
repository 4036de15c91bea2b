/**
 * @module Resolving: a trace has no mode; here dropout, batch normalization and random nodes become what they are in
 * training or in use, and assignments to buffers are taken out of the graph.
 */
import { copyNode, isLeaf, Parameter, rewriteTensors, type Tensor, withScope } from "../../graph/index.js";
import { UnsupportedOpError } from "../../util/errors.js";
import type { Mode } from "../op.js";
import { randomInputs } from "../random.js";
import { opOf } from "../table.js";

/** A graph for training or for use: what became of each tensor, and new values of running statistics. */
export interface Resolved {
  /** Maps tensors of the trace to those of the resolved graph. */
  readonly map: (tensor: Tensor) => Tensor;
  /** The value that each buffer has after the run; empty in `eval`. */
  readonly updates: ReadonlyMap<Parameter, Tensor>;
}

/** The result of one expansion may have to be resolved in turn; more rounds than this mean a cycle in the table. */
const MAX_ROUNDS = 8;

/**
 * The graph of `outputs` for training or for use. Random nodes draw from `seed` and `step`, uint32 scalars of the graph.
 *
 * A buffer that is assigned twice (a module called twice) chains: what was traced after the first assignment sees its value.
 * UnsupportedOpError if rules of resolving never end.
 */
export function resolveMode(
  outputs: Iterable<Tensor>,
  mode: Mode,
  random: { readonly seed: Tensor; readonly step: Tensor },
): Resolved {
  let current = [...outputs];
  const maps: ((t: Tensor) => Tensor)[] = [];
  for (let round = 0; resolveOnce(current, mode, random, maps); round++) {
    if (round === MAX_ROUNDS) throw new UnsupportedOpError("resolve: expected it to end; this is a fault in Descent");
    current = current.map(maps.at(-1) as (t: Tensor) => Tensor);
  }
  const { map, updates } = takeAssignments(current, mode);
  return { map: (tensor) => map(maps.reduce((t, next) => next(t), tensor)), updates };
}

/** Traced outputs as they are in use: without dropout, and normalized by running statistics. Shapes and types stay. */
export function resolveForUse<T extends Readonly<Record<string, Tensor>>>(traced: T): { readonly [K in keyof T]: Tensor } {
  const { map } = resolveMode(Object.values(traced), "eval", randomInputs());
  return Object.fromEntries(Object.entries(traced).map(([name, tensor]) => [name, map(tensor)])) as Record<keyof T, Tensor>;
}

function resolveOnce(
  outputs: readonly Tensor[],
  mode: Mode,
  random: { readonly seed: Tensor; readonly step: Tensor },
  maps: ((t: Tensor) => Tensor)[],
): boolean {
  const counts = new Map<string, number>();
  let changed = false;
  const map = rewriteTensors(outputs, (node, inputs) => {
    if (isLeaf(node)) return undefined;
    const { resolve, expand } = opOf(node);
    if (resolve === undefined && (expand === undefined || mode === "eval")) return undefined;
    changed = true;
    // In training a fused op would be computed twice: as it is, and by the definition that its gradient goes through.
    if (resolve === undefined) return withScope(node.scope, () => expand?.({ inputs, attributes: node.attributes }));
    const name = `${node.scope}/${node.op}`;
    const callIndex = counts.get(name) ?? 0;
    counts.set(name, callIndex + 1);
    return withScope(node.scope, () => resolve({ inputs, attributes: node.attributes, mode, node, callIndex, ...random }));
  });
  if (changed) maps.push(map);
  return changed;
}

function takeAssignments(outputs: readonly Tensor[], mode: Mode): Resolved {
  const updates = new Map<Parameter, Tensor>();
  const latest = (t: Tensor | null): Tensor | null => (t instanceof Parameter ? (updates.get(t) ?? t) : t);
  const map = rewriteTensors(outputs, (node, inputs) => {
    if (node.op === "Assign") {
      const buffer = node.inputs[1];
      if (mode === "train" && buffer instanceof Parameter) updates.set(buffer, latest(inputs[2] ?? null) as Tensor);
      return [inputs[0] as Tensor];
    }
    if (updates.size === 0 || !node.inputs.some((t) => t instanceof Parameter && updates.has(t))) return undefined;
    return copyNode(node, inputs.map(latest)).outputs;
  });
  return { map, updates };
}
