/**
 * @module A decoder by its sizes alone: parameters, FLOPs of a token, bytes of activations.
 */
import { ConfigError } from "../../util/errors.js";

/** Sizes of a decoder: pre-norm blocks of attention and a perceptron of four times the width, learned positions, output tied to the embeddings. */
export interface TransformerSizes {
  readonly layers: number;
  readonly width: number;
  readonly heads: number;
  readonly vocabulary: number;
  /** Tokens in a sequence. */
  readonly context: number;
}

/** Errors: ConfigError where the heads do not divide the width. */
export function checkSizes({ width, heads }: TransformerSizes): void {
  if (width % heads !== 0) throw new ConfigError(`plan: expected a width that ${heads} heads divide, got ${width}`);
}

/**
 * Parameters: L·(12·d² + 13·d) + (V + T)·d + 2·d. Those of GPT-2: 124,439,808 for L = 12, d = 768, V = 50257, T = 1024.
 *
 * Source: Radford et al. 2019; without biases and norms Kaplan et al. 2020, Table 1.
 */
export const parametersOf = ({ layers, width: d, vocabulary, context }: TransformerSizes): number =>
  layers * (12 * d * d + 13 * d) + (vocabulary + context) * d + 2 * d;

/**
 * FLOPs of training on one token: 6·(12·L·d² + V·d) of products with weights, 12·L·d·T of attention; a third of it forward.
 *
 * Source: Chowdhery et al. 2022, PaLM, appendix B, arXiv:2204.02311: 6·N + 12·L·H·Q·T.
 * Differs from the source: N counts the matrices that tokens are multiplied with alone (embeddings are looked up, the output layer is a product).
 */
export const flopsPerToken = ({ layers, width: d, vocabulary, context }: TransformerSizes): number =>
  6 * (12 * layers * d * d + vocabulary * d) + 12 * layers * d * context;

/** The activations that are kept for the backward pass. */
export const RECOMPUTE = ["none", "selective", "full"] as const;
/** Inner values that are computed twice in place of kept. */
export type Recompute = (typeof RECOMPUTE)[number];

/**
 * Bytes of activations of one layer for a micro-batch, in 16 bits, on each of t devices that share the layer:
 *
 *     none: s·b·h·(10 + 24/t + 5·a·s/(h·t));  selective (attention anew): s·b·h·(10 + 24/t);  full (all but the input anew): 2·s·b·h
 *
 * Source: Korthikanti et al. 2022, Reducing activation recomputation in large transformer models, eq. 1 to 4 and Table 2, arXiv:2205.05198.
 */
export function activationBytesOfLayer(
  { width: h, heads: a, context: s }: TransformerSizes,
  options: { readonly microBatch: number; readonly tensor: number; readonly recompute: Recompute; readonly bytes: number },
): number {
  const { microBatch: b, tensor: t, recompute, bytes } = options;
  const factor = recompute === "full" ? 2 : 10 + 24 / t + (recompute === "none" ? (5 * a * s) / (h * t) : 0);
  // The formula is for 2 bytes a number.
  return s * b * h * factor * (bytes / 2);
}
