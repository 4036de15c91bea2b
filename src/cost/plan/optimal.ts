/**
 * @module Compute-optimal sizes for a budget of FLOPs, by each law that is known.
 */
import { formatCount } from "../../util/text.js";
import type { FittedLaw } from "./fit-law.js";
import type { Figure } from "./plan.js";
import type { OptimalSizes } from "./scaling-laws.js";
import { BESIROGLU, HOFFMANN, kaplanSizes, lossOf, optimalSizes } from "./scaling-laws.js";

/** The optimum by one law. */
export interface Optimum extends OptimalSizes {
  readonly law: string;
  readonly loss?: number;
  readonly figures: readonly Figure[];
}

function optimum(law: string, sizes: OptimalSizes, formula: string, source: string, loss?: number): Optimum {
  const made = (name: string, value: number): Figure => ({ name, value, unit: "", text: formatCount(value), formula, source });
  return {
    law,
    ...sizes,
    loss,
    figures: [
      made("parameters", sizes.parameters),
      made("tokens", sizes.tokens),
      ...(loss === undefined ? [] : [{ ...made("loss", loss), unit: "nats a token", text: loss.toPrecision(4) }]),
    ],
  };
}

const CLOSED_FORM = "N = G·(C/6)^(β/(α+β)), D = (C/6)^(α/(α+β)) / G, G = (αA/βB)^(1/(α+β))";

/**
 * Sizes by Kaplan, Hoffmann, Besiroglu, and by a law that was fitted to the user's own points.
 *
 * @example
 * import { computeOptimal } from "descentjs/cost/plan";
 * const [law] = computeOptimal(5.76e23); // Gopher's and Chinchilla's budget
 * console.log(law?.law, law !== undefined && law.tokens / law.parameters > 10); // Besiroglu et al. 2024 true
 */
export function computeOptimal(flops: number, own?: FittedLaw): Optimum[] {
  const parametric = (name: string, law: typeof HOFFMANN, source: string): Optimum => {
    const sizes = optimalSizes(law, flops);
    return optimum(name, sizes, CLOSED_FORM, source, lossOf(law, sizes.parameters, sizes.tokens));
  };
  return [
    parametric("Besiroglu et al. 2024", BESIROGLU, "arXiv:2404.10102, Table 1: Chinchilla's own points, fitted anew"),
    parametric("Hoffmann et al. 2022, approach 3", HOFFMANN, "arXiv:2203.15556, eq. 4 and 10"),
    optimum(
      "Kaplan et al. 2020",
      kaplanSizes(flops),
      "N = 1.3e9·C^0.73 without embeddings, D = 2e10·C^0.27, C in petaFLOP/s-days",
      "arXiv:2001.08361, Table 6",
    ),
    ...(own === undefined
      ? []
      : [parametric("your own points", own.law, `${own.points} points, fitted as in Besiroglu et al. 2024`)]),
  ];
}
