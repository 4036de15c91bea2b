/**
 * @module A game: an example as parts that can be present or absent, and the score of every coalition of them. All methods of Shapley's kind, LIME,
 * ablation and deletion curves play it, and know nothing of images, texts or tables.
 */
import type { DType, TensorData } from "../graph/index.js";
import { DTYPES, sizeOf, toNumbers } from "../graph/index.js";

/** A game of Shapley values: players, and the value of each coalition. */
export interface Game {
  /** F: how many parts there are. */
  readonly players: number;
  readonly names: readonly string[];
  /** The part of each element of the features, −1 for none; undefined where parts are no sets of elements. */
  readonly partOf?: Int32Array;
  /** Scores [S] of coalitions [S, F], row-major, 1 for a part that is present. */
  readonly play: (coalitions: Uint8Array, count: number, progress?: (fraction: number) => void) => Promise<Float64Array>;
}

/** Coalitions whose inputs are made at once; memory for them is S·M times that of an example. */
const AT_ONCE = 256;

/**
 * A game of sets of elements: those of absent parts are replaced by the baselines', and scores are means over the baselines.
 *
 * Shapes: x [1, …], baselines [M, …]; partOf holds the part of each element of an example.
 */
export function elementGame(
  x: TensorData,
  baselines: TensorData,
  partOf: Int32Array,
  names: readonly string[],
  score: (features: TensorData) => Promise<Float64Array>,
): Game {
  const players = names.length;
  const size = partOf.length;
  const backgrounds = baselines.shape[0] ?? 1;
  const present = toNumbers(x);
  const absent = toNumbers(baselines);
  const play: Game["play"] = async (coalitions, count, progress) => {
    const scores = new Float64Array(count);
    const atOnce = Math.max(1, Math.floor(AT_ONCE / backgrounds));
    for (let from = 0; from < count; from += atOnce) {
      const rows = Math.min(atOnce, count - from);
      const data = arrayOf(x.dtype, rows * backgrounds * size);
      for (let s = 0; s < rows; s++) {
        const coalition = coalitions.subarray((from + s) * players, (from + s + 1) * players);
        for (let m = 0; m < backgrounds; m++) {
          const at = (s * backgrounds + m) * size;
          for (let e = 0; e < size; e++) {
            const part = partOf[e] as number;
            const isPresent = part < 0 || coalition[part] === 1;
            data[at + e] = (isPresent ? present[e] : absent[m * size + e]) as number;
          }
        }
      }
      const given = await score({ dtype: x.dtype, shape: [rows * backgrounds, ...x.shape.slice(1)], data });
      for (let s = 0; s < rows; s++) {
        let sum = 0;
        for (let m = 0; m < backgrounds; m++) sum += given[s * backgrounds + m] as number;
        scores[from + s] = sum / backgrounds;
      }
      progress?.((from + rows) / count);
    }
    return scores;
  };
  return { players, names, partOf, play };
}

/** The values of a floating-point array. Features are float32 or float64. */
function arrayOf(dtype: DType, length: number): Float32Array | Float64Array {
  const made = DTYPES[dtype].create(length);
  return made instanceof Float64Array || made instanceof Float32Array ? made : new Float32Array(length);
}

/** Values of parts as values of the elements: each element has the value of its part, shared out evenly where `share`. */
export function spreadParts(values: Float64Array, partOf: Int32Array, shape: readonly number[], share = false): TensorData {
  const data = new Float32Array(sizeOf(shape));
  const counts = new Float64Array(values.length);
  for (const part of partOf) if (part >= 0) counts[part] = (counts[part] as number) + 1;
  for (let e = 0; e < data.length; e++) {
    const part = partOf[e] as number;
    if (part >= 0) data[e] = (values[part] as number) / (share ? (counts[part] as number) : 1);
  }
  return { dtype: "float32", shape: [...shape], data };
}

/** The scores of the empty and the full coalition. */
export async function bounds(game: Pick<Game, "players" | "play">): Promise<{ empty: number; full: number }> {
  const coalitions = new Uint8Array(2 * game.players).fill(1, game.players);
  const [empty, full] = await game.play(coalitions, 2);
  return { empty: empty as number, full: full as number };
}
