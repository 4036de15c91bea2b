/**
 * @module Recurrent layers in ONNX's layout: X [T, N, I], weights per direction and gate. For use they are one node each; in
 * training, and where a device has no kernel, they are unrolled over the (then known) number of steps.
 */
import type { Dim, Node } from "../graph/index.js";
import { constant, formatShape, isFloat, sameShape, staticDim, type Tensor } from "../graph/index.js";
import { ShapeError } from "../util/errors.js";
import type { Cost, Op, OptionalTensor } from "./op.js";
import { bytesMoved, elementCount, emit, expectDType, expectSameDType } from "./op.js";

/** Order in which a sequence is read. */
export type Direction = "forward" | "reverse" | "bidirectional";

const directionsOf = (direction: Direction): number => (direction === "bidirectional" ? 2 : 1);

export interface RecurrentAttributes {
  readonly [name: string]: string | number | boolean;
  readonly direction: Direction;
  readonly hidden_size: number;
}

/** X, W, R, then the optional ones: B, sequence_lens, initial_h, initial_c, P. */
export type LstmInputs = readonly [Tensor, Tensor, Tensor, ...OptionalTensor[]];

function expectShape(where: string, what: string, t: OptionalTensor | undefined, shape: readonly Dim[]): void {
  if (t !== null && t !== undefined && !sameShape(t.shape, shape))
    throw new ShapeError(`${where}: expected ${what} ${formatShape(shape)}, got ${formatShape(t.shape)}`);
}

/** Checks what LSTM and GRU have in common, and gives the types of Y and of a last state. */
export function inferRecurrent(
  inputs: LstmInputs,
  { direction, hidden_size: hidden }: Pick<RecurrentAttributes, "direction" | "hidden_size">,
  gates: number,
  where: string,
): [{ shape: Dim[]; dtype: Tensor["dtype"] }, { shape: Dim[]; dtype: Tensor["dtype"] }] {
  const [x, w, r, b, lengths, h0] = inputs;
  if (x.rank !== 3) throw new ShapeError(`${where}: expected X [T, N, I], got ${formatShape(x.shape)}`);
  expectDType(where, x.dtype, isFloat, "a floating-point operand");
  const [steps, batch, features] = x.shape as [Dim, Dim, Dim];
  if (steps === 0) throw new ShapeError(`${where}: expected at least one step, got X ${formatShape(x.shape)}`);
  const directions = directionsOf(direction);
  expectSameDType(where, x, w);
  expectSameDType(where, x, r);
  expectShape(where, "W", w, [directions, gates * hidden, features]);
  expectShape(where, "R", r, [directions, gates * hidden, hidden]);
  expectShape(where, "B", b, [directions, 2 * gates * hidden]);
  expectShape(where, "sequence_lens", lengths, [batch]);
  if (lengths) expectDType(where, lengths.dtype, ["int32"], "int32 lengths");
  expectShape(where, "initial_h", h0, [directions, batch, hidden]);
  return [
    { shape: [steps, directions, batch, hidden], dtype: x.dtype },
    { shape: [directions, batch, hidden], dtype: x.dtype },
  ];
}

export const recurrentCost =
  (gates: number) =>
  (node: Node): Cost => {
    const [x, , r] = node.inputs as LstmInputs;
    const hidden = node.attributes["hidden_size"] as number;
    const features = x.shape[2];
    const rows = elementCount(x.shape.slice(0, 2)) * (r.shape[0] as number);
    return {
      flops: 2 * rows * gates * hidden * ((typeof features === "number" ? features : 1) + hidden) + 12 * rows * gates * hidden,
      bytes: bytesMoved(node),
    };
  };

/** One direction's part of a stacked tensor, without the axis of directions. */
export const part = (t: OptionalTensor | undefined, d: number): OptionalTensor => t?.slice(0, d, d + 1).squeeze(0) ?? null;

/** The next state from the step's own share of the gates, x·Wᵀ + bias, and the state before; its first part is put out. */
type Step = (fromInput: Tensor, state: readonly Tensor[]) => readonly Tensor[];

/** Makes the parts of direction `d`: the bias added to the input's product, and the step function. */
type MakeStep = (d: number) => { readonly bias: Tensor | null; readonly step: Step };

/**
 * Y and the last states, step by step. The inputs' share of all steps is one product. An example that is shorter than others
 * keeps its state and puts out zeros past its end, which for the reverse direction is where it starts.
 */
export function unroll(inputs: LstmInputs, direction: Direction, initial: readonly OptionalTensor[], make: MakeStep): Tensor[] {
  const [x, w, r, , lengths] = inputs;
  const steps = staticDim(x.shape[0], "unrolling over time");
  const hidden = r.shape[2] as number;
  const [batch, features] = [x.shape[1] as Dim, x.shape[2] as Dim];
  const zeros = constant(0, x.dtype).expand([batch, hidden]);
  const longer = Array.from({ length: steps }, (_, t) => lengths?.greater(t).unsqueeze(1) ?? null);
  const perDirection = Array.from({ length: directionsOf(direction) }, (_, d) => {
    const { bias, step } = make(d);
    const product = x.reshape([-1, features]).matMul((part(w, d) as Tensor).transpose());
    const gates = product.shape[1] as number;
    const all = (bias === null ? product : product.add(bias)).reshape([steps, batch, gates]);
    const each = steps === 1 ? [all] : all.split(new Array<number>(steps).fill(1), 0);
    let state: readonly Tensor[] = initial.map((t) => part(t, d) ?? zeros);
    const outputs = new Array<Tensor>(steps);
    const backwards = direction === "reverse" || d === 1;
    for (let k = 0; k < steps; k++) {
      const t = backwards ? steps - 1 - k : k;
      const before = state;
      const next = step((each[t] as Tensor).squeeze(0), before);
      const on = longer[t] ?? null;
      state = on === null ? next : next.map((s, i) => on.where(s, before[i] as Tensor));
      outputs[t] = on === null ? (next[0] as Tensor) : on.where(next[0] as Tensor, 0);
    }
    return [join(outputs), ...state] as [Tensor, ...Tensor[]];
  });
  const [first, ...others] = perDirection as [[Tensor, ...Tensor[]], ...[Tensor, ...Tensor[]][]];
  return first.map((t, i) => {
    const axis = i === 0 ? 1 : 0;
    const rest = others.map((other) => (other[i] as Tensor).unsqueeze(axis));
    return rest.length === 0 ? t.unsqueeze(axis) : t.unsqueeze(axis).concat(rest, axis);
  });
}

/** [N, H] of every step → [T, N, H]. */
const join = (outputs: readonly Tensor[]): Tensor => {
  const [first, ...rest] = outputs.map((t) => t.unsqueeze(0)) as [Tensor, ...Tensor[]];
  return rest.length === 0 ? first : first.concat(rest, 0);
};

/**
 * Long short-term memory: i, o, f = σ(x·Wᵀ + h·Rᵀ + b), c′ = f·c + i·tanh(…), h′ = o·tanh(c′), for every step.
 *
 * Shapes: X [T, N, I], W [D, 4H, I], R [D, 4H, H], B [D, 8H], sequence_lens int32 [N], initial_h and initial_c [D, N, H],
 * P (peepholes) [D, 3H] → Y [T, D, N, H], Y_h and Y_c [D, N, H]. Gates in the order i, o, f, c (PyTorch's is i, f, c, o).
 * Source: Hochreiter and Schmidhuber 1997; forget gate Gers et al. 2000.
 */
export const LSTM: Op<RecurrentAttributes, LstmInputs> = {
  name: "LSTM",
  domain: "",
  attributes: { direction: "string", hidden_size: "int" },
  infer: (inputs, attributes, where) => {
    const [y, state] = inferRecurrent(inputs, attributes, 4, where);
    expectShape(where, "initial_c", inputs[6], state.shape);
    expectShape(where, "P", inputs[7], [state.shape[0] as Dim, 3 * attributes.hidden_size]);
    return [y, state, state];
  },
  gradient: { none: "it is differentiated by its expansion" },
  cost: recurrentCost(4),
  batch: { unroll: "the weights may be mapped as well" },
  expand: ({ inputs, attributes: { direction, hidden_size: hidden } }) => {
    const [, , r, b, , h0, c0, p] = inputs;
    return unroll(inputs, direction, [h0 ?? null, c0 ?? null], (d) => {
      const recurrent = (part(r, d) as Tensor).transpose();
      const peepholes = part(p, d)?.split([hidden, hidden, hidden], 0);
      const [fromInput, fromState] = part(b, d)?.split([4 * hidden, 4 * hidden], 0) ?? [];
      return {
        bias: fromInput !== undefined && fromState !== undefined ? fromInput.add(fromState) : null,
        step: (share, [h, c]) => {
          const cell = c as Tensor;
          const gates = share.add((h as Tensor).matMul(recurrent)).split([hidden, hidden, hidden, hidden], 1);
          const gate = (k: number, seen: Tensor): Tensor => {
            const peephole = peepholes?.[k];
            return (peephole === undefined ? (gates[k] as Tensor) : (gates[k] as Tensor).add(seen.mul(peephole))).sigmoid();
          };
          const next = gate(2, cell)
            .mul(cell)
            .add(gate(0, cell).mul((gates[3] as Tensor).tanh()));
          return [gate(1, next).mul(next.tanh()), next];
        },
      };
    });
  },
  lower: ({ inputs, attributes, target }) => (target === "webgpu" ? LSTM.expand?.({ inputs, attributes }) : undefined),
};

interface GruAttributes extends RecurrentAttributes {
  readonly linear_before_reset: boolean;
}

/**
 * Gated recurrent unit: z, r = σ(x·Wᵀ + h·Rᵀ + b), h′ = (1 − z)·n + z·h with n = tanh(x·Wᵀ + (r·h)·Rᵀ + b), or, with
 * `linear_before_reset`, n = tanh(x·Wᵀ + b + r·(h·Rᵀ + b)) as in PyTorch and cuDNN.
 *
 * Shapes: X [T, N, I], W [D, 3H, I], R [D, 3H, H], B [D, 6H], sequence_lens int32 [N], initial_h [D, N, H] → Y [T, D, N, H],
 * Y_h [D, N, H]. Gates in the order z, r, h (PyTorch's is r, z, n). Source: Cho et al. 2014, arXiv:1406.1078.
 */
export const GRU: Op<GruAttributes, LstmInputs> = {
  name: "GRU",
  domain: "",
  attributes: { direction: "string", hidden_size: "int", linear_before_reset: "bool" },
  infer: (inputs, attributes, where) => inferRecurrent(inputs, attributes, 3, where),
  gradient: { none: "it is differentiated by its expansion" },
  cost: recurrentCost(3),
  batch: { unroll: "the weights may be mapped as well" },
  expand: ({ inputs, attributes: { direction, hidden_size: hidden, linear_before_reset: after } }) => {
    const [, , r, b, , h0] = inputs;
    return unroll(inputs, direction, [h0 ?? null], (d) => {
      const recurrent = (part(r, d) as Tensor).transpose(); // [H, 3H]
      const [forGates, forCandidate] = recurrent.split([2 * hidden, hidden], 1) as [Tensor, Tensor];
      const [fromInput, fromState] = part(b, d)?.split([3 * hidden, 3 * hidden], 0) ?? [];
      // The state's bias joins the input's, but for the candidate's where the reset gate acts on it.
      const [gateBias, candidateBias] = fromState?.split([2 * hidden, hidden], 0) ?? [];
      let bias: Tensor | null = null;
      if (fromInput !== undefined && fromState !== undefined && gateBias !== undefined) {
        const early = after ? gateBias.concat([constant(0, gateBias.dtype).expand([hidden])], 0) : fromState;
        bias = fromInput.add(early);
      }
      return {
        bias,
        step: (share, [state]) => {
          const h = state as Tensor;
          const [gateShare, candidateShare] = share.split([2 * hidden, hidden], 1) as [Tensor, Tensor];
          const [gateState, candidateState] = after
            ? (h.matMul(recurrent).split([2 * hidden, hidden], 1) as [Tensor, Tensor])
            : [h.matMul(forGates), null];
          const [z, reset] = gateShare.add(gateState).sigmoid().split([hidden, hidden], 1) as [Tensor, Tensor];
          let fromBefore: Tensor;
          if (candidateState === null) fromBefore = reset.mul(h).matMul(forCandidate);
          else fromBefore = reset.mul(candidateBias === undefined ? candidateState : candidateState.add(candidateBias));
          const n = candidateShare.add(fromBefore).tanh();
          return [n.add(z.mul(h.sub(n)))];
        },
      };
    });
  },
  lower: ({ inputs, attributes, target }) => (target === "webgpu" ? GRU.expand?.({ inputs, attributes }) : undefined),
};

// --- builders ---------------------------------------------------------------------------------------------------------

/** Options of recurrent ops: bias, lengths [N] of the sequences, the first hidden state, the direction. */
export interface RecurrentOptions {
  /** Biases of input and state, one after the other: [D, 2·gates·H]. */
  readonly bias?: Tensor;
  /** Lengths of the sequences, int32 [N]; left out, all of T. */
  readonly lengths?: Tensor;
  readonly initialHidden?: Tensor;
  readonly direction?: Direction;
}

/** Y [T, D, N, H] and the last states [D, N, H]; layouts as at `LSTM`. */
export function lstm(
  x: Tensor,
  weight: Tensor,
  recurrentWeight: Tensor,
  options: RecurrentOptions & { readonly initialCell?: Tensor; readonly peepholes?: Tensor } = {},
): { y: Tensor; hidden: Tensor; cell: Tensor } {
  const { bias = null, lengths = null, initialHidden = null, initialCell = null, peepholes = null } = options;
  const hidden = staticDim(recurrentWeight.shape[2], "LSTM");
  const optional = [bias, lengths, initialHidden, initialCell, peepholes];
  while (optional.at(-1) === null) optional.pop();
  const [y, h, c] = emit(LSTM, [x, weight, recurrentWeight, ...optional], {
    direction: options.direction ?? "forward",
    hidden_size: hidden,
  }) as [Tensor, Tensor, Tensor];
  return { y, hidden: h, cell: c };
}

/** Y [T, D, N, H] and the last state [D, N, H]; layouts as at `GRU`. */
export function gru(
  x: Tensor,
  weight: Tensor,
  recurrentWeight: Tensor,
  options: RecurrentOptions & { readonly linearBeforeReset?: boolean } = {},
): { y: Tensor; hidden: Tensor } {
  const { bias = null, lengths = null, initialHidden = null, linearBeforeReset = true } = options;
  const hidden = staticDim(recurrentWeight.shape[2], "GRU");
  const optional = [bias, lengths, initialHidden];
  while (optional.at(-1) === null) optional.pop();
  const [y, h] = emit(GRU, [x, weight, recurrentWeight, ...optional], {
    direction: options.direction ?? "forward",
    hidden_size: hidden,
    linear_before_reset: linearBeforeReset,
  }) as [Tensor, Tensor];
  return { y, hidden: h };
}
