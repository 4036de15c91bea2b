/**
 * @module `conv-gradients`: how fast the gradients of a convolution are, beside its forward pass in the same run. One contender for each
 * shape and each of the three, a graph of its own: from plain tensors to plain tensors, so that what it does to their layout counts.
 *
 * Nothing is trained: the loss is the first number of the result. The inputs file holds none; each contender draws its own.
 */
import type { BenchCase, ContenderSpec } from "./types.js";

/** A convolution: x [n, c, size, size], weights [m, c / groups, kernel, kernel], padding kernel >> 1. */
export interface Shape {
  readonly n: number;
  readonly c: number;
  readonly size: number;
  readonly m: number;
  readonly kernel: number;
  readonly stride?: number;
  readonly groups?: number;
}

export const FACES = ["forward", "to the input", "to the weights"] as const;
export type Face = (typeof FACES)[number];

/** By name: kind, channels and pixels. */
export const SHAPES: Readonly<Record<string, Shape>> = {
  "3×3, 64→64, 28²": { n: 32, c: 64, size: 28, m: 64, kernel: 3 },
  "3×3, 32→32, 16²": { n: 128, c: 32, size: 16, m: 32, kernel: 3 },
  "3×3, 64→64, 8²": { n: 128, c: 64, size: 8, m: 64, kernel: 3 },
  "3×3, 256→256, 8²": { n: 32, c: 256, size: 8, m: 256, kernel: 3 },
  "1×1, 64→256, 28²": { n: 32, c: 64, size: 28, m: 256, kernel: 1 },
  "1×1, 256→64, 14²": { n: 64, c: 256, size: 14, m: 64, kernel: 1 },
  "3×3 stride 2, 64→128, 32²": { n: 32, c: 64, size: 32, m: 128, kernel: 3, stride: 2 },
  "3×3 stride 2, 128→256, 16²": { n: 32, c: 128, size: 16, m: 256, kernel: 3, stride: 2 },
  "3×3, 16→16, 32²": { n: 128, c: 16, size: 32, m: 16, kernel: 3 },
  "3×3, 3→16, 32²": { n: 128, c: 3, size: 32, m: 16, kernel: 3 },
  "depthwise 3×3, 64, 28²": { n: 32, c: 64, size: 28, m: 64, kernel: 3, groups: 64 },
  "depthwise 3×3 stride 2, 96, 28²": { n: 32, c: 96, size: 28, m: 96, kernel: 3, stride: 2, groups: 96 },
};

/** Multiply-adds, times two: the same for all three. */
function flopsOf({ n, c, size, m, kernel, stride = 1, groups = 1 }: Shape): number {
  const slid = Math.ceil(size / stride);
  return (2 * n * m * slid * slid * c * kernel * kernel) / groups;
}

export const convGradients: BenchCase = {
  name: "conv-gradients",
  title: "convolutions, forward and both gradients, each a graph of its own on plain tensors",
  settings: {},
  inputs: () => [],
  agreement: { steps: 2, tolerance: Infinity },
  contenders: Object.entries(SHAPES).flatMap(([shape, numbers]) =>
    FACES.map((face): ContenderSpec => ({
      name: "descent",
      variant: `${shape}: ${face}`,
      program: { module: "cases/conv-gradients.descent.js" },
      rate: { flops: flopsOf(numbers), base: `${shape}: ${FACES[0]}` },
    })),
  ),
};
