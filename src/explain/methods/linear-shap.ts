/**
 * @module Linear SHAP: Shapley values of a linear score.
 */
import { grad } from "../../autodiff/index.js";
import type { GradientMethod } from "../method.js";
import { backgroundSamples } from "./expected-gradients.js";

/**
 * wᵢ·(xᵢ − E xᵢ), with the gradient at x for w.
 *
 * Shapes: x [N, …], background [M, …] → [N, …].
 * Errors: none for a score that is not linear: its gap says how far it is from being one.
 * Cost:   M forward and backward passes.
 * Source: Lundberg and Lee 2017, corollary 1, arXiv:1705.07874.
 * Differs from the source: no. Features count as independent.
 * Checked against: shap 0.51, LinearExplainer.
 */
export const linearShap: GradientMethod = {
  name: "linear-shap",
  kind: "gradient",
  asserts: "Each feature's weight, times how far it is from the background's mean.",
  misleads:
    "Only a linear score is explained by it: look at the gap. Columns that go together share their weight by the fit's accident.",
  source: "Lundberg and Lee 2017, arXiv:1705.07874, corollary 1",
  needs: ["gradients", "background"],
  sumsTo: "difference",
  defaults: {},
  samples: backgroundSamples,
  rows: ({ x, baseline, score }) => ({ attribution: x.sub(baseline).mul(grad(score(x).sum(), x)) }),
};
