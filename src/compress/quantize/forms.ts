/**
 * @module The forms that a layer's weights can have in a file, and the nodes that compute with each.
 */
import { fromNumbers, sizeOf } from "../../graph/index.js";
import type { NodeProto } from "../../onnx/index.js";
import type { FileGraph } from "../file-graph.js";
import { intAttribute, nodeProto } from "../file-graph.js";
import type { Layer } from "../layers.js";
import { widthsOf } from "../layers.js";
import type { BlockedWeights } from "./blocks.js";
import { LARGEST_CODE } from "./saturation.js";
import { blockCount, isSymmetric, packed, packedZeros, unpacked, unpackedZeros } from "./blocks.js";

/** 8-bit weights of a product whose activations are quantized dynamically. */
export interface DynamicWeights {
  readonly form: "int8";
  /** [K, N], −127…127. */
  readonly codes: Int8Array;
  /** One for each column. */
  readonly scales: Float32Array;
}

/** Weights in blocks, of which a product is computed with activations of 8 bits. */
export interface BlockForm {
  readonly form: "blocks";
  readonly blocks: BlockedWeights;
}

/** Weights in blocks of another program's, of which a product is computed in float32, as exactly as with their numbers: the sum of its parts. */
export interface ExactForm {
  readonly form: "exact";
  readonly parts: readonly BlockedWeights[];
  /** Added to every number of a block, [blocks, N]: a product adds it times the sum of a block's inputs. */
  readonly least?: Float32Array;
}

/** Numbers that are stored as float16, and computed with as float32. */
export interface HalfForm {
  readonly form: "float16";
}

/** A form of a layer's weights. */
export type WeightForm = DynamicWeights | BlockForm | ExactForm | HalfForm;

/** Kernels of com.microsoft are of its first version. */
const MICROSOFT = "com.microsoft";
/** The accuracy level of 8-bit activations, the only fast one: other levels ran at half its speed. */
const ACCURACY_LEVEL = 4;
/** The accuracy level of float32 activations. */
const EXACT_LEVEL = 1;

/** Weights [N, K] as 8-bit columns, each with the scale of its largest number, which becomes `most`. */
export function dynamicWeights(rows: Float32Array, n: number, k: number, most = LARGEST_CODE): DynamicWeights {
  const [codes, scales] = [new Int8Array(n * k), new Float32Array(n)];
  for (let j = 0; j < n; j++) {
    let largest = 0;
    for (let i = 0; i < k; i++) largest = Math.max(largest, Math.abs(rows[j * k + i] as number));
    const scale = largest === 0 ? 1 : Math.fround(largest / most);
    scales[j] = scale;
    for (let i = 0; i < k; i++)
      codes[i * n + j] = Math.max(-most, Math.min(most, Math.round((rows[j * k + i] as number) / scale)));
  }
  return { form: "int8", codes, scales };
}

/** Rows [V, D] that are looked up as 8-bit numbers, each row with the scale of its largest number. */
export function rowWeights(rows: Float32Array, count: number, width: number): DynamicWeights {
  const scales = new Float32Array(count);
  const codes = new Int8Array(rows.length);
  for (let r = 0; r < count; r++) {
    const row = rows.subarray(r * width, (r + 1) * width);
    const largest = row.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    const scale = largest === 0 ? 1 : Math.fround(largest / 127);
    scales[r] = scale;
    row.forEach((value, i) => (codes[r * width + i] = Math.round(value / scale)));
  }
  return { form: "int8", codes, scales };
}

/** Quantized activations that several layers share, by their original value. */
export type SharedActivations = Map<string, { readonly codes: string; readonly scale: string; readonly zero: string }>;

/** Replaces a layer's node by those of its form. */
export function applyForm(graph: FileGraph, layer: Layer, form: WeightForm, shared: SharedActivations = new Map()): void {
  if (form.form === "int8" && layer.kind === "lookup") applyRows(graph, layer, form);
  else if (form.form === "int8") applyDynamic(graph, layer, form, shared);
  else if (form.form === "float16") applyHalf(graph, layer);
  else if (form.form === "exact") applyExact(graph, layer, form);
  else if (layer.kind === "lookup") applyLookup(graph, layer, form.blocks);
  else applyBlocks(graph, layer, form.blocks);
}

/** The bias added to a product, or nothing. */
const withBias = ({ bias }: Layer, product: string, output: string): readonly NodeProto[] =>
  bias === undefined ? [] : [nodeProto("Add", [product, bias], [output])];

/**
 * DynamicQuantizeLinear → MatMulInteger → Cast → Mul by both scales → Add of the bias: standard ops, which the engine joins into one kernel.
 */
function applyDynamic(graph: FileGraph, layer: Layer, { codes, scales }: DynamicWeights, shared: SharedActivations): void {
  const { node, weight, input } = layer;
  const { k, n } = widthsOf(layer);
  const [output = ""] = node.outputs;
  const made: NodeProto[] = [];
  let activations = shared.get(input);
  if (activations === undefined) {
    activations = {
      codes: graph.fresh(`${input}.int8`),
      scale: graph.fresh(`${input}.int8.scale`),
      zero: graph.fresh(`${input}.int8.zero`),
    };
    made.push(nodeProto("DynamicQuantizeLinear", [input], [activations.codes, activations.scale, activations.zero]));
    shared.set(input, activations);
  }
  const w = graph.addConstant(`${weight}.int8`, "int8", [k, n], codes);
  const s = graph.addConstant(`${weight}.int8.scale`, "float32", [n], scales);
  const zero = graph.addConstant(`${weight}.int8.zero`, "int8", [], [0]);
  const [whole, real, scale] = ["sum", "real", "scale"].map((name) => graph.fresh(`${output}.${name}`)) as [
    string,
    string,
    string,
  ];
  const product = layer.bias === undefined ? output : graph.fresh(`${output}.product`);
  made.push(
    nodeProto("MatMulInteger", [activations.codes, w, activations.zero, zero], [whole]),
    nodeProto("Cast", [whole], [real], [intAttribute("to", 1)]),
    nodeProto("Mul", [activations.scale, s], [scale]),
    nodeProto("Mul", [real, scale], [product]),
    ...withBias(layer, product, output),
  );
  graph.replace(node, made);
}

/** Rows of 8-bit numbers are looked up, and each with its own scale. */
function applyRows(graph: FileGraph, layer: Layer, { codes, scales }: DynamicWeights): void {
  const { node, input, weight, weightShape } = layer;
  const [output = ""] = node.outputs;
  const w = graph.addConstant(`${weight}.int8`, "int8", weightShape, codes);
  const s = graph.addConstant(`${weight}.int8.scale`, "float32", [scales.length, 1], scales);
  const [rows, real, factors] = ["codes", "real", "scale"].map((name) => graph.fresh(`${output}.${name}`)) as [
    string,
    string,
    string,
  ];
  graph.replace(node, [
    nodeProto("Gather", [w, input], [rows]),
    nodeProto("Cast", [rows], [real], [intAttribute("to", 1)]),
    nodeProto("Gather", [s, input], [factors]),
    nodeProto("Mul", [real, factors], [output]),
  ]);
}

/** One MatMulNBits, with the bias inside. */
function applyBlocks(graph: FileGraph, layer: Layer, blocks: BlockedWeights): void {
  const { node, name, bias = "" } = layer;
  graph.replace(node, [blockProduct(graph, layer, { name, blocks, bias, output: node.outputs[0] ?? "", level: ACCURACY_LEVEL })]);
}

/** The product of a layer's input with blocks. */
function blockProduct(
  graph: FileGraph,
  { input }: Layer,
  {
    name,
    blocks,
    bias,
    output,
    level,
  }: {
    readonly name: string;
    readonly blocks: BlockedWeights;
    readonly bias: string;
    readonly output: string;
    readonly level: number;
  },
): NodeProto {
  const names = blockConstants(graph, name, blocks);
  const { k, n, bits, blockSize } = blocks;
  const attributes = [
    intAttribute("K", k),
    intAttribute("N", n),
    intAttribute("bits", bits),
    intAttribute("block_size", blockSize),
    intAttribute("accuracy_level", level),
  ];
  const inputs = [input, names.codes, names.scales, names.zeros, "", bias];
  while (inputs.at(-1) === "") inputs.pop();
  return nodeProto("MatMulNBits", inputs, [output], attributes, MICROSOFT);
}

/** The parts of a product, and their sum. What is looked up stays as it is: a row of float32 is read as fast. */
function applyExact(graph: FileGraph, layer: Layer, { parts, least }: ExactForm): void {
  const { node, name, input, kind, bias = "" } = layer;
  const [output = ""] = node.outputs;
  const [first] = parts;
  if (kind !== "product" || first === undefined) return;
  const isAlone = parts.length === 1 && least === undefined;
  const terms = [...parts, ...(least === undefined ? [] : [least])].map(() => (isAlone ? output : graph.fresh(`${output}.part`)));
  const made = parts.map((blocks, i) =>
    blockProduct(graph, layer, {
      name: `${name}.part${i}`,
      blocks,
      bias: i === 0 ? bias : "",
      output: terms[i] as string,
      level: EXACT_LEVEL,
    }),
  );
  if (least !== undefined) {
    const factors = graph.addConstant(`${name}.least`, "float32", [blockCount(first), first.n], least);
    made.unshift(...blockSums(graph, input, first));
    made.push(nodeProto("MatMul", [sumsName(input), factors], [terms.at(-1) as string]));
  }
  graph.replace(node, isAlone ? made : [...made, nodeProto("Sum", terms, [output])]);
}

const sumsName = (input: string): string => `${input}.blocksums`;

/** Sums of an input over blocks, as a product: the same for all layers that read it. */
function blockSums(graph: FileGraph, input: string, blocks: BlockedWeights): NodeProto[] {
  if (graph.producerOf(sumsName(input)) !== undefined) return [];
  const { k, blockSize } = blocks;
  const count = blockCount(blocks);
  const name = `blocks of ${k} by ${blockSize}`;
  if (graph.constant(name) === undefined) {
    const members = new Float32Array(k * count);
    for (let i = 0; i < k; i++) members[i * count + Math.floor(i / blockSize)] = 1;
    graph.addConstant(name, "float32", [k, count], members);
  }
  return [nodeProto("MatMul", [input, name], [sumsName(input)])];
}

/** Names of the constants of blocks; several layers of one weight share them. */
function blockConstants(
  graph: FileGraph,
  weight: string,
  blocks: BlockedWeights,
): { readonly codes: string; readonly scales: string; readonly zeros: string } {
  const prefix = `${weight}.int${blocks.bits}`;
  const zeros = isSymmetric(blocks) ? "" : `${prefix}.zeros`;
  const known = graph.constant(prefix);
  if (known !== undefined && known.dims[0] === blocks.n && sizeOf(known.dims) === packed(blocks.codes, blocks.bits).length)
    return { codes: prefix, scales: `${prefix}.scales`, zeros };
  const count = blockCount(blocks);
  const bytes = packed(blocks.codes, blocks.bits);
  graph.addConstant(prefix, "uint8", [blocks.n, count, bytes.length / blocks.n / count], bytes);
  graph.addConstant(`${prefix}.scales`, "float32", [blocks.n, count], blocks.scales);
  if (zeros !== "") {
    const packedRows = packedZeros(blocks);
    graph.addConstant(zeros, "uint8", [blocks.n, packedRows.length / blocks.n], packedRows);
  }
  return { codes: prefix, scales: `${prefix}.scales`, zeros };
}

/** Rows that are looked up in the table that a product reads too: a vocabulary at both ends of a decoder. */
function applyLookup(graph: FileGraph, layer: Layer, blocks: BlockedWeights): void {
  const { node, input, name: weight } = layer;
  const names = blockConstants(graph, weight, blocks);
  const { n, bits, blockSize } = blocks;
  const rowBytes = (blockCount(blocks) * blockSize * bits) / 8;
  // The same bytes as a matrix: a reshape of a constant, which the engine takes without copying.
  const table = graph.fresh(`${weight}.rows`);
  const shape = graph.addConstant(`${weight}.rows.shape`, "int64", [2], [n, rowBytes]);
  const attributes = [
    intAttribute("bits", bits),
    intAttribute("block_size", blockSize),
    intAttribute("gather_axis", 0),
    intAttribute("quantize_axis", 1),
  ];
  const inputs = [table, input, names.scales, names.zeros];
  while (inputs.at(-1) === "") inputs.pop();
  graph.replace(node, [
    nodeProto("Reshape", [names.codes, shape], [table]),
    nodeProto("GatherBlockQuantized", inputs, node.outputs, attributes, MICROSOFT),
  ]);
}

/** A Cast behind the constant, which the engine computes once, as it opens the file. */
function applyHalf(graph: FileGraph, { node, weight }: Layer): void {
  const numbers = graph.floatsOf(weight);
  if (numbers === undefined) return;
  const half = `${weight}.float16`;
  if (graph.constant(half) === undefined)
    graph.addConstant(half, "float16", numbers.shape, fromNumbers("float16", numbers.shape, numbers.data).data);
  const real = graph.fresh(`${weight}.float32`);
  graph.replace(node, [
    nodeProto("Cast", [half], [real], [intAttribute("to", 1)]),
    { ...node, inputs: node.inputs.map((name) => (name === weight ? real : name)) },
  ]);
}

/** Weights in blocks that a file holds, by the name of the weight that they stand for. */
export function blocksIn(graph: FileGraph): Map<string, BlockedWeights> {
  const found = new Map<string, BlockedWeights>();
  for (const node of graph.nodes) {
    if (node.opType !== "MatMulNBits") continue;
    const [, codes = "", scales = "", zeros = ""] = node.inputs;
    const attribute = (name: string): number => Number(node.attributes.find((a) => a.name === name)?.value);
    const [k, n, bits, blockSize] = ["K", "N", "bits", "block_size"].map(attribute) as [number, number, 4 | 8, number];
    const numbers = graph.numbersOf(codes);
    const factors = graph.floatsOf(scales);
    if (numbers === undefined || factors === undefined) continue;
    const count = blockCount({ k, blockSize });
    const stored = zeros === "" ? undefined : (graph.numbersOf(zeros)?.data as Uint8Array | undefined);
    found.set(codes.replace(/\.int\d$/, ""), {
      bits,
      blockSize,
      n,
      k,
      codes: unpacked(numbers.data as Uint8Array, bits),
      scales: factors.data,
      zeros: stored === undefined ? new Uint8Array(n * count).fill(2 ** (bits - 1)) : unpackedZeros(stored, n, count, bits),
    });
  }
  return found;
}
