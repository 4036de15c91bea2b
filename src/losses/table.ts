/**
 * @module Losses by name, for configurations and the command line.
 */
import type { Table } from "../util/described.js";
import { fromTable } from "../util/described.js";
import { binaryCrossEntropyWithLogits, crossEntropy, focal } from "./cross-entropy.js";
import { cosineDistance, klDivergence } from "./distance.js";
import type { Loss } from "./loss.js";
import { arcFace, batchHardTriplet, cosFace, supervisedContrastive } from "./metric-learning.js";
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
  arcFace: { make: arcFace, options: ["scale", "margin", "reduction"] },
  cosFace: { make: cosFace, options: ["scale", "margin", "reduction"] },
  supervisedContrastive: { make: supervisedContrastive, options: ["temperature", "reduction"] },
  batchHardTriplet: { make: batchHardTriplet, options: ["margin", "reduction"] },
} as const;

/** Losses by name. */
export type LossName = keyof typeof LOSSES;

/** The loss that a description names: `{ name: "crossEntropy", labelSmoothing: 0.1 }`. ConfigError for an unknown name or option. */
export const lossFrom = (description: { readonly name: string; readonly [option: string]: unknown }): Loss =>
  fromTable("loss", LOSSES as Table<Loss>, description);
