/**
 * @module `integrated-gradients`: Integrated Gradients of ResNet-18 at 224², one image, 50 gradients by Gauss–Legendre, with the gap.
 *
 * Σ |attributions| is reported as the loss. Inputs file: parameters and running statistics by torchvision's paths and in its layouts;
 * `images` [images, 1, 3, 224, 224].
 */
import { resNet18 } from "../../src/models/index.js";
import type { NamedTensor } from "../tensor-file.js";
import { constantTensor, uniformTensor } from "./random-tensors.js";
import type { BenchCase } from "./types.js";
import { sizeOf } from "../../src/graph/index.js";

/** Weights as large as keeps activations; batch norm is the identity. */
function state(): NamedTensor[] {
  return [...resNet18().state()].map(([path, { dims }]) => {
    if (dims.length === 1) return constantTensor(path, dims, path.endsWith("weight") || path.endsWith("running_var") ? 1 : 0);
    const fanIn = sizeOf(dims.slice(1));
    return uniformTensor(path, dims, Math.sqrt((path === "fc.weight" ? 1 : 3) / fanIn));
  });
}

export const integratedGradients: BenchCase = {
  name: "integrated-gradients",
  title: "Integrated Gradients of ResNet-18 at 224², one image: 50 gradients, attributions and their gap",
  settings: { steps: 50, target: 3 },
  inputs: () => [...state(), uniformTensor("images", [2, 1, 3, 224, 224], 1)],
  agreement: { steps: 2, tolerance: 1e-2 },
  contenders: [
    { name: "descent", program: { module: "cases/integrated-gradients.descent.js" } },
    { name: "captum", variant: "eager", program: { python: "peers/captum_integrated_gradients.py" } },
    { name: "captum", variant: "channels-last", program: { python: "peers/captum_integrated_gradients.py" } },
  ],
};
