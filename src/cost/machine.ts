/**
 * @module The rates of a machine that bound what a graph takes.
 */
import type { Device } from "../runtime/index.js";

/** Measured rates. FLOPs count a multiply-add as two; bytes are read and written ones. */
export interface Machine {
  readonly device: Device;
  readonly threads: number;
  /** FLOP/s of a product [512, 512]·[512, 512]: the roof. */
  readonly productFlops: number;
  /** FLOP/s of products of small matrices, [128, 128]·[128, 128]. */
  readonly smallProductFlops: number;
  /** FLOP/s of a convolution 3×3 of 64 channels. */
  readonly convolutionFlops: number;
  /** FLOP/s of a convolution 3×3 whose groups are single channels. */
  readonly depthwiseFlops: number;
  /** Bytes/s of adding arrays of 16 MiB, [2²²], which no cache holds: the slope of the roof. */
  readonly memoryBandwidth: number;
  /** Bytes/s of the same in the caches, [2¹⁶]. */
  readonly cacheBandwidth: number;
  /** Bytes/s of transposing matrices. */
  readonly transposeBandwidth: number;
  /** Elements/s of exp, tanh and the like. */
  readonly functionRate: number;
  /** Seconds that a node takes which computes next to nothing. */
  readonly nodeSeconds: number;
}
