/**
 * @module The graph of a file while it is rewritten: values by name, numbers of constants, nodes that are replaced in place. The file itself is not touched.
 */
import type { DType, TensorData, TypedArray } from "../graph/index.js";
import { DTYPES, fromNumbers, toNumbers } from "../graph/index.js";
import type { AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto } from "../onnx/index.js";
import { numbersOfTensor } from "../onnx/index.js";

/** A typed array as the raw bytes of a tensor (the platforms that run JavaScript are little-endian). */
export const tensorProto = (name: string, dtype: DType, dims: readonly number[], data: TypedArray): TensorProto => ({
  name,
  dims: [...dims],
  dataType: DTYPES[dtype].onnx,
  rawData: new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
});

/** A node of a file. */
export const nodeProto = (
  opType: string,
  inputs: readonly string[],
  outputs: readonly string[],
  attributes: readonly AttributeProto[] = [],
  domain = "",
): NodeProto => ({
  name: `${outputs[0] ?? ""}/${opType}`,
  opType,
  domain,
  inputs: [...inputs],
  outputs: [...outputs],
  attributes: [...attributes],
});

/** Makes an attribute of one integer. */
export const intAttribute = (name: string, value: number): AttributeProto => ({ name, type: "int", value });
/** The value of a numeric attribute. */
export function numberAttribute(node: NodeProto, name: string, otherwise: number): number {
  const found = node.attributes.find((attribute) => attribute.name === name);
  return typeof found?.value === "number" ? found.value : otherwise;
}

/** The values of an attribute that is a list of integers. */
export function intsAttribute(node: NodeProto, name: string): readonly number[] | undefined {
  const found = node.attributes.find((attribute) => attribute.name === name);
  return found?.type === "ints" ? found.value : undefined;
}

/** A file's graph that can be changed; `model` gives the file of it. */
export class FileGraph {
  readonly #source: ModelProto;
  #nodes: NodeProto[];
  readonly #constants = new Map<string, TensorProto>();
  #producers: ReadonlyMap<string, NodeProto> | undefined;
  #readers: ReadonlyMap<string, readonly NodeProto[]> | undefined;
  readonly #taken = new Set<string>();
  readonly #domains = new Set<string>();

  constructor(source: ModelProto) {
    this.#source = source;
    const { nodes, initializers, inputs, outputs } = source.graph;
    this.#nodes = [...nodes];
    for (const tensor of initializers) this.#constants.set(tensor.name, tensor);
    for (const { name } of [...inputs, ...outputs, ...initializers]) this.#taken.add(name);
    for (const node of nodes) for (const name of node.outputs) this.#taken.add(name);
  }

  get nodes(): readonly NodeProto[] {
    return this.#nodes;
  }

  get outputs(): GraphProto["outputs"] {
    return this.#source.graph.outputs;
  }

  /** The node that makes a value; undefined for inputs and constants. */
  producerOf(name: string): NodeProto | undefined {
    this.#producers ??= new Map(this.#nodes.flatMap((node) => node.outputs.map((output) => [output, node] as const)));
    return this.#producers.get(name);
  }

  /** The nodes that read a value, one for each place. Branches inside nodes are not looked into. */
  readersOf(name: string): readonly NodeProto[] {
    if (this.#readers === undefined) {
      const readers = new Map<string, NodeProto[]>();
      for (const node of this.#nodes)
        for (const input of node.inputs) {
          const list = readers.get(input);
          if (list === undefined) readers.set(input, [node]);
          else list.push(node);
        }
      this.#readers = readers;
    }
    return this.#readers.get(name) ?? [];
  }

  /** Whether a value is an output, or is read inside the branch or body of a node. */
  isReadElsewhere(name: string): boolean {
    return this.outputs.some((output) => output.name === name) || this.#readInside().has(name);
  }

  #readInside(): ReadonlySet<string> {
    if (this.#inside !== undefined) return this.#inside;
    const names = new Set<string>();
    const visit = (graph: GraphProto): void => {
      for (const { name } of graph.outputs) names.add(name);
      for (const node of graph.nodes) {
        for (const input of node.inputs) names.add(input);
        for (const { type, value } of node.attributes) if (type === "graph") visit(value);
      }
    };
    for (const node of this.#nodes) for (const { type, value } of node.attributes) if (type === "graph") visit(value);
    return (this.#inside = names);
  }
  #inside: ReadonlySet<string> | undefined;

  constant(name: string): TensorProto | undefined {
    return this.#constants.get(name);
  }

  /** The numbers of a constant, an initializer or the value of a `Constant` node; undefined for what is computed. */
  numbersOf(name: string): TensorData | undefined {
    const stored = this.#constants.get(name);
    if (stored !== undefined) return numbersOfTensor(stored, name);
    const node = this.producerOf(name);
    const value = node?.opType === "Constant" ? node.attributes.find((attribute) => attribute.name === "value") : undefined;
    return value?.type === "tensor" ? numbersOfTensor(value.value, name) : undefined;
  }

  /** Numbers of a constant as float32, row by row; undefined for what is computed, or is no float. */
  floatsOf(name: string): { readonly shape: readonly number[]; readonly data: Float32Array } | undefined {
    const numbers = this.numbersOf(name);
    if (numbers === undefined || DTYPES[numbers.dtype].kind !== "float") return undefined;
    const data = numbers.dtype === "float32" ? (numbers.data as Float32Array) : Float32Array.from(toNumbers(numbers));
    return { shape: numbers.shape, data };
  }

  /** Makes a name that nothing has. */
  fresh(name: string): string {
    let free = name;
    for (let n = 2; this.#taken.has(free); n++) free = `${name}.${n}`;
    this.#taken.add(free);
    return free;
  }

  /** Adds a constant under a name of its own, which it returns. */
  addConstant(name: string, dtype: DType, dims: readonly number[], data: TypedArray | readonly number[]): string {
    const free = this.fresh(name);
    const numbers = Array.isArray(data) ? fromNumbers(dtype, dims, data).data : (data as TypedArray);
    this.#constants.set(free, tensorProto(free, dtype, dims, numbers));
    return free;
  }

  /** Gives a float32 constant other numbers. */
  setConstant(name: string, dims: readonly number[], data: Float32Array): void {
    this.#constants.set(name, tensorProto(name, "float32", dims, data));
  }

  /** Puts nodes in the place of another. */
  replace(node: NodeProto, made: readonly NodeProto[]): void {
    const at = this.#nodes.indexOf(node);
    if (at < 0) throw new RangeError(`rewrite: expected a node of the graph, got "${node.name}"`);
    // Iterations under way see the nodes of before.
    this.#nodes = this.#nodes.toSpliced(at, 1, ...made);
    for (const each of made) {
      if (each.domain !== "") this.#domains.add(each.domain);
      for (const name of each.outputs) this.#taken.add(name);
    }
    this.#forget();
  }

  /** Puts nodes in front of another. */
  insertBefore(node: NodeProto, made: readonly NodeProto[]): void {
    this.replace(node, [...made, node]);
  }

  #forget(): void {
    this.#producers = undefined;
    this.#readers = undefined;
    this.#inside = undefined;
  }

  /** The file with what was changed, without nodes and constants that nothing reads any more. `metadata` is added to the file's. */
  model(metadata: ReadonlyMap<string, string> = new Map()): ModelProto {
    const { graph, opsets } = this.#source;
    const used = new Set([...graph.outputs.map(({ name }) => name), ...this.#readInside()]);
    const marked = this.#source.metadata.get("descent.features");
    if (marked !== undefined) used.add(marked);
    const kept: NodeProto[] = [];
    for (const node of [...this.#nodes].reverse()) {
      if (!node.outputs.some((name) => used.has(name))) continue;
      for (const name of node.inputs) used.add(name);
      kept.push(node);
    }
    const domains = [...this.#domains].map((domain) => [domain, 1] as const);
    return {
      ...this.#source,
      opsets: new Map([...domains, ...opsets]),
      metadata: new Map([...this.#source.metadata, ...metadata]),
      graph: {
        ...graph,
        nodes: kept.reverse(),
        initializers: [...this.#constants.values()].filter(({ name }) => used.has(name)),
        inputs: graph.inputs.filter(({ name }) => !this.#constants.has(name) || used.has(name)),
      },
    };
  }
}
