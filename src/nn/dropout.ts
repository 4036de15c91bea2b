/**
 * @module `Dropout`: elements dropped at random while training.
 */
import type { Tensor } from "../graph/index.js";
import { dropout } from "../ops/index.js";
import { ConfigError } from "../util/errors.js";
import { Module } from "./module.js";

/**
 * Drops elements: each is 0 with probability p while training, and the others are scaled by 1/(1 − p); in use, x itself.
 *
 * Shapes: x [..] → y [..]. Source: Srivastava et al. 2014; scaled in training, as in PyTorch.
 */
export class Dropout extends Module {
  readonly p: number;

  constructor(p = 0.5) {
    super();
    if (!(p >= 0 && p < 1)) throw new ConfigError(`Dropout: expected a probability p in 0 ≤ p < 1, got ${p}`);
    this.p = p;
  }

  override forward(x: Tensor): Tensor {
    return dropout(x, this.p);
  }
}
