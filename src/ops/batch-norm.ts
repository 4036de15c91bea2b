/**
 * @module Batch normalization in its forms, and what all normalizations per channel share: an affine map and a dot product
 * per channel, which are the gradients of each other.
 */
import type { Dim, Tensor } from "../graph/index.js";
import { constant, dimEquals, dimMul, formatShape, isFloat, sameShape, staticDim, staticShape } from "../graph/index.js";
import { ShapeError } from "../util/errors.js";
import { range } from "../util/range.js";
import type { Op, OptionalTensor, Target } from "./op.js";
import {
  bytesMoved,
  elementCount,
  emit,
  emitOne,
  expectDType,
  expectSameDType,
  perElement,
  unreachableOp,
  zerosForNothing,
} from "./op.js";
import { assign } from "./state.js";

export type Two = readonly [Tensor, Tensor];
export type Three = readonly [Tensor, Tensor, Tensor];

/** [C] as [C, 1, …], which broadcasts against [N, C, …]. */
export const alongChannels = (t: Tensor, rank: number): Tensor => t.reshape([t.shape[0] as Dim, ...range(2, rank).map(() => 1)]);

/** Σ over all axes but the channels': the inner ones first, which is the faster order with several threads. */
export function channelSum(x: Tensor): Tensor {
  const inner = x.rank > 2 ? x.sum(range(2, x.rank)) : x;
  return inner.sum(0);
}

const channelMean = (x: Tensor): Tensor => (x.rank > 2 ? x.mean(range(2, x.rank)) : x).mean(0);

export function expectChannels(where: string, x: Tensor, perChannel: readonly OptionalTensor[]): void {
  expectDType(where, x.dtype, isFloat, "a floating-point operand");
  if (x.rank < 2) throw new ShapeError(`${where}: expected [N, C, …], got ${formatShape(x.shape)}`);
  for (const t of perChannel) {
    if (t === null) continue;
    expectSameDType(where, x, t);
    if (t.rank !== 1 || !dimEquals(t.shape[0] as Dim, x.shape[1] as Dim))
      throw new ShapeError(`${where}: expected one number for each of ${x.shape[1]} channels, got ${formatShape(t.shape)}`);
  }
}

// --- per channel: an affine map and a dot product, each linear in both its inputs, the gradients of each other -----------

/** y[n, c, …] = a[c]·x[n, c, …] + b[c]. */
export const ChannelAffine: Op<Record<never, never>, readonly [Tensor, Tensor, Tensor | null]> = {
  name: "ChannelAffine",
  domain: "descent",
  attributes: {},
  infer: ([x, a, b], _attributes, where) => {
    expectChannels(where, x, [a, b]);
    return [x];
  },
  gradient: ({ inputs: [x, a], dy, needs }) => [
    needs[0] ? channelAffine(dy, a, null) : null,
    needs[1] ? channelDot(dy, x) : null,
    needs[2] ? channelSum(dy) : null,
  ],
  cost: perElement(2),
  batch: { unroll: "it appears in gradients, and its inputs may be mapped or not in any combination" },
  lower: ({ inputs: [x, a, b], target }) => [affineNodes(x, a, b, target)],
};

/** Σ over all axes but the channels' of u·v: [N, C, …] twice → [C]. */
export const ChannelDot: Op<Record<never, never>, Two> = {
  name: "ChannelDot",
  domain: "descent",
  attributes: {},
  empty: zerosForNothing,
  infer: ([u, v], _attributes, where) => {
    expectChannels(where, u, []);
    expectSameDType(where, u, v);
    if (!sameShape(u.shape, v.shape))
      throw new ShapeError(`${where}: expected two of one shape, got ${formatShape(u.shape)} and ${formatShape(v.shape)}`);
    return [{ shape: [u.shape[1] as Dim], dtype: u.dtype }];
  },
  gradient: ({ inputs: [u, v], dy, needs }) => [
    needs[0] ? channelAffine(v, dy, null) : null,
    needs[1] ? channelAffine(u, dy, null) : null,
  ],
  cost: (node) => ({ flops: 2 * elementCount((node.inputs[0] as Tensor).shape), bytes: bytesMoved(node) }),
  batch: { unroll: "it appears in gradients, and its inputs may be mapped or not in any combination" },
  lower: ({ inputs: [u, v] }) => [channelSum(u.mul(v))],
};

export const channelAffine = (x: Tensor, a: Tensor, b: Tensor | null): Tensor => emitOne(ChannelAffine, [x, a, b], {});
export const channelDot = (u: Tensor, v: Tensor): Tensor => emitOne(ChannelDot, [u, v], {});

function affineNodes(x: Tensor, a: Tensor, b: Tensor | null, target: Target): Tensor {
  if (b === null) return x.mul(alongChannels(a, x.rank));
  if (!isOrtCpu(target)) return x.mul(alongChannels(a, x.rank)).add(alongChannels(b, x.rank));
  // One pass in place of two: a batch normalization whose mean is 0 and whose variance is 1.
  const [zero, one] = [0, 1].map((value) => constant(value, x.dtype).expand(a.shape)) as [Tensor, Tensor];
  return emitOne(BatchNormalization, [x, a, b, zero, one], { epsilon: 0 });
}

/** The engine's CPU kernels, native or in WebAssembly. */
export const isOrtCpu = (target: Target): boolean => target === "cpu" || target === "wasm";

// --- over the batch -----------------------------------------------------------------------------------------------------

type BatchNormInputs = readonly [Tensor, Tensor, Tensor, Tensor, Tensor];

type BatchNormalizationAttributes = {
  readonly epsilon: number;
  readonly momentum?: number;
  readonly training_mode?: boolean;
};

/**
 * Batch normalization with given statistics (the form for use): inputs x [N, C, …], scale, bias, mean, variance [C] → y.
 * With `training_mode` it has ONNX's other meaning, y by the statistics of the batch, and momentum·given + (1 − momentum)·batch
 * of both: BatchNormTrain is lowered to that, and nothing is differentiated after it.
 */
export const BatchNormalization: Op<BatchNormalizationAttributes, BatchNormInputs> = {
  name: "BatchNormalization",
  domain: "",
  attributes: { epsilon: "float", momentum: "float", training_mode: "bool" },
  infer: ([x, ...perChannel], { training_mode }, where) => {
    expectChannels(where, x, perChannel);
    return training_mode === true ? [x, perChannel[2], perChannel[3]] : [x];
  },
  gradient: ({ inputs: [x, scale, , mean, variance], dy, attributes: { epsilon, training_mode }, needs }) => {
    if (training_mode === true) return unreachableOp("BatchNormalization in training", "differentiation");
    const r = variance.add(epsilon).sqrt().reciprocal();
    const db = channelSum(dy);
    // Σ dy·x̂ = r·(Σ dy·x − μ·Σ dy)
    const ds = needs[1] || needs[4] ? channelDot(dy, x).sub(mean.mul(db)).mul(r) : null;
    return [
      needs[0] ? channelAffine(dy, scale.mul(r), null) : null,
      ds,
      db,
      needs[3] ? db.mul(scale).mul(r).neg() : null,
      needs[4] && ds !== null ? ds.mul(scale).mul(r.square()).mul(-0.5) : null,
    ];
  },
  cost: perElement(2),
  batch: ({ inputs: [x, ...rest], mapped, size, attributes }) => {
    const [scale, bias, mean, variance] = rest;
    if (mapped.slice(1).some(Boolean)) {
      // Statistics of each example's own: the definition, with [B, 1, C, 1, …] for those that are mapped.
      const rank = x.rank - (mapped[0] ? 1 : 0);
      const spread = (t: Tensor, isMapped: boolean | undefined): Tensor =>
        isMapped ? t.reshape([size, 1, t.shape[1] as Dim, ...range(2, rank).map(() => 1)]) : alongChannels(t, rank);
      const [s, b, m, v] = rest.map((t, i) => spread(t, mapped[i + 1])) as [Tensor, Tensor, Tensor, Tensor];
      return [x.sub(m).mul(v.add(attributes.epsilon).sqrt().reciprocal().mul(s)).add(b)];
    }
    const n = x.shape[1] as Dim;
    const merged = x.reshape([dimMul(size, n), ...x.shape.slice(2)]);
    const y = emitOne(BatchNormalization, [merged, scale, bias, mean, variance], attributes);
    return [y.reshape([size, n, ...y.shape.slice(1)])];
  },
};

/**
 * Batch normalization with the statistics of this batch (the form for training): x [N, C, …], scale, bias [C] → y, and the
 * mean and the population variance [C] of each channel. Ioffe and Szegedy 2015, arXiv:1502.03167, Algorithm 1.
 */
export const BatchNormTrain: Op<{ epsilon: number }, Three> = {
  name: "BatchNormTrain",
  domain: "descent",
  attributes: { epsilon: "float" },
  infer: ([x, scale, bias], _attributes, where) => {
    expectChannels(where, x, [scale, bias]);
    const perChannel = { shape: [x.shape[1] as Dim], dtype: x.dtype };
    return [x, perChannel, perChannel];
  },
  // dx = (scale·r)·dy − (scale·r²·ds/n)·(x − μ) − scale·r·db/n: per channel an affine map of dy and one of x. Gradients to the
  // statistics add dμ/n and 2·dv·(x − μ)/n.
  gradient: ({ inputs: [x, scale], outputs, dy, dys, attributes: { epsilon } }) => {
    const [, mean, variance] = outputs as Three;
    const n = elementCount(staticShape(x.shape, "gradient of BatchNorm")) / staticDim(x.shape[1], "gradient of BatchNorm");
    const r = variance.add(epsilon).sqrt().reciprocal();
    const db = channelSum(dy);
    const ds = channelDot(dy, x).sub(mean.mul(db)).mul(r);
    const a = scale.mul(r);
    let ofX = a
      .mul(r)
      .mul(ds)
      .mul(-1 / n);
    if (dys[2]) ofX = ofX.add(dys[2].mul(2 / n));
    let rest = a
      .mul(db)
      .mul(-1 / n)
      .sub(ofX.mul(mean));
    if (dys[1]) rest = rest.add(dys[1].mul(1 / n));
    return [channelAffine(x, ofX, rest).add(channelAffine(dy, a, null)), ds, db];
  },
  cost: perElement(8),
  batch: { unroll: "each example has statistics of its own" },
  lower: ({ inputs: [x, scale, bias], attributes: { epsilon }, target }) => {
    if (isOrtCpu(target) && x.rank > 2 && x.dtype !== "float16") {
      // The engine's training form takes two thirds of the time of the nodes below. But it writes its running statistics over
      // those that it is given: these are of its own, two nodes that are never merged, and no constants that could be shared.
      const first = x.sliceAxes([0, ...range(2, x.rank)].map((axis) => ({ axis, start: 0, end: 1 }))).reshape(scale.shape);
      const own = [first.mul(0), first.sub(first)] as const;
      return emit(BatchNormalization, [x, scale, bias, ...own], { epsilon, momentum: 0, training_mode: true });
    }
    const mean = channelMean(x);
    const variance = channelMean(x.sub(alongChannels(mean, x.rank)).square());
    return [emitOne(BatchNormalization, [x, scale, bias, mean, variance], { epsilon }), mean, variance];
  },
};

/**
 * Batch normalization before a mode is chosen: x [N, C, …], scale, bias, running mean, running variance [C] → y. For use it
 * takes the running statistics; for training those of the batch, and then running ← (1 − momentum)·running + momentum·batch,
 * with PyTorch's meaning of momentum, and, as there, the unbiased variance (÷ (n − 1)) for the running one only.
 */
export const BatchNorm: Op<{ epsilon: number; momentum: number }, BatchNormInputs> = {
  name: "BatchNorm",
  domain: "descent",
  attributes: { epsilon: "float", momentum: "float" },
  infer: ([x, ...perChannel], _attributes, where) => {
    expectChannels(where, x, perChannel);
    return [x];
  },
  gradient: { none: "it differs between training and use, and no mode is chosen yet; resolve the graph for a mode first" },
  cost: perElement(2),
  batch: { unroll: "in training each example would have statistics of its own" },
  resolve: ({ inputs: [x, scale, bias, runningMean, runningVariance], attributes: { epsilon, momentum }, mode }) => {
    if (mode === "eval") return [emitOne(BatchNormalization, [x, scale, bias, runningMean, runningVariance], { epsilon })];
    const [y, mean, variance] = emit(BatchNormTrain, [x, scale, bias], { epsilon }) as Three;
    const n = elementCount(staticShape(x.shape, "BatchNorm in training")) / staticDim(x.shape[1], "BatchNorm in training");
    if (n < 2)
      throw new ShapeError(`BatchNorm: expected more than 1 value for each channel in training, got ${formatShape(x.shape)}`);
    const moved = (running: Tensor, batch: Tensor, factor: number): Tensor =>
      running.mul(1 - momentum).add(batch.mul(momentum * factor));
    const first = assign(y, runningMean, moved(runningMean, mean, 1));
    return [assign(first, runningVariance, moved(runningVariance, variance, n / (n - 1)))];
  },
  lower: () => unreachableOp("BatchNorm", "lowering; compile with a mode"),
};

export const batchNormalization = [ChannelAffine, ChannelDot, BatchNormalization, BatchNormTrain, BatchNorm] as const;

// --- builders ---------------------------------------------------------------------------------------------------------

/** Options of batch normalization: what is added to the variance, and the share of the new batch in the running statistics. */
export interface BatchNormOptions {
  readonly epsilon?: number;
  /** Weight of the new batch in the running statistics (PyTorch's meaning; ONNX's and Keras's is 1 − this). */
  readonly momentum?: number;
}

/**
 * Batch normalization, which becomes the form for training or for use when a mode is chosen. x [N, C, ..], all others [C]; shape and type of x.
 * `momentum` is the new batch's share in the running statistics.
 */
export const batchNorm = (
  x: Tensor,
  scale: Tensor,
  bias: Tensor,
  runningMean: Tensor,
  runningVariance: Tensor,
  { epsilon = 1e-5, momentum = 0.1 }: BatchNormOptions = {},
): Tensor => emitOne(BatchNorm, [x, scale, bias, runningMean, runningVariance], { epsilon, momentum });
