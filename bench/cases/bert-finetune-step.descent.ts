/**
 * @module Descent in the case bert-finetune-step.
 */
import { textContender } from "./text-contender.js";
import { TEXT_STEPS } from "./text-steps.js";
import type { Contender } from "./types.js";

export const createContender = (): Contender => textContender(TEXT_STEPS.bert);
