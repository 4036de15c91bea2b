/**
 * @module The one table of measures.
 */
import { completeness } from "./completeness.js";
import { deletion, insertion } from "./deletion.js";
import { infidelity } from "./infidelity.js";
import { maxSensitivity } from "./max-sensitivity.js";
import type { Measure } from "./measure.js";
import { sensitivityN } from "./sensitivity-n.js";

/** Measures of explanations, by name. */
export const MEASURES = {
  completeness,
  "sensitivity-n": sensitivityN,
  infidelity,
  "max-sensitivity": maxSensitivity,
  insertion,
  deletion,
} as const satisfies Readonly<Record<string, Measure>>;

/** Measures by name. */
export type MeasureName = keyof typeof MEASURES;

/** Names of the measures. */
export const MEASURE_NAMES = Object.keys(MEASURES) as readonly MeasureName[];
