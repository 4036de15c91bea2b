/**
 * @module Logistic regression: probabilities from a linear function, for two classes or more.
 */
import type { LinearModel, LinearOptions } from "./linear.js";
import { fitLinear } from "./linear.js";
import type { Matrix } from "./matrix.js";

/**
 * Minimizes ½·|W|² + C·Σᵢ −log p(yᵢ | xᵢ) with p = softmax(W·x + b); of two classes p(1) = σ(w·x + b). The bias is not shrunk.
 *
 * Shapes: x [N, F], labels [N] of 0 … classes − 1 → weights [K, F], bias [K], where K is 1 for two classes.
 * Source: Hastie, Tibshirani, Friedman, The Elements of Statistical Learning, 2nd edition, section 4.4, with a ridge.
 * Checked against: scikit-learn, LogisticRegression, to 1e-4, classical.test.ts.
 */
export function fitLogisticRegression(
  x: Matrix,
  labels: ArrayLike<number>,
  classes: number,
  options: LinearOptions = {},
): LinearModel {
  if (classes === 2) {
    return fitLinear(
      x,
      1,
      (z, i) => {
        const score = z[0] as number;
        const y = labels[i] as number;
        const p = 1 / (1 + Math.exp(-score));
        z[0] = p - y;
        // log(1 + e^score) − y·score, without overflow.
        return Math.max(score, 0) + Math.log1p(Math.exp(-Math.abs(score))) - y * score;
      },
      options,
    );
  }
  return fitLinear(
    x,
    classes,
    (z, i) => {
      const label = labels[i] as number;
      const most = z.reduce((a, b) => Math.max(a, b), -Infinity);
      const own = z[label] as number;
      let sum = 0;
      for (let k = 0; k < classes; k++) sum += z[k] = Math.exp((z[k] as number) - most);
      for (let k = 0; k < classes; k++) z[k] = (z[k] as number) / sum - (k === label ? 1 : 0);
      return Math.log(sum) + most - own;
    },
    options,
  );
}
