/**
 * @module `resnet-18-cifar-step`: one step of SGD with momentum of ResNet-18 with a 3×3 stem on 32×32, batch 32, cross-entropy.
 *
 * Inputs file: the parameters by torchvision's paths and in its layouts; `images` [batches, 32, 3, 32, 32] float32; `labels` [batches, 32] int32.
 * jax-js took 14.7 s for a single image in place of 32, so it does not take part (bench/README.md).
 */
import { resNet18Cifar } from "../../src/models/index.js";
import type { NamedTensor } from "../tensor-file.js";
import { constantTensor, learnablePictures, uniformTensor } from "./random-tensors.js";
import type { BenchCase } from "./types.js";
import { sizeOf } from "../../src/graph/index.js";

const BATCHES = 4;
const BATCH = 32;
const CLASSES = 10;

/** Weights as large as keeps activations; batch norm begins as the identity. */
function parameters(): NamedTensor[] {
  return [...resNet18Cifar().parameters()].map(([path, { dims }]) => {
    if (dims.length === 1) return constantTensor(path, dims, path.endsWith("weight") ? 1 : 0);
    const fanIn = sizeOf(dims.slice(1));
    return uniformTensor(path, dims, Math.sqrt((path === "fc.weight" ? 1 : 6) / fanIn));
  });
}

export const resnet18CifarStep: BenchCase = {
  name: "resnet-18-cifar-step",
  title: "ResNet-18 with a 3×3 stem on 32×32, batch 32: a whole training step (batch in, loss out) with SGD and momentum",
  settings: { learningRate: 0.01, momentum: 0.9, epsilon: 1e-5 },
  inputs: () => [...parameters(), ...learnablePictures("resnet-18-cifar-step", [BATCHES, BATCH, 3, 32, 32], CLASSES, -1)],
  agreement: { steps: 3, tolerance: 1e-2 },
  contenders: [
    { name: "descent", program: { module: "cases/resnet-18-cifar-step.descent.js" } },
    { name: "pytorch", variant: "eager", program: { python: "peers/torch_resnet.py" } },
    { name: "pytorch", variant: "channels-last", program: { python: "peers/torch_resnet.py" } },
    { name: "pytorch", variant: "compile", program: { python: "peers/torch_resnet.py" } },
    { name: "tfjs-wasm", variant: "threads", program: { module: "peers/tfjs-resnet.js" } },
  ],
};
