/**
 * @module Rotary positions: queries and keys rotated by angles that grow with their position, so that their products depend on distances.
 */
import type { Tensor } from "../graph/index.js";
import { constant, fromNumbers } from "../graph/index.js";
import { arange, concat, split } from "../ops/index.js";
import { ConfigError } from "../util/errors.js";

/** Scaling of the frequencies for texts longer than those of pre-training. */
export type RotaryScaling =
  | { readonly type: "linear"; readonly factor: number }
  | {
      readonly type: "llama3";
      readonly factor: number;
      readonly lowFrequencyFactor: number;
      readonly highFrequencyFactor: number;
      readonly originalMaxPositions: number;
    };

/** Options of rotary positions: size of a head, base of the wavelengths, scaling for long texts. */
export interface RotaryOptions {
  /** Even: one half is turned with the other. */
  readonly headSize: number;
  /** The longest wavelength is 2π times this. */
  readonly theta?: number;
  readonly scaling?: RotaryScaling;
}

/**
 * The frequency of each pair: θ^(−2i/d), i = 0 … d/2 − 1, scaled on request.
 *
 * Source: Su et al. 2021, arXiv:2104.09864, section 3.2.2; "llama3": Llama 3.1's release, which leaves short waves, divides long ones by
 * the factor, and blends between.
 * ConfigError for a head size that is odd.
 */
export function rotaryFrequencies({ headSize, theta = 10_000, scaling }: RotaryOptions): Float64Array {
  if (headSize % 2 !== 0) throw new ConfigError(`rotary: expected an even head size, got ${headSize}`);
  const plain = Float64Array.from({ length: headSize / 2 }, (_, i) => theta ** ((-2 * i) / headSize));
  if (scaling === undefined) return plain;
  if (scaling.type === "linear") return plain.map((f) => f / scaling.factor);
  const { factor, lowFrequencyFactor: low, highFrequencyFactor: high, originalMaxPositions: length } = scaling;
  return plain.map((f) => {
    const turns = (length * f) / (2 * Math.PI); // within a text of the original length
    const kept = Math.min(1, Math.max(0, (turns - low) / (high - low)));
    return (1 - kept) * (f / factor) + kept * f;
  });
}

/** Cosines and sines of the angles: [T, d/2] for positions [T], [N, 1, T, d/2] for positions [N, T]. */
export interface RotaryAngles {
  readonly cos: Tensor;
  readonly sin: Tensor;
}

/** The angles at positions (integers). Positions [T] give cosines and sines [T, headSize / 2], positions [N, T] such of [N, 1, T, headSize / 2]. */
export function rotaryAngles(positions: Tensor, options: RotaryOptions): RotaryAngles {
  const frequencies = constant(fromNumbers("float32", [options.headSize / 2], rotaryFrequencies(options)));
  const angles = positions.cast("float32").unsqueeze(-1).mul(frequencies);
  const each = positions.rank === 2 ? angles.unsqueeze(1) : angles;
  return { cos: each.cos(), sin: each.sin() };
}

/** The positions 0 … T − 1 of x [N, h, T, d] or tokens [N, T], at axis `axis`. */
export const positionsOf = (x: Tensor, axis: number): Tensor => arange(x.shape[axis] ?? 1);

/**
 * x with element i of its first half and of its second turned by one angle.
 *
 *     (a, b) → (a·cos − b·sin, b·cos + a·sin)
 *
 * Shapes: x [N, h, T, d] → the same.
 * Source: Su et al. 2021, arXiv:2104.09864, equation 34.
 * Differs from the source: pairs are (i, i + d/2), not (2i, 2i + 1), as in GPT-NeoX and Hugging Face's Llama.
 * Checked against: Hugging Face's `LlamaForCausalLM`, 1e-4, test/models/language-models.test.ts.
 */
export function rotate(x: Tensor, { cos, sin }: RotaryAngles): Tensor {
  const half = (x.shape[x.rank - 1] as number) / 2;
  const [a, b] = split(x, [half, half], -1) as [Tensor, Tensor];
  return concat([a.mul(cos).sub(b.mul(sin)), b.mul(cos).add(a.mul(sin))], -1);
}
