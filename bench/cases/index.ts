/**
 * @module The list of benchmark cases: one row each.
 */
import { mlpStep } from "./mlp-step.js";
import type { BenchCase } from "./types.js";

export const CASES: readonly BenchCase[] = [mlpStep];
