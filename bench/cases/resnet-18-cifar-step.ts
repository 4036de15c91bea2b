/**
 * @module `resnet-18-cifar-step`: one step of SGD with momentum of ResNet-18 with a 3×3 stem on 32×32, batch 32, cross-entropy.
 *
 * Inputs file: the parameters by torchvision's paths and in its layouts; `images` [batches, 32, 3, 32, 32] float32; `labels` [batches, 32] int32.
 * jax-js did not finish two steps of conv-step in 100 s, one twentieth of the work of one step here, so it does not take part.
 */
import { resNet18Cifar } from "../../src/models/index.js";
import { Random } from "../../src/util/random.js";
import type { NamedTensor } from "../tensor-file.js";
import { constantTensor, uniformTensor } from "./random-tensors.js";
import type { BenchCase } from "./types.js";

const BATCHES = 4;
const BATCH = 32;
const PIXELS = 3 * 32 * 32;
const CLASSES = 10;

/** Weights as large as keeps activations; batch norm begins as the identity. */
function parameters(): NamedTensor[] {
  return [...resNet18Cifar().parameters()].map(([path, { dims }]) => {
    if (dims.length === 1) return constantTensor(path, dims, path.endsWith("weight") ? 1 : 0);
    const fanIn = dims.slice(1).reduce((a, b) => a * b, 1);
    return uniformTensor(path, dims, Math.sqrt((path === "fc.weight" ? 1 : 6) / fanIn));
  });
}

/** A class's prototype, half drowned in noise. */
function pictures(): NamedTensor[] {
  const random = new Random(1, "resnet-18-cifar-step", "pictures");
  const prototypes = Array.from({ length: CLASSES * PIXELS }, () => random.uniform(-1, 1));
  const images = new Float32Array(BATCHES * BATCH * PIXELS);
  const labels = new Int32Array(BATCHES * BATCH);
  for (let i = 0; i < labels.length; i++) {
    const label = random.integer(CLASSES);
    labels[i] = label;
    for (let p = 0; p < PIXELS; p++)
      images[i * PIXELS + p] = 0.5 * (prototypes[label * PIXELS + p] as number) + random.uniform(-0.5, 0.5);
  }
  return [
    { name: "images", shape: [BATCHES, BATCH, 3, 32, 32], values: images },
    { name: "labels", shape: [BATCHES, BATCH], values: labels },
  ];
}

export const resnet18CifarStep: BenchCase = {
  name: "resnet-18-cifar-step",
  title: "ResNet-18 with a 3×3 stem on 32×32, batch 32: a whole training step (batch in, loss out) with SGD and momentum",
  settings: { learningRate: 0.01, momentum: 0.9, epsilon: 1e-5 },
  inputs: () => [...parameters(), ...pictures()],
  agreement: { steps: 3, tolerance: 1e-2 },
  contenders: [
    { name: "descent", program: { module: "cases/resnet-18-cifar-step.descent.js" } },
    { name: "pytorch", variant: "eager", program: { python: "peers/torch_resnet.py" } },
    { name: "pytorch", variant: "channels-last", program: { python: "peers/torch_resnet.py" } },
    { name: "pytorch", variant: "compile", program: { python: "peers/torch_resnet.py" } },
    { name: "tfjs-wasm", variant: "threads", program: { module: "peers/tfjs-resnet.js" } },
  ],
};
