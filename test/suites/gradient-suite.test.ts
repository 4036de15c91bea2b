/**
 * Every row of the op cases: gradients, and gradients of gradients, equal difference quotients in float64.
 */
import { suite, test } from "node:test";
import assert from "node:assert/strict";
import { vjpOf } from "../../src/autodiff/index.js";
import type { Tensor } from "../../src/graph/index.js";
import { constant, isFloat } from "../../src/graph/index.js";
import { opNamed } from "../../src/ops/index.js";
import type { RefValue } from "../../src/runtime/reference/index.js";
import { NoGradientError } from "../../src/util/errors.js";
import { Random } from "../../src/util/random.js";
import type { OpCase } from "../cases/case.js";
import { applyCase, caseName } from "../cases/case.js";
import { OP_CASES } from "../cases/ops.cases.js";
import { TOLERANCES } from "../tolerances.js";
import { arriving, assertGradients, floating, instantiate } from "./harness.js";

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

/** The row's floating-point inputs and outputs, and a scalar made of all outputs. */
function scalarOf(
  row: OpCase,
): { xs: Tensor[]; ys: Tensor[]; dys: Tensor[]; sum: Tensor; feeds: Map<Tensor, RefValue>; random: Random } | undefined {
  const { leaves, feeds } = instantiate(row, "float64");
  const xs = floating(leaves);
  const ys = floating(applyCase(row, leaves));
  if (xs.length === 0 || ys.length === 0) return undefined;
  const random = new Random("gradient", caseName(row));
  const { sum, weights: dys } = combine(ys, random);
  return { xs, ys, dys, sum, feeds, random };
}

/** Rows with a floating-point operand: whether an output is one as well is known once it is applied. */
const ROWS = OP_CASES.filter((row) => row.operands.some((o) => o !== null && isFloat(o.dtype ?? "float64")));

suite("gradients equal difference quotients", () => {
  for (const row of ROWS) {
    const { gradient } = opNamed(row.op);
    test(caseName(row), () => {
      const c = scalarOf(row);
      if (c === undefined) return;
      if (typeof gradient !== "function") {
        assert.throws(() => vjpOf(c.ys, c.dys, c.xs), NoGradientError, gradient.none);
        return;
      }
      // The rule must hold together (types, shapes) even where the limit does not exist.
      const gradients = vjpOf(c.ys, c.dys, c.xs);
      if (row.noGradientCheck !== undefined) return;
      const tolerance = row.tolerance?.gradient ?? TOLERANCES.gradient;
      assertGradients(c.sum, gradients, c.xs, c.feeds, { random: c.random, dense: 3, single: 6, tolerance, what: "gradient" });
    });
  }
});

suite("gradients of gradients equal difference quotients", () => {
  for (const row of ROWS) {
    if (typeof opNamed(row.op).gradient !== "function") continue;
    if (row.noGradientCheck !== undefined || row.noSecondGradientCheck !== undefined) continue;
    test(caseName(row), () => {
      const c = scalarOf(row);
      if (c === undefined) return;
      const { sum } = combine(vjpOf(c.ys, c.dys, c.xs), c.random);
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
