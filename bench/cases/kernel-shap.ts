/**
 * @module `kernel-shap`: KernelSHAP's own time: 2,048 coalitions of 20 features of one row, for a model that is one product of vectors.
 *
 * Σ |values| is reported as the loss. Inputs file: `weights` [20], `rows` [4, 20]; absent features are 0.
 */
import { uniformTensor } from "./random-tensors.js";
import type { BenchCase } from "./types.js";

const FEATURES = 20;

export const kernelShapCase: BenchCase = {
  name: "kernel-shap",
  title: "KernelSHAP of one row: 2,048 coalitions of 20 features, for a model of one product",
  settings: { samples: 2048 },
  inputs: () => [uniformTensor("weights", [FEATURES], 1), uniformTensor("rows", [4, FEATURES], 1)],
  agreement: { steps: 4, tolerance: 1e-3 },
  contenders: [
    { name: "descent", program: { module: "cases/kernel-shap.descent.js" } },
    { name: "shap", program: { python: "peers/shap_kernel.py" } },
  ],
};
