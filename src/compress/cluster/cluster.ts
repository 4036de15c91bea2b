/**
 * @module Weight clustering: the weights of a tensor share a few values, so that each is stored as the number of its value.
 */
import type { TensorData } from "../../graph/index.js";
import { fromNumbers, toNumbers } from "../../graph/index.js";

const ROUNDS = 50;

/**
 * The values of k clusters of numbers, by Lloyd's algorithm from values spread evenly over their range, which keeps the few large ones.
 *
 * Source: Han et al. 2016 (Deep Compression), arXiv:1510.00149, sections 3.1 and 3.2.
 */
export function clusterValues(numbers: Float64Array, k: number): Float64Array {
  const sorted = numbers.slice().sort();
  const [low = 0, high = 0] = [sorted[0], sorted.at(-1)];
  let centres = Float64Array.from({ length: k }, (_, i) => low + ((high - low) * (i + 0.5)) / k);
  // Sums of the sorted numbers, so that a round costs k searches.
  const sums = new Float64Array(sorted.length + 1);
  sorted.forEach((v, i) => (sums[i + 1] = (sums[i] as number) + v));
  for (let round = 0; round < ROUNDS; round++) {
    const bounds = [
      0,
      ...Array.from(centres.subarray(1), (c, i) => below(sorted, (c + (centres[i] as number)) / 2)),
      sorted.length,
    ];
    const next = centres.map((centre, i) => {
      const [from, to] = [bounds[i] as number, bounds[i + 1] as number];
      return to > from ? ((sums[to] as number) - (sums[from] as number)) / (to - from) : centre;
    });
    if (next.every((c, i) => c === centres[i])) break;
    centres = next;
  }
  return centres;
}

/** Counts the sorted numbers below a bound. */
function below(sorted: Float64Array, bound: number): number {
  let [from, to] = [0, sorted.length];
  while (from < to) {
    const middle = (from + to) >> 1;
    if ((sorted[middle] as number) < bound) from = middle + 1;
    else to = middle;
  }
  return from;
}

/** A tensor whose numbers other than 0 are those of k clusters; what is 0 stays so. */
export function clustered(t: TensorData, k: number): TensorData {
  const numbers = toNumbers(t);
  const present = numbers.filter((v) => v !== 0);
  if (present.length <= k) return t;
  const centres = clusterValues(present, k);
  const middles = Float64Array.from(centres.subarray(1), (c, i) => (c + (centres[i] as number)) / 2);
  return fromNumbers(
    t.dtype,
    t.shape,
    numbers.map((v) => (v === 0 ? 0 : (centres[below(middles, v)] as number))),
  );
}

/**
 * Bits that a tensor takes as Deep Compression stores it: the number of its cluster and the distance from the one before for each weight that is not 0 (a
 * filler where the distance does not fit), and the clusters' values.
 */
export function storedBits(t: TensorData, k: number, indexBits = 5): number {
  const valueBits = Math.ceil(Math.log2(k));
  let [entries, gap] = [0, 0];
  for (const v of toNumbers(t)) {
    gap++;
    if (v === 0 && gap < 2 ** indexBits) continue;
    entries++;
    gap = 0;
  }
  return entries * (valueBits + indexBits) + 32 * k;
}
