/**
 * @module Removes `ZipMap`, the last node of scikit-learn's converters, which turns a matrix of probabilities into a sequence of maps. Engines for JavaScript cannot return
 * one: the node is removed, the matrix takes its name, and the names of its columns go to the metadata. Where a converter made an output of each column
 * (`zipmap="columns"`), the matrix is the output again in the same way.
 */
import type { GraphProto, ModelProto, NodeProto } from "./messages.js";

/** Where the names of a cut node's columns are kept: a JSON list, by the output's name. */
export const labelsKey = (output: string): string => `labels.${output}`;

const FLOAT = 1;
const INT64 = 7;
const DOUBLE = 11;

const labelsOf = (node: NodeProto): readonly (string | number)[] =>
  node.attributes.flatMap((a) =>
    /^classlabels_(strings|int64s)$/.test(a.name) && Array.isArray(a.value) ? (a.value as (string | number)[]) : [],
  );

/** The matrix of which each output, but one of labels, is a column, in their order, and the names of these; undefined where that is not so. */
function columnsOf({
  nodes,
  outputs,
  initializers,
}: GraphProto): readonly [matrix: string, names: readonly string[]] | undefined {
  const producers = new Map(nodes.flatMap((node) => node.outputs.map((name) => [name, node] as const)));
  const columns = outputs.filter(({ elementType }) => elementType === FLOAT);
  const slices = columns.map(({ name }) => {
    const reshape = producers.get(name);
    const slice = producers.get(reshape?.inputs[0] ?? "");
    return reshape?.opType === "Reshape" && slice?.opType === "Slice" ? slice : undefined;
  });
  const matrix = slices[0]?.inputs[0];
  const number = (name = ""): bigint | undefined => {
    const t = initializers.find((tensor) => tensor.name === name);
    const bytes = t?.dataType === INT64 && t.rawData.length === 8 ? t.rawData : undefined;
    return bytes && new DataView(bytes.buffer, bytes.byteOffset).getBigInt64(0, true);
  };
  const isColumn = (slice: NodeProto | undefined, i: number): boolean => {
    const [from, start, end, axis] = slice?.inputs ?? [];
    return from === matrix && number(start) === BigInt(i) && number(end) === BigInt(i + 1) && number(axis) === 1n;
  };
  if (matrix === undefined || columns.length < 2 || columns.length + 1 !== outputs.length || !slices.every(isColumn))
    return undefined;
  // The converter puts the labels' type before them: i for int64, s for strings.
  const prefix = outputs.some(({ elementType }) => elementType === INT64) ? "i" : "s";
  const names = columns.map(({ name }) => name);
  return [matrix, names.every((name) => name.startsWith(prefix)) ? names.map((name) => name.slice(1)) : names];
}

/** The model with one output of all probabilities in place of one for each class; undefined where it has none such. */
function withoutColumns(model: ModelProto): ModelProto | undefined {
  const found = columnsOf(model.graph);
  if (found === undefined) return undefined;
  const [name, labels] = found;
  const batch = model.graph.inputs[0]?.shape?.[0] ?? null;
  const outputs = [
    ...model.graph.outputs.filter(({ elementType }) => elementType !== FLOAT),
    { name, elementType: FLOAT, shape: [batch, labels.length] },
  ];
  const metadata = new Map([...model.metadata, [labelsKey(name), JSON.stringify(labels)]]);
  return { ...model, graph: { ...model.graph, outputs }, metadata };
}

/** The model whose probabilities are one matrix: without ZipMap nodes, or an output for each column; undefined where it has neither. */
export function withoutZipMap(model: ModelProto): ModelProto | undefined {
  // Without its set of ops there is none, and no node need be decoded to know.
  if (!model.opsets.has("ai.onnx.ml")) return undefined;
  const whole = withoutColumns(model);
  if (whole !== undefined) return whole;
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
