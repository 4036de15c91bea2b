/**
 * @module Adafactor's link: squares of gradients kept as sums of rows and columns, steps in the size of the weights.
 */
import type { Tensor } from "../graph/index.js";
import { expectOption } from "../util/described.js";
import type { Part, Slot } from "./optimizer.js";
import { eachParameter } from "./parts.js";

/** Options of Adafactor's scale, as PyTorch names and chooses them. */
export interface AdafactorScaleOptions {
  /** The mean of squares forgets at the rate t^−decay. */
  readonly decay?: number;
  /** The least root of a mean square. */
  readonly epsilon?: number;
  /** The least root mean square of the weights that a step is scaled by. */
  readonly leastScale?: number;
  /** The root mean square from which on a step is scaled down. */
  readonly threshold?: number;
}

const rms = (x: Tensor): Tensor => x.square().mean().sqrt();

/**
 *     u = g / √v;  the direction is max(ε₂, RMS(w)) · u / max(1, RMS(u)/d), at a rate of at most 1/√t
 *
 * with v the mean of g² from its means over rows R and columns C of the last two axes, v = R·C / mean(R), or in full for vectors: n + m numbers for
 * n × m weights, where Adam keeps two for each.
 *
 * Source: Shazeer and Stern 2018, arXiv:1804.04235, algorithms 4 and 5, in the form of PyTorch 2.15, `torch.optim.Adafactor`.
 * Differs from the source: a group's `learningRateMultiplier` scales the rate after it was bounded.
 */
export function scaleByAdafactor({
  decay = 0.8,
  epsilon = 2 ** -23,
  leastScale = 1e-3,
  threshold = 1,
}: AdafactorScaleOptions = {}): Part {
  expectOption("decay", decay, 0, 1);
  expectOption("epsilon", epsilon, 0);
  expectOption("leastScale", leastScale, 0);
  expectOption("threshold", threshold, 1);
  return {
    description: { name: "adafactor", decay, epsilon, leastScale, threshold },
    slots: ({ dims, dtype }): Readonly<Record<string, Slot>> => {
      const like = (shape: readonly number[]): Slot => ({ shape, dtype, initial: 0 });
      return dims.length < 2
        ? { square: like(dims) }
        : { rows: like(dims.slice(0, -1)), columns: like([...dims.slice(0, -2), dims.at(-1) as number]) };
    },
    nonNegativeSlots: ["square"],
    scalars: {
      share: ({ step }) => (step + 1) ** -decay,
      bound: ({ step, learningRate }) => Math.min(1, 1 / (Math.sqrt(step + 1) * learningRate)),
    },
    update: eachParameter((update, path, { parameters, slot, setSlot, scalar, materialize, times }) => {
      const g = materialize(path, update);
      const square = g.square();
      const share = scalar("share").cast(g.dtype);
      const averaged = (name: string, now: Tensor): Tensor => {
        const old = slot(name, path);
        const mean = old.add(now.sub(old).mul(share));
        setSlot(name, path, mean);
        return mean;
      };
      let v: Tensor;
      if (g.rank < 2) v = averaged("square", square);
      else {
        const rows = averaged("rows", square.mean(-1)).unsqueeze(-1); // [.., n, 1]
        const columns = averaged("columns", square.mean(-2)).unsqueeze(-2); // [.., 1, m]
        v = rows.div(rows.mean(-2, true).max(epsilon)).mul(columns);
      }
      const direction = g.div(v.max(epsilon ** 2).sqrt());
      const size = rms(parameters.get(path) as Tensor).max(leastScale);
      const scale = size.div(rms(direction).div(threshold).max(1));
      return { direction, scale: times(scalar("bound").cast(g.dtype), scale), decay: 0 };
    }),
  };
}
