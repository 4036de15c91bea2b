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

/** Options of recurrent layers, named as in PyTorch. */
export interface RecurrentOptions {
  readonly numLayers?: number;
  readonly bidirectional?: boolean;
  readonly bias?: boolean;
  /** Share dropped between layers while training. */
  readonly dropout?: number;
}

/** Further inputs of recurrent layers: which steps are real, bool [N, T], and the first states. */
export interface RecurrentInputs {
  /** True at elements that are not padding: [N, T]. Padding leaves the state as it is, and its output is 0. Over a free length it comes last. */
  readonly mask?: Tensor;
  /** States to begin with, [layers·directions, N, H] each; left out, 0. */
  readonly initial?: readonly Tensor[];
}

/** Outputs of a recurrent layer: hidden states of all steps, [N, T, hidden size × directions], and the last states. */
export interface RecurrentOutput {
  /** The last layer's hidden state at each element: [N, T, H·directions]. */
  readonly output: Tensor;
  /** Last states, [layers·directions, N, H] each: hidden, and for an LSTM cell. */
  readonly states: readonly Tensor[];
}

// --- the equations ------------------------------------------------------------------------------------------------------

interface Cell {
  readonly gates: number;
  readonly stateCount: number;
  /** One step: from x·Wᵀ + b, the input's share of the gates, and the states, to the next states; the first is the hidden one. */
  step(input: Tensor, states: readonly Tensor[], weightHh: Tensor, biasHh: Tensor | null): readonly Tensor[];
  /** Whether both biases enter as one sum: they are then added once for all steps, and `step` gets none. */
  readonly mergesBiases: boolean;
  /** The engine's node, in its layout: Y [T, D, N, H], and the last states [D, N, H]. */
  node(x: Tensor, w: Tensor, r: Tensor, options: NodeOptions): { readonly y: Tensor; readonly states: readonly Tensor[] };
  /** The PyTorch gate that stands first, second, … in the node's weights. */
  readonly nodeGates: readonly number[];
}

type NodeOptions = Omit<NodeInputs, "initialHidden"> & { readonly initial: readonly Tensor[] };

const LSTM_CELL: Cell = {
  gates: 4,
  stateCount: 2,
  step(input, states, weightHh) {
    const [h, c] = states as [Tensor, Tensor];
    const [i, f, g, o] = gatesOf(gemm(h, weightHh, input, { transB: true }), 4) as [Tensor, Tensor, Tensor, Tensor];
    const cell = f.sigmoid().mul(c).add(i.sigmoid().mul(g.tanh()));
    return [o.sigmoid().mul(cell.tanh()), cell];
  },
  mergesBiases: true,
  node(x, w, r, { initial: [initialHidden, initialCell], ...options }) {
    const { y, hidden, cell } = lstm(x, w, r, { ...options, initialHidden, initialCell });
    return { y, states: [hidden, cell] };
  },
  nodeGates: [0, 3, 1, 2],
};

const GRU_CELL: Cell = {
  gates: 3,
  stateCount: 1,
  step(input, states, weightHh, biasHh) {
    const [h] = states as [Tensor];
    const [rx, zx, nx] = gatesOf(input, 3) as [Tensor, Tensor, Tensor];
    const [rh, zh, nh] = gatesOf(gemm(h, weightHh, biasHh, { transB: true }), 3) as [Tensor, Tensor, Tensor];
    const n = nx.add(rx.add(rh).sigmoid().mul(nh)).tanh();
    const z = zx.add(zh).sigmoid();
    return [n.add(z.mul(h.sub(n)))]; // (1 − z)·n + z·h
  },
  mergesBiases: false,
  node(x, w, r, { initial: [initialHidden], ...options }) {
    const { y, hidden } = gru(x, w, r, { ...options, initialHidden });
    return { y, states: [hidden] };
  },
  nodeGates: [1, 0, 2],
};

// --- the loop over time ---------------------------------------------------------------------------------------------------

/** Weights of one layer in one direction. */
interface Weights {
  readonly weightIh: Tensor;
  readonly weightHh: Tensor;
  readonly biasIh: Tensor | undefined;
  readonly biasHh: Tensor | undefined;
}

/** The course of one layer in one direction: states to begin with, steps that count, the order of time. */
interface Course {
  readonly start: readonly Tensor[];
  /** [N, 1] for each step; where false, the states stay. */
  readonly masks: readonly Tensor[] | undefined;
  readonly reverse: boolean;
}

/** Runs a cell over x [N, T, in]. Returns the hidden states of all steps, [N, T, H], and the last states. */
function unroll(
  cell: Cell,
  x: Tensor,
  { weightIh, weightHh, biasIh, biasHh }: Weights,
  { start, masks, reverse }: Course,
): { readonly output: Tensor; readonly states: readonly Tensor[] } {
  const merged = cell.mergesBiases && biasIh !== undefined && biasHh !== undefined;
  const bias = merged ? biasIh.add(biasHh) : (biasIh ?? null);
  // The input's share of all steps in one product.
  const inputs = stepsOf(affine(x, weightIh, bias).swapAxes(0, 1)); // [N, gates·H] each
  const order = reverse ? [...inputs.keys()].reverse() : [...inputs.keys()];
  const outputs: Tensor[] = [];
  let states = start;
  for (const t of order) {
    const next = cell.step(inputs[t] as Tensor, states, weightHh, merged ? null : (biasHh ?? null));
    const isStep = masks?.[t];
    states = isStep === undefined ? next : next.map((state, k) => where(isStep, state, states[k] as Tensor));
    outputs[t] = states[0] as Tensor;
  }
  return { output: stack(outputs, 1), states };
}

// --- layers and directions ------------------------------------------------------------------------------------------------

/** The common part of LSTM and GRU: parameters, layers, directions. */
class Recurrence {
  readonly parameters: Record<string, Parameter> = {};
  readonly #cell: Cell;
  readonly #inputSize: number;
  readonly #hiddenSize: number;
  readonly #layers: number;
  readonly #suffixes: readonly string[];
  readonly #dropout: number;

  constructor(name: string, cell: Cell, sizes: { inputSize: number; hiddenSize: number }, options: RecurrentOptions) {
    const { inputSize, hiddenSize } = sizes;
    const { numLayers = 1, bidirectional = false, bias = true, dropout = 0 } = options;
    expectSizes(name, { inputSize, hiddenSize, numLayers });
    this.#cell = cell;
    this.#inputSize = inputSize;
    this.#hiddenSize = hiddenSize;
    this.#layers = numLayers;
    this.#suffixes = bidirectional ? ["", "_reverse"] : [""];
    this.#dropout = dropout;
    const initializer = defaultBiasInit(hiddenSize); // all of them ±1/√H, as PyTorch's
    const rows = cell.gates * hiddenSize;
    for (let layer = 0; layer < numLayers; layer++) {
      const width = layer === 0 ? inputSize : hiddenSize * this.#suffixes.length;
      for (const suffix of this.#suffixes) {
        const parameter = (what: string, shape: readonly number[]): void => {
          this.parameters[`${what}_l${layer}${suffix}`] = new Parameter(shape, { initializer });
        };
        parameter("weight_ih", [rows, width]);
        parameter("weight_hh", [rows, hiddenSize]);
        if (!bias) continue;
        parameter("bias_ih", [rows]);
        parameter("bias_hh", [rows]);
      }
    }
  }

  run(module: Module, x: Tensor, inputs: RecurrentInputs): RecurrentOutput {
    expectLast(module, x, this.#inputSize);
    if (x.rank !== 3)
      throw new ShapeError(`${layerName(module)}: expected [N, T, ${this.#inputSize}], got ${formatShape(x.shape)}`);
    return typeof x.shape[1] === "number" ? this.#unrolled(x, inputs) : this.#asNodes(x, inputs);
  }

  /** Each layer step by step, over a known length. */
  #unrolled(x: Tensor, { mask, initial }: RecurrentInputs): RecurrentOutput {
    const [n, length] = x.shape as [Dim, number];
    // WebGPU splits numbers, not truth values.
    const masks = mask && split(mask.unsqueeze(-1).cast(x.dtype), ones(length), 1).map((m) => m.reshape([n, 1]).greater(0));
    const finals: Tensor[][] = Array.from({ length: this.#cell.stateCount }, () => []);
    let h = x;
    for (let layer = 0; layer < this.#layers; layer++) {
      if (layer > 0) h = drop(h, this.#dropout);
      const directions = this.#suffixes.map((suffix, d) => {
        const index = layer * this.#suffixes.length + d;
        const start = finals.map(
          (_, i) => initial?.[i]?.slice(0, index, index + 1).squeeze(0) ?? zeros([n, this.#hiddenSize], x.dtype),
        );
        const course = { start, masks, reverse: suffix !== "" };
        const { output, states } = unroll(this.#cell, h, this.#weights(layer, suffix), course);
        states.forEach((state, i) => finals[i]?.push(state));
        return output; // [N, T, H]
      });
      h = concat(directions, -1);
    }
    if (mask !== undefined) h = where(mask.unsqueeze(-1), h, 0);
    return { output: h, states: finals.map((list) => stack(list)) };
  }

  /** Each layer as one node, over a free length. */
  #asNodes(x: Tensor, { mask, initial = [] }: RecurrentInputs): RecurrentOutput {
    const [n, length] = x.shape as [Dim, Dim];
    const lengths = mask?.cast("int32").sum(1);
    const directions = this.#suffixes.length;
    const finals: Tensor[][] = Array.from({ length: this.#cell.stateCount }, () => []);
    let h = x.swapAxes(0, 1); // [T, N, D]
    for (let layer = 0; layer < this.#layers; layer++) {
      if (layer > 0) h = drop(h, this.#dropout);
      const weights = this.#suffixes.map((suffix) => this.#weights(layer, suffix));
      const stacked = (what: keyof Weights): Tensor | undefined => {
        const each = weights.flatMap((w) => w[what] ?? []);
        return each.length === 0 ? undefined : stack(each.map((w) => this.#inNodeOrder(w)));
      };
      const biases = [stacked("biasIh"), stacked("biasHh")].filter((b) => b !== undefined);
      const { y, states } = this.#cell.node(h, stacked("weightIh") as Tensor, stacked("weightHh") as Tensor, {
        direction: directions === 2 ? "bidirectional" : "forward",
        initial: initial.map((state) => state.slice(0, layer * directions, (layer + 1) * directions)),
        bias: biases.length === 0 ? undefined : concat(biases, 1),
        lengths,
      });
      states.forEach((state, i) => finals[i]?.push(state));
      h = y.transpose([0, 2, 1, 3]).reshape([length, n, directions * this.#hiddenSize]);
    }
    return { output: h.swapAxes(0, 1), states: finals.map((list) => concat(list)) };
  }

  #weights(layer: number, suffix: string): Weights {
    const named = (what: string): Parameter | undefined => this.parameters[`${what}_l${layer}${suffix}`];
    return {
      weightIh: named("weight_ih") as Parameter,
      weightHh: named("weight_hh") as Parameter,
      biasIh: named("bias_ih"),
      biasHh: named("bias_hh"),
    };
  }

  /** The rows of the gates in the order of the engine's node. */
  #inNodeOrder(weight: Tensor): Tensor {
    const gates = split(weight, new Array<number>(this.#cell.gates).fill(this.#hiddenSize));
    return concat(this.#cell.nodeGates.map((gate) => gates[gate] as Tensor));
  }
}

const ones = (count: number): number[] => new Array<number>(count).fill(1);

/** [T, N, …] → T tensors [N, …]. */
const stepsOf = (x: Tensor): readonly Tensor[] => split(x, ones(x.shape[0] as number)).map((step) => step.squeeze(0));

/** [N, gates·H] → `count` tensors [N, H]. */
const gatesOf = (x: Tensor, count: number): readonly Tensor[] =>
  split(x, new Array<number>(count).fill((x.shape[1] as number) / count), -1);

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
    this.#recurrence = new Recurrence("LSTM", LSTM_CELL, { inputSize, hiddenSize }, options);
    this.weights = this.#recurrence.parameters;
  }

  override forward(x: Tensor, inputs: RecurrentInputs = {}): RecurrentOutput {
    return this.#recurrence.run(this, x, inputs);
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
    this.#recurrence = new Recurrence("GRU", GRU_CELL, { inputSize, hiddenSize }, options);
    this.weights = this.#recurrence.parameters;
  }

  override forward(x: Tensor, inputs: RecurrentInputs = {}): RecurrentOutput {
    return this.#recurrence.run(this, x, inputs);
  }
}
