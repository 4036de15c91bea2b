/**
 * @module Parts that limit: gradients by value, by norm or by global norm, weights by value.
 */
import type { Tensor } from "../graph/index.js";
import { sumSquare, topK } from "../ops/index.js";
import { ConfigError } from "../util/errors.js";
import type { Factor, Part, Update } from "./optimizer.js";
import { eachParameter } from "./parts.js";
import { expectOption } from "../util/described.js";

/** Elements beyond ±limit become ±limit. As PyTorch's `clip_grad_value_`. */
export function clipByValue(limit: number): Part {
  expectOption("clipByValue", limit, 0);
  return {
    description: { name: "clipByValue", limit },
    update: eachParameter((update, path, { materialize }) => ({
      direction: materialize(path, update).clip(-limit, limit),
      scale: 1,
      decay: 0,
    })),
  };
}

/** min(1, limit/(norm + 10⁻⁶)), PyTorch's coefficient. */
const coefficient = (norm: Tensor, limit: number): Tensor => norm.add(1e-6).reciprocal().mul(limit).min(1);

/** √Σx² over all elements of all tensors: a scalar. ConfigError without gradients. */
export function globalNorm(tensors: Iterable<Tensor>): Tensor {
  const squares = [...tensors].map((t) => sumSquare(t));
  if (squares.length === 0) throw new ConfigError("globalNorm: expected at least one tensor, got none");
  return squares.reduce((a, b) => a.add(b)).sqrt();
}

/** Each gradient whose norm is above the limit is scaled down to it. */
export function clipByNorm(limit: number): Part {
  expectOption("clipByNorm", limit, 0);
  return {
    description: { name: "clipByNorm", limit },
    update: eachParameter((update, path, { materialize }) => {
      const direction = materialize(path, update);
      return { direction, scale: coefficient(globalNorm([direction]), limit), decay: 0 };
    }),
  };
}

/**
 * All gradients are scaled down together where their joint norm is above the limit; the norm is reported as `gradientNorm`.
 *
 * Source: Pascanu et al. 2013, arXiv:1211.5063, algorithm 1; as PyTorch's `clip_grad_norm_`.
 */
export function clipByGlobalNorm(limit: number): Part {
  expectOption("clipByGlobalNorm", limit, 0);
  return {
    description: { name: "clipByGlobalNorm", limit },
    update: (updates, { materialize, report }) => {
      const directions = new Map([...updates].map(([path, update]) => [path, materialize(path, update)]));
      const norm = globalNorm(directions.values());
      report("gradientNorm", norm);
      const scale: Factor = coefficient(norm, limit);
      return new Map([...directions].map(([path, direction]): [string, Update] => [path, { direction, scale, decay: 0 }]));
    },
  };
}

/** The bound on weights: a number, or the percentile of each tensor's |w| (99 clips the largest hundredth). */
export type WeightBound = number | { readonly percentile: number };

/** The magnitude below which `percentile` of 100 elements lie: a scalar. */
function percentileOf(w: Tensor, percentile: number): Tensor {
  const size = w.shape.reduce<number>((product, d) => product * Number(d), 1);
  const above = Math.max(1, Math.ceil(size * (1 - percentile / 100)));
  return topK(w.abs().reshape([size]), above)
    .values.slice(0, above - 1)
    .reshape([]);
}

/**
 * After each step, weights beyond ±bound become ±bound.
 *
 * Source: Arjovsky et al. 2017, arXiv:1701.07875, algorithm 1, for a number.
 */
export function weightClipping(bound: WeightBound): Part {
  if (typeof bound === "number") {
    expectOption("weightClipping", bound, 0);
    return {
      description: { name: "weightClipping", limit: bound },
      finish: (values) => new Map([...values].map(([path, value]) => [path, value.clip(-bound, bound)])),
    };
  }
  const { percentile } = bound;
  expectOption("weightClipping: percentile", percentile, 0, 100);
  return {
    description: { name: "weightClipping", percentile },
    finish: (values) =>
      new Map(
        [...values].map(([path, value]) => {
          const limit = percentileOf(value, percentile);
          return [path, value.min(limit).max(limit.neg())];
        }),
      ),
  };
}
