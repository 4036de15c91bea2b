/**
 * @module Descent in the case gpt-nano-step.
 */
import { gptContender } from "./gpt-contender.js";
import { NANO } from "./gpt-nano-step.js";
import type { Contender } from "./types.js";

export const createContender = (): Contender => gptContender(NANO);
