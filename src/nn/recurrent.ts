/**
 * @module Recurrent layers: LSTM and GRU, in one or two directions and several layers. Over a known length they are unrolled; over a free one they are
 * the engine's own nodes.
 */
import type { Dim, Tensor } from "../graph/index.js";
import { formatShape, Parameter } from "../graph/index.js";
import type { RecurrentOptions as NodeInputs } from "../ops/index.js";
import { concat, dropout as drop, gemm, gru, lstm, split, stack, where, zeros } from "../ops/index.js";
import { ShapeError } from "../util/errors.js";
import { expectLast, expectSizes, layerName } from "./check.js";
import { defaultBiasInit } from "./init.js";
import { affine } from "./linear.js";
import { Module } from "./module.js";

export interface RecurrentOptions {
  readonly numLayers?: number;
  readonly bidirectional?: boolean;
  readonly bias?: boolean;
  /** Share dropped between layers while training. */
  readonly dropout?: number;
}

export interface RecurrentInputs {
  /** True at elements that are no padding: [N, T]. Padding leaves the state as it is, and its output is 0. Over a free length it comes last. */
  readonly mask?: Tensor;
  /** States to begin with, [layers·directions, N, H] each; left out, 0. */
  readonly initial?: readonly Tensor[];
}

export interface RecurrentOutput {
  /** The last layer's hidden state at each element: [N, T, H·directions]. */
  readonly output: Tensor;
  /** Last states, [layers·directions, N, H] each: hidden, and for an LSTM cell. */
  readonly states: readonly Tensor[];
}

/** One step: from what the input contributes to the gates, and the states, to new states; the first is the hidden one. */
type Step = (gates: Tensor, states: readonly Tensor[], weightHh: Tensor, biasHh: Tensor | null) => readonly Tensor[];

interface Cell {
  readonly step: Step;
  /** Both biases enter as one sum: added once for all elements. */
  readonly mergesBiases: boolean;
  /** The engine's node, in its layout: Y [T, D, N, H], and the last states [D, N, H]. */
  readonly node: (
    x: Tensor,
    w: Tensor,
    r: Tensor,
    options: NodeOptions,
  ) => { readonly y: Tensor; readonly states: readonly Tensor[] };
  /** The PyTorch gate that stands first, second, … there. */
  readonly nodeGates: readonly number[];
}

type NodeOptions = Omit<NodeInputs, "initialHidden"> & { readonly initial: readonly Tensor[] };

/** The common part of LSTM and GRU: parameters, layers, directions, time. */
class Recurrence {
  readonly name: string;
  readonly inputSize: number;
  readonly hiddenSize: number;
  readonly layers: number;
  readonly suffixes: readonly string[];
  readonly dropout: number;
  readonly stateCount: number;
  readonly parameters: Record<string, Parameter> = {};

  constructor(
    name: string,
    sizes: { inputSize: number; hiddenSize: number },
    gates: number,
    states: number,
    o: RecurrentOptions,
  ) {
    const { inputSize, hiddenSize } = sizes;
    const { numLayers = 1, bidirectional = false, bias = true, dropout = 0 } = o;
    expectSizes(name, { inputSize, hiddenSize, numLayers });
    this.name = name;
    this.inputSize = inputSize;
    this.hiddenSize = hiddenSize;
    this.layers = numLayers;
    this.suffixes = bidirectional ? ["", "_reverse"] : [""];
    this.dropout = dropout;
    this.stateCount = states;
    const initializer = defaultBiasInit(hiddenSize); // all of them ±1/√H, as PyTorch's
    for (let layer = 0; layer < numLayers; layer++) {
      for (const suffix of this.suffixes) {
        const width = layer === 0 ? inputSize : hiddenSize * this.suffixes.length;
        const parameter = (what: string, shape: readonly number[]): void => {
          this.parameters[`${what}_l${layer}${suffix}`] = new Parameter(shape, { initializer });
        };
        parameter("weight_ih", [gates * hiddenSize, width]);
        parameter("weight_hh", [gates * hiddenSize, hiddenSize]);
        if (!bias) continue;
        parameter("bias_ih", [gates * hiddenSize]);
        parameter("bias_hh", [gates * hiddenSize]);
      }
    }
  }

  run(module: Module, x: Tensor, { mask, initial }: RecurrentInputs, cell: Cell): RecurrentOutput {
    expectLast(module, x, this.inputSize);
    if (x.rank !== 3)
      throw new ShapeError(`${layerName(module)}: expected [N, T, ${this.inputSize}], got ${formatShape(x.shape)}`);
    const [n, length] = x.shape as [Dim, Dim];
    if (typeof length !== "number") return this.#asNodes(x, { mask, initial }, cell);
    const steps = length;
    // WebGPU splits numbers, not truth values.
    const kept = mask === undefined ? undefined : split(mask.unsqueeze(-1).cast(x.dtype), ones(steps), 1);
    const masks = kept?.map((m) => m.reshape([n, 1]).greater(0));
    const finals: Tensor[][] = Array.from({ length: this.stateCount }, () => []);
    let h = x;
    for (let layer = 0; layer < this.layers; layer++) {
      if (layer > 0) h = drop(h, this.dropout);
      const directions = this.suffixes.map((suffix, d) => {
        const place = layer * this.suffixes.length + d;
        const start = Array.from({ length: this.stateCount }, (_, i) => {
          const given = initial?.[i];
          return given === undefined ? zeros([n, this.hiddenSize], x.dtype) : given.slice(0, place, place + 1).squeeze(0);
        });
        const { outputs, states } = this.#direction(h, `l${layer}${suffix}`, suffix !== "", start, masks, cell);
        states.forEach((state, i) => finals[i]?.push(state));
        return stack(outputs, 1); // [N, T, H]
      });
      h = concat(directions, -1);
    }
    if (mask !== undefined) h = where(mask.unsqueeze(-1), h, 0);
    return { output: h, states: finals.map((list) => stack(list)) };
  }

  /** Each layer as one node. */
  #asNodes(
    x: Tensor,
    { mask, initial }: { mask: Tensor | undefined; initial: readonly Tensor[] | undefined },
    cell: Cell,
  ): RecurrentOutput {
    const [n, length] = x.shape as [Dim, Dim];
    const lengths = mask?.cast("int32").sum(1);
    const directions = this.suffixes.length;
    const finals: Tensor[][] = Array.from({ length: this.stateCount }, () => []);
    let h = x.swapAxes(0, 1); // [T, N, D]
    for (let layer = 0; layer < this.layers; layer++) {
      if (layer > 0) h = drop(h, this.dropout);
      const stacked = (what: string): Tensor | undefined => {
        const each = this.suffixes.map((suffix) => this.parameters[`${what}_l${layer}${suffix}`]);
        if (each.some((weight) => weight === undefined)) return undefined;
        return stack(each.map((weight) => reordered(weight as Tensor, cell.nodeGates, this.hiddenSize)));
      };
      const biases = [stacked("bias_ih"), stacked("bias_hh")].filter((b) => b !== undefined);
      const { y, states } = cell.node(h, stacked("weight_ih") as Tensor, stacked("weight_hh") as Tensor, {
        direction: directions === 2 ? "bidirectional" : "forward",
        initial: (initial ?? []).map((state) => state.slice(0, layer * directions, (layer + 1) * directions)),
        ...(biases.length === 0 ? {} : { bias: concat(biases, 1) }),
        ...(lengths === undefined ? {} : { lengths }),
      });
      states.forEach((state, i) => finals[i]?.push(state));
      h = y.transpose([0, 2, 1, 3]).reshape([length, n, directions * this.hiddenSize]);
    }
    return { output: h.swapAxes(0, 1), states: finals.map((list) => concat(list)) };
  }

  #direction(
    x: Tensor,
    suffix: string,
    reverse: boolean,
    start: readonly Tensor[],
    masks: readonly Tensor[] | undefined,
    cell: Cell,
  ): { outputs: Tensor[]; states: readonly Tensor[] } {
    const [weightIh, weightHh, biasIh, biasHh] = ["weight_ih", "weight_hh", "bias_ih", "bias_hh"].map(
      (what) => this.parameters[`${what}_${suffix}`],
    );
    // What the inputs contribute, for all elements in one product.
    const merged = cell.mergesBiases && biasIh !== undefined && biasHh !== undefined;
    const bias = merged ? biasIh.add(biasHh) : (biasIh ?? null);
    const all = affine(x, weightIh as Tensor, bias).swapAxes(0, 1); // [T, N, gates·H]
    const steps = all.shape[0] as number;
    const gates = split(all, ones(steps)).map((g) => g.squeeze(0));
    const outputs: Tensor[] = [];
    let states = start;
    for (let i = 0; i < steps; i++) {
      const t = reverse ? steps - 1 - i : i;
      const next = cell.step(gates[t] as Tensor, states, weightHh as Tensor, merged ? null : (biasHh ?? null));
      const kept = masks?.[t];
      states = kept === undefined ? next : next.map((state, k) => where(kept, state, states[k] as Tensor));
      outputs[t] = states[0] as Tensor;
    }
    return { outputs, states };
  }
}

/** The gates' rows in another order. */
const reordered = (weight: Tensor, order: readonly number[], hidden: number): Tensor => {
  const gates = split(weight, new Array<number>(order.length).fill(hidden));
  return concat(order.map((gate) => gates[gate] as Tensor));
};

const ones = (count: number): number[] => new Array<number>(count).fill(1);
const partsOf = (x: Tensor, parts: number, size: number): readonly Tensor[] => split(x, new Array<number>(parts).fill(size), -1);

/**
 * Long short-term memory.
 *
 *     i, f, o = σ(…), g = tanh(…) of W·x + b + U·h + c;  cell ← f·cell + i·g;  h ← o·tanh(cell)
 *
 * Shapes: x [N, T, in] → output [N, T, H·directions], states [layers·directions, N, H]; weight_ih_l0 [4·H, in],
 * weight_hh_l0 [4·H, H], bias_ih_l0 and bias_hh_l0 [4·H], `_reverse` for the other direction. Over a free T it is one node for each layer, which has no gradient before T is bound.
 * Errors: ShapeError if x does not fit.
 * Source: Hochreiter and Schmidhuber 1997, with the forget gate of Gers et al. 2000; parameters and gates as PyTorch's.
 * Differs from PyTorch: the batch comes first; padding is said by a mask.
 * Checked against: PyTorch 2.13, 1e-6, layers.test.ts.
 */
export class LSTM extends Module {
  static override readonly pathNames = { weights: "" };
  readonly weights: Readonly<Record<string, Parameter>>;
  readonly #recurrence: Recurrence;

  constructor(inputSize: number, hiddenSize: number, options: RecurrentOptions = {}) {
    super();
    this.#recurrence = new Recurrence("LSTM", { inputSize, hiddenSize }, 4, 2, options);
    this.weights = this.#recurrence.parameters;
  }

  override forward(x: Tensor, inputs: RecurrentInputs = {}): RecurrentOutput {
    const { hiddenSize } = this.#recurrence;
    const step: Step = (gates, [h, c], weightHh) => {
      const sum = gemm(h as Tensor, weightHh, gates, { transB: true });
      const [i, f, g, o] = partsOf(sum, 4, hiddenSize) as [Tensor, Tensor, Tensor, Tensor];
      const cell = f
        .sigmoid()
        .mul(c as Tensor)
        .add(i.sigmoid().mul(g.tanh()));
      return [o.sigmoid().mul(cell.tanh()), cell];
    };
    const node: Cell["node"] = (t, w, r, { initial: [initialHidden, initialCell], ...rest }) => {
      const given = {
        ...(initialHidden === undefined ? {} : { initialHidden }),
        ...(initialCell === undefined ? {} : { initialCell }),
      };
      const { y, hidden, cell } = lstm(t, w, r, { ...rest, ...given });
      return { y, states: [hidden, cell] };
    };
    return this.#recurrence.run(this, x, inputs, { step, mergesBiases: true, node, nodeGates: [0, 3, 1, 2] });
  }
}

/**
 * Gated recurrent unit.
 *
 *     r, z = σ(W·x + b + U·h + c);  n = tanh(Wₙ·x + bₙ + r·(Uₙ·h + cₙ));  h ← (1 − z)·n + z·h
 *
 * Shapes: x [N, T, in] → output [N, T, H·directions], states [layers·directions, N, H]; weight_ih_l0 [3·H, in], … as in `LSTM`.
 * Source: Cho et al. 2014, arXiv:1406.1078; the reset gate after the product, as in PyTorch and cuDNN.
 * Checked against: PyTorch 2.13, 1e-6, layers.test.ts.
 */
export class GRU extends Module {
  static override readonly pathNames = { weights: "" };
  readonly weights: Readonly<Record<string, Parameter>>;
  readonly #recurrence: Recurrence;

  constructor(inputSize: number, hiddenSize: number, options: RecurrentOptions = {}) {
    super();
    this.#recurrence = new Recurrence("GRU", { inputSize, hiddenSize }, 3, 1, options);
    this.weights = this.#recurrence.parameters;
  }

  override forward(x: Tensor, inputs: RecurrentInputs = {}): RecurrentOutput {
    const { hiddenSize } = this.#recurrence;
    const step: Step = (gates, [h], weightHh, biasHh) => {
      const hidden = h as Tensor;
      const [ri, zi, ni] = partsOf(gates, 3, hiddenSize) as [Tensor, Tensor, Tensor];
      const [rh, zh, nh] = partsOf(gemm(hidden, weightHh, biasHh, { transB: true }), 3, hiddenSize) as [Tensor, Tensor, Tensor];
      const n = ni.add(ri.add(rh).sigmoid().mul(nh)).tanh();
      const z = zi.add(zh).sigmoid();
      // (1 − z)·n + z·h = n + z·(h − n)
      return [n.add(z.mul(hidden.sub(n)))];
    };
    const node: Cell["node"] = (t, w, r, { initial: [initialHidden], ...rest }) => {
      const { y, hidden } = gru(t, w, r, { ...rest, ...(initialHidden === undefined ? {} : { initialHidden }) });
      return { y, states: [hidden] };
    };
    return this.#recurrence.run(this, x, inputs, { step, mergesBiases: false, node, nodeGates: [1, 0, 2] });
  }
}
