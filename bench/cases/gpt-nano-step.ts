/**
 * @module `gpt-nano-step`: one AdamW step of a character GPT in nanoGPT's configuration for a CPU: 4 layers, 4 heads, 128 wide, 64 long, batch 12.
 *
 * As nanoGPT (GPT-2: pre-norm, learned positions, exact gelu, output tied to the token embedding), with biases, without dropout and clipping. AdamW
 * decays the matrices and not the vectors. Inputs file: nanoGPT's names, linear weights [out, in]; `tokens` [batches, 12, 65] int32, of which the
 * first 64 are read and the last 64 predicted.
 */
import { Random } from "../../src/util/random.js";
import type { NamedTensor } from "../tensor-file.js";
import { constantTensor, normalTensor } from "./random-tensors.js";
import type { BenchCase } from "./types.js";

const [LAYERS, WIDTH, LENGTH, BATCH, VOCABULARY, BATCHES] = [4, 128, 64, 12, 65, 16];

/** Texts in which each character depends on the one before, more often than not. */
function tokens(): NamedTensor {
  const random = new Random(1, "gpt-nano-step", "tokens");
  const values = new Int32Array(BATCHES * BATCH * (LENGTH + 1));
  for (let i = 0; i < values.length; i++) {
    const before = values[i - 1] ?? 0;
    values[i] = random.uniform() < 0.75 ? (before * 7 + 3) % VOCABULARY : random.integer(VOCABULARY);
  }
  return { name: "tokens", shape: [BATCHES, BATCH, LENGTH + 1], values };
}

function linear(name: string, from: number, to: number, standardDeviation = 0.02): NamedTensor[] {
  return [normalTensor(`${name}.weight`, [to, from], standardDeviation), constantTensor(`${name}.bias`, [to], 0)];
}

function layerNorm(name: string): NamedTensor[] {
  return [constantTensor(`${name}.weight`, [WIDTH], 1), constantTensor(`${name}.bias`, [WIDTH], 0)];
}

export const gptNanoStep: BenchCase = {
  name: "gpt-nano-step",
  title: "GPT with 4 layers, 4 heads, 128 wide, 64 long, batch 12, 65 characters: a whole training step with AdamW",
  settings: { learningRate: 1e-3, beta1: 0.9, beta2: 0.99, epsilon: 1e-8, weightDecay: 0.1, layers: LAYERS, heads: 4 },
  inputs: () => [
    normalTensor("transformer.wte.weight", [VOCABULARY, WIDTH], 0.02),
    normalTensor("transformer.wpe.weight", [LENGTH, WIDTH], 0.02),
    ...Array.from({ length: LAYERS }, (_, i) => `transformer.h.${i}`).flatMap((block) => [
      ...layerNorm(`${block}.ln_1`),
      ...linear(`${block}.attn.c_attn`, WIDTH, 3 * WIDTH),
      ...linear(`${block}.attn.c_proj`, WIDTH, WIDTH, 0.02 / Math.sqrt(2 * LAYERS)),
      ...layerNorm(`${block}.ln_2`),
      ...linear(`${block}.mlp.c_fc`, WIDTH, 4 * WIDTH),
      ...linear(`${block}.mlp.c_proj`, 4 * WIDTH, WIDTH, 0.02 / Math.sqrt(2 * LAYERS)),
    ]),
    ...layerNorm("transformer.ln_f"),
    tokens(),
  ],
  agreement: { steps: 10, tolerance: 1e-3 },
  contenders: [
    { name: "descent", program: { module: "cases/gpt-nano-step.descent.js" } },
    { name: "pytorch", variant: "eager", program: { python: "peers/torch_gpt.py" } },
    { name: "pytorch", variant: "compile", program: { python: "peers/torch_gpt.py" } },
    { name: "jax-js", variant: "1 thread", program: { module: "peers/jax-gpt.js" } },
    { name: "jax-js", variant: "threads", program: { module: "peers/jax-gpt.js" } },
  ],
};
