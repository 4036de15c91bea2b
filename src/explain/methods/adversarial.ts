/**
 * @module Adversarial attacks as explanations: a small change that flips the answer, and how small it can be.
 */
import type { TensorData } from "../../graph/index.js";
import { toNumbers } from "../../graph/index.js";
import { ConfigError } from "../../util/errors.js";
import type { Sampled, SamplingContext, SamplingMethod } from "../method.js";

/** Scores as margins: of the target over the best other, for one row. */
async function marginOf(context: SamplingContext, x: TensorData): Promise<{ margin: number; rival: number }> {
  const scores = await context.answers(x);
  const [, k = 1] = scores.shape;
  let rival = -1;
  for (let c = 0; c < k; c++) {
    if (c !== context.target && (rival === -1 || Number(scores.data[c]) > Number(scores.data[rival]))) rival = c;
  }
  const own = Number(scores.data[context.target]);
  return { margin: rival === -1 ? own : own - Number(scores.data[rival]), rival };
}

/** One step of sign(∂ margin/∂x) down, within `radius` of x. */
async function step(context: SamplingContext, x: TensorData, now: TensorData, size: number, radius: number): Promise<TensorData> {
  const { rival } = await marginOf(context, now);
  const own = toNumbers(await context.gradient(now));
  const other = rival === -1 ? undefined : toNumbers(await context.gradient(now, rival));
  const data = Float32Array.from(now.data as Float32Array, (v, e) => {
    const start = Number(x.data[e]);
    const moved = v - size * Math.sign((own[e] as number) - (other?.[e] ?? 0));
    return Math.min(Math.max(moved, start - radius), start + radius);
  });
  return { ...now, data };
}

/** Projected descent of the margin. */
async function descend(context: SamplingContext, radius: number, steps: number): Promise<TensorData> {
  const { x, settings } = context;
  let now: TensorData = { ...x, data: Float32Array.from(x.data as Float32Array) };
  const size = steps === 1 ? radius : settings.stepSize > 0 ? settings.stepSize * radius : (2.5 * radius) / steps;
  for (let i = 0; i < steps; i++) {
    context.signal?.throwIfAborted();
    now = await step(context, x, now, size, radius);
  }
  return now;
}

/** Highest − lowest feature of the example; radii are fractions of it. */
function rangeOf({ x }: SamplingContext): number {
  const numbers = toNumbers(x);
  const range = numbers.reduce((a, b) => Math.max(a, b), -Infinity) - numbers.reduce((a, b) => Math.min(a, b), Infinity);
  return range > 0 ? range : 1;
}

async function changeTo(context: SamplingContext, attacked: TensorData, radius: number): Promise<Sampled> {
  const { x } = context;
  const before = await marginOf(context, x);
  const after = await marginOf(context, attacked);
  const data = Float32Array.from(attacked.data as Float32Array, (v, e) => v - Number(x.data[e]));
  const l2 = Math.sqrt(data.reduce((sum, v) => sum + v * v, 0));
  return {
    values: { dtype: "float32", shape: x.shape, data },
    figures: { radius, l2, marginBefore: before.margin, marginAfter: after.margin, turned: after.margin < 0 ? 1 : 0 },
  };
}

const row = {
  kind: "sampling",
  misleads: "The change need not look like anything, and says how the answer can be turned, not what it came from.",
  needs: ["gradients"],
} as const;

/**
 * One step of ε·sign(∂/∂x) against the answer: the change, and whether it turns the answer.
 *
 * Shapes: x [1, …] → the change, [1, …]. `radius` is a fraction of the range of the example's features.
 * Cost:   two backward passes.
 * Source: Goodfellow et al., Explaining and harnessing adversarial examples, 2014, section 4, arXiv:1412.6572.
 * Differs from the source: the margin over the best other score is lowered, in place of the loss raised.
 * Checked against: a linear model, where the answer turns at margin/|w|₁.
 */
export const fgsm: SamplingMethod = {
  ...row,
  name: "fgsm",
  asserts: "Changing every feature by the radius, in the direction shown, lowers the answer most to first order.",
  source: "Goodfellow et al. 2014, arXiv:1412.6572",
  defaults: { radius: 0.01 },
  run: async (context) => {
    const radius = context.settings.radius * rangeOf(context);
    return changeTo(context, await descend(context, radius, 1), radius);
  },
};

/**
 * Steps of FGSM that stay within the radius.
 *
 * Source: Madry et al., Towards deep learning models resistant to adversarial attacks, 2017, section 2.1, arXiv:1706.06083.
 * Differs from the source: it starts at x; `stepSize` is a fraction of the radius, 2.5/steps if 0.
 * Checked against: as FGSM.
 */
export const pgd: SamplingMethod = {
  ...row,
  name: "pgd",
  asserts: "Within the radius, this change lowers the answer most, as far as it was found.",
  source: "Madry et al. 2017, arXiv:1706.06083",
  defaults: { radius: 0.01, steps: 10, stepSize: 0 },
  run: async (context) => {
    const radius = context.settings.radius * rangeOf(context);
    return changeTo(context, await descend(context, radius, context.settings.steps), radius);
  },
};

/**
 * The smallest radius at which PGD turns the answer, by bisection: a figure of robustness.
 *
 * Shapes: as PGD. `radius` is the largest that is tried.
 * Errors: ConfigError if the target is not the answer.
 * Source: Madry et al. 2017, arXiv:1706.06083; bisection.
 * Differs from the source: it is an upper bound, as good as the attack.
 * Checked against: a linear model, where it is margin/|w|₁ to 1 in 100.
 */
export const smallestChange: SamplingMethod = {
  ...row,
  name: "smallest-change",
  asserts: "No smaller radius was found at which the answer turns.",
  source: "Madry et al. 2017, arXiv:1706.06083",
  defaults: { radius: 0.5, steps: 10, stepSize: 0, tolerance: 0.01 },
  run: async (context) => {
    const { margin } = await marginOf(context, context.x);
    if (margin <= 0)
      throw new ConfigError("smallest-change: expected the target to be the answer, got a lower score; leave the target out");
    const { steps, tolerance, radius: most } = context.settings;
    const attack = async (radius: number): Promise<{ attacked: TensorData; turned: boolean }> => {
      const attacked = await descend(context, radius, steps);
      return { attacked, turned: (await marginOf(context, attacked)).margin < 0 };
    };
    let [low, high] = [0, most * rangeOf(context)];
    let best = await attack(high);
    for (let rounds = 0; best.turned && high - low > tolerance * high && rounds < 40; rounds++) {
      const middle = low === 0 ? high / 4 : (low + high) / 2;
      const tried = await attack(middle);
      if (tried.turned) [high, best] = [middle, tried];
      else low = middle;
      context.progress(1 - (high - low) / high);
    }
    return changeTo(context, best.attacked, high);
  },
};
