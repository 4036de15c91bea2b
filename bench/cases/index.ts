/**
 * @module The list of benchmark cases: one row each.
 */
import { convStep } from "./conv-step.js";
import { gptNanoStep } from "./gpt-nano-step.js";
import { mlpStep } from "./mlp-step.js";
import type { BenchCase } from "./types.js";

export const CASES: readonly BenchCase[] = [mlpStep, gptNanoStep, convStep];
