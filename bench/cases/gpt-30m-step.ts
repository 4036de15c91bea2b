/**
 * @module `gpt-30m-step`: one AdamW step of a GPT with 29.5 M parameters on 512 tokens, where the optimizer's update is a good part of the work.
 *
 * As `gpt-nano-step`: nanoGPT's model with biases, without dropout and clipping; 8 layers, 8 heads, 512 wide, 128 long, batch 4, 8,192 tokens.
 */
import type { GptSizes } from "./gpt-inputs.js";
import { gptInputs } from "./gpt-inputs.js";
import type { BenchCase } from "./types.js";

/** The model's sizes and the batch. */
export const THIRTY: GptSizes = {
  layers: 8,
  heads: 8,
  width: 512,
  length: 128,
  batch: 4,
  vocabulary: 8192,
  batches: 8,
  seed: "gpt-30m-step",
};

export const gpt30mStep: BenchCase = {
  name: "gpt-30m-step",
  title:
    "GPT with 8 layers, 8 heads, 512 wide, 128 long, batch 4, 8,192 tokens (29.5 M parameters): a whole training step with AdamW",
  settings: {
    learningRate: 3e-4,
    beta1: 0.9,
    beta2: 0.95,
    epsilon: 1e-8,
    weightDecay: 0.1,
    layers: THIRTY.layers,
    heads: THIRTY.heads,
  },
  inputs: () => gptInputs(THIRTY),
  agreement: { steps: 5, tolerance: 1e-3 },
  contenders: [
    { name: "descent", program: { module: "cases/gpt-30m-step.descent.js" } },
    { name: "pytorch", variant: "eager", program: { python: "peers/torch_gpt.py" } },
    { name: "pytorch", variant: "compile", program: { python: "peers/torch_gpt.py" } },
  ],
};
