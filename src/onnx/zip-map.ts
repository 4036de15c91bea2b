/**
 * @module Removes `ZipMap`, the last node of scikit-learn's converters, which turns a matrix of probabilities into a sequence of maps. Engines for JavaScript cannot return
 * one: the node is removed, the matrix takes its name, and the names of its columns go to the metadata.
 */
import type { GraphProto, ModelProto, NodeProto } from "./messages.js";

/** Where the names of a cut node's columns are kept: a JSON list, by the output's name. */
export const labelsKey = (output: string): string => `labels.${output}`;

const FLOAT = 1;
const DOUBLE = 11;

const labelsOf = (node: NodeProto): readonly (string | number)[] =>
  node.attributes.flatMap((a) =>
    /^classlabels_(strings|int64s)$/.test(a.name) && Array.isArray(a.value) ? (a.value as (string | number)[]) : [],
  );

/** The model without ZipMap nodes; undefined where it has none. */
export function withoutZipMap(model: ModelProto): ModelProto | undefined {
  // Without its set of ops there is none, and no node need be decoded to know.
  if (!model.opsets.has("ai.onnx.ml")) return undefined;
  const cut = model.graph.nodes.filter(({ opType, domain }) => opType === "ZipMap" && domain === "ai.onnx.ml");
  if (cut.length === 0) return undefined;
  // Of columns of float64 scikit-learn's converters make probabilities of float64, which ZipMap does not take: such a file runs nowhere else.
  const isDouble = model.graph.inputs.some(({ elementType }) => elementType === DOUBLE);
  const copied = (node: NodeProto): NodeProto => ({
    ...node,
    opType: isDouble ? "Cast" : "Identity",
    domain: "",
    attributes: isDouble ? [{ name: "to", type: "int", value: FLOAT }] : [],
  });
  const labels = new Map(cut.map((node) => [node.outputs[0] as string, labelsOf(node)]));
  const graph: GraphProto = {
    ...model.graph,
    nodes: model.graph.nodes.map((node) => (cut.includes(node) ? copied(node) : node)),
    outputs: model.graph.outputs.map((output) => {
      const names = labels.get(output.name);
      const batch = model.graph.inputs[0]?.shape?.[0] ?? null;
      return names === undefined ? output : { ...output, elementType: FLOAT, shape: [batch, names.length] };
    }),
  };
  const metadata = new Map(model.metadata);
  for (const [output, names] of labels) metadata.set(labelsKey(output), JSON.stringify(names));
  // A file of ONNX-ML alone may not say which version of ONNX's own ops it means.
  const opsets = model.opsets.has("") ? model.opsets : new Map([...model.opsets, ["", 13] as const]);
  return { ...model, graph, metadata, opsets };
}
