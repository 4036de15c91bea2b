/**
 * @module SmoothGrad and VarGrad: a gradient method over noisy copies of the input.
 */
import type { TensorData } from "../../graph/index.js";
import { sizeOf, toNumbers } from "../../graph/index.js";
import { ConfigError } from "../../util/errors.js";
import { joinRows, takeRows } from "../batch.js";
import type { GradientMethod, RowContext, Rows, SampleContext, Samples } from "../method.js";
import { perRow } from "./integrated-gradients.js";

/**
 * The mean of a method's attributions over x + noise, noise ~ N(0, σ²), σ = `noise` · (max x − min x).
 *
 * Shapes: as those of the method `of`.
 * Cost:   `samples` times that of the method.
 * Source: Smilkov et al., SmoothGrad: removing noise by adding noise, 2017, equation 1, arXiv:1706.03825.
 * Differs from the source: over any method, not only the gradient; all examples of a batch get the same noise, so that a batch equals its examples
 * one by one.
 * Checked against: closed forms of quadratic functions; Captum 0.9, NoiseTunnel, with no noise.
 */
export const smoothGrad: GradientMethod = {
  name: "smooth-grad",
  kind: "gradient",
  asserts: "As the method it smooths, for inputs near this one.",
  misleads: "Much noise explains inputs that are not yours; what the method below gets wrong, its mean gets wrong as well.",
  source: "Smilkov et al. 2017, arXiv:1706.03825",
  needs: ["gradients"],
  defaults: { of: "saliency", samples: 25, noise: 0.15, seed: 0, signed: false, steps: 8, rule: "gauss-legendre" },
  samples: noisySamples,
  rows: noisyRows,
};

/**
 * The variance, in place of the mean.
 *
 * Source: Adebayo et al., Local explanation methods for deep neural networks lack sensitivity to parameter values, 2018, section 2, arXiv:1810.03307.
 * Differs from the source: as SmoothGrad.
 */
export const varGrad: GradientMethod = {
  ...smoothGrad,
  name: "var-grad",
  asserts: "Near this input the method's attribution of the marked features changes most.",
  misleads: "It says where an explanation is unsteady, not what the score comes from.",
  source: "Adebayo et al. 2018, arXiv:1810.03307",
  rows: (context) => {
    const { attribution } = noisyRows(context);
    return { attribution, moments: attribution.square() };
  },
  finish: ({ attribution, moments }) => moments.sub(attribution.square()).max(0),
};

function noisyRows(context: RowContext): Rows {
  const { noise, scale, ...samples } = context.samples;
  if (noise === undefined || scale === undefined) throw new ConfigError("smooth-grad: expected noise, got none");
  const x = context.x.add(noise.mul(perRow(scale, context.x)));
  const { attribution } = smoothed(context.of).rows({ ...context, x, samples });
  return { attribution };
}

const smoothed = (of: GradientMethod | undefined): GradientMethod => {
  if (of === undefined) throw new ConfigError('smooth-grad: expected a gradient method to smooth, as of: "integrated-gradients"');
  return of;
};

/** Draws of noise, each with all samples of the method: draw s, sample k at place s · K + k. */
function noisySamples(context: SampleContext): Samples {
  const { settings, x, random } = context;
  const below = smoothed(context.of).samples?.(context);
  const weights = below?.weights ?? Float64Array.of(1);
  const k = weights.length;
  const [n = 1, ...shape] = x.shape;
  const size = sizeOf(shape);
  const scale: TensorData = {
    dtype: "float32",
    shape: [1, n],
    data: Float32Array.from({ length: n }, (_, i) => settings.noise * rangeOf(takeRows(x, i, i + 1))),
  };
  const [, ...firstBaseline] = context.baselines.shape;
  const first = { ...takeRows(context.baselines, 0, 1), shape: [1, ...firstBaseline] };
  return {
    weights: Float64Array.from({ length: settings.samples * k }, (_, i) => (weights[i % k] as number) / settings.samples),
    draw: (from, to) => {
      const noise = new Float32Array((to - from) * size);
      const drawn: Readonly<Record<string, TensorData>>[] = [];
      for (let i = from; i < to; i++) {
        const normal = random("noise", Math.floor(i / k));
        for (let e = 0; e < size; e++) noise[(i - from) * size + e] = normal.normal();
        drawn.push(below?.draw(i % k, (i % k) + 1) ?? { baseline: first });
      }
      return { ...joined(drawn), scale, noise: { dtype: "float32", shape: [to - from, 1, ...shape], data: noise } };
    },
  };
}

/** Concatenates what was drawn for each sample. */
function joined(drawn: readonly Readonly<Record<string, TensorData>>[]): Record<string, TensorData> {
  return Object.fromEntries(
    Object.keys(drawn[0] ?? {}).map((name) => [
      name,
      joinRows(
        drawn.map((d) => d[name] as TensorData),
        drawn.length,
      ),
    ]),
  );
}

function rangeOf(x: TensorData): number {
  let [low, high] = [Infinity, -Infinity];
  for (const v of toNumbers(x)) [low, high] = [Math.min(low, v), Math.max(high, v)];
  return high - low;
}
