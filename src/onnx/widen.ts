/**
 * @module A file of float16 as the same file of float32: what it is trained as, since steps of an optimizer are lost in float16's few digits.
 */
import { toNumbers } from "../graph/index.js";
import type {
  AttributeProto,
  FunctionProto,
  GraphProto,
  ModelProto,
  NodeProto,
  TensorProto,
  ValueInfoProto,
} from "./messages.js";
import { type ExternalData, numbersOfTensor } from "./numbers.js";
import { branchesOf } from "./uses.js";

const [FLOAT, HALF] = [1, 10];

/** Attributes that hold an element type. */
const TYPES: ReadonlySet<string> = new Set(["to", "dtype", "output_dtype"]);

/** Weights are inside: none is beside the file. */
const INSIDE: ExternalData = () => new Uint8Array();

const hasHalf = ({ initializers, inputs, outputs, nodes }: GraphProto): boolean =>
  initializers.some(({ dataType }) => dataType === HALF) ||
  [...inputs, ...outputs].some(({ elementType }) => elementType === HALF) ||
  nodes.some(
    (node) =>
      branchesOf(node).some(hasHalf) ||
      node.attributes.some((a) => (a.type === "tensor" ? a.value.dataType === HALF : TYPES.has(a.name) && a.value === HALF)),
  );

/**
 * The model in float32, or undefined where nothing in its graphs is of float16. Every float16 number is one of float32. Weights must be inside the file
 * (`inlined`).
 */
export function widened(model: ModelProto, where: string): ModelProto | undefined {
  if (!hasHalf(model.graph)) return undefined;
  const tensor = (t: TensorProto): TensorProto => {
    if (t.dataType !== HALF) return t;
    const data = Float32Array.from(toNumbers(numbersOfTensor(t, where, INSIDE)));
    return { name: t.name, dims: t.dims, dataType: FLOAT, rawData: new Uint8Array(data.buffer) };
  };
  const value = (info: ValueInfoProto): ValueInfoProto => (info.elementType === HALF ? { ...info, elementType: FLOAT } : info);
  const attribute = (a: AttributeProto): AttributeProto => {
    if (a.type === "tensor") return { ...a, value: tensor(a.value) };
    if (a.type === "graph") return { ...a, value: graph(a.value) };
    return a.type === "int" && TYPES.has(a.name) && a.value === HALF ? { ...a, value: FLOAT } : a;
  };
  const nodes = (all: readonly NodeProto[]): NodeProto[] =>
    all.map((node) => ({ ...node, attributes: node.attributes.map(attribute) }));
  const graph = (g: GraphProto): GraphProto => ({
    ...g,
    nodes: nodes(g.nodes),
    initializers: g.initializers.map(tensor),
    inputs: g.inputs.map(value),
    outputs: g.outputs.map(value),
  });
  const functions = model.functions.map((f): FunctionProto => ({ ...f, nodes: nodes(f.nodes) }));
  return { ...model, graph: graph(model.graph), functions };
}
