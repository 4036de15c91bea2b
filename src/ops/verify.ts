/**
 * @module Checks that a graph is legal: after every rewrite in tests, and before every compile.
 */
import type { Graph, Tensor } from "../graph/index.js";
import { formatShape, isLeaf, sameShape } from "../graph/index.js";
import { DescentError } from "../util/errors.js";
import { opOf } from "./table.js";

/**
 * Checks that every node's op is in the table, that its inputs were made before it and belong to their nodes, that its
 * outputs have the types that the shape rule gives, and that leaves have distinct names.
 * Errors: DescentError, naming the node, since an illegal graph is a fault in Descent.
 */
export function verifyGraph(graph: Graph, after: string): Graph {
  const names = new Set<string>();
  for (const node of graph.nodes) {
    const fail = (what: string): never => {
      throw new DescentError(
        `graph after ${after}: ${node.scope === "" ? "" : `${node.scope}: `}${node.op} #${node.id}: ${what}; this is a fault in Descent`,
      );
    };
    node.outputs.forEach((output, i) => {
      if (output.node !== node || output.index !== i) fail("an output belongs to another node");
    });
    if (node.op === "Input") {
      const name = String(node.attributes["name"]);
      if (names.has(name)) fail(`a second input is named "${name}"`);
      names.add(name);
    }
    if (isLeaf(node)) continue;
    for (const input of node.inputs) {
      if (input === null) continue;
      if (input.node.id >= node.id) fail(`input ${input.node.op} #${input.node.id} was made after it`);
      if (input.node.outputs[input.index] !== input) fail("an input is not an output of its node");
    }
    const types = opOf(node).infer(node.inputs, node.attributes, `graph after ${after}: ${node.op}`);
    types.forEach((type, i) => {
      const output = node.outputs[i] as Tensor;
      if (output.dtype !== type.dtype || !sameShape(output.shape, type.shape)) {
        fail(
          `expected output ${i} to be ${type.dtype} ${formatShape(type.shape)}, got ${output.dtype} ${formatShape(output.shape)}`,
        );
      }
    });
  }
  return graph;
}
