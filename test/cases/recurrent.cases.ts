/**
 * @module Rows of the recurrent layers.
 */
import type { Body, Tensor } from "../../src/graph/index.js";
import { constant, fromNumbers } from "../../src/graph/index.js";
import type { ScanOptions } from "../../src/ops/index.js";
import { scan } from "../../src/ops/index.js";
import type { OpCase, Operand } from "./case.js";
import { exactly, float, integers, typed } from "./case.js";

const [T, N, I, H] = [3, 2, 2, 2];
const tooLong = "it is unrolled example by example; the rows of one direction show that";

interface Variant {
  readonly direction: "forward" | "reverse" | "bidirectional";
  readonly bias?: boolean;
  readonly lengths?: readonly number[];
  readonly state?: boolean;
  readonly peepholes?: boolean;
}
const VARIANTS: readonly Variant[] = [
  { direction: "forward" },
  { direction: "forward", bias: true, state: true },
  { direction: "reverse", bias: true },
  { direction: "bidirectional", bias: true, state: true },
  { direction: "forward", lengths: [3, 1], bias: true },
  { direction: "reverse", lengths: [1, 3], state: true },
  { direction: "bidirectional", lengths: [2, 3], bias: true, state: true },
];

function row(op: string, gates: number, v: Variant, attributes: Readonly<Record<string, boolean>> = {}): OpCase {
  const D = v.direction === "bidirectional" ? 2 : 1;
  const state = v.state === true ? float([D, N, H]) : null;
  const optional: (Operand | null)[] = [
    v.bias === true ? float([D, 2 * gates * H]) : null,
    v.lengths === undefined ? null : typed("int32", [N], exactly(v.lengths)),
    state,
    ...(op === "LSTM" ? [state, v.peepholes === true ? float([D, 3 * H]) : null] : []),
  ];
  while (optional.at(-1) === null) optional.pop();
  return {
    op,
    variant: [
      v.direction,
      v.lengths && "lengths",
      v.peepholes && "peepholes",
      ...Object.keys(attributes).filter((k) => attributes[k]),
    ]
      .filter(Boolean)
      .join(", "),
    operands: [float([T, N, I]), float([D, gates * H, I]), float([D, gates * H, H]), ...optional],
    attributes: { direction: v.direction, hidden_size: H, ...attributes },
    ...(D === 2 ? { noVmap: tooLong } : {}),
  };
}

const rnnRow = (v: Variant, activations: readonly string[], alpha?: readonly number[], beta?: readonly number[]): OpCase => {
  const made = row("RNN", 1, v);
  return {
    ...made,
    variant: `${made.variant}, ${activations.join(" and ")}`,
    attributes: {
      ...made.attributes,
      activations,
      ...(alpha === undefined ? {} : { activation_alpha: alpha }),
      ...(beta === undefined ? {} : { activation_beta: beta }),
    },
  };
};

/** h′ = tanh(h·w + x), which is also put out. */
const cell: Body = (given) => {
  const [h, w, x] = given as [Tensor, Tensor, Tensor];
  const next = h.matMul(w).add(x).tanh();
  return [next, w, next];
};

/** ln Σ exp over what leads here, where the mark is above 1; nothing is put out. */
const forwardSums: Body = (given) => {
  const [sums, moves, x, mark] = given as [Tensor, Tensor, Tensor, Tensor];
  return [mark.greater(1).where(sums.unsqueeze(2).add(moves).logSumExp(1).add(x), sums), moves];
};

/** Two outputs of other types than the state, and numbers that the step brings along. */
const followed: Body = (given) => {
  const [at, x] = given as [Tensor, Tensor];
  const found = x.gatherElements(at, 1);
  return [found.greater(0).cast("int32"), at, found.mul(0.5).add(constant(fromNumbers(x.dtype, [1], [1])))];
};

const scanRow = (
  variant: string,
  step: Body,
  operands: readonly Operand[],
  scanned: number,
  options: ScanOptions,
  more: Partial<OpCase> = {},
): OpCase => ({
  op: "Scan",
  variant,
  operands,
  build: (xs) => {
    const given = xs as readonly Tensor[];
    const { states, outputs } = scan(step, given.slice(0, -scanned), given.slice(-scanned), options);
    return [...states, ...outputs];
  },
  ...more,
});

const scanCases: readonly OpCase[] = [
  scanRow("a cell", cell, [float([N, H]), float([H, H]), float([T, N, H])], 1, {}),
  scanRow("a cell from the end on, over axis 1", cell, [float([N, H]), float([H, H]), float([N, T, H])], 1, {
    axis: 1,
    reverse: true,
  }),
  scanRow("one step", cell, [float([N, H]), float([H, H]), float([N, 1, H])], 1, { axis: 1 }),
  scanRow(
    "no outputs, a mask",
    forwardSums,
    [float([N, 3]), float([3, 3]), float([N, T, 3]), typed("int32", [N, T, 1], exactly([1, 2, 3, 1, 2, 0]))],
    2,
    { axis: 1 },
  ),
  scanRow("indices", followed, [typed("int32", [N, 1], integers(0, 2)), float([N, T, 3])], 1, { axis: 1, reverse: true }),
];

export const recurrentCases: readonly OpCase[] = [
  ...scanCases,
  ...VARIANTS.flatMap((v) => [
    row("LSTM", 4, v),
    row("GRU", 3, v, { linear_before_reset: true }),
    row("GRU", 3, v, { linear_before_reset: false }),
  ]),
  row("LSTM", 4, { direction: "forward", bias: true, state: true, peepholes: true }),
  ...VARIANTS.map((v) => rnnRow(v, v.direction === "bidirectional" ? ["Tanh", "Sigmoid"] : ["Tanh"])),
  ...["Softsign", "Softplus"].map((name) => rnnRow({ direction: "forward", bias: true }, [name])),
  rnnRow({ direction: "forward" }, ["Affine"], [0.5], [0.1]),
  rnnRow({ direction: "reverse" }, ["ScaledTanh"], [1.5], [0.7]),
  rnnRow({ direction: "forward" }, ["Elu"], [0.8]),
  rnnRow({ direction: "bidirectional" }, ["Tanh", "LeakyRelu"], [0.3]),
  rnnRow({ direction: "forward" }, ["HardSigmoid"]),
];
