/**
 * @module The importance of a unit: by its weights, by the change of the loss without it, by how training moves it, by the scale of its batch normalization,
 * by its activations, or at random.
 */
import type { Tensor, TensorData } from "../../graph/index.js";
import { elementAt } from "../../graph/index.js";
import { Random } from "../../util/random.js";
import type { Group } from "./groups.js";
import { positionsOf } from "./positions.js";

export const IMPORTANCES = ["magnitude", "taylor", "movement", "batch-norm", "activation", "random"] as const;
export type Importance = (typeof IMPORTANCES)[number];

/** Σ of values over all slices of each unit of a group; weights without values are left out. */
export function sumOverUnits({ units, axes, set }: Group, valuesOf: (t: Tensor) => TensorData | undefined): Float64Array {
  const sums = new Float64Array(units);
  for (const { tensor, axis, positions } of axes) {
    const values = valuesOf(tensor);
    if (values === undefined) continue;
    const length = values.shape[axis] as number;
    const unitAt = new Int32Array(length).fill(-1);
    for (let unit = 0; unit < units; unit++) for (const at of positionsOf(positions, set, unit)) unitAt[at] = unit;
    const inner = values.shape.slice(axis + 1).reduce((a, b) => a * b, 1);
    for (let i = 0; i < values.data.length; i++) {
      const unit = unitAt[Math.floor(i / inner) % length] as number;
      if (unit >= 0) sums[unit] = (sums[unit] as number) + elementAt(values, i);
    }
  }
  return sums;
}

const mapped = (t: TensorData, f: (v: number) => number): TensorData => ({
  dtype: "float64",
  shape: t.shape,
  data: Float64Array.from({ length: t.data.length }, (_, i) => f(elementAt(t, i))),
});

/** Whether a tensor is a weight with inputs and outputs, not a bias or a statistic. */
const isMatrix = ({ rank }: Tensor): boolean => rank > 1;

/** Inputs of the scores; each kind of importance takes its own. */
export interface ImportanceSources {
  readonly weights: ReadonlyMap<Tensor, TensorData>;
  /** Saliency of each weight, recorded during training (`saliency` of `optim`), for `taylor` and `movement`. */
  readonly recorded?: ReadonlyMap<Tensor, TensorData>;
  /** Mean absolute activation of each unit, by its group. */
  readonly activations?: ReadonlyMap<Group, Float64Array>;
  readonly seed?: number;
}

/** Scales of batch normalizations: vectors whose name ends as one, read as such by a BatchNorm. */
export type IsScale = (t: Tensor) => boolean;

/**
 * The score of each unit of a group; the least are cut first.
 *
 * magnitude: the norm of its slices of all weights (Li et al. 2017, arXiv:1608.08710; over the group: Fang et al. 2023, arXiv:2301.12900).
 * taylor: Σ (g·w)² over weights and batches, the squared first-order change of the loss (Molchanov et al. 2019, arXiv:1906.10771).
 * movement: −Σ over steps g·w, which is high where training moves weights away from 0 (Sanh et al. 2020, arXiv:2005.07683).
 * batch-norm: |γ| (Liu et al. 2017, arXiv:1708.06519). activation: the mean |activation| that its readers see (Hu et al. 2016, arXiv:1607.03250).
 */
export function unitScores(group: Group, kind: Importance, sources: ImportanceSources, isScale: IsScale): Float64Array {
  const { weights, recorded, activations, seed = 1 } = sources;
  const squares = (): Float64Array =>
    sumOverUnits(group, (t) => {
      const w = isMatrix(t) ? weights.get(t) : undefined;
      return w && mapped(w, (v) => v * v);
    }).map(Math.sqrt);
  switch (kind) {
    case "magnitude":
      return squares();
    case "taylor":
    case "movement":
      return sumOverUnits(group, (t) => recorded?.get(t));
    case "batch-norm": {
      const scales = sumOverUnits(group, (t) => {
        const w = isScale(t) ? weights.get(t) : undefined;
        return w && mapped(w, Math.abs);
      });
      // A group without normalization is judged by its weights.
      return scales.some((v) => v !== 0) ? scales : squares();
    }
    case "activation":
      return activations?.get(group) ?? squares();
    case "random": {
      const random = new Random(seed, "prune", group.units, group.axes.length);
      return Float64Array.from({ length: group.units }, () => random.uniform());
    }
  }
}
