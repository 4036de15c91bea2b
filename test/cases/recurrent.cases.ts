/**
 * @module Rows of the recurrent layers.
 */
import type { OpCase, Operand } from "./case.js";
import { exactly, float, typed } from "./case.js";

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

export const recurrentCases: readonly OpCase[] = [
  ...VARIANTS.flatMap((v) => [
    row("LSTM", 4, v),
    row("GRU", 3, v, { linear_before_reset: true }),
    row("GRU", 3, v, { linear_before_reset: false }),
  ]),
  row("LSTM", 4, { direction: "forward", bias: true, state: true, peepholes: true }),
];
