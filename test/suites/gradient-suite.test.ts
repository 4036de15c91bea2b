/**
 * Every row of the op cases: gradients, and gradients of gradients, equal difference quotients in float64.
 */
import { suite, test } from "node:test";
import assert from "node:assert/strict";
import { vjpOf } from "../../src/autodiff/index.js";
import type { Tensor } from "../../src/graph/index.js";
import { constant, isFloat } from "../../src/graph/index.js";
import type { RefValue } from "../reference/index.js";
import { NoGradientError, UnsupportedOpError } from "../../src/util/errors.js";
import { Random } from "../../src/util/random.js";
import type { OpCase } from "../cases/case.js";
import { applyCase, caseName } from "../cases/case.js";
import { OP_CASES } from "../cases/ops.cases.js";
import { TOLERANCES } from "../tolerances.js";
import { arriving, assertGradients, differentiable, floating, hasGradient, instantiate, resolved } from "./harness.js";

/** Σ weight · t over all elements and tensors. */
function combine(tensors: readonly Tensor[], random: Random): { sum: Tensor; weights: Tensor[] } {
  const ws = arriving(tensors, random);
  const parts = tensors.map((t, i) =>
    t
      .mul(ws[i] as Tensor)
      .sum()
      .cast("float64"),
  );
  return { sum: parts.reduce((a, b) => a.add(b)), weights: ws };
}

/** The table's reason, or the word that the op should be gone by then. */
const refused = (error: unknown): boolean => error instanceof NoGradientError || error instanceof UnsupportedOpError;

interface Differentiated {
  readonly xs: Tensor[];
  readonly feeds: Map<Tensor, RefValue>;
  /** Σ weight · y over all floating-point outputs y. */
  readonly sum: Tensor;
  readonly gradients: readonly Tensor[];
  readonly random: Random;
}

/** The row as a scalar and its gradients; undefined where no input or no output is a floating-point tensor. */
function differentiate(row: OpCase): Differentiated | undefined {
  const { leaves, feeds } = instantiate(row, "float64");
  const xs = differentiable(row, leaves);
  const ys = floating(applyCase(row, leaves));
  if (xs.length === 0 || ys.length === 0) return undefined;
  const random = new Random("gradient", caseName(row));
  const { sum, weights: dys } = combine(ys, random);
  const [scalar, ...gradients] = resolved(row, [sum, ...vjpOf(ys, dys, xs)]) as [Tensor, ...Tensor[]];
  return { xs, feeds, sum: scalar, gradients, random };
}

/** Rows with a floating-point operand: whether an output is one as well is known once it is applied. */
const ROWS = OP_CASES.filter((row) => row.operands.some((o) => o !== null && isFloat(o.dtype ?? "float64")));

suite("gradients equal difference quotients", () => {
  for (const row of ROWS) {
    test(caseName(row), () => {
      if (!hasGradient(row)) {
        const { leaves } = instantiate(row, "float64");
        const ys = floating(applyCase(row, leaves));
        if (ys.length > 0) assert.throws(() => vjpOf(ys, ys, differentiable(row, leaves)), refused);
        return;
      }
      // The rule must hold together (types, shapes) even where the limit does not exist.
      const c = differentiate(row);
      if (c === undefined || row.noGradientCheck !== undefined) return;
      const tolerance = row.tolerance?.gradient ?? TOLERANCES.gradient;
      assertGradients(c.sum, c.gradients, c.xs, c.feeds, { random: c.random, dense: 3, single: 6, tolerance, what: "gradient" });
    });
  }
});

suite("gradients of gradients equal difference quotients", () => {
  for (const row of ROWS) {
    if (!hasGradient(row) || row.noGradientCheck !== undefined || row.noSecondGradientCheck !== undefined) continue;
    test(caseName(row), () => {
      const c = differentiate(row);
      if (c === undefined) return;
      const { sum } = combine(c.gradients, c.random);
      const gradients = vjpOf([sum], [constant(1, "float64")], c.xs);
      const tolerance = row.tolerance?.gradient ?? TOLERANCES.secondGradient;
      assertGradients(sum, gradients, c.xs, c.feeds, {
        random: c.random,
        dense: 2,
        single: 2,
        tolerance,
        what: "second gradient",
      });
    });
  }
});
