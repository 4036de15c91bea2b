/**
 * @module Integrated Gradients: gradients along the straight way from a baseline to the input.
 */
import { grad } from "../../autodiff/index.js";
import type { Tensor, TensorData } from "../../graph/index.js";
import { ConfigError } from "../../util/errors.js";
import { takeRows } from "../batch.js";
import { sumAlongPath } from "../linear-prefix.js";
import type { GradientMethod, RowContext, SampleContext, Samples } from "../method.js";
import { quadrature } from "../quadrature.js";

/**
 * (x − b) ⊙ ∫₀¹ ∂f(b + α(x − b))/∂x dα, the mean over several baselines b.
 *
 * The integral is a weighted sum over `steps` points, by Gauss–Legendre or a Riemann rule. The gap, Σ attributions − (f(x) − f(b)), is always reported;
 * where it is more than `tolerance` · max(|f(x) − f(b)|, 0.01 · |f(x)|), the path is cut in four, and then in two wherever the part's own gap is wide,
 * until their sum is met or the path has `maxSteps` points (`refine.ts`). Several baselines, layers and Riemann rules take twice as many points instead.
 * Shapes: x [N, …], baselines [M, 1 or N, …] → [N, …]; with `at`, of a layer's shape (the paths are then those of the layer's values).
 * Cost:   `steps` · M forward and backward passes; where the path is cut, up to 2 · `maxSteps` more.
 * Source: Sundararajan et al., Axiomatic attribution for deep networks, 2017, equations 1 and 3, arXiv:1703.01365.
 * Differs from the source: it has one baseline, and a fixed number of points that lie evenly.
 * Checked against: Captum 0.9, IntegratedGradients, LayerIntegratedGradients, NeuronIntegratedGradients.
 */
export const integratedGradients: GradientMethod = {
  name: "integrated-gradients",
  kind: "gradient",
  asserts:
    "Going from the baseline to the input, the marked features changed the score by as much as they are given; all of it is given out.",
  misleads:
    "Everything is relative to the baseline: black pixels get nothing beside a black one, and points on the way may look like no real input.",
  source: "Sundararajan et al. 2017, arXiv:1703.01365",
  needs: ["gradients", "baseline"],
  sumsTo: "difference",
  refines: true,
  defaults: { steps: 32, maxSteps: 1024, tolerance: 1e-3, rule: "gauss-legendre" },
  samples: pathSamples,
  rows: (context) => ({ attribution: alongPath(context) }),
  sums: sumAlongPath,
};

/** (x − b) ⊙ ∂f/∂x at the point that the sample `alpha` [R] says. */
export function alongPath({ x, baseline, score, samples }: RowContext): Tensor {
  const alpha = samples["alpha"];
  if (alpha === undefined) throw new ConfigError("integrated-gradients: expected points of a path, got none");
  const difference = x.sub(baseline);
  const point = baseline.add(difference.mul(perRow(alpha, x)));
  return difference.mul(grad(score(point).sum(), point));
}

/** Numbers of rows [R] along the axes of rows like x [R, …]. */
export const perRow = (numbers: Tensor, x: Tensor): Tensor =>
  numbers.reshape([numbers.shape[0] ?? 1, ...x.shape.slice(1).map(() => 1)]);

/** Points of every baseline's path: baseline m, point k at place m · K + k. */
function pathSamples({ settings, baselines }: SampleContext): Samples {
  const { steps: k, rule } = settings;
  const { points, weights } = quadrature(rule, k);
  const m = baselines.shape[0] ?? 1;
  return {
    weights: Float64Array.from({ length: m * k }, (_, i) => (weights[i % k] as number) / m),
    draw: (from, to) => ({
      alpha: {
        dtype: "float32",
        shape: [to - from, 1],
        data: Float32Array.from({ length: to - from }, (_, i) => points[(from + i) % k] as number),
      },
      baseline: m === 1 ? baselines : chosenRows(baselines, from, to, (i) => Math.floor(i / k)),
    }),
  };
}

/** For samples from … to − 1 the baselines of their positions: [to − from, 1 or N, …]. */
export function chosenRows(baselines: TensorData, from: number, to: number, place: (sample: number) => number): TensorData {
  const each = baselines.data.length / (baselines.shape[0] ?? 1);
  const data = new Float32Array((to - from) * each);
  for (let i = from; i < to; i++) {
    const row = takeRows(baselines, place(i), place(i) + 1);
    data.set(row.data as Float32Array, (i - from) * each);
  }
  return { dtype: "float32", shape: [to - from, ...baselines.shape.slice(1)], data };
}
