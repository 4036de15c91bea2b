/**
 * @module Expected Gradients and GradientSHAP: Integrated Gradients from random points between the input and a background.
 */
import type { GradientMethod, SampleContext, Samples } from "../method.js";
import { alongPath, chosenRows } from "./integrated-gradients.js";

/** One sample for each example of the background. */
export function backgroundSamples({ baselines }: SampleContext): Samples {
  const m = baselines.shape[0] ?? 1;
  return {
    weights: new Float64Array(m).fill(1 / m),
    draw: (from, to) => ({ baseline: chosenRows(baselines, from, to, (i) => i) }),
  };
}

/** Pairs of a background and a place on the way from it: backgrounds in turn, so that each is drawn alike. */
function drawn({ settings, baselines, random }: SampleContext): Samples {
  const { samples } = settings;
  const m = baselines.shape[0] ?? 1;
  const stream = random("expected-gradients");
  const order = stream.permutation(m);
  const alphas = Float32Array.from({ length: samples }, () => stream.uniform());
  return {
    weights: new Float64Array(samples).fill(1 / samples),
    draw: (from, to) => ({
      alpha: { dtype: "float32", shape: [to - from, 1], data: alphas.slice(from, to) },
      baseline: chosenRows(baselines, from, to, (i) => order[i % m] as number),
    }),
  };
}

/**
 * E over backgrounds b and α ~ U(0, 1) of (x − b) ⊙ ∂f(b + α(x − b))/∂x.
 *
 * Shapes: x [N, …], background [M, …] → [N, …]; the sum is f(x) − E f up to chance, and the gap is reported.
 * Cost:   `samples` forward and backward passes.
 * Source: Erion et al., Improving performance of deep learning models with axiomatic attribution priors and expected gradients, 2019, section 3,
 * arXiv:1906.10670.
 * Differs from the source: backgrounds are taken in turn, not drawn.
 * Checked against: the closed form of a product of two features.
 */
export const expectedGradients: GradientMethod = {
  name: "expected-gradients",
  kind: "gradient",
  asserts: "Going from examples of the background to the input, the marked features changed the score by so much on average.",
  misleads: "Everything is relative to the background, and values of few samples are rough.",
  source: "Erion et al. 2019, arXiv:1906.10670",
  needs: ["gradients", "background"],
  sumsTo: "difference",
  defaults: { samples: 200, seed: 0 },
  samples: drawn,
  rows: (context) => ({ attribution: alongPath(context) }),
};

/**
 * Expected Gradients from noisy copies of the input.
 *
 * Shapes: as Expected Gradients. `noise` is a fraction of the range of the example's features.
 * Source: Lundberg and Lee, shap.GradientExplainer; Captum, GradientShap.
 * Differs from the source: all examples of a batch get the same noise, so that a batch equals its examples one by one.
 * Checked against: Expected Gradients without noise.
 */
export const gradientShap: GradientMethod = {
  ...expectedGradients,
  name: "gradient-shap",
  source: "Lundberg and Lee 2017, arXiv:1705.07874; shap.GradientExplainer",
  defaults: { samples: 200, noise: 0.05, seed: 0 },
  samples: (context) => {
    const { settings, x, random } = context;
    const base = drawn(context);
    const [, ...shape] = x.shape;
    const size = x.data.length / (x.shape[0] ?? 1);
    const scale = ranges(x.data as Float32Array, size).map((range) => range * settings.noise);
    return {
      weights: base.weights,
      draw: (from, to) => {
        const noise = new Float32Array((to - from) * size);
        for (let i = from; i < to; i++) {
          const stream = random("noise", i);
          for (let e = 0; e < size; e++) noise[(i - from) * size + e] = stream.normal();
        }
        return {
          ...base.draw(from, to),
          scale: { dtype: "float32", shape: [1, scale.length, ...shape.map(() => 1)], data: Float32Array.from(scale) },
          noise: { dtype: "float32", shape: [to - from, 1, ...shape], data: noise },
        };
      },
    };
  },
  rows: (context) => {
    const { noise, scale } = context.samples;
    const x = noise === undefined || scale === undefined ? context.x : context.x.add(noise.mul(scale));
    return { attribution: alongPath({ ...context, x }) };
  },
};

/** Highest − lowest of each example. */
function ranges(data: ArrayLike<number>, size: number): number[] {
  return Array.from({ length: data.length / size }, (_, i) => {
    let [low, high] = [Infinity, -Infinity];
    for (let e = i * size; e < (i + 1) * size; e++)
      [low, high] = [Math.min(low, data[e] as number), Math.max(high, data[e] as number)];
    return high - low;
  });
}
