/**
 * @module A frozen base in 4 or 8 bits under adapters (QLoRA): weights of linear layers as codes and scales of blocks, from which each node that
 * multiplies by one has numbers of its own, in the forward and again in the backward pass.
 */
import type { Dim, Node, Tensor, TensorData } from "../graph/index.js";
import {
  constant,
  copyNode,
  createNode,
  fromNumbers,
  Graph,
  isFloat,
  isLeaf,
  Parameter,
  reachableNodes,
} from "../graph/index.js";
import type { Module } from "../nn/index.js";
import { Linear, LoraLinear, zerosInit } from "../nn/index.js";
import { gather, where } from "../ops/index.js";
import { ConfigError } from "../util/errors.js";
import { Random } from "../util/random.js";

/** Precisions of a frozen base. */
export const BASE_PRECISIONS = ["float32", "int8", "int4"] as const;
/** Precision of a frozen base: `int8` has 255 even steps, `int4` the 16 values of NormalFloat. */
export type BasePrecision = (typeof BASE_PRECISIONS)[number];

/** Numbers that share a scale: the largest of them. */
export const BASE_BLOCK = 64;
/** Weights of fewer numbers stay in float32. */
const FROM_SIZE = 4096;

/** The values of NormalFloat with 4 bits. Source: Dettmers et al. 2023, QLoRA, arXiv:2305.14314, appendix E. */
const NF4 = [
  -1, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635, -0.18477343022823334,
  -0.09105003625154495, 0, 0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224,
  0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1,
] as const;

/** Even steps of 8 bits; code 0 is not used. */
const INT8 = Array.from({ length: 256 }, (_, i) => Math.max(-1, (i - 128) / 127));

/** The names of the two entries of the state that stand for a weight. */
export const codesName = (path: string): string => `${path}.codes`;
export const scaleName = (path: string): string => `${path}.scale`;

const isCoded = (name: string): boolean => name.endsWith(".codes");

/** Codes [rows, columns] or [rows, columns / 2], and scales [rows, columns / 64], of a weight [rows, columns]. */
export function quantizeWeight(
  { shape, data }: TensorData,
  precision: "int8" | "int4",
): { codes: TensorData; scale: TensorData } {
  const [rows, columns] = shape as [number, number];
  const numbers = data as Float32Array;
  const scales = new Float32Array(numbers.length / BASE_BLOCK);
  const codes = new Uint8Array(precision === "int4" ? numbers.length / 2 : numbers.length);
  const middles = NF4.slice(1).map((value, i) => (value + (NF4[i] as number)) / 2);
  for (let block = 0; block < scales.length; block++) {
    const from = block * BASE_BLOCK;
    let largest = 0;
    for (let i = from; i < from + BASE_BLOCK; i++) largest = Math.max(largest, Math.abs(numbers[i] as number));
    scales[block] = largest;
    for (let i = from; i < from + BASE_BLOCK; i++) {
      const x = largest === 0 ? 0 : (numbers[i] as number) / largest;
      if (precision === "int8") codes[i] = Math.round(x * 127) + 128;
      else {
        let code = 0;
        while (code < middles.length && x > (middles[code] as number)) code++;
        codes[i >> 1] = (codes[i >> 1] as number) | (code << (i % 2 === 0 ? 4 : 0));
      }
    }
  }
  return {
    codes: { dtype: "uint8", shape: [rows, codes.length / rows], data: codes },
    scale: { dtype: "float32", shape: [rows, columns / BASE_BLOCK], data: scales },
  };
}

/** The weight that codes and scales stand for. */
export function dequantizeWeight(codes: TensorData, scale: TensorData): TensorData {
  const [rows, blocks] = scale.shape as [number, number];
  const columns = blocks * BASE_BLOCK;
  const isHalf = codes.data.length * 2 === rows * columns;
  const data = new Float32Array(rows * columns);
  const [bytes, scales] = [codes.data as Uint8Array, scale.data as Float32Array];
  for (let i = 0; i < data.length; i++) {
    const byte = bytes[isHalf ? i >> 1 : i] as number;
    const value = isHalf ? NF4[i % 2 === 0 ? byte >> 4 : byte & 15] : INT8[byte];
    data[i] = Math.fround(value as number) * (scales[Math.floor(i / BASE_BLOCK)] as number);
  }
  return { dtype: "float32", shape: [rows, columns], data };
}

/** Weights by path, those in codes as numbers; undefined entries are the caller's own. */
export function withoutCodes(weights: ReadonlyMap<string, TensorData>): Map<string, TensorData> {
  const plain = new Map<string, TensorData>();
  for (const [name, value] of weights) {
    const path = name.replace(/\.(codes|scale)$/, "");
    const [codes, scale] = [weights.get(codesName(path)), weights.get(scaleName(path))];
    if (codes === undefined || scale === undefined || codes.dtype !== "uint8") plain.set(name, value);
    else if (isCoded(name)) plain.set(path, dequantizeWeight(codes, scale));
  }
  return plain;
}

/** A weight in a graph: the parameter that others read, and the two that stand for it. */
interface Coded {
  readonly path: string;
  readonly weight: Parameter;
  readonly codes: Parameter;
  readonly scale: Parameter;
}

/** The frozen linear layers of a model in codes. */
export class QuantizedBase {
  readonly precision: "int8" | "int4";
  readonly #weights: readonly Coded[];
  readonly #byTensor: ReadonlyMap<Tensor, Coded>;

  /** Errors: ConfigError where there is no weight to quantize. */
  constructor(model: Module, trained: ReadonlyMap<string, unknown>, precision: "int8" | "int4") {
    this.precision = precision;
    const parameters = model.parameters();
    const layers = [...model.modules()].filter(([, module]) => module instanceof Linear || module instanceof LoraLinear);
    this.#weights = layers.flatMap(([layer]): Coded[] => {
      const path = layer === "" ? "weight" : `${layer}.weight`;
      const weight = parameters.get(path);
      const [rows = 0, columns = 0] = weight?.dims ?? [];
      if (weight === undefined || trained.has(path) || weight.size < FROM_SIZE || columns % BASE_BLOCK !== 0) return [];
      const width = precision === "int4" ? columns / 2 : columns;
      const codes = new Parameter([rows, width], { initializer: zerosInit, dtype: "uint8", trainable: false });
      const scale = new Parameter([rows, columns / BASE_BLOCK], { initializer: zerosInit, trainable: false });
      return [{ path, weight, codes, scale }];
    });
    if (this.#weights.length === 0)
      throw new ConfigError(
        `base ${precision}: expected frozen linear layers of at least ${FROM_SIZE} numbers, in rows of a multiple of ${BASE_BLOCK}, got none`,
      );
    this.#byTensor = new Map(this.#weights.map((each) => [each.weight, each]));
  }

  /** The entries of the state: those of the model, with codes and scales where a weight was. */
  stateOf(parameters: ReadonlyMap<string, Parameter>): Map<string, Parameter> {
    const byPath = new Map(this.#weights.map((each) => [each.path, each]));
    return new Map(
      [...parameters].flatMap(([path, p]): [string, Parameter][] => {
        const coded = byPath.get(path);
        if (coded === undefined) return [[path, p]];
        return [
          [codesName(path), coded.codes],
          [scaleName(path), coded.scale],
        ];
      }),
    );
  }

  /** Weights with those of the base in codes; one that is not given begins as its initializer says. */
  encoded(weights: ReadonlyMap<string, TensorData>, seed: number): Map<string, TensorData> {
    const all = new Map(weights);
    for (const { path, weight } of this.#weights) {
      if (all.has(codesName(path))) continue;
      const made = (): TensorData =>
        fromNumbers("float32", weight.dims, weight.initializer(weight.dims, new Random(seed, "init", path)));
      const { codes, scale } = quantizeWeight(all.get(path) ?? made(), this.precision);
      all.delete(path);
      all.set(codesName(path), codes).set(scaleName(path), scale);
    }
    return all;
  }

  /** A graph whose nodes read codes where they read a weight. */
  graph(outputs: ReadonlyMap<string, Tensor>): Graph {
    const replaced = new Map<Tensor, Tensor>();
    const current = (t: Tensor): Tensor => replaced.get(t) ?? t;
    for (const node of reachableNodes([...outputs.values()])) {
      if (isLeaf(node) || this.#isView(node)) continue;
      const inputs = node.inputs.filter((t) => t !== null);
      const weights = inputs.filter((t) => this.#viewed(t) !== undefined);
      if (weights.length === 0 && !inputs.some((t) => replaced.has(t))) continue;
      const beside = inputs.find(
        (t) => this.#viewed(t) === undefined && isFloat(t.dtype) && t.rank > 0 && t.node.op !== "Constant",
      );
      const given = node.inputs.map((t) =>
        t === null ? null : weights.includes(t) ? this.#numbers(t, beside && current(beside)) : current(t),
      );
      const copy = copyNode(node, given);
      node.outputs.forEach((t, i) => replaced.set(t, copy.outputs[i] as Tensor));
    }
    return new Graph(new Map([...outputs].map(([name, t]) => [name, current(t)])));
  }

  /** The weight that a tensor shows, as it is or moved about. */
  #viewed(t: Tensor): Coded | undefined {
    const own = this.#byTensor.get(t);
    if (own !== undefined) return own;
    const [only] = t.node.inputs;
    return this.#isView(t.node) ? this.#viewed(only as Tensor) : undefined;
  }

  #isView({ op, inputs }: Node): boolean {
    const [first] = inputs;
    return (op === "Transpose" || op === "Identity") && first != null && this.#viewed(first) !== undefined;
  }

  /** Numbers of a weight for one node, made when what stands beside it there is ready: else the engine would keep them from one pass to the other. */
  #numbers(t: Tensor, beside: Tensor | undefined): Tensor {
    const own = this.#byTensor.get(t);
    if (own === undefined) {
      const inner = this.#numbers(t.node.inputs[0] as Tensor, beside);
      return createNode(t.node.op, [inner], t.node.attributes, t.node.outputs, t.node.scope).outputs[0] as Tensor;
    }
    const zero = constant(fromNumbers("uint8", [], [0]));
    // Never true, but the engine cannot know.
    const never = beside?.reshape([-1]).slice(0, 0, 1).greater(Infinity).reshape([]);
    const codes = never === undefined ? own.codes : where(never, zero, own.codes);
    const table =
      this.precision === "int8"
        ? fromNumbers("float32", [256, 1], INT8)
        : fromNumbers(
            "float32",
            [256, 2],
            Array.from({ length: 512 }, (_, i) => NF4[i % 2 === 0 ? i >> 5 : (i >> 1) & 15] as number),
          );
    const values = gather(constant(table), codes.cast("int32")); // [rows, width, 1 or 2]
    const [rows, columns] = own.weight.dims as [number, number];
    const blocks = values.reshape([rows, columns / BASE_BLOCK, BASE_BLOCK]);
    return blocks.mul(own.scale.unsqueeze(-1)).reshape([rows, columns] as Dim[]);
  }
}
