/**
 * @module Descent in the case gpt-30m-step.
 */
import { gptContender } from "./gpt-contender.js";
import { THIRTY } from "./gpt-30m-step.js";
import type { Contender } from "./types.js";

export const createContender = (): Contender => gptContender(THIRTY);
