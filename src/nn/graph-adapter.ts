/**
 * @module Linear layers of a graph that somebody else made, by the weights that they read, and low-rank changes of them.
 */
import type { Graph, Node, Parameter, Tensor } from "../graph/index.js";
import { Parameter as Leaf } from "../graph/index.js";
import { dropout } from "../ops/index.js";
import { zerosInit } from "./init.js";
import type { StoredWeight } from "./linear.js";
import { Linear } from "./linear.js";
import type { LoraLinearOptions } from "./lora-linear.js";
import { Module } from "./module.js";

/** A weight that a graph multiplies by. */
export interface LinearRead {
  readonly weight: Parameter;
  /** Whether the product is with the weight as it lies, [in, out], or transposed, [out, in]. */
  readonly stored: StoredWeight;
}

/** The weight that a node multiplies its first input by: x · W, x · Wᵀ, or as Gemm has it; undefined for another node. */
export function linearRead({ op, inputs: [x, w], attributes }: Node): LinearRead | undefined {
  if (x == null || w == null || (op !== "MatMul" && op !== "Gemm")) return undefined;
  if (op === "Gemm" && (attributes["transA"] === true || (attributes["alpha"] ?? 1) !== 1)) return undefined;
  const isTurned = w.node.op === "Transpose";
  const source = isTurned ? w.node.inputs[0] : w;
  if (!(source instanceof Leaf) || source.dims.length !== 2 || !source.trainable) return undefined;
  return { weight: source, stored: isTurned === (attributes["transB"] === true) ? "inOut" : "outIn" };
}

/** The weights that a graph reads by such nodes alone, all in one way. */
export function linearReads(graph: Graph): Map<Parameter, StoredWeight> {
  const found = new Map<Parameter, StoredWeight>();
  const others = new Set<Tensor | null>();
  for (const node of graph.nodes) {
    const read = linearRead(node);
    for (const [i, input] of node.inputs.entries())
      if (input instanceof Leaf && node.op !== "Transpose" && !(i === 1 && read !== undefined)) others.add(input);
    if (read === undefined) continue;
    if (found.has(read.weight) && found.get(read.weight) !== read.stored) others.add(read.weight);
    found.set(read.weight, read.stored);
  }
  // What is looked up, or added, besides is changed there too where an adapter is merged.
  return new Map([...found].filter(([weight]) => !others.has(weight)));
}

/**
 * A low-rank change of a graph's linear layer: what is added to its result. As `LoraLinear`, whose parameters it has.
 *
 * Shapes: x [.., in] → [.., out].
 */
export class GraphAdapter extends Module {
  static override readonly pathNames = { loraA: "lora_A", loraB: "lora_B" };
  readonly inFeatures: number;
  readonly outFeatures: number;
  readonly stored: StoredWeight;
  /** alpha / rank. */
  readonly scale: number;
  readonly loraA: Linear;
  readonly loraB: Linear;
  /** The name of the weight in the file. */
  readonly weightName: string;
  readonly #dropout: number;

  constructor(name: string, { weight, stored }: LinearRead, { rank, alpha, dropout: share = 0 }: LoraLinearOptions) {
    super();
    const [first, second] = weight.dims as [number, number];
    [this.inFeatures, this.outFeatures] = stored === "inOut" ? [first, second] : [second, first];
    this.stored = stored;
    this.scale = alpha / rank;
    this.loraA = new Linear(this.inFeatures, rank, { bias: false });
    this.loraB = new Linear(rank, this.outFeatures, { bias: false, weightInit: zerosInit });
    this.weightName = name;
    this.#dropout = share;
  }

  override forward(x: Tensor): Tensor {
    return this.loraB.forward(this.loraA.forward(dropout(x, this.#dropout)).mul(this.scale));
  }
}
