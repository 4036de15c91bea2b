/**
 * @module Laws of how the loss of language models falls with parameters, tokens and computation, and the sizes that they call optimal for a budget of FLOPs.
 */

/** L(N, D) = E + A / N^α + B / D^β: nats a token, for N parameters and D tokens. */
export interface ParametricLaw {
  readonly e: number;
  readonly a: number;
  readonly b: number;
  readonly alpha: number;
  readonly beta: number;
}

/** Hoffmann et al. 2022, Training compute-optimal large language models, approach 3, eq. 10, arXiv:2203.15556; exponents and constants as in its source. */
export const HOFFMANN: ParametricLaw = { e: 1.69337368, a: 406.401018, b: 410.722827, alpha: 0.33917084, beta: 0.2849083 };

/** Besiroglu, Erdil, Barnett and You 2024, Chinchilla scaling: a replication attempt, arXiv:2404.10102, Table 1. */
export const BESIROGLU: ParametricLaw = { e: 1.8172, a: 482.01, b: 2085.43, alpha: 0.3478, beta: 0.3658 };

/** Standard errors of those constants, from the same table. */
export const BESIROGLU_ERRORS: ParametricLaw = { e: 0.03, a: 124.58, b: 1293.23, alpha: 0.02, beta: 0.02 };

/** Loss that a scaling law predicts: e + a / parameters^alpha + b / tokens^beta. */
export const lossOf = ({ e, a, b, alpha, beta }: ParametricLaw, parameters: number, tokens: number): number =>
  e + a / parameters ** alpha + b / tokens ** beta;

/** A model's size and the tokens to train it on. */
export interface OptimalSizes {
  readonly parameters: number;
  readonly tokens: number;
}

/**
 * The sizes that minimize a parametric law under C = 6·N·D:
 *
 *     N = G·(C/6)^(β/(α+β)),  D = (C/6)^(α/(α+β)) / G,  G = (αA / βB)^(1/(α+β))
 *
 * Source: Hoffmann et al. 2022, eq. 4.
 */
export function optimalSizes({ a, b, alpha, beta }: ParametricLaw, flops: number): OptimalSizes {
  const g = ((alpha * a) / (beta * b)) ** (1 / (alpha + beta));
  const c = flops / 6;
  return { parameters: g * c ** (beta / (alpha + beta)), tokens: c ** (alpha / (alpha + beta)) / g };
}

/** FLOPs of a petaFLOP/s-day. */
const PF_DAY = 1e15 * 86_400;

/**
 * Kaplan et al. 2020, Scaling laws for neural language models, Table 6, arXiv:2001.08361: N = 1.3e9·C^0.73 and D = 2e10·C^0.27, with C in petaFLOP/s-days;
 * N without embeddings.
 */
export const kaplanSizes = (flops: number): OptimalSizes => ({
  parameters: 1.3e9 * (flops / PF_DAY) ** 0.73,
  tokens: 2e10 * (flops / PF_DAY) ** 0.27,
});
