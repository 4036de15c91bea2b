/**
 * @module The positions of every axis of a graph, found by what each op does with its axes: channels that are added to each other, heads in a
 * reshaped axis, inputs that a weight is made for are the same positions. No model is known here, only ops.
 */
import type { Graph, Node, Tensor } from "../../graph/index.js";
import type { FollowingAttributes } from "./coupling-rules.js";
import { ruleFor } from "./coupling-rules.js";
import { fix, type Positions, PositionSet } from "./positions.js";

/** The positions of a graph's axes. */
export interface Couplings {
  readonly graph: Graph;
  readonly axesOf: (t: Tensor) => readonly Positions[];
  readonly attributesOf: ReadonlyMap<Node, FollowingAttributes>;
}

const axesFor = (t: Tensor): Positions[] => t.shape.map((d) => new PositionSet(d));

/**
 * Finds which positions of a graph's axes are the same. Inputs and outputs, but those named `inside`, keep all of theirs, and so do the axes of ops without
 * a rule.
 *
 * Cost: a few operations on terms for each axis of each node.
 */
export function coupleAxes(graph: Graph, inside?: ReadonlySet<string>): Couplings {
  const axes = new Map<Tensor, readonly Positions[]>();
  const attributesOf = new Map<Node, FollowingAttributes>();
  const axesOf = (t: Tensor): readonly Positions[] => {
    let known = axes.get(t);
    if (known === undefined) axes.set(t, (known = axesFor(t)));
    return known;
  };
  for (const node of graph.nodes) {
    if (node.op === "Input") fix(...node.outputs.flatMap(axesOf));
    if (node.op === "Input" || node.op === "Parameter" || node.op === "Constant") continue;
    const input = (i: number): readonly Positions[] => {
      const t = node.inputs[i];
      return t === undefined || t === null ? [] : axesOf(t);
    };
    const output = (i: number): readonly Positions[] => axesOf(node.outputs[i] as Tensor);
    const follow = ruleFor(node.op)({ node, input, output });
    if (follow !== undefined) attributesOf.set(node, follow);
  }
  for (const [name, t] of graph.outputs) if (inside?.has(name) !== true) fix(...axesOf(t));
  return { graph, axesOf, attributesOf };
}
