/**
 * @module A quantized file as the same file in real numbers: what it is trained as. Weights become the numbers that they stand for, and ops on integers
 * those on real numbers. The rounding of what is computed between them is left out, or stays; either way values are held in the ranges that it has,
 * since these have taken the place of activations that the quantizer left out (a Relu before numbers from 0 on).
 */
import type { TensorData } from "../graph/index.js";
import { fromNumbers, sizeOf, stridesOf, toNumbers } from "../graph/index.js";
import { withoutCalls } from "./functions.js";
import { pruned } from "./head.js";
import type { AttributeProto, ModelProto, NodeProto, TensorProto } from "./messages.js";
import { dtypeNamed, hasFourBits, numbersOfTensor } from "./numbers.js";
import { opName } from "./uses.js";

/** A model without integers, and the ops whose weights keep few bits: none of these is learned. */
export interface Dequantized {
  readonly model: ModelProto;
  readonly left: readonly string[];
}

/** Ops that only pick or move elements, and may as well do so with the real numbers. */
const MOVES: ReadonlySet<string> = new Set(
  "Identity Reshape Flatten Transpose Squeeze Unsqueeze Slice Split Expand Gather MaxPool".split(" "),
);

/** Positions of a value, its scale and its zero point. */
type Place = readonly [value: number, scale: number, zero: number];

interface Integer {
  /** The op on real numbers. */
  readonly op: string;
  readonly values: readonly Place[];
  /** Where scale and zero point of the result are, if it is of integers. */
  readonly result?: readonly [scale: number, zero: number];
  readonly bias?: number;
}

const [LEFT, ONE]: readonly Place[] = [[0, 1, 2], [3, 4, 5]]; // prettier-ignore
const two = (op: string): Integer => ({ op, values: [LEFT as Place, ONE as Place], result: [6, 7] });
const single = (op: string): Integer => ({ op, values: [LEFT as Place], result: [3, 4] });

const INTEGER_OPS: ReadonlyMap<string, Integer> = new Map([
  ["QLinearConv", { ...two("Conv"), bias: 8 }],
  ["QLinearMatMul", two("MatMul")],
  ["QGemm", { ...two("Gemm"), result: [7, 8], bias: 6 }],
  ["QLinearAdd", two("Add")],
  ["QLinearMul", two("Mul")],
  ["QLinearSigmoid", single("Sigmoid")],
  ["QLinearLeakyRelu", single("LeakyRelu")],
  ["QLinearSoftmax", single("Softmax")],
  ["QLinearGlobalAveragePool", single("GlobalAveragePool")],
  ["QLinearAveragePool", single("AveragePool")],
  ["MatMulIntegerToFloat", { op: "MatMul", values: [[0, 2, 4], [1, 3, 5]], bias: 6 }], // prettier-ignore
]);

/** Ops that read weights of few bits. */
const FEW_BITS =
  /^(QLinear|QGemm|QAttention|MatMulInteger|ConvInteger|DynamicQuantize(MatMul|LSTM)|MatMulNBits|GatherBlockQuantized)/;

const FLOAT = 1;
const int = ({ attributes }: NodeProto, name: string, otherwise: number): number => {
  const found = attributes.find((a) => a.name === name);
  return found?.type === "int" ? found.value : otherwise;
};

class Dequantizer {
  readonly #model: ModelProto;
  readonly #where: string;
  readonly #stored: Map<string, TensorProto>;
  readonly #producers: ReadonlyMap<string, NodeProto>;
  /** Weights that were made, by what they were made of. */
  readonly #made = new Map<string, TensorProto>();
  readonly #taken: Set<string>;
  readonly #readers = new Map<string, NodeProto[]>();

  constructor(model: ModelProto, where: string) {
    const { nodes, initializers } = model.graph;
    this.#model = model;
    this.#where = where;
    this.#producers = new Map(nodes.flatMap((node) => node.outputs.map((name) => [name, node] as const)));
    this.#stored = new Map(initializers.map((t) => [t.name, t]));
    for (const node of nodes) {
      const value = node.opType === "Constant" ? node.attributes.find((a) => a.name === "value") : undefined;
      if (value?.type === "tensor") this.#stored.set(node.outputs[0] ?? "", value.value);
    }
    this.#taken = new Set([...this.#stored.keys(), ...this.#producers.keys()]);
    this.#readBy(nodes);
  }

  /** The model with real weights and ops; activations are still rounded. */
  floats(): ModelProto {
    const { graph } = this.#model;
    const nodes = graph.nodes.flatMap((node) => this.#real(node));
    return { ...this.#model, graph: { ...graph, nodes, initializers: [...graph.initializers, ...this.#made.values()] } };
  }

  /** The model without roundings between which values are only moved. */
  smooth(): ModelProto {
    const { graph } = this.#model;
    const outputs = new Set(graph.outputs.map(({ name }) => name));
    const ends = new Set<NodeProto>();
    const starts = new Set<NodeProto>();
    for (const node of graph.nodes) {
      if (!/^(Dynamic)?QuantizeLinear$/.test(node.opType)) continue;
      const found = this.#endsOf(node, node.outputs[0] ?? "", outputs);
      if (found === undefined) continue;
      starts.add(node);
      for (const end of found) ends.add(end);
    }
    const nodes = graph.nodes.flatMap((node) => {
      if (ends.has(node)) return [this.#same(node)];
      return starts.has(node) ? this.#held(node) : [node];
    });
    return { ...this.#model, graph: { ...graph, nodes } };
  }

  #readBy(nodes: readonly NodeProto[]): void {
    for (const node of nodes)
      for (const name of new Set(node.inputs)) this.#readers.set(name, [...(this.#readers.get(name) ?? []), node]);
  }

  #named(wanted: string): string {
    let name = wanted;
    for (let i = 1; this.#taken.has(name); i++) name = `${wanted}_${i}`;
    this.#taken.add(name);
    return name;
  }

  #numbers(name: string): TensorData | undefined {
    const t = this.#stored.get(name);
    return t === undefined ? undefined : numbersOfTensor(t, this.#where);
  }

  /** The nodes on real numbers in place of one; the node itself where it is not one of integers that can be replaced. */
  #real(node: NodeProto): NodeProto[] {
    const { opType, inputs, outputs } = node;
    if (opType === "DequantizeLinear") return this.#dequantized(node);
    if (opType === "Mul") return this.#dynamic(node) ?? [node];
    if (opType === "DynamicQuantizeMatMul") return this.#dynamicMatMul(node) ?? [node];
    const found = INTEGER_OPS.get(opType);
    if (opType === "QLinearConcat") return this.#concat(node);
    if (found === undefined || int(node, "channels_last", 0) !== 0 || int(node, "opset", 13) < 13) return [node];
    const before: NodeProto[] = [];
    const values = found.values.map((place, i) => this.#operand(node, place, weightAxis(node, i), before));
    if (values.includes(undefined)) return [node];
    const bias = inputs[found.bias ?? -1] ?? "";
    const whole = bias === "" ? undefined : found.result === undefined ? bias : this.#bias(node, bias);
    if (bias !== "" && whole === undefined) return [node];
    const isSum = found.op === "MatMul" && whole !== undefined;
    const [result = ""] = outputs;
    const y = found.result === undefined && !isSum ? result : this.#named(`${result}.real`);
    const attributes = node.attributes.filter(({ name }) => name !== "channels_last" && name !== "opset");
    const reads = [...(values as string[]), ...(whole === undefined || isSum ? [] : [whole])];
    const nodes = [...before, { name: node.name, domain: "", opType: found.op, inputs: reads, outputs: [y], attributes }];
    if (isSum) return [...nodes, plain("Add", [y, whole], result)];
    return found.result === undefined || (inputs[found.result[0]] ?? "") === ""
      ? renamed(nodes, y, result)
      : [...nodes, rounding(y, inputs[found.result[0]], inputs[found.result[1]], result)];
  }

  #dequantized(node: NodeProto): NodeProto[] {
    const made: NodeProto[] = [];
    const weight = this.#weightAt(node.inputs, int(node, "axis", 1), made, int(node, "block_size", 0));
    return weight === undefined ? [node] : [...made, this.#same({ ...node, inputs: [weight] })];
  }

  /** A weight of the file in real numbers, also where some of its rows were picked first: then these are picked from the real ones, by nodes that are `made`. */
  #weightAt([value = "", scale = "", zero]: readonly string[], axis: number, made: NodeProto[], block = 0): string | undefined {
    const moves: NodeProto[] = [];
    let source = value;
    for (
      let move = this.#producers.get(value);
      move !== undefined && !this.#stored.has(source);
      move = this.#producers.get(source)
    ) {
      if (!MOVES.has(move.opType) || move.outputs.length > 1) return undefined;
      moves.unshift(move);
      source = move.inputs[0] ?? "";
    }
    if (moves.length > 0 && sizeOf(this.#stored.get(scale)?.dims ?? [2]) !== 1) return undefined;
    let weight = this.#weight([source, scale, zero], axis, block);
    for (const move of weight === undefined ? [] : moves) {
      const output = this.#named(`${move.outputs[0]}.real`);
      made.push({ ...move, inputs: [weight as string, ...move.inputs.slice(1)], outputs: [output] });
      weight = output;
    }
    return weight;
  }

  /** An operand in real numbers: a weight of the file, or what is computed, whose node comes first. */
  #operand(node: NodeProto, [value, scale, zero]: Place, axis: number, before: NodeProto[]): string | undefined {
    const names = [value, scale, zero].map((i) => node.inputs[i] ?? "") as [string, string, string];
    const weight = this.#weightAt(names, axis, before);
    if (weight !== undefined) return weight;
    if (sizeOf(this.#stored.get(names[1])?.dims ?? [2]) !== 1) return undefined;
    const name = this.#named(`${names[0]}.real`);
    before.push(plain("DequantizeLinear", names.filter((n) => n !== ""), name)); // prettier-ignore
    return name;
  }

  /** The bias of a product or convolution: in steps of both scales. */
  #bias({ inputs, opType, attributes }: NodeProto, bias: string): string | undefined {
    const [x, w] = [this.#numbers(inputs[1] ?? ""), this.#numbers(inputs[4] ?? "")];
    if (x === undefined || w === undefined) return undefined;
    const alpha = attributes.find(({ name }) => name === "alpha");
    const factor = (toNumbers(x)[0] as number) * (opType === "QGemm" && alpha?.type === "float" ? alpha.value : 1);
    const scale = fromNumbers("float32", w.shape, toNumbers(w).map((s) => s * factor)); // prettier-ignore
    return this.#weight([bias, `${inputs[1]} ${inputs[4]}`], 0, 0, scale);
  }

  /** A weight of the file in real numbers, by its new name; undefined for what is computed. */
  #weight(
    [value, scaleName, zeroName = ""]: readonly [string, string, string?],
    axis: number,
    block = 0,
    given?: TensorData,
  ): string | undefined {
    const key = JSON.stringify([value, scaleName, zeroName, axis, block]);
    const known = this.#made.get(key);
    if (known !== undefined) return known.name;
    const [whole, scale, zero] = [this.#numbers(value), given ?? this.#numbers(scaleName), this.#numbers(zeroName)];
    if (whole === undefined || scale === undefined || (zeroName !== "" && zero === undefined)) return undefined;
    const at = axis < 0 ? axis + whole.shape.length : axis;
    if (sizeOf(scale.shape) !== 1 && at >= whole.shape.length) return undefined;
    const data = realNumbers(whole, scale, zero, at, block);
    const name = this.#named(value.replace(/_quantized$/, "") === value ? `${value}.real` : value.replace(/_quantized$/, ""));
    this.#made.set(key, { name, dims: [...whole.shape], dataType: FLOAT, rawData: new Uint8Array(data.buffer) });
    return name;
  }

  /** A product or convolution of rows that are quantized by their own range, as far as the Mul that makes it real. */
  #dynamic(mul: NodeProto): NodeProto[] | undefined {
    const [cast, scales] = [0, 1]
      .map((i) => this.#producers.get(mul.inputs[i] ?? ""))
      .sort((a) => (a?.opType === "Cast" ? -1 : 1));
    const product = this.#producers.get(cast?.inputs[0] ?? "");
    if (cast?.opType !== "Cast" || scales?.opType !== "Mul" || !/^(MatMul|Conv)Integer$/.test(product?.opType ?? ""))
      return undefined;
    const { opType, inputs, attributes, name } = product as NodeProto;
    const [rows = "", weight = "", zero = "", weightZero = ""] = inputs;
    const source = this.#producers.get(rows);
    const scaled = scales.inputs.find((other) => this.#stored.has(other));
    const isOwn = source?.opType === "DynamicQuantizeLinear" && source.outputs[2] === zero;
    if (!isOwn || scaled === undefined || !scales.inputs.includes(source.outputs[1] ?? "")) return undefined;
    const isOnce = [...(product?.outputs ?? []), ...cast.outputs].every((value) => this.#readers.get(value)?.length === 1);
    const scale = this.#stored.get(scaled) as TensorProto;
    if (!isOnce || (opType === "ConvInteger" && sizeOf(scale.dims) !== 1)) return undefined;
    const real = this.#weight([weight, scaled, weightZero], (this.#stored.get(weight)?.dims.length ?? 1) - 1);
    if (real === undefined) return undefined;
    const x = this.#named(`${rows}.real`);
    const made = { name, domain: "", opType: opType.replace("Integer", ""), inputs: [x, real], outputs: mul.outputs, attributes };
    return [plain("DequantizeLinear", source.outputs, x), made];
  }

  #dynamicMatMul(node: NodeProto): NodeProto[] | undefined {
    const [rows = "", weight = "", scale = "", zero = "", bias = ""] = node.inputs;
    const real = this.#weight([weight, scale, zero], (this.#stored.get(weight)?.dims.length ?? 1) - 1);
    if (real === undefined) return undefined;
    const named = (part: string): string => this.#named(`${node.outputs[0]}.${part}`);
    const [parts, x, y] = [["quantized", "scale", "zero"].map(named), named("real"), named("product")];
    const before = [{ ...plain("DynamicQuantizeLinear", [rows], ""), outputs: parts }, plain("DequantizeLinear", parts, x)];
    const result = node.outputs[0] as string;
    const product = { ...plain("MatMul", [x, real], bias === "" ? result : y), name: node.name };
    return [...before, product, ...(bias === "" ? [] : [plain("Add", [y, bias], result)])];
  }

  #concat(node: NodeProto): NodeProto[] {
    const [scale = "", zero = "", ...parts] = node.inputs;
    const before: NodeProto[] = [];
    const values = Array.from({ length: parts.length / 3 }, (_, i) =>
      this.#operand(node, [2 + 3 * i, 3 + 3 * i, 4 + 3 * i], 0, before),
    );
    if (values.includes(undefined)) return [node];
    const [result = ""] = node.outputs;
    const y = this.#named(`${result}.real`);
    return [...before, { ...node, domain: "", opType: "Concat", inputs: values as string[], outputs: [y] }, rounding(y, scale, zero, result)]; // prettier-ignore
  }

  /** The dequantizing nodes to which rounded values are only moved, by the same steps; undefined where anything else reads them. */
  #endsOf(start: NodeProto, name: string, outputs: ReadonlySet<string>): NodeProto[] | undefined {
    const isDynamic = start.opType === "DynamicQuantizeLinear";
    const steps = isDynamic ? start.outputs.slice(1) : start.inputs.slice(1);
    const own = isDynamic && name === start.outputs[0] ? steps.flatMap((step) => this.#readers.get(step) ?? []) : [];
    const found: NodeProto[] = [];
    if (outputs.has(name) || own.some(({ opType }) => opType !== "DequantizeLinear")) return undefined;
    for (const reader of this.#readers.get(name) ?? []) {
      if (reader.opType === "DequantizeLinear" && reader.inputs[0] === name && this.#areSame(steps, reader.inputs.slice(1)))
        found.push(reader);
      else if (MOVES.has(reader.opType) && reader.inputs[0] === name && reader.domain === "") {
        const further = reader.outputs.map((output) => this.#endsOf(start, output, outputs));
        if (further.includes(undefined)) return undefined;
        found.push(...further.flatMap((ends) => ends ?? []));
      } else return undefined;
    }
    return found;
  }

  /** Whether scales and zero points are the same values, wherever they are stored. */
  #areSame(some: readonly string[], others: readonly string[]): boolean {
    const values = (name = ""): string => {
      const t = this.#numbers(name);
      return t === undefined ? name || "0" : toNumbers(t).join(" ");
    };
    return [0, 1].every((i) => values(some[i]) === values(others[i]));
  }

  /** Holds values in the range of a rounding. A weight is left as it is. */
  #held(node: NodeProto): NodeProto[] {
    const [x = "", scaleName = "", zeroName = ""] = node.inputs;
    const [scale, zero] = [this.#numbers(scaleName), this.#numbers(zeroName)];
    const type = this.#stored.get(zeroName)?.dataType ?? 2;
    const limits = hasFourBits(type) ? LIMITS[type] : LIMITS[dtypeNamed(type) ?? ""];
    if (
      this.#stored.has(x) ||
      node.opType !== "QuantizeLinear" ||
      scale === undefined ||
      limits === undefined ||
      sizeOf(scale.shape) !== 1
    )
      return [this.#same(node)];
    const [step, at] = [toNumbers(scale)[0] as number, zero === undefined ? 0 : (toNumbers(zero)[0] as number)];
    const bounds = limits.map((limit): [AttributeProto, string] => {
      const rawData = new Uint8Array(Float32Array.of((limit - at) * step).buffer);
      return [{ name: "value", type: "tensor", value: { name: "", dims: [], dataType: FLOAT, rawData } }, this.#named(`${node.outputs[0]}.limit`)]; // prettier-ignore
    });
    return [
      ...bounds.map(([value, name]) => ({ ...plain("Constant", [], name), attributes: [value] })),
      plain("Clip", [x, ...bounds.map(([, name]) => name)], node.outputs[0] as string),
    ];
  }

  #same = (node: NodeProto): NodeProto => ({
    ...plain("Identity", node.inputs.slice(0, 1), node.outputs[0] as string),
    name: node.name,
  });
}

const LIMITS: Readonly<Record<string | number, readonly [number, number]>> = {
  int8: [-128, 127],
  uint8: [0, 255],
  int16: [-32768, 32767],
  uint16: [0, 65535],
  21: [0, 15],
  22: [-8, 7],
};

const plain = (opType: string, inputs: readonly string[], output: string): NodeProto => ({
  name: "",
  opType,
  domain: "",
  inputs: [...inputs],
  outputs: [output],
  attributes: [],
});

const rounding = (x: string, scale = "", zero = "", output: string): NodeProto =>
  plain("QuantizeLinear", zero === "" ? [x, scale] : [x, scale, zero], output);

const renamed = (nodes: readonly NodeProto[], from: string, to: string): NodeProto[] =>
  nodes.map((node) => ({ ...node, outputs: node.outputs.map((name) => (name === from ? to : name)) }));

/** The axis along which a weight's scales stand: its output channels. */
function weightAxis(node: NodeProto, operand: number): number {
  if (operand === 0 || node.opType === "QLinearConv") return 0;
  return node.opType === "QGemm" && int(node, "transB", 0) === 1 ? 0 : 1;
}

/** The numbers that integers stand for: less their zero points, times their scales; these are one for all, one for each place of an axis, or for each block of it. */
function realNumbers(
  whole: TensorData,
  scale: TensorData,
  zero: TensorData | undefined,
  axis: number,
  block: number,
): Float32Array {
  const [values, scales, zeros] = [toNumbers(whole), toNumbers(scale), zero && toNumbers(zero)];
  const { shape } = whole;
  const inner = stridesOf(shape)[axis] ?? 1;
  const count = shape[axis] ?? 1;
  const groups = block === 0 ? count : Math.ceil(count / block);
  const at = (i: number): number => {
    if (scales.length === 1) return 0;
    const place = Math.floor(i / inner) % count;
    if (block === 0) return place;
    return (Math.floor(i / (inner * count)) * groups + Math.floor(place / block)) * inner + (i % inner);
  };
  return Float32Array.from(
    values,
    (value, i) => (value - (zeros?.[zeros.length === 1 ? 0 : at(i)] ?? 0)) * (scales[at(i)] as number),
  );
}

/**
 * The model in real numbers, or undefined where nothing in its graph is quantized. Weights must be inside the file (`inlined`).
 * `keepRounding`: what is computed is rounded as before, and gradients go straight through.
 */
export function dequantized(model: ModelProto, where: string, keepRounding = false): Dequantized | undefined {
  const isQuantized = ({ opType }: NodeProto): boolean => opType === "DequantizeLinear" || FEW_BITS.test(opType);
  const given = model.functions.some(({ nodes }) => nodes.some(isQuantized)) ? withoutCalls(model, where) : model;
  if (!given.graph.nodes.some(isQuantized)) return undefined;
  const real = usedPart(new Dequantizer(given, where).floats());
  const made = keepRounding ? real : usedPart(new Dequantizer(real, where).smooth());
  return { model: made, left: [...new Set(made.graph.nodes.filter(({ opType }) => FEW_BITS.test(opType)).map(opName))] };
}

const usedPart = (model: ModelProto): ModelProto => ({ ...model, graph: pruned(model.graph) });
