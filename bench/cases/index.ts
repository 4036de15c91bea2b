/**
 * @module The list of benchmark cases: one row each.
 */
import { compile1000 } from "./compile-1000.js";
import { convGradients } from "./conv-gradients.js";
import { convStep } from "./conv-step.js";
import { gpt30mStep } from "./gpt-30m-step.js";
import { gptNanoStep } from "./gpt-nano-step.js";
import { integratedGradients } from "./integrated-gradients.js";
import { kernelShapCase } from "./kernel-shap.js";
import { mlpStep } from "./mlp-step.js";
import { resnet18CifarStep } from "./resnet-18-cifar-step.js";
import { textSteps } from "./text-steps.js";
import type { BenchCase } from "./types.js";

export const CASES: readonly BenchCase[] = [
  mlpStep,
  compile1000,
  gptNanoStep,
  gpt30mStep,
  convStep,
  convGradients,
  resnet18CifarStep,
  ...textSteps,
  integratedGradients,
  kernelShapCase,
];
