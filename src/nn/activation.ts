/**
 * @module Activations as functions (`relu`) and as tiny modules (`ReLU`), and by name for configurations.
 */
import type { Tensor } from "../graph/index.js";
import * as ops from "../ops/index.js";
import { nameIn } from "../util/described.js";
import { Module } from "./module.js";

export { elu, gelu, hardSigmoid, hardSwish, leakyRelu, mish, relu, selu, sigmoid, silu, softplus, tanh } from "../ops/index.js";

/** From a tensor to one of the same shape. */
export type Activation = (x: Tensor) => Tensor;

/** x, unchanged. */
export const identity: Activation = (x) => x;
/** min(max(0, x), 6); shape and type of x. */
export const relu6: Activation = (x) => x.clip(0, 6);

/** Every activation without options, by the name that configurations use. */
export const ACTIVATIONS = {
  relu: ops.relu,
  relu6,
  leakyRelu: (x: Tensor) => ops.leakyRelu(x),
  elu: (x: Tensor) => ops.elu(x),
  selu: ops.selu,
  gelu: (x: Tensor) => ops.gelu(x),
  geluTanh: (x: Tensor) => ops.gelu(x, "tanh"),
  silu: ops.silu,
  mish: ops.mish,
  sigmoid: ops.sigmoid,
  tanh: ops.tanh,
  softplus: ops.softplus,
  hardSigmoid: ops.hardSigmoid,
  hardSwish: ops.hardSwish,
  identity,
} as const satisfies Record<string, Activation>;

/** Activations by name. */
export type ActivationName = keyof typeof ACTIVATIONS;

/** The activation of a name, or the function itself. ConfigError, with the nearest name, for an unknown one. */
export function activationNamed(activation: ActivationName | Activation): Activation {
  if (typeof activation === "function") return activation;
  return ACTIVATIONS[nameIn("activation", ACTIVATIONS, activation) as ActivationName];
}

/** max(x, 0). */
export class ReLU extends Module {
  override forward(x: Tensor): Tensor {
    return ops.relu(x);
  }
}

/** x for x > 0, else slope·x. */
export class LeakyReLU extends Module {
  readonly slope: number;

  constructor(slope = 0.01) {
    super();
    this.slope = slope;
  }

  override forward(x: Tensor): Tensor {
    return ops.leakyRelu(x, this.slope);
  }
}

/** x for x > 0, else α(eˣ − 1). */
export class ELU extends Module {
  readonly alpha: number;

  constructor(alpha = 1) {
    super();
    this.alpha = alpha;
  }

  override forward(x: Tensor): Tensor {
    return ops.elu(x, this.alpha);
  }
}

/** x·Φ(x), exactly or by tanh. */
export class GELU extends Module {
  readonly approximate: "none" | "tanh";

  constructor(approximate: "none" | "tanh" = "none") {
    super();
    this.approximate = approximate;
  }

  override forward(x: Tensor): Tensor {
    return ops.gelu(x, this.approximate);
  }
}

/** x·σ(x). */
export class SiLU extends Module {
  override forward(x: Tensor): Tensor {
    return ops.silu(x);
  }
}

/** 1/(1 + e⁻ˣ). */
export class Sigmoid extends Module {
  override forward(x: Tensor): Tensor {
    return ops.sigmoid(x);
  }
}

/** The activation tanh as a module. */
export class Tanh extends Module {
  override forward(x: Tensor): Tensor {
    return ops.tanh(x);
  }
}
