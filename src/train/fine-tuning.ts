/**
 * @module Fine-tuning in one call: adapters put into a model, and an optimizer that leaves everything else as it is.
 */
import type { Lora, Module } from "../nn/index.js";
import { addAdapters } from "../nn/index.js";
import type { FineTuning, Optimizer } from "../optim/index.js";
import { withFineTuning } from "../optim/index.js";

/** Options of `fineTune`: frozen parameters, learning rates by part, adapters. */
export interface FineTuneOptions extends FineTuning {
  /** Adapters that are trained; the rest of the model is frozen. */
  readonly adapters?: Lora;
}

/**
 * Puts adapters into the model, in place, where they are asked for, and gives an optimizer that changes what is to be learned, as fast as it should.
 *
 * Errors: ConfigError for patterns that match nothing, with the nearest path, and as of `addAdapters`.
 *
 * @example
 * import { Linear, lora, relu, Sequential } from "descentjs/nn";
 * import { adamW } from "descentjs/optim";
 * import { fineTune } from "descentjs/train";
 * const model = new Sequential(new Linear(8, 8), relu, new Linear(8, 2));
 * const optimizer = fineTune(model, adamW({ learningRate: 1e-4 }), { adapters: lora({ rank: 2, targets: ["0"], modulesToSave: ["2"] }) });
 * console.log([...model.parameters().keys()], optimizer.groups.length > 0); // 0.lora_A.…
 */
export function fineTune(model: Module, optimizer: Optimizer, { adapters, ...tuning }: FineTuneOptions): Optimizer {
  const frozen = adapters === undefined ? [] : addAdapters(model, adapters).frozen;
  const { freeze = [], learningRates, layerDecay } = tuning;
  if (frozen.length + freeze.length === 0 && learningRates === undefined && layerDecay === undefined) return optimizer;
  return withFineTuning(optimizer, model.parameters().keys(), { ...tuning, freeze: [...frozen, ...freeze] });
}
