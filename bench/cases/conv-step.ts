/**
 * @module `conv-step`: a convolution 3×3 from 64 to 64 channels on 28×28, batch 32, with batch norm (of the batch) and relu, forward and backward.
 *
 * loss = Σ(output · upstream) / 32. All gradients are computed, that to the image in full; the three parameters take an SGD step. What is reported as
 * the loss is the loss plus the first and the last value of the gradient to the image, so that a wrong one shows. Inputs file: `conv.weight`
 * [64, 64, 3, 3], `bn.weight` [64], `bn.bias` [64], `images` [batches, 32, 64, 28, 28], `upstream` [32, 64, 28, 28].
 * jax-js took 1.45 s for a single image in place of 32, so it does not take part (bench/README.md).
 */
import { constantTensor, uniformTensor } from "./random-tensors.js";
import type { BenchCase } from "./types.js";

const [CHANNELS, SIZE, BATCH, BATCHES] = [64, 28, 32, 4];

export const convStep: BenchCase = {
  name: "conv-step",
  title: "convolution 3×3 64→64 on 28×28, batch 32, batch norm, relu: forward, all gradients, SGD",
  settings: { learningRate: 1e-5, epsilon: 1e-5 },
  inputs: () => [
    uniformTensor("conv.weight", [CHANNELS, CHANNELS, 3, 3], 1 / Math.sqrt(9 * CHANNELS)),
    constantTensor("bn.weight", [CHANNELS], 1),
    constantTensor("bn.bias", [CHANNELS], 0),
    uniformTensor("images", [BATCHES, BATCH, CHANNELS, SIZE, SIZE], 1),
    uniformTensor("upstream", [BATCH, CHANNELS, SIZE, SIZE], 1),
  ],
  agreement: { steps: 5, tolerance: 5e-3 },
  contenders: [
    { name: "descent", program: { module: "cases/conv-step.descent.js" } },
    { name: "pytorch", variant: "eager", program: { python: "peers/torch_conv.py" } },
    { name: "pytorch", variant: "channels-last", program: { python: "peers/torch_conv.py" } },
    { name: "pytorch", variant: "compile", program: { python: "peers/torch_conv.py" } },
  ],
};
