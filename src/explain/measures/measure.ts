/**
 * @module `Measure`: a measure of faithfulness, one number for one example's attribution, from the model's answers alone.
 */
import type { TensorData } from "../../graph/index.js";
import { toNumbers } from "../../graph/index.js";
import type { Random } from "../../util/random.js";

/** Settings of measures: samples, radius in the input's units, seed. */
export interface MeasureSettings {
  /** Perturbed inputs, subsets, or points of a curve. */
  readonly samples: number;
  /** Size of perturbations, as a fraction of the range of the example's features. */
  readonly radius: number;
  readonly seed: number;
}

/** One example with its attribution. */
export interface MeasureContext {
  /** [1, …features]. */
  readonly x: TensorData;
  /** [1, …features], the replacement of features that are removed. */
  readonly baseline: TensorData;
  /** One value for each element of the features. */
  readonly values: Float64Array;
  /** The unit that each element belongs to: a pixel with all its channels, a token with its whole embedding, else the element itself. */
  readonly unitOf: Int32Array;
  readonly units: number;
  /** The score asked about, of features [S, …]. */
  readonly score: (features: TensorData) => Promise<Float64Array>;
  /** The scores of the baseline and of the whole example, asked for once. */
  readonly ends: () => Promise<{ readonly empty: number; readonly full: number }>;
  /** The same method's attribution of another input [1, …]. */
  readonly explain: (features: TensorData) => Promise<Float64Array>;
  readonly settings: MeasureSettings;
  readonly random: (...key: readonly (number | string)[]) => Random;
}

/** A measure of an explanation: what it says, whether high is good, its source. */
export interface Measure {
  readonly name: string;
  /** The meaning of the number, in one sentence. */
  readonly says: string;
  readonly better: "low" | "high";
  readonly source: string;
  readonly defaults: Partial<MeasureSettings>;
  /** Whether it needs the method again, at other inputs. */
  readonly explains?: boolean;
  readonly measure: (context: MeasureContext) => Promise<number>;
}

/** Pearson's correlation; 0 where one of both does not vary. */
export function pearson(a: ArrayLike<number>, b: ArrayLike<number>): number {
  const n = a.length;
  let [meanA, meanB] = [0, 0];
  for (let i = 0; i < n; i++) [meanA, meanB] = [meanA + (a[i] as number) / n, meanB + (b[i] as number) / n];
  let [ab, aa, bb] = [0, 0, 0];
  for (let i = 0; i < n; i++) {
    const [da, db] = [(a[i] as number) - meanA, (b[i] as number) - meanB];
    [ab, aa, bb] = [ab + da * db, aa + da * da, bb + db * db];
  }
  return aa > 0 && bb > 0 ? ab / Math.sqrt(aa * bb) : 0;
}

/** Spearman's: Pearson's of ranks, where equal values share their mean rank. */
export const spearman = (a: ArrayLike<number>, b: ArrayLike<number>): number => pearson(ranks(a), ranks(b));

function ranks(values: ArrayLike<number>): Float64Array {
  const order = Uint32Array.from({ length: values.length }, (_, i) => i).sort(
    (i, j) => (values[i] as number) - (values[j] as number),
  );
  const result = new Float64Array(values.length);
  for (let from = 0; from < order.length;) {
    let to = from;
    while (to + 1 < order.length && values[order[to + 1] as number] === values[order[from] as number]) to++;
    for (let k = from; k <= to; k++) result[order[k] as number] = (from + to) / 2;
    from = to + 1;
  }
  return result;
}

/** Sums of elements by unit. */
export function unitSums(values: ArrayLike<number>, unitOf: Int32Array, units: number): Float64Array {
  const sums = new Float64Array(units);
  unitOf.forEach((unit, e) => (sums[unit] = (sums[unit] as number) + (values[e] as number)));
  return sums;
}

/** Copies [S, …] of x in which the chosen units are the baseline's. `chosen` [S, units], 1 for a unit that is taken away. */
export function without({ x, baseline, unitOf, units }: MeasureContext, chosen: Uint8Array): TensorData {
  const count = chosen.length / units;
  const size = unitOf.length;
  const [own, absent] = [toNumbers(x), toNumbers(baseline)];
  const data = new Float32Array(count * size);
  for (let s = 0; s < count; s++) {
    const gone = chosen.subarray(s * units, (s + 1) * units);
    for (let e = 0; e < size; e++) data[s * size + e] = (gone[unitOf[e] as number] === 1 ? absent : own)[e] as number;
  }
  return { dtype: "float32", shape: [count, ...x.shape.slice(1)], data };
}

/** Highest − lowest feature. */
export function rangeOf(x: TensorData): number {
  let [low, high] = [Infinity, -Infinity];
  for (let e = 0; e < x.data.length; e++) [low, high] = [Math.min(low, Number(x.data[e])), Math.max(high, Number(x.data[e]))];
  return high > low ? high - low : 1;
}
