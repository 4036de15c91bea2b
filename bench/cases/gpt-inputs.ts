/**
 * @module The inputs file of the cases that train a GPT: nanoGPT's names, linear weights [out, in], and `tokens` [batches, batch, length + 1].
 */
import { Random } from "../../src/util/random.js";
import type { NamedTensor } from "../tensor-file.js";
import { constantTensor, normalTensor } from "./random-tensors.js";

/** Sizes of a GPT and its batches; `seed` names the stream of its texts. */
export interface GptSizes {
  readonly layers: number;
  readonly heads: number;
  readonly width: number;
  readonly length: number;
  readonly batch: number;
  readonly vocabulary: number;
  readonly batches: number;
  readonly seed: string;
}

/** Texts in which each token depends on the one before, more often than not. */
function tokens({ batches, batch, length, vocabulary, seed }: GptSizes): NamedTensor {
  const random = new Random(1, seed, "tokens");
  const values = new Int32Array(batches * batch * (length + 1));
  for (let i = 0; i < values.length; i++) {
    const before = values[i - 1] ?? 0;
    values[i] = random.uniform() < 0.75 ? (before * 7 + 3) % vocabulary : random.integer(vocabulary);
  }
  return { name: "tokens", shape: [batches, batch, length + 1], values };
}

function linear(name: string, from: number, to: number, standardDeviation = 0.02): NamedTensor[] {
  return [normalTensor(`${name}.weight`, [to, from], standardDeviation), constantTensor(`${name}.bias`, [to], 0)];
}

const layerNorm = (name: string, width: number): NamedTensor[] => [
  constantTensor(`${name}.weight`, [width], 1),
  constantTensor(`${name}.bias`, [width], 0),
];

/** Weights as nanoGPT initializes them, and texts. */
export function gptInputs(sizes: GptSizes): NamedTensor[] {
  const { layers, width, length, vocabulary } = sizes;
  const projected = 0.02 / Math.sqrt(2 * layers);
  return [
    normalTensor("transformer.wte.weight", [vocabulary, width], 0.02),
    normalTensor("transformer.wpe.weight", [length, width], 0.02),
    ...Array.from({ length: layers }, (_, i) => `transformer.h.${i}`).flatMap((block) => [
      ...layerNorm(`${block}.ln_1`, width),
      ...linear(`${block}.attn.c_attn`, width, 3 * width),
      ...linear(`${block}.attn.c_proj`, width, width, projected),
      ...layerNorm(`${block}.ln_2`, width),
      ...linear(`${block}.mlp.c_fc`, width, 4 * width),
      ...linear(`${block}.mlp.c_proj`, 4 * width, width, projected),
    ]),
    ...layerNorm("transformer.ln_f", width),
    tokens(sizes),
  ];
}
