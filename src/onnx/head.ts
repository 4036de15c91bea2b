/**
 * @module The head of an imported model: the last linear layer before an output, which is replaced for other classes. The rest of the file stays
 * as it is, node by node.
 */
import type { Random } from "../util/random.js";
import { ConfigError } from "../util/errors.js";
import { withoutCalls } from "./functions.js";
import type { AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto } from "./messages.js";
import { branchesOf, nodeName } from "./uses.js";

/** A linear layer of a file: y = x·W + b, or a convolution of one pixel. */
export interface Head {
  /** The node's name, or that of its output where it has none. */
  readonly name: string;
  readonly op: "Gemm" | "MatMul" | "Conv";
  readonly inFeatures: number;
  readonly outFeatures: number;
  /** The graph's output that it leads to. */
  readonly output: string;
  readonly node: NodeProto;
  /** The Add behind a MatMul. */
  readonly bias: NodeProto | undefined;
}

/** Ops between a head and an output that change no more than the form or the scale of its scores. */
const PASSED = new Set(
  (
    "Softmax LogSoftmax Sigmoid Identity Cast Dropout Reshape Flatten Squeeze Unsqueeze Transpose GlobalAveragePool ReduceMean " +
    "AveragePool Relu Clip Slice Gather ArgMax TopK Add Mul Div ZipMap QuantizeLinear DequantizeLinear"
  ).split(" "),
);

/** Ops that leave a stored weight a weight of the same dims, but for Transpose, which turns them. */
const SAME_DIMS = new Set(["Identity", "Transpose", "Cast", "DequantizeLinear"]);

const FLOAT = 1;
/** float32, float16, float64. */
const FLOATS: ReadonlySet<number> = new Set([1, 10, 11]);
const INT64 = 7;
const attribute = (node: NodeProto | undefined, name: string): AttributeProto["value"] | undefined =>
  node?.attributes.find((a) => a.name === name)?.value;

/** The producer of each value, and the values that the file stores. */
class Producers {
  readonly #nodes = new Map<string, NodeProto>();
  readonly #fixed = new Map<string, TensorProto>();

  constructor(graph: GraphProto) {
    for (const node of graph.nodes) for (const name of node.outputs) if (name !== "") this.#nodes.set(name, node);
    for (const tensor of graph.initializers) this.#fixed.set(tensor.name, tensor);
  }

  of(name: string): NodeProto | undefined {
    return this.#nodes.get(name);
  }

  /** The dims of a fixed value, also behind Identity, Transpose, or in a Constant node; undefined for what is computed. */
  dims(name: string): readonly number[] | undefined {
    const fixed = this.#fixed.get(name);
    if (fixed !== undefined) return fixed.dims;
    const node = this.#nodes.get(name);
    if (node?.opType === "Constant") return (attribute(node, "value") as TensorProto | undefined)?.dims;
    const [source, form] = node?.inputs ?? [];
    if (source === undefined) return undefined;
    if (node?.opType === "Reshape") return this.dims(source) === undefined ? undefined : this.#sizes(form ?? "");
    const dims = SAME_DIMS.has(node?.opType ?? "") ? this.dims(source) : undefined;
    if (node?.opType !== "Transpose" || dims === undefined) return dims;
    const order = (attribute(node, "perm") as number[] | undefined) ?? dims.map((_, i) => dims.length - 1 - i);
    return order.map((axis) => dims[axis] as number);
  }

  /** A fixed shape as numbers; undefined where it is computed, or has a length that follows from the others. */
  #sizes(name: string): readonly number[] | undefined {
    const tensor = this.#fixed.get(name) ?? (attribute(this.#nodes.get(name), "value") as TensorProto | undefined);
    if (tensor === undefined || tensor.dataType !== INT64) return undefined;
    const { rawData } = tensor;
    const view = new DataView(rawData.buffer, rawData.byteOffset, rawData.byteLength);
    const sizes = Array.from({ length: rawData.byteLength / 8 }, (_, i) => Number(view.getBigInt64(8 * i, true)));
    return sizes.every((size) => size > 0) ? sizes : undefined;
  }
}

/** The node as a linear layer; undefined where it is none, or its weights are not in the file. */
function linearOf(node: NodeProto, producers: Producers): Pick<Head, "op" | "inFeatures" | "outFeatures"> | undefined {
  const weight = producers.dims(node.inputs[1] ?? "");
  if (weight === undefined) return undefined;
  const [first = 0, second = 0] = weight;
  if (node.opType === "Gemm" && attribute(node, "transA") !== 1 && weight.length === 2) {
    const isTransposed = attribute(node, "transB") === 1;
    return { op: "Gemm", inFeatures: isTransposed ? second : first, outFeatures: isTransposed ? first : second };
  }
  if (node.opType === "MatMul" && weight.length === 2) return { op: "MatMul", inFeatures: first, outFeatures: second };
  const isPixel = weight.length > 2 && weight.slice(2).every((d) => d === 1) && (attribute(node, "group") ?? 1) === 1;
  if (node.opType === "Conv" && isPixel) return { op: "Conv", inFeatures: second, outFeatures: first };
  return undefined;
}

/** The one probability of which a node makes two, [1 − p, p], as scikit-learn's converter writes them. */
function onePart({ opType, inputs }: NodeProto, producers: Producers): string | undefined {
  const [other = "", own = ""] = inputs;
  const rest = producers.of(other);
  return opType === "Concat" && inputs.length === 2 && rest?.opType === "Sub" && rest.inputs.includes(own) ? own : undefined;
}

/** The nearest linear layer before an output, through what only changes the form of its scores. */
function headBefore(output: string, producers: Producers): Head | undefined {
  let [name, last]: [string, NodeProto | undefined] = [output, undefined];
  for (;;) {
    const node = producers.of(name);
    if (node === undefined) return undefined;
    const linear = linearOf(node, producers);
    if (linear !== undefined) {
      const bias = linear.op === "MatMul" && last?.opType === "Add" ? last : undefined;
      return { ...linear, name: nodeName(node), output, node, bias };
    }
    const single = onePart(node, producers);
    if (single !== undefined) {
      [name, last] = [single, undefined];
      continue;
    }
    if (!PASSED.has(node.opType)) return undefined;
    // Of a sum or a product the one operand that is not fixed leads on.
    const computed = node.inputs.filter((input) => input !== "" && producers.dims(input) === undefined);
    const [next] = node.opType === "Add" || node.opType === "Mul" || node.opType === "Div" ? computed : node.inputs;
    if (next === undefined || (computed.length > 1 && /^(Add|Mul|Div)$/.test(node.opType))) return undefined;
    [name, last] = [next, node];
  }
}

/** Every linear layer with weights of the file, the last first: what `--head` may name. */
export function linearLayers({ graph }: ModelProto): Head[] {
  const producers = new Producers(graph);
  return graph.nodes
    .flatMap((node): Head[] => {
      const linear = linearOf(node, producers);
      const reader = graph.nodes.find((other) => other.opType === "Add" && other.inputs.includes(node.outputs[0] as string));
      const bias =
        linear?.op === "MatMul" && reader?.inputs.some((name) => producers.dims(name)?.length === 1) ? reader : undefined;
      return linear === undefined ? [] : [{ ...linear, name: nodeName(node), output: "", node, bias }];
    })
    .reverse();
}

/**
 * The head of a model: the last linear layer before its first output that has one, or the one that is named.
 *
 * Errors: ConfigError, with the candidates, where there is none.
 */
export function headOf(model: ModelProto, where: string, name?: string): Head {
  const producers = new Producers(model.graph);
  const layers = linearLayers(model);
  const candidates = layers
    .slice(0, MOST_CANDIDATES)
    .map((layer) => `${layer.name} (${layer.inFeatures} → ${layer.outFeatures})`);
  const list =
    candidates.length === 0 ? "it has no linear layer with weights of its own" : `candidates: ${candidates.join(", ")}`;
  if (name !== undefined) {
    const named = layers.find((layer) => layer.name === name || layer.node.outputs[0] === name);
    if (named === undefined) throw new ConfigError(`--head ${name}: expected a linear layer of ${where}; ${list}`);
    return named;
  }
  for (const { name: output } of model.graph.outputs) {
    const head = headBefore(output, producers);
    if (head !== undefined) return head;
  }
  throw new ConfigError(
    `${where}: expected a linear layer before an output, found none${candidates.length === 0 ? "" : "; name one with --head"}; ${list}`,
  );
}

/**
 * The head of a model as `headOf` finds it, and the model that has it: where its layers are functions, these are replaced by their own nodes.
 *
 * Errors: those of `headOf`.
 */
export function headIn(model: ModelProto, where: string, name?: string): { readonly model: ModelProto; readonly head: Head } {
  try {
    return { model, head: headOf(model, where, name) };
  } catch (error) {
    if (model.functions.length === 0) throw error;
    const plain = withoutCalls(model, where);
    return { model: plain, head: headOf(plain, where, name) };
  }
}

const MOST_CANDIDATES = 8;

const floats = (name: string, dims: number[], values: Float32Array): TensorProto => ({
  name,
  dims,
  dataType: FLOAT,
  rawData: new Uint8Array(values.buffer, values.byteOffset, values.byteLength),
});

/** The ops that make probabilities of scores. */
const PROBABILITIES = /^(Softmax|LogSoftmax|Sigmoid|ArgMax|Cast|Identity)$/;

/**
 * The model with one output, the scores before what makes probabilities of them, and that output's name; what only other outputs need is left out.
 * The first output of floats is meant.
 * ConfigError if there is no such output.
 */
export function withScores(model: ModelProto): { readonly model: ModelProto; readonly output: string } {
  const { graph } = model;
  const wanted = graph.outputs.find(({ elementType }) => FLOATS.has(elementType)) ?? graph.outputs[0];
  if (wanted === undefined) throw new ConfigError("ONNX model: expected an output, got none");
  const output = beforeProbabilities(graph, wanted.name);
  const outputs = [output === wanted.name ? wanted : { ...wanted, name: output }];
  return { model: { ...model, graph: pruned({ ...graph, outputs }) }, output };
}

/** The value that probabilities are made of; the value itself where they are not. */
function beforeProbabilities(graph: GraphProto, output: string): string {
  const producers = new Producers(graph);
  let name = output;
  for (let node = producers.of(name); node !== undefined && PROBABILITIES.test(node.opType); node = producers.of(name)) {
    // A cast of integers is no score.
    if (node.opType === "Cast" && producers.of(node.inputs[0] ?? "")?.opType === "ArgMax") break;
    name = node.inputs[0] as string;
  }
  return name;
}

/** A name that no value of the graph has. */
function freshName(graph: GraphProto, wanted: string): string {
  const taken = new Set([...graph.initializers.map((t) => t.name), ...graph.nodes.flatMap((node) => node.outputs)]);
  let name = wanted;
  for (let i = 1; taken.has(name); i++) name = `${wanted}_${i}`;
  return name;
}

/** Uniform in ±1/√inFeatures, as PyTorch's linear layers begin. */
function uniform(size: number, inFeatures: number, random: Random): Float32Array {
  const bound = 1 / Math.sqrt(inFeatures);
  return Float32Array.from({ length: size }, () => random.uniform(-bound, bound));
}

/** A model with a new head, and where its scores and weights are. */
export interface Headed {
  readonly model: ModelProto;
  /** The graph's one output: logits [N, K], or [N, T, K] where the head works on each position. */
  readonly output: string;
  readonly weight: string;
  readonly bias: string;
}

/**
 * The model with a head of `outFeatures` in the place of the one it has, begun from random numbers. What stood behind the head's scores (a softmax)
 * is left out, and so are other outputs; behind a convolution the pooling stays.
 */
export function withHead(model: ModelProto, head: Head, outFeatures: number, random: Random): Headed {
  const { graph } = model;
  const { inFeatures, op, node } = head;
  // The names of the weights that it replaces are free, unless something else reads them.
  const read = new Set(
    graph.nodes.flatMap((other) =>
      other === node || other === head.bias ? [] : [...other.inputs, ...branchesOf(other).flatMap(capturedBy)],
    ),
  );
  const rest = withInitializers(graph, (name) => read.has(name));
  const [weight, bias] = [freshName(rest, "head.weight"), freshName(rest, "head.bias")];
  const isConv = op === "Conv";
  const dims = isConv
    ? [outFeatures, inFeatures, ...((attribute(node, "kernel_shape") as number[] | undefined) ?? [1, 1]).map(() => 1)]
    : op === "Gemm"
      ? [outFeatures, inFeatures]
      : [inFeatures, outFeatures];
  const numbers = [
    floats(weight, dims, uniform(inFeatures * outFeatures, inFeatures, random)),
    floats(bias, [outFeatures], uniform(outFeatures, inFeatures, random)),
  ];
  const [made, scores] = headNodes(head, weight, bias, freshName(graph, "head.scores"));
  const output = isConv && head.output !== "" ? beforeProbabilities(graph, head.output) : scores;
  const replaced = graph.nodes.flatMap((other) => (other === node ? made : other === head.bias ? [] : [other]));
  const nodes = isConv ? replaced.map((other) => renamedInput(other, node.outputs[0] as string, scores)) : replaced;
  const shape = isConv || op === "Gemm" ? outputShape(graph, head, outFeatures) : positionShape(graph, head, outFeatures);
  const outputs: ValueInfoProto[] = [{ name: output, elementType: FLOAT, shape }];
  return {
    model: { ...model, graph: pruned({ ...rest, nodes, outputs, initializers: [...rest.initializers, ...numbers] }) },
    output,
    weight,
    bias,
  };
}

/** The nodes of a new head, and the name of their result. */
function headNodes({ op, node, name }: Head, weight: string, bias: string, scores: string): [nodes: NodeProto[], result: string] {
  const [x = ""] = node.inputs;
  if (op !== "MatMul") {
    const attributes: AttributeProto[] = op === "Conv" ? node.attributes : [{ name: "transB", type: "int", value: 1 }];
    return [[{ ...node, name, inputs: [x, weight, bias], outputs: [scores], attributes }], scores];
  }
  const product = `${scores}.product`;
  const base = { domain: "", attributes: [] };
  return [
    [
      { ...base, name, opType: "MatMul", inputs: [x, weight], outputs: [product] },
      { ...base, name: `${name}.bias`, opType: "Add", inputs: [product, bias], outputs: [scores] },
    ],
    scores,
  ];
}

const renamedInput = (node: NodeProto, from: string, to: string): NodeProto =>
  node.inputs.includes(from) ? { ...node, inputs: node.inputs.map((name) => (name === from ? to : name)) } : node;

/** [N, K] with the batch as the file calls it. */
const outputShape = (graph: GraphProto, head: Head, outFeatures: number): ValueInfoProto["shape"] => {
  const before = graph.outputs.find(({ name }) => name === head.output)?.shape;
  return before?.length === 2 ? [before[0] ?? null, outFeatures] : undefined;
};

const positionShape = (graph: GraphProto, head: Head, outFeatures: number): ValueInfoProto["shape"] => {
  const before = graph.outputs.find(({ name }) => name === head.output)?.shape;
  return before === undefined ? undefined : [...before.slice(0, -1), outFeatures];
};

/** The graph with those of its weights that are kept; files of before IR version 4 name all of them among the inputs as well. */
function withInitializers(graph: GraphProto, isKept: (name: string) => boolean): GraphProto {
  const gone = new Set(graph.initializers.map(({ name }) => name).filter((name) => !isKept(name)));
  return {
    ...graph,
    inputs: graph.inputs.filter(({ name }) => !gone.has(name)),
    initializers: graph.initializers.filter(({ name }) => !gone.has(name)),
  };
}

/** The graph without nodes and weights that no output needs. */
export function pruned(graph: GraphProto): GraphProto {
  const producers = new Producers(graph);
  const needed = new Set<string>();
  const pending = graph.outputs.map(({ name }) => name);
  for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
    if (name === "" || needed.has(name)) continue;
    needed.add(name);
    const node = producers.of(name);
    if (node === undefined) continue;
    pending.push(...node.inputs, ...branchesOf(node).flatMap(capturedBy));
  }
  return {
    ...withInitializers(graph, (name) => needed.has(name)),
    nodes: graph.nodes.filter((node) => node.outputs.some((name) => needed.has(name))),
  };
}

/** Names that a branch reads: its own among them, which harms nothing. */
const capturedBy = (graph: GraphProto): string[] => [
  ...graph.outputs.map(({ name }) => name),
  ...graph.nodes.flatMap((node) => [...node.inputs, ...branchesOf(node).flatMap(capturedBy)]),
];
