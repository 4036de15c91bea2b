/**
 * @module Losses by name, for configurations and the command line.
 */
import { ConfigError } from "../util/errors.js";
import { unknownName } from "../util/nearest.js";
import { binaryCrossEntropyWithLogits, crossEntropy, focal } from "./cross-entropy.js";
import { cosineDistance, klDivergence } from "./distance.js";
import type { Loss } from "./loss.js";
import { huber, l1, meanSquaredError, smoothL1 } from "./regression.js";

/** Every loss of an output and a target, with the options that it takes. */
export const LOSSES = {
  crossEntropy: { make: crossEntropy, options: ["classWeights", "labelSmoothing", "ignoreIndex", "reduction"] },
  binaryCrossEntropyWithLogits: { make: binaryCrossEntropyWithLogits, options: ["positiveWeight", "reduction"] },
  focal: { make: focal, options: ["gamma", "alpha", "reduction"] },
  meanSquaredError: { make: meanSquaredError, options: ["reduction"] },
  l1: { make: l1, options: ["reduction"] },
  huber: { make: huber, options: ["delta", "reduction"] },
  smoothL1: { make: smoothL1, options: ["beta", "reduction"] },
  klDivergence: { make: klDivergence, options: ["logTarget", "reduction"] },
  cosineDistance: { make: cosineDistance, options: ["reduction"] },
} as const;

export type LossName = keyof typeof LOSSES;

/** The loss that a description names: `{ name: "crossEntropy", labelSmoothing: 0.1 }`. ConfigError for an unknown name or option. */
export function lossFrom(description: { readonly name: string; readonly [option: string]: unknown }): Loss {
  const { name, ...options } = description;
  if (!Object.hasOwn(LOSSES, name)) throw new ConfigError(unknownName("loss", name, Object.keys(LOSSES)));
  const entry = LOSSES[name as LossName];
  for (const option of Object.keys(options)) {
    if (!(entry.options as readonly string[]).includes(option))
      throw new ConfigError(`loss ${name}: ${unknownName("option", option, entry.options)}`);
  }
  return (entry.make as (options: object) => Loss)(options);
}
