/**
 * @module Parts for pruning: weights that stay at zero, and records of how much each weight matters to the loss.
 */
import type { Slot, Part } from "./optimizer.js";

/**
 * Multiplies weights by a mask after each step: where it is 0 they stay 0. The masks are the slots `weightMask.mask/PATH`; they begin with ones.
 */
export function weightMask(): Part {
  return {
    description: { name: "weightMask" },
    slots: ({ dims, dtype }): Record<string, Slot> => ({ mask: { shape: dims, dtype, initial: 1 } }),
    finish: (values, { slot, setSlot }) =>
      new Map(
        [...values].map(([path, value]) => {
          const mask = slot("mask", path);
          setSlot("mask", path, mask);
          return [path, value.mul(mask)];
        }),
      ),
  };
}

/** `taylor`: Σ (g·w)² over steps. `movement`: −Σ g·w. */
export type SaliencyKind = "taylor" | "movement";

/**
 * Records how much each weight matters, in the slots `saliency.score/PATH`; changes no update. It stands first in a chain, where the direction is the
 * gradient.
 *
 * Source: Molchanov et al. 2019, arXiv:1906.10771 (first-order Taylor expansion, squared, summed over batches); Sanh et al. 2020, arXiv:2005.07683.
 */
export function saliency(kind: SaliencyKind): Part {
  return {
    description: { name: "saliency", kind },
    slots: ({ dims, dtype }): Record<string, Slot> => ({ score: { shape: dims, dtype, initial: 0 } }),
    update: (updates, { parameters, slot, setSlot, materialize }) => {
      for (const [path, update] of updates) {
        const weight = parameters.get(path);
        if (weight === undefined) continue;
        const change = weight.mul(materialize(path, update));
        setSlot("score", path, kind === "taylor" ? slot("score", path).add(change.square()) : slot("score", path).sub(change));
      }
      return updates;
    },
  };
}

/** The key of a weight's score in a training's state. */
export const saliencyKey = (path: string): string => `saliency.score/${path}`;
/** The key of a weight's mask in a training's state. */
export const maskKey = (path: string): string => `weightMask.mask/${path}`;
