/**
 * @module The options and the data of a quantization.
 */
import type { CompileOptions } from "../../runtime/index.js";
import type { Feeds } from "../activations.js";
import type { Calibration } from "./calibration.js";

export const REFINEMENTS = ["none", "gptq", "awq", "smoothquant", "bias-correction", "adaround", "brecq"] as const;
/** A way to choose weights. */
export type Refinement = (typeof REFINEMENTS)[number];

export const FORMS = ["int8-dynamic", "int8-static", "int8", "int4", "float16"] as const;
/** A form of weights, and of the activations that they meet. */
export type Form = (typeof FORMS)[number];

/** Number of weights that share a scale, unless told otherwise. */
export const BLOCK_SIZE = 64;

/** Options of quantization. */
export interface QuantizeOptions extends CompileOptions {
  readonly form: Form;
  /** Number of weights that share a scale, for `int4` and `int8`. */
  readonly blockSize?: number;
  /** The rule for ranges of activations, for `int8-static`. */
  readonly calibration?: Calibration;
  /** A refinement of weights before they are rounded. */
  readonly refinement?: Refinement;
  /** Training steps for each layer or block whose rounding is learned. */
  readonly roundingSteps?: number;
  /** The largest weight of `int8-dynamic` and `int8-static`: 127, or 63 where products saturate; left out, the machine is asked. */
  readonly largestCode?: number;
  /** Layers that stay as they are, by name. */
  readonly keep?: ReadonlySet<string>;
  /** The smallest speedup that counts as a gain. */
  readonly leastSpeedup?: number;
  /** Whether layers that gain nothing are quantized as well, for their size. */
  readonly evenIfSlower?: boolean;
  /** Called as layers are measured. */
  readonly onLayer?: (done: number, total: number) => void;
}

/** Examples for measuring and calibrating. */
export interface QuantizeData {
  /** One example with the shapes of use, with which layers are measured. */
  readonly one: Feeds;
  /** Batches to calibrate on. */
  readonly calibration: readonly Feeds[];
}

/** Picks the options of the engine. */
export const onlyUse = ({ device, threads, runtime }: CompileOptions): CompileOptions => ({ device, threads, runtime });
