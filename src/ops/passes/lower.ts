/**
 * @module Lowering: replaces each node by nodes that a device has kernels for, by the table's
 * `lower`, again and again until nothing changes.
 */
import type { Graph } from "../../graph/index.js";
import { isLeaf, rewriteGraph, withScope } from "../../graph/index.js";
import { UnsupportedOpError } from "../../util/errors.js";
import type { Target } from "../op.js";
import { opOf } from "../table.js";

/** A lowering may give ops that are lowered in turn; deeper than this is a cycle in the table. */
const MAX_ROUNDS = 12;

/**
 * Puts ops that a target has kernels for in place of those that it has not, or where others are faster there. UnsupportedOpError if rules of lowering
 * never end.
 */
export function lowerGraph(graph: Graph, target: Target): Graph {
  for (let round = 0; round < MAX_ROUNDS; round++) {
    let changed = false;
    graph = rewriteGraph(graph, (node, inputs) => {
      if (isLeaf(node)) return undefined;
      const { lower } = opOf(node);
      if (lower === undefined) return undefined;
      const made = withScope(node.scope, () => lower({ node, inputs, attributes: node.attributes, target }));
      changed ||= made !== undefined;
      return made;
    });
    if (!changed) return graph;
  }
  throw new UnsupportedOpError(
    `lowering for ${target}: expected it to end, got changes after ${MAX_ROUNDS} rounds; this is a fault in Descent`,
  );
}
