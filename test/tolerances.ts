/**
 * @module Every tolerance of the tests, by purpose and element type. A test that needs a wider one says so in its row, with the reason.
 */
import type { DType } from "../src/graph/index.js";

/** |got − expected| ≤ absolute + relative · (largest |expected| of the tensor). */
export interface Tolerance {
  readonly absolute: number;
  readonly relative: number;
}

export const TOLERANCES = {
  /** Reference interpreter against golden values, by the type that the golden library computed in. */
  golden: {
    float64: { absolute: 1e-10, relative: 1e-10 },
    float32: { absolute: 2e-6, relative: 2e-6 },
  },
  /** One graph against an equal one, both in float64: lowerings, batching rules, rewrites, round trips. */
  equivalent: { absolute: 1e-10, relative: 1e-10 },
  /** The same for whole random graphs in float64, whose rounding errors grow along the graph. */
  equivalentGraph: { absolute: 1e-9, relative: 1e-9 },
  /** A float32 graph's constants are rounded to float32, even where the interpreter computes in float64. */
  float32Constants: { absolute: 1e-6, relative: 1e-6 },
  /** Gradients against fourth-order central differences in float64. */
  gradient: { absolute: 1e-8, relative: 1e-8 },
  /** The same through up to 60 nodes, which make higher derivatives (the quotient's error) larger. */
  gradientGraph: { absolute: 1e-8, relative: 1e-8 },
  /** Gradients of gradients against central differences of gradients. */
  secondGradient: { absolute: 1e-7, relative: 1e-7 },
  /** The engine against the reference interpreter in float64, by the engine's element type. */
  engine: {
    float64: { absolute: 1e-10, relative: 1e-10 },
    float32: { absolute: 2e-6, relative: 4e-6 },
    float16: { absolute: 2e-3, relative: 4e-3 },
  },
  /** Whole random graphs on the engine in float32: rounding adds up over up to 60 nodes. */
  engineGraph: { absolute: 1e-5, relative: 1e-4 },
} as const;

/** Returns the engine's tolerance for results of `dtype`: integers and truth values exactly. */
export function engineTolerance(dtype: DType): Tolerance {
  if (dtype === "float64" || dtype === "float32" || dtype === "float16") return TOLERANCES.engine[dtype];
  return { absolute: 0, relative: 0 };
}
