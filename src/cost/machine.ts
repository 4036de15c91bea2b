/**
 * @module The rates of a machine that bound what a graph takes.
 */
import type { Device } from "../runtime/index.js";

/** Measured rates. FLOPs count a multiply-add as two; bytes are read and written ones. */
export interface Machine {
  readonly device: Device;
  readonly threads: number;
  /** Channels in a block of the engine's convolutions; 1 where it has none. */
  readonly channelBlock: number;
  /** FLOP/s of a linear layer's product and the two of its gradients, [512, 512]·[512, 1024]: the roof. */
  readonly productFlops: number;
  /** FLOP/s of products of small matrices, [128, 128]·[128, 128]. */
  readonly smallProductFlops: number;
  /** FLOP/s of a convolution 3×3 of 64 channels, which come in whole blocks. */
  readonly convolutionFlops: number;
  /** FLOP/s of a convolution 3×3 of 48 channels to 12, which fill no block. */
  readonly plainConvolutionFlops: number;
  /** FLOP/s of a convolution 3×3 whose groups are single channels. */
  readonly depthwiseFlops: number;
  /** Bytes/s of adding arrays of 4 MiB, [2²⁰], none of which was touched shortly before: the slope of the roof. */
  readonly memoryBandwidth: number;
  /** Bytes/s of adding arrays that stay in the caches, [2¹⁶]. */
  readonly cacheBandwidth: number;
  /** Bytes/s of copying in rows: a slice of the last axis. */
  readonly copyBandwidth: number;
  /** Bytes/s of copying every second element: a slice of the last axis in steps, or from its end. */
  readonly strideBandwidth: number;
  /** Bytes/s of transposing matrices. */
  readonly transposeBandwidth: number;
  /** Bytes/s of normalizing the channels of a batch. */
  readonly normalizationBandwidth: number;
  /** Elements/s that the windows of a max pooling hold, which also says where each maximum was. */
  readonly poolingRate: number;
  /** Elements/s that are added at indices. */
  readonly scatterRate: number;
  /** Elements/s of exp, tanh and the like. */
  readonly functionRate: number;
  /** Seconds that a node takes which computes next to nothing. */
  readonly nodeSeconds: number;
}

/** Names of the measured rates, a node's seconds among them. */
export type Rate = Exclude<keyof Machine, "device" | "threads" | "channelBlock">;
