/**
 * @module Nodes in an order in which each comes after what it takes: files have them in any order.
 */
import { DataError } from "../util/errors.js";
import type { GraphProto, NodeProto } from "./messages.js";

/** Names that a graph's nodes and outputs take, those of graphs in it too. */
export const namesTaken = ({ nodes, outputs }: GraphProto): readonly string[] => [
  ...nodes.flatMap(namesTakenBy),
  ...outputs.map(({ name }) => name),
];

/** Names that a node takes, those that its branches or body take from around it too. */
const namesTakenBy = ({ inputs, attributes }: NodeProto): readonly string[] => [
  ...inputs,
  ...attributes.flatMap((a) => (a.type === "graph" ? namesTaken(a.value) : [])),
];

/**
 * The nodes sorted, in the file's order as far as it goes. A name that none of them gives is left to whoever reads it.
 *
 * Errors: DataError where nodes wait for each other, with two of their names.
 */
export function sortedNodes(nodes: readonly NodeProto[], where: string): readonly NodeProto[] {
  const givers = new Map<string, number>();
  nodes.forEach(({ outputs }, i) => {
    for (const name of outputs) if (name !== "" && !givers.has(name)) givers.set(name, i);
  });
  const waitsFor = nodes.map((node, i) => {
    const before = namesTakenBy(node).map((name) => givers.get(name));
    return new Set(before.filter((giver): giver is number => giver !== undefined && giver !== i));
  });
  if (waitsFor.every((before, i) => [...before].every((giver) => giver < i))) return nodes;
  const readers = nodes.map((): number[] => []);
  waitsFor.forEach((before, i) => before.forEach((giver) => readers[giver]?.push(i)));
  const ready = waitsFor.flatMap((before, i) => (before.size === 0 ? [i] : []));
  const order: number[] = [];
  for (let at = ready.shift(); at !== undefined; at = ready.shift()) {
    order.push(at);
    for (const reader of readers[at] ?? []) {
      waitsFor[reader]?.delete(at);
      if (waitsFor[reader]?.size === 0) ready.push(reader);
    }
  }
  if (order.length < nodes.length) {
    const done = new Set(order);
    const names = nodes.flatMap((node, i) =>
      done.has(i) ? [] : [`"${node.name === "" ? (node.outputs[0] ?? "") : node.name}"`],
    );
    throw new DataError(`${where}: expected nodes without a cycle, got one through ${names.slice(0, 2).join(" and ")}`);
  }
  return order.map((i) => nodes[i] as NodeProto);
}

/**
 * Refuses a graph that no engine runs.
 *
 * Errors: DataError where nodes wait for each other, one takes a name that nothing gives, or its own result, or a name is given twice.
 */
export function expectOrder({ nodes, inputs, initializers }: GraphProto, where: string): void {
  const given = new Set([...inputs, ...initializers].map(({ name }) => name));
  for (const { name, opType, inputs: taken, outputs } of sortedNodes(nodes, where)) {
    const missing = taken.find((each) => each !== "" && !given.has(each));
    if (missing !== undefined)
      throw new DataError(
        `${where}: node "${name === "" ? (outputs[0] ?? "") : name}" (${opType}): expected a value named "${missing}" before it, got none`,
      );
    for (const each of outputs) {
      if (each !== "" && given.has(each)) throw new DataError(`${where}: expected "${each}" to be given once, got it twice`);
      given.add(each);
    }
  }
}
