/**
 * @module What quantization is asked for, and what it is given.
 */
import type { CompileOptions } from "../../runtime/index.js";
import type { Feeds } from "../activations.js";
import type { Calibration } from "./calibration.js";

export const REFINEMENTS = ["none", "gptq", "awq", "smoothquant", "bias-correction"] as const;
/** A way to choose weights. */
export type Refinement = (typeof REFINEMENTS)[number];

export const FORMS = ["int8-dynamic", "int8-static", "int8", "int4", "float16"] as const;
/** A form of weights, and of the activations that they meet. */
export type Form = (typeof FORMS)[number];

/** What is asked for. */
export interface QuantizeOptions extends CompileOptions {
  readonly form: Form;
  /** Numbers that share a scale: of `int4` and `int8`. */
  readonly blockSize?: number;
  /** How ranges of activations are chosen: of `int8-static`. */
  readonly calibration?: Calibration;
  /** How weights are chosen besides rounding them. */
  readonly refinement?: Refinement;
  /** Layers that stay as they are, by name. */
  readonly keep?: ReadonlySet<string>;
  /** Gains below this are none. */
  readonly leastSpeedup?: number;
  /** Whether layers that gain nothing are quantized all the same: for their size. */
  readonly evenIfSlower?: boolean;
  /** Called as layers are measured. */
  readonly onLayer?: (done: number, total: number) => void;
}

/** Examples for measuring and calibrating. */
export interface QuantizeData {
  /** One example, as it is used: the shapes that layers are measured with. */
  readonly one: Feeds;
  /** Batches to calibrate on. */
  readonly calibration: readonly Feeds[];
}

/** The options of the engine alone. */
export const onlyUse = ({ device, threads, runtime }: CompileOptions): CompileOptions => ({
  ...(device && { device }),
  ...(threads && { threads }),
  ...(runtime && { runtime }),
});
