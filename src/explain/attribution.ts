/**
 * @module `Attribution`: the result of every explainer.
 */
import type { TensorData } from "../graph/index.js";
import type { MethodName } from "./methods.js";
import type { Remark } from "./remark.js";

/** An interval that holds the true value in 95 of 100 cases, by bootstrap. */
export interface Interval {
  readonly low: number;
  readonly high: number;
}

/** Attributions to parts of an example rather than to elements of its features. */
export interface PartAttribution {
  /** The parts' names: words, columns, `superpixel 3`. */
  readonly names: readonly string[];
  /** [F], what each part adds to the score. */
  readonly values: Float64Array;
  /** The part that each element of the features belongs to, in the features' order, −1 for none; undefined where parts are no sets of elements. */
  readonly partOf?: Int32Array;
  /** [F], where the method has them. */
  readonly intervals?: readonly Interval[];
  /** [F, F] interaction values, where the method has them. */
  readonly interactions?: Float64Array;
}

/** Attribution of one example. */
export interface ExampleAttribution {
  /** The score asked about: a place among the model's scores, and its name. */
  readonly target: number;
  readonly label: string;
  /** The model's score of the example. */
  readonly score: number;
  /** The score of the baseline (the mean over several), where the method compares with one. */
  readonly baselineScore?: number;
  /**
   * How far the attributions' sum is from what the method promises that they sum to: score − baselineScore, or the score. Undefined for methods
   * that promise no sum.
   */
  readonly gap?: number;
  /** Relevance that did not reach the inputs, by the op that lost it; only for methods whose rules propagate a sum. */
  readonly residuals?: Readonly<Record<string, number>>;
  readonly parts?: PartAttribution;
  /** Figures of the method: `stability`, `r2`, `distance`, `steps`, …. */
  readonly figures?: Readonly<Record<string, number>>;
}

/** Attributions of a batch, of the inputs' shape, with the gap of each example to what they should sum to. */
export interface Attribution {
  readonly method: MethodName;
  /** [N, …features], or [N, 1, H, W] of a method that makes maps of images; signed unless the method has no sign. */
  readonly values: TensorData;
  readonly examples: readonly ExampleAttribution[];
  /** The map before it was enlarged to the image, [N, 1, h, w], of methods that look at a layer. */
  readonly layerValues?: TensorData;
  /** The settings that were used, defaults included. */
  readonly settings: Readonly<Record<string, string | number | boolean>>;
  /** Decisions made for the user, one sentence each: the layer, the baseline, the features that attributions belong to. */
  readonly remarks: readonly Remark[];
}
