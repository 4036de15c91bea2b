/**
 * @module Groups: what can be cut out of a graph, and everything that goes with it. A group is a set of positions along axes of weights; each of its
 * units (a channel, a head, a neuron) takes a slice out of every weight that has it.
 */
import type { Graph, Node, Tensor } from "../../graph/index.js";
import type { Couplings } from "./coupling.js";
import { coupleAxes } from "./coupling.js";
import type { Positions, PositionSet } from "./positions.js";
import { setsOf } from "./positions.js";

/** An axis of a weight, or of a constant, some of whose positions belong to a group. */
export interface GroupAxis {
  readonly tensor: Tensor;
  readonly axis: number;
  readonly positions: Positions;
}

/** Units that can be cut one by one. */
export interface Group {
  readonly set: PositionSet;
  /** The number of units. */
  readonly units: number;
  /** Weights that lose a slice with each unit, in trace order. */
  readonly axes: readonly GroupAxis[];
  /**
   * Whether a normalization or a reduction over the units leaves other values for the rest when one goes: the width of a transformer, unlike the
   * channels of a convolution, which go as if they had been zero.
   */
  readonly isMixed: boolean;
}

/** Ops in which a weight makes units: those that a group has to have for its units to be worth cutting. */
const PRODUCERS: ReadonlySet<string> = new Set([
  "Conv",
  "ConvTranspose",
  "MatMul",
  "Gemm",
  "Einsum",
  "LSTM",
  "GRU",
  "RNN",
  "Gather",
]);

/** The weights that products read, directly or behind ops that only move their elements. */
function producing(graph: Graph): ReadonlySet<Tensor> {
  const found = new Set<Tensor>();
  const visit = (t: Tensor | null | undefined): void => {
    if (!t) return;
    if (t.node.op === "Parameter") found.add(t);
    else if (MOVING.has(t.node.op)) visit(t.node.inputs[0]);
  };
  for (const node of graph.nodes) if (PRODUCERS.has(node.op)) node.inputs.forEach(visit);
  return found;
}

const MOVING: ReadonlySet<string> = new Set(["Transpose", "Reshape", "Squeeze", "Unsqueeze", "Cast", "Identity"]);

/** Finds the groups of a graph, in the order of their first weights. */
export function findGroups(couplings: Couplings): Group[] {
  const bySet = new Map<PositionSet, GroupAxis[]>();
  const { graph, axesOf } = couplings;
  const leaves = graph.nodes.filter((node: Node) => node.op === "Parameter" || node.op === "Constant");
  for (const node of leaves) {
    const tensor = node.outputs[0] as Tensor;
    axesOf(tensor).forEach((positions, axis) => {
      for (const set of setsOf(positions)) {
        if (set.isFixed) continue;
        const axes = bySet.get(set) ?? [];
        bySet.set(set, axes);
        axes.push({ tensor, axis, positions });
      }
    });
  }
  const producers = producing(graph);
  return [...bySet]
    .filter(([, axes]) => axes.some(({ tensor }) => producers.has(tensor)))
    .map(([set, axes]) => ({ set, units: set.size as number, axes, isMixed: set.isMixed }));
}

/** The groups of a graph, and the couplings that they were found by. */
export function groupsOf(graph: Graph): { readonly couplings: Couplings; readonly groups: readonly Group[] } {
  const couplings = coupleAxes(graph);
  return { couplings, groups: findGroups(couplings) };
}
