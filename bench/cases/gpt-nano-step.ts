/**
 * @module `gpt-nano-step`: one AdamW step of a character GPT in nanoGPT's configuration for a CPU: 4 layers, 4 heads, 128 wide, 64 long, batch 12.
 *
 * As nanoGPT (GPT-2: pre-norm, learned positions, exact gelu, output tied to the token embedding), with biases, without dropout and clipping. AdamW
 * decays the matrices and not the vectors. Inputs file: nanoGPT's names, linear weights [out, in]; `tokens` [batches, 12, 65] int32, of which the
 * first 64 are read and the last 64 predicted.
 */
import { gptInputs } from "./gpt-inputs.js";
import type { BenchCase } from "./types.js";

/** The model's sizes and the batch. */
export const NANO = {
  layers: 4,
  heads: 4,
  width: 128,
  length: 64,
  batch: 12,
  vocabulary: 65,
  batches: 16,
  seed: "gpt-nano-step",
};

export const gptNanoStep: BenchCase = {
  name: "gpt-nano-step",
  title: "GPT with 4 layers, 4 heads, 128 wide, 64 long, batch 12, 65 characters: a whole training step with AdamW",
  settings: {
    learningRate: 1e-3,
    beta1: 0.9,
    beta2: 0.99,
    epsilon: 1e-8,
    weightDecay: 0.1,
    layers: NANO.layers,
    heads: NANO.heads,
  },
  inputs: () => gptInputs(NANO),
  agreement: { steps: 10, tolerance: 1e-3 },
  contenders: [
    { name: "descent", program: { module: "cases/gpt-nano-step.descent.js" } },
    { name: "pytorch", variant: "eager", program: { python: "peers/torch_gpt.py" } },
    { name: "pytorch", variant: "compile", program: { python: "peers/torch_gpt.py" } },
    { name: "jax-js", variant: "1 thread", program: { module: "peers/jax-gpt.js" } },
    { name: "jax-js", variant: "threads", program: { module: "peers/jax-gpt.js" } },
  ],
};
