/**
 * @module Adversarial attacks as explanations: a small change that flips the answer, and how small it can be.
 */
import type { TensorData } from "../../graph/index.js";
import { ConfigError } from "../../util/errors.js";
import { changeTo, descend, marginOf, rangeOf } from "../attack.js";
import type { SamplingMethod } from "../method.js";

const row = {
  kind: "sampling",
  misleads: "The change need not look like anything, and says how the answer can be turned, not what it came from.",
  needs: ["gradients"],
} as const;

/**
 * One step of ε·sign(∂/∂x) against the answer: the change, and whether it turns the answer.
 *
 * Shapes: x [1, …] → the change, [1, …]. `radius` is a fraction of the range of the example's features.
 * Cost:   one backward pass.
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
    if ((await marginOf(context, context.x)) <= 0)
      throw new ConfigError("smallest-change: expected the target to be the answer, got a lower score; leave the target out");
    const { steps, tolerance, radius: most } = context.settings;
    // Every attack begins at x.
    const first = await context.marginGradient(context.x);
    const attack = async (radius: number): Promise<{ attacked: TensorData; turned: boolean }> => {
      const attacked = await descend(context, radius, steps, first);
      return { attacked, turned: (await marginOf(context, attacked)) < 0 };
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
