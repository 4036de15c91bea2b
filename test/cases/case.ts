/**
 * @module The rows of the op cases, and the domains that their values are drawn from.
 */
import type { Attributes, DType, Tensor } from "../../src/graph/index.js";
import type { Mode } from "../../src/ops/index.js";
import { emit, opNamed } from "../../src/ops/index.js";
import type { Random } from "../../src/util/random.js";
import type { Tolerance } from "../tolerances.js";

/** Draws `count` numbers. */
export type Domain = (random: Random, count: number) => number[];

export interface Operand {
  readonly shape: readonly number[];
  /** Left out: floating point, float32 on the engine and float64 where gradients are checked. */
  readonly dtype?: DType;
  /** Left out: standard normal for floats. */
  readonly domain?: Domain;
  /** Why no gradient goes to it, though it is floating point. */
  readonly fixed?: string;
}

/** One op with its attributes on operands of given shapes. Everything that can be checked of it is. */
export interface OpCase {
  readonly op: string;
  readonly variant?: string;
  readonly operands: readonly (Operand | null)[];
  readonly attributes?: Attributes;
  /** For what emitting the op on the operands does not say. */
  readonly build?: (operands: readonly (Tensor | null)[]) => readonly Tensor[];
  /** For ops that differ between training and use: what they are tried as. */
  readonly mode?: Mode;
  /** Why there is no gradient with these attributes, where the op has one with others. */
  readonly noGradient?: string;
  /** Why the derivative is not the limit of difference quotients here (a kink, or on purpose). */
  readonly noGradientCheck?: string;
  /** Why only the first derivative is checked. */
  readonly noSecondGradientCheck?: string;
  /** Why examples cannot be told apart (a random mask is shared). */
  readonly noVmap?: string;
  /** Why the engine does not run this row. */
  readonly notOnEngine?: string;
  /** Element types that the engine is tried with where operands name none. */
  readonly engineDTypes?: readonly DType[];
  /** A wider tolerance than the usual one, by purpose; the row says why. */
  readonly tolerance?: { readonly engine?: Tolerance; readonly gradient?: Tolerance; readonly because: string };
}

export const applyCase = (row: OpCase, operands: readonly (Tensor | null)[]): readonly Tensor[] =>
  row.build?.(operands) ?? emit(opNamed(row.op), operands, row.attributes ?? {});

/** `Gemm: transposed [3, 2], [4, 3], –`. */
export function caseName(row: OpCase): string {
  const shapes = row.operands.map((o) => (o === null ? "–" : `${o.dtype ?? ""}[${o.shape.join(", ")}]`)).join(", ");
  return `${row.op}${row.variant === undefined ? "" : ` (${row.variant})`} ${shapes}`;
}

// --- domains ------------------------------------------------------------------------------------------------------------

const draw =
  (one: (random: Random) => number): Domain =>
  (random, count) =>
    Array.from({ length: count }, () => one(random));

export const normal: Domain = draw((random) => random.normal());
export const uniform = (low: number, high: number): Domain => draw((random) => random.uniform(low, high));
export const positive: Domain = uniform(0.3, 2.5);
export const integers = (low: number, high: number): Domain => draw((random) => low + random.integer(high - low + 1));
export const choice = (values: readonly number[]): Domain => draw((random) => values[random.integer(values.length)] as number);
export const exactly =
  (values: readonly number[]): Domain =>
  () => [...values];

/** Numbers of `domain` at least `margin` away from every kink, so that difference quotients stay on one side. */
export const awayFrom = (kinks: readonly number[], domain: Domain = normal, margin = 0.02): Domain =>
  draw((random) => {
    for (;;) {
      const value = domain(random, 1)[0] as number;
      if (kinks.every((kink) => Math.abs(value - kink) >= margin)) return value;
    }
  });
export const nonzero = awayFrom([0], normal, 0.2);

/** Numbers in random order of which any two differ by at least 0.1, so that the order survives small steps. */
export const distinct: Domain = (random, count) => {
  const order = random.permutation(count);
  return Array.from(order, (k) => (k - count / 2) * 0.13 + random.uniform(0, 0.02));
};
/** Few values, so that equal ones are common. */
export const ties: Domain = choice([-1, 0, 0.5, 2]);

export const float = (shape: readonly number[], domain?: Domain): Operand =>
  domain === undefined ? { shape } : { shape, domain };
export const typed = (dtype: DType, shape: readonly number[], domain: Domain): Operand => ({ dtype, shape, domain });
