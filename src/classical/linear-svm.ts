/**
 * @module Linear support vector machines: a margin between classes, or a tube around a quantity.
 */
import type { LinearModel, LinearOptions } from "./linear.js";
import { fitLinear } from "./linear.js";
import type { Matrix } from "./matrix.js";

/**
 * Minimizes ½·(|w|² + b²) + C·Σᵢ max(0, 1 − yᵢ·(w·xᵢ + b))², y = ±1, for each class against the rest; of two classes for the second.
 *
 * Shapes: x [N, F], labels [N] of 0 … classes − 1 → weights [K, F], bias [K], where K is 1 for two classes.
 * Source: Fan et al., LIBLINEAR: A library for large linear classification, 2008, equation 3 (L2-loss).
 * Checked against: scikit-learn, LinearSVC, classical.test.ts.
 */
export function fitLinearSvm(x: Matrix, labels: ArrayLike<number>, classes: number, options: LinearOptions = {}): LinearModel {
  const outputs = classes === 2 ? 1 : classes;
  const positive = (k: number): number => (outputs === 1 ? 1 : k);
  return fitLinear(
    x,
    outputs,
    (z, i) => {
      let value = 0;
      for (let k = 0; k < outputs; k++) {
        const y = labels[i] === positive(k) ? 1 : -1;
        const slack = Math.max(0, 1 - y * (z[k] as number));
        value += slack * slack;
        z[k] = -2 * y * slack;
      }
      return value;
    },
    { ...options, ridgeOnBias: true },
  );
}

/**
 * Minimizes ½·(|w|² + b²) + C·Σᵢ max(0, |yᵢ − (w·xᵢ + b)| − ε)².
 *
 * Shapes: x [N, F], targets [N] → weights [1, F], bias [1].
 * Source: Ho and Lin, Large-scale linear support vector regression, 2012, equation 3 (L2-loss).
 * Checked against: scikit-learn, LinearSVR(loss="squared_epsilon_insensitive"), classical.test.ts.
 */
export function fitLinearSvr(
  x: Matrix,
  targets: ArrayLike<number>,
  { epsilon = 0.1, ...options }: LinearOptions & { readonly epsilon?: number } = {},
): LinearModel {
  return fitLinear(
    x,
    1,
    (z, i) => {
      const error = (z[0] as number) - (targets[i] as number);
      const excess = Math.max(0, Math.abs(error) - epsilon);
      z[0] = 2 * excess * Math.sign(error);
      return excess * excess;
    },
    { ...options, ridgeOnBias: true },
  );
}
