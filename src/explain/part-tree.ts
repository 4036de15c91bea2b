/**
 * @module Trees of parts that belong together: halves of halves of a text's words, regions of an image.
 */
import type { TensorData } from "../graph/index.js";
import { imageAxes } from "./explainable.js";
import type { SamplingContext } from "./method.js";
import { planesOf } from "./parts.js";

/** A tree of players: a leaf is a player. */
export interface Branch {
  readonly members: readonly number[];
  readonly halves?: readonly [Branch, Branch];
}

/** Neighbours in order belong together: halves of halves, as words of a text. */
export function balancedTree(members: readonly number[]): Branch {
  if (members.length <= 1) return { members };
  const middle = Math.ceil(members.length / 2);
  return { members, halves: [balancedTree(members.slice(0, middle)), balancedTree(members.slice(middle))] };
}

/** Places near each other belong together: cut across the longer side, again and again. */
export function spatialTree(members: readonly number[], positions: readonly (readonly [number, number])[]): Branch {
  if (members.length <= 1) return { members };
  const spreadOf = (axis: 0 | 1): number => {
    const along = members.map((i) => positions[i]?.[axis] ?? 0);
    return Math.max(...along) - Math.min(...along);
  };
  const axis = spreadOf(0) >= spreadOf(1) ? 0 : 1;
  const sorted = [...members].sort((a, b) => (positions[a]?.[axis] ?? 0) - (positions[b]?.[axis] ?? 0) || a - b);
  const middle = Math.ceil(sorted.length / 2);
  return { members, halves: [spatialTree(sorted.slice(0, middle), positions), spatialTree(sorted.slice(middle), positions)] };
}

/** The tree of an example's parts. */
export function partTree({ model, x }: SamplingContext, players: number, partOf: Int32Array | undefined): Branch {
  const all = Array.from({ length: players }, (_, i) => i);
  if (partOf === undefined || imageAxes(model.features) === undefined) return balancedTree(all);
  return spatialTree(all, centers(model.features, x, players, partOf));
}

/** Where the middle of each part of an image is. */
function centers(
  features: SamplingContext["model"]["features"],
  x: TensorData,
  players: number,
  partOf: Int32Array,
): readonly (readonly [number, number])[] {
  const { columns, pixelOf } = planesOf(features, x.shape.slice(1));
  const sums = Array.from({ length: players }, () => [0, 0, 0] as [number, number, number]);
  partOf.forEach((part, e) => {
    const sum = sums[part];
    if (sum === undefined) return;
    const pixel = pixelOf(e);
    sum[0] += Math.floor(pixel / columns);
    sum[1] += pixel % columns;
    sum[2] += 1;
  });
  return sums.map(([row, column, count]) => [row / Math.max(count, 1), column / Math.max(count, 1)] as const);
}
