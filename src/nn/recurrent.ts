/**
 * @module Recurrent layers: LSTM and GRU, in one or two directions and several layers. Over a known length they are unrolled; over a free one they are
 * the engine's own nodes.
 */
import type { Dim, Tensor } from "../graph/index.js";
import { dimMul, formatShape, Parameter } from "../graph/index.js";
import type { RecurrentOptions as NodeInputs } from "../ops/index.js";
import { concat, dropout as drop, gru, lstm, split, stack, where, zeros } from "../ops/index.js";
import { ShapeError } from "../util/errors.js";
import { expectLast, expectSizes, layerName } from "./check.js";
import { defaultBiasInit } from "./init.js";
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
  readonly stateCount: number;
  /** The PyTorch gates in the order of `step`: those of a sigmoid first, the one of a tanh last. */
  readonly stepGates: readonly number[];
  /**
   * One step of all directions: from x·Wᵀ + b, the input's share of the gates [D, N, gates·H], and the states [D, N, H], to the next states; the first is the
   * hidden one. `weight` is Uᵀ, [D, H, gates·H].
   */
  step(input: Tensor, states: readonly Tensor[], weight: Tensor, bias: Tensor | null): readonly Tensor[];
  /** Whether both biases enter as one sum: they are then added once for all steps, and `step` gets none. */
  readonly mergesBiases: boolean;
  /** The engine's node, in its layout: Y [T, D, N, H], and the last states [D, N, H]. */
  node(x: Tensor, w: Tensor, r: Tensor, options: NodeOptions): { readonly y: Tensor; readonly states: readonly Tensor[] };
  /** The PyTorch gate that stands first, second, … in the node's weights. */
  readonly nodeGates: readonly number[];
}

type NodeOptions = Omit<NodeInputs, "initialHidden"> & { readonly initial: readonly Tensor[] };

const LSTM_CELL: Cell = {
  stateCount: 2,
  stepGates: [0, 1, 3, 2],
  step(input, states, weight) {
    const [h, c] = states as [Tensor, Tensor];
    const [sigmoids, candidate] = splitLast(h.matMul(weight).add(input), 3);
    const [i, f, o] = split(sigmoids.sigmoid(), new Array<number>(3).fill(candidate.shape[2] as number), -1) as [
      Tensor,
      Tensor,
      Tensor,
    ];
    const cell = f.mul(c).add(i.mul(candidate.tanh()));
    return [o.mul(cell.tanh()), cell];
  },
  mergesBiases: true,
  node(x, w, r, { initial: [initialHidden, initialCell], ...options }) {
    const { y, hidden, cell } = lstm(x, w, r, { ...options, initialHidden, initialCell });
    return { y, states: [hidden, cell] };
  },
  nodeGates: [0, 3, 1, 2],
};

const GRU_CELL: Cell = {
  stateCount: 1,
  stepGates: [0, 1, 2],
  step(input, states, weight, bias) {
    const [h] = states as [Tensor];
    const product = h.matMul(weight);
    const [sigmoidsX, nx] = splitLast(input, 2);
    const [sigmoidsH, nh] = splitLast(bias === null ? product : product.add(bias), 2);
    const [r, z] = split(sigmoidsX.add(sigmoidsH).sigmoid(), [nx.shape[2] as number, nx.shape[2] as number], -1) as [
      Tensor,
      Tensor,
    ];
    const n = nx.add(r.mul(nh)).tanh();
    return [n.add(z.mul(h.sub(n)))]; // (1 − z)·n + z·h
  },
  mergesBiases: false,
  node(x, w, r, { initial: [initialHidden], ...options }) {
    const { y, hidden } = gru(x, w, r, { ...options, initialHidden });
    return { y, states: [hidden] };
  },
  nodeGates: [1, 0, 2],
};

/** [D, N, (count + 1)·H] → [D, N, count·H] and [D, N, H]. */
function splitLast(x: Tensor, count: number): readonly [Tensor, Tensor] {
  const hidden = (x.shape[2] as number) / (count + 1);
  return split(x, [count * hidden, hidden], -1) as [Tensor, Tensor];
}

// --- the loop over time ---------------------------------------------------------------------------------------------------

/** Weights of one layer, those of its directions one after another: [D, gates·H, in], [D, gates·H, H], [D, gates·H]. */
interface Weights {
  readonly weightIh: Tensor;
  readonly weightHh: Tensor;
  readonly biasIh: Tensor | undefined;
  readonly biasHh: Tensor | undefined;
}

/**
 * Runs a cell over x [D, T, N, in], all directions in the same step: one product serves them. `masks` are [D, N, 1] for each step; where false, the states stay.
 * Returns the hidden states of all steps, [D, T, N, H], and the last states.
 */
function unroll(
  cell: Cell,
  x: Tensor,
  { weightIh, weightHh, biasIh, biasHh }: Weights,
  start: readonly Tensor[],
  masks: readonly Tensor[] | undefined,
): { readonly output: Tensor; readonly states: readonly Tensor[] } {
  const merged = cell.mergesBiases && biasIh !== undefined && biasHh !== undefined;
  const bias = merged ? biasIh.add(biasHh) : biasIh;
  const [directions, length, n, width] = x.shape as [number, number, Dim, number];
  // The input's share of all steps in one product.
  const product = x.reshape([directions, dimMul(n, length), width]).matMul(weightIh.swapAxes(1, 2));
  const shares = (bias === undefined ? product : product.add(bias.unsqueeze(1))).reshape([
    directions,
    length,
    n,
    weightIh.shape[1] as Dim,
  ]);
  const weight = weightHh.swapAxes(1, 2);
  const stepBias = merged ? null : (biasHh?.unsqueeze(1) ?? null);
  const outputs: Tensor[] = [];
  let states = start;
  for (const [t, share] of stepsOf(shares).entries()) {
    const next = cell.step(share, states, weight, stepBias);
    const isStep = masks?.[t];
    states = isStep === undefined ? next : next.map((state, k) => where(isStep, state, states[k] as Tensor));
    outputs.push(states[0] as Tensor);
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
    const rows = cell.nodeGates.length * hiddenSize;
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
    const n = x.shape[0] as Dim;
    const directions = this.#suffixes.length;
    // WebGPU splits numbers, not truth values.
    const masks = mask && stepsOf(this.#inOrder(mask.unsqueeze(-1).cast(x.dtype))).map((m) => m.greater(0));
    const finals: Tensor[][] = Array.from({ length: this.#cell.stateCount }, () => []);
    let h = x;
    for (let layer = 0; layer < this.#layers; layer++) {
      if (layer > 0) h = drop(h, this.#dropout);
      const start = finals.map(
        (_, i) =>
          initial?.[i]?.slice(0, layer * directions, (layer + 1) * directions) ??
          zeros([directions, n, this.#hiddenSize], x.dtype),
      );
      const weights = this.#weights(layer, this.#cell.stepGates);
      const { output, states } = unroll(this.#cell, this.#inOrder(h), weights, start, masks);
      states.forEach((state, i) => finals[i]?.push(state));
      h = this.#inTime(output);
    }
    if (mask !== undefined) h = where(mask.unsqueeze(-1), h, 0);
    return { output: h, states: finals.map((list) => concat(list)) };
  }

  /** x [N, T, …] as each direction reads it, the reverse one from the end: [D, T, N, …]. */
  #inOrder(x: Tensor): Tensor {
    const steps = x.swapAxes(0, 1);
    return stack(this.#suffixes.map((suffix) => (suffix === "" ? steps : steps.flip(0))));
  }

  /** Outputs of the directions, [D, T, N, H], in the order of time: [N, T, H·directions]. */
  #inTime(output: Tensor): Tensor {
    const each = this.#suffixes.map((suffix, d) => {
      const steps = output.slice(0, d, d + 1).squeeze(0);
      return suffix === "" ? steps : steps.flip(0);
    });
    return concat(each, -1).swapAxes(0, 1);
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
      const { weightIh, weightHh, biasIh, biasHh } = this.#weights(layer, this.#cell.nodeGates);
      const biases = [biasIh, biasHh].filter((b) => b !== undefined);
      const { y, states } = this.#cell.node(h, weightIh, weightHh, {
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

  /** The weights of a layer, with their gates in the given order. */
  #weights(layer: number, gates: readonly number[]): Weights {
    const stacked = (what: string): Tensor | undefined => {
      const each = this.#suffixes.flatMap((suffix) => this.parameters[`${what}_l${layer}${suffix}`] ?? []);
      return each.length === 0 ? undefined : stack(each.map((weight) => inGateOrder(weight, gates)));
    };
    return {
      weightIh: stacked("weight_ih") as Tensor,
      weightHh: stacked("weight_hh") as Tensor,
      biasIh: stacked("bias_ih"),
      biasHh: stacked("bias_hh"),
    };
  }
}

/** The rows of a weight's gates in another order. */
function inGateOrder(weight: Tensor, gates: readonly number[]): Tensor {
  if (gates.every((gate, i) => gate === i)) return weight;
  const rows = split(weight, new Array<number>(gates.length).fill((weight.shape[0] as number) / gates.length));
  return concat(gates.map((gate) => rows[gate] as Tensor));
}

/** [D, T, N, …] → T tensors [D, N, …]. */
const stepsOf = (x: Tensor): readonly Tensor[] =>
  split(x, new Array<number>(x.shape[1] as number).fill(1), 1).map((step) => step.squeeze(1));

/** A layer of one kind of cell, whose parameters have no name of their own before theirs. */
abstract class RecurrentLayer extends Module {
  static override readonly pathNames = { weights: "" };
  readonly weights: Readonly<Record<string, Parameter>>;
  readonly #recurrence: Recurrence;

  constructor(recurrence: Recurrence) {
    super();
    this.#recurrence = recurrence;
    this.weights = recurrence.parameters;
  }

  override forward(x: Tensor, inputs: RecurrentInputs = {}): RecurrentOutput {
    return this.#recurrence.run(this, x, inputs);
  }
}

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
export class LSTM extends RecurrentLayer {
  constructor(inputSize: number, hiddenSize: number, options: RecurrentOptions = {}) {
    super(new Recurrence("LSTM", LSTM_CELL, { inputSize, hiddenSize }, options));
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
export class GRU extends RecurrentLayer {
  constructor(inputSize: number, hiddenSize: number, options: RecurrentOptions = {}) {
    super(new Recurrence("GRU", GRU_CELL, { inputSize, hiddenSize }, options));
  }
}
