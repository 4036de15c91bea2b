/**
 * @module The exponential moving average (EMA) of the weights, as a part of an optimizer.
 */
import { expectOption } from "../util/described.js";
import type { Part } from "./optimizer.js";

/**
 * Keeps an average of the weights beside them: a ← d·a + (1 − d)·w after each step. The averages are the slots
 * `average.weights/PATH`; they begin with the weights' own values.
 *
 * Source: Polyak and Juditsky 1992; as PyTorch's `get_ema_multi_avg_fn`.
 */
export function exponentialMovingAverage(decay = 0.999): Part {
  expectOption("exponentialMovingAverage", decay, 0, 1);
  return {
    description: { name: "average", decay },
    slots: (parameter) => ({ weights: { shape: parameter.dims, dtype: parameter.dtype, initial: "parameter" } }),
    finish: (values, { slot, setSlot }) => {
      for (const [path, value] of values) {
        const average = slot("weights", path);
        setSlot("weights", path, average.add(value.sub(average).mul(1 - decay)));
      }
      return values;
    },
  };
}

/** Slot keys of averaged weights, by parameter path, from the keys of an optimizer's state; empty where it keeps none. */
export function averagedWeights(slotKeys: Iterable<string>): Map<string, string> {
  const prefix = "average.weights/";
  return new Map([...slotKeys].filter((key) => key.startsWith(prefix)).map((key) => [key.slice(prefix.length), key]));
}
