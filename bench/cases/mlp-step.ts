/**
 * @module `mlp-step`: one SGD step of a multilayer perceptron 784-512-512-10 with relu, batch 128, cross-entropy.
 *
 * Inputs file: `fc1.weight` [512, 784], `fc1.bias` [512], `fc2.*`, `fc3.*` (PyTorch's layout, [out, in]); `images` [batches, 128, 784] float32;
 * `labels` [batches, 128] int32.
 */
import { learnablePictures, uniformTensor } from "./random-tensors.js";
import type { BenchCase } from "./types.js";

const BATCHES = 16;
const BATCH = 128;
const PIXELS = 784;
const CLASSES = 10;
const LAYERS = [
  [PIXELS, 512],
  [512, 512],
  [512, CLASSES],
] as const;

export const mlpStep: BenchCase = {
  name: "mlp-step",
  title: "MLP 784-512-512-10 with relu, batch 128: a whole training step (batch in, loss out) with SGD",
  settings: { learningRate: 0.2 },
  inputs: () => [
    ...LAYERS.flatMap(([from, to], i) => [
      uniformTensor(`fc${i + 1}.weight`, [to, from], 1 / Math.sqrt(from)),
      uniformTensor(`fc${i + 1}.bias`, [to], 1 / Math.sqrt(from)),
    ]),
    ...learnablePictures("mlp-step", [BATCHES, BATCH, PIXELS], CLASSES),
  ],
  agreement: { steps: 10, tolerance: 1e-3 },
  contenders: [
    { name: "descent", program: { module: "cases/mlp-step.descent.js" } },
    { name: "pytorch", variant: "eager", program: { python: "peers/torch_mlp.py" } },
    { name: "pytorch", variant: "compile", program: { python: "peers/torch_mlp.py" } },
    { name: "jax-js", variant: "1 thread", program: { module: "peers/jax-mlp.js" } },
    { name: "jax-js", variant: "threads", program: { module: "peers/jax-mlp.js" } },
    { name: "tfjs-wasm", variant: "1 thread", program: { module: "peers/tfjs-mlp.js" } },
    { name: "tfjs-wasm", variant: "threads", program: { module: "peers/tfjs-mlp.js" } },
    { name: "tfjs-cpu", program: { module: "peers/tfjs-mlp.js" } },
  ],
};
