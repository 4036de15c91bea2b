/**
 * @module Reference kernels: recurrent layers in ONNX's layout (X [T, N, I], W [directions, gates·H, I], R [directions, gates·H, H]).
 */
import { sigmoid } from "./elementwise.js";
import type { Call, Kernel, RefValue } from "./value.js";
import { at, buildAt } from "./value.js";

interface Direction {
  readonly reverse: boolean;
  /** Σ of W[row]·x + R[row]·h with the biases of both, for gate row `row` (gate · H + unit). */
  readonly fromInput: (t: number, n: number, row: number) => number;
  readonly fromState: (h: readonly number[], row: number) => number;
}

/** The sums that every gate starts from. */
function direction(call: Call, d: number, gates: number): Direction {
  const [x, w, r] = [call.x(0), call.x(1), call.x(2)];
  const bias = call.optional(3);
  const hidden = r.shape[2] as number;
  const inputs = x.shape[2] as number;
  const biasAt = (row: number): number => (bias === null ? 0 : at(bias, [d, row]));
  const which = call.text("direction", "forward");
  return {
    reverse: which === "reverse" || (which === "bidirectional" && d === 1),
    fromInput: (t, n, row) => {
      let sum = biasAt(row);
      for (let i = 0; i < inputs; i++) sum += at(w, [d, row, i]) * at(x, [t, n, i]);
      return sum;
    },
    fromState: (h, row) => {
      let sum = biasAt(gates * hidden + row);
      for (let j = 0; j < hidden; j++) sum += at(r, [d, row, j]) * (h[j] as number);
      return sum;
    },
  };
}

/** The state after a step: its first part is what is put out. */
type State = readonly (readonly number[])[];
type Step = (direction: Direction, state: State, t: number, n: number, d: number) => State;

/** Runs `step` along every sequence, in every direction. */
function recur(call: Call, gates: number, parts: number, step: Step): readonly RefValue[] {
  const x = call.x(0);
  const [steps, batch] = x.shape as [number, number, number];
  const [directions, , hidden] = call.x(2).shape as [number, number, number];
  const lengths = call.optional(4);
  const outputs = new Map<string, number>();
  const finals: State[][] = [];
  for (let d = 0; d < directions; d++) {
    const dir = direction(call, d, gates);
    const ends: State[] = [];
    for (let n = 0; n < batch; n++) {
      let state: State = Array.from({ length: parts }, (_, part) => {
        const initial = call.optional(5 + part);
        return Array.from({ length: hidden }, (_, j) => (initial === null ? 0 : at(initial, [d, n, j])));
      });
      const length = lengths === null ? steps : (lengths.data[n] as number);
      for (let k = 0; k < length; k++) {
        const t = dir.reverse ? length - 1 - k : k;
        state = step(dir, state, t, n, d);
        (state[0] as readonly number[]).forEach((h, j) => outputs.set(`${t},${d},${n},${j}`, h));
      }
      ends.push(state);
    }
    finals.push(ends);
  }
  const y = buildAt(x.dtype, [steps, directions, batch, hidden], (index) => outputs.get(index.join(",")) ?? 0);
  const last = (part: number): RefValue =>
    buildAt(x.dtype, [directions, batch, hidden], ([d = 0, n = 0, j = 0]) => finals[d]?.[n]?.[part]?.[j] as number);
  return [y, ...Array.from({ length: parts }, (_, part) => last(part))];
}

const units = (h: readonly number[], f: (j: number) => number): number[] => h.map((_, j) => f(j));

/** Defaults of α and β of the activations that take them. ONNX, Operators.md, RNN. */
const ACTIVATION_NUMBERS: Readonly<Record<string, readonly number[]>> = {
  affine: [1, 0],
  leakyrelu: [0.01],
  thresholdedrelu: [1],
  scaledtanh: [1, 1],
  hardsigmoid: [0.2, 0.5],
  elu: [1],
};

function activation(name: string, alpha: number, beta: number): (x: number) => number {
  switch (name) {
    case "tanh":
      return Math.tanh;
    case "sigmoid":
      return sigmoid;
    case "relu":
      return (x) => Math.max(0, x);
    case "softsign":
      return (x) => x / (1 + Math.abs(x));
    case "softplus":
      return (x) => Math.log(1 + Math.exp(x));
    case "affine":
      return (x) => alpha * x + beta;
    case "leakyrelu":
      return (x) => (x >= 0 ? x : alpha * x);
    case "thresholdedrelu":
      return (x) => (x > alpha ? x : 0);
    case "scaledtanh":
      return (x) => alpha * Math.tanh(beta * x);
    case "hardsigmoid":
      return (x) => Math.min(1, Math.max(0, alpha * x + beta));
    case "elu":
      return (x) => (x >= 0 ? x : alpha * (Math.exp(x) - 1));
    default:
      throw new Error(`reference RNN: no activation ${name}`);
  }
}

export const recurrent: Readonly<Record<string, Kernel>> = {
  /** Gates in the order input, output, forget, cell; peepholes as input 7. */
  LSTM: (call) => {
    const peephole = call.optional(7);
    return recur(call, 4, 2, (dir, [h = [], c = []], t, n, d) => {
      const size = h.length;
      const gate = (k: number, j: number): number => dir.fromInput(t, n, k * size + j) + dir.fromState(h, k * size + j);
      const peep = (k: number, j: number): number => (peephole === null ? 0 : at(peephole, [d, k * size + j]));
      const next = units(c, (j) => {
        const i = sigmoid(gate(0, j) + peep(0, j) * (c[j] as number));
        const f = sigmoid(gate(2, j) + peep(2, j) * (c[j] as number));
        return f * (c[j] as number) + i * Math.tanh(gate(3, j));
      });
      return [units(h, (j) => sigmoid(gate(1, j) + peep(1, j) * (next[j] as number)) * Math.tanh(next[j] as number)), next];
    });
  },
  RNN: (call) => {
    const names = call.attributes["activations"] as readonly string[];
    const [alphas, betas] = ["activation_alpha", "activation_beta"].map((name) => [...call.list(name, [])]) as [
      number[],
      number[],
    ];
    const functions = names.map((name) => {
      const takes = ACTIVATION_NUMBERS[name.toLowerCase()] ?? [];
      const [alpha = takes[0], beta = takes[1]] = [takes.length > 0 ? alphas.shift() : 0, takes.length > 1 ? betas.shift() : 0];
      return activation(name.toLowerCase(), alpha ?? 0, beta ?? 0);
    });
    return recur(call, 1, 1, (dir, [h = []], t, n, d) => {
      const f = functions[d] as (x: number) => number;
      return [units(h, (j) => f(dir.fromInput(t, n, j) + dir.fromState(h, j)))];
    });
  },
  /** Gates in the order update, reset, hidden. */
  GRU: (call) => {
    const after = call.flag("linear_before_reset");
    return recur(call, 3, 1, (dir, [h = []], t, n) => {
      const size = h.length;
      const gate = (k: number, j: number): number => dir.fromInput(t, n, k * size + j) + dir.fromState(h, k * size + j);
      const z = units(h, (j) => sigmoid(gate(0, j)));
      const r = units(h, (j) => sigmoid(gate(1, j)));
      const reset = units(h, (j) => (r[j] as number) * (h[j] as number));
      const candidate = units(h, (j) => {
        const row = 2 * size + j;
        const recurrentPart = after ? (r[j] as number) * dir.fromState(h, row) : dir.fromState(reset, row);
        return Math.tanh(dir.fromInput(t, n, row) + recurrentPart);
      });
      return [units(h, (j) => (1 - (z[j] as number)) * (candidate[j] as number) + (z[j] as number) * (h[j] as number))];
    });
  },
};
