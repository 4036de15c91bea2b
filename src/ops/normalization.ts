/**
 * @module Normalization: over the batch, the features, groups of channels or neighbouring channels. With v the population
 * variance and r = 1/√(v + ε), all but the last give x̂ = (x − μ)·r, then scale and bias. Gradients are written with means
 * per channel or row, in as few passes over x as they need.
 */
import type { Dim, DType, Shape, Tensor } from "../graph/index.js";
import {
  constant,
  dimEquals,
  dimMul,
  formatShape,
  isFloat,
  normalizeAxis,
  sameShape,
  staticDim,
  staticShape,
} from "../graph/index.js";
import { ShapeError } from "../util/errors.js";
import type { Op, OptionalTensor, Target } from "./op.js";
import { bytesMoved, elementCount, emit, emitOne, expectDType, expectSameDType, perElement, unreachableOp } from "./op.js";
import { assign } from "./state.js";

type Two = readonly [Tensor, Tensor];
type Three = readonly [Tensor, Tensor, Tensor];

const range = (start: number, end: number): number[] => Array.from({ length: Math.max(0, end - start) }, (_, i) => start + i);

/** [C] as [C, 1, …], which broadcasts against [N, C, …]. */
const alongChannels = (t: Tensor, rank: number): Tensor => t.reshape([t.shape[0] as Dim, ...range(2, rank).map(() => 1)]);

/** Σ over all axes but the channels': the inner ones first, which is the faster order with several threads. */
function channelSum(x: Tensor): Tensor {
  const inner = x.rank > 2 ? x.sum(range(2, x.rank)) : x;
  return inner.sum(0);
}

const channelMean = (x: Tensor): Tensor => (x.rank > 2 ? x.mean(range(2, x.rank)) : x).mean(0);

function expectChannels(where: string, x: Tensor, perChannel: readonly OptionalTensor[]): void {
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

const channelAffine = (x: Tensor, a: Tensor, b: Tensor | null): Tensor => emitOne(ChannelAffine, [x, a, b], {});
const channelDot = (u: Tensor, v: Tensor): Tensor => emitOne(ChannelDot, [u, v], {});

function affineNodes(x: Tensor, a: Tensor, b: Tensor | null, target: Target): Tensor {
  if (b === null) return x.mul(alongChannels(a, x.rank));
  if (!isOrtCpu(target)) return x.mul(alongChannels(a, x.rank)).add(alongChannels(b, x.rank));
  // One pass in place of two: a batch normalization whose mean is 0 and whose variance is 1.
  const [zero, one] = [0, 1].map((value) => constant(value, x.dtype).expand(a.shape)) as [Tensor, Tensor];
  return emitOne(BatchNormalization, [x, a, b, zero, one], { epsilon: 0 });
}

/** The engine's CPU kernels, native or in WebAssembly. */
const isOrtCpu = (target: Target): boolean => target === "cpu" || target === "wasm";

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
    const [, mean, variance] = outputs as unknown as Three;
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
    const [y, mean, variance] = emit(BatchNormTrain, [x, scale, bias], { epsilon }) as unknown as Three;
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

// --- over features ------------------------------------------------------------------------------------------------------

/** The gradient of x̂ = (x − μ)·r with respect to x, over `axes`: r·(g − mean(g) − x̂·mean(g·x̂)). */
function standardizedGradient(g: Tensor, normalized: Tensor, r: Tensor, axes: readonly number[]): Tensor {
  return g
    .sub(g.mean(axes, true))
    .sub(normalized.mul(g.mul(normalized).mean(axes, true)))
    .mul(r);
}

/** mean(t·scale) over `axes`, which scale has: over the last axis alone one product with a vector, without a pass for t·scale. */
function scaledMean(t: Tensor, scale: Tensor, axes: readonly number[]): Tensor {
  if (axes.length > 1) return t.mul(scale).mean(axes, true);
  const length = staticDim(scale.shape[0], "gradient of a normalization");
  return t.matMul(scale.mul(1 / length).reshape([length, 1]));
}

const trailing = (x: Tensor, axis: number): number[] => range(normalizeAxis(axis, x.rank, "normalization"), x.rank);

function expectScale(where: string, x: Tensor, axis: number, scales: readonly OptionalTensor[]): void {
  expectDType(where, x.dtype, isFloat, "a floating-point operand");
  const shape = x.shape.slice(normalizeAxis(axis, x.rank, where));
  for (const t of scales) {
    if (t === null) continue;
    expectSameDType(where, x, t);
    if (!sameShape(t.shape, shape))
      throw new ShapeError(`${where}: expected scale and bias of shape ${formatShape(shape)}, got ${formatShape(t.shape)}`);
  }
}

/** A scale that changes nothing. */
const onesFor = (shape: Shape, dtype: DType): Tensor => constant(1, dtype).expand(shape);

/**
 * Layer normalization over the axes from `axis` on: x, scale, bias → y, and the mean and 1/√(v + ε) with those axes as 1.
 * Ba et al. 2016, arXiv:1607.06450.
 */
export const LayerNormalization: Op<{ axis: number; epsilon: number }, readonly [Tensor, Tensor, Tensor | null]> = {
  name: "LayerNormalization",
  domain: "",
  attributes: { axis: "int", epsilon: "float" },
  requiredOutputs: 1,
  infer: ([x, scale, bias], { axis }, where) => {
    expectScale(where, x, axis, [scale, bias]);
    const folded = trailing(x, axis);
    const moments = {
      shape: x.shape.map((d, i) => (folded.includes(i) ? 1 : d)),
      dtype: x.dtype === "float16" ? "float32" : x.dtype,
    } as const;
    return [x, moments, moments];
  },
  gradient: ({ inputs: [x, scale], outputs, dy, dys, attributes: { axis }, needs }) => {
    const folded = trailing(x, axis);
    const outer = range(0, folded[0] as number);
    const [mean, r] = [(outputs[1] as Tensor).cast(x.dtype), (outputs[2] as Tensor).cast(x.dtype)];
    const normalized = x.sub(mean).mul(r);
    const dyNormalized = dy.mul(normalized);
    let dx: Tensor | null = null;
    if (needs[0]) {
      const means = [dy, dyNormalized].map((t) => scaledMean(t, scale, folded)) as [Tensor, Tensor];
      dx = dy.mul(scale).sub(normalized.mul(means[1]).add(means[0])).mul(r);
      // dμ/dx = 1/n; dr/dx = −r²·x̂/n
      const n = elementCount(scale.shape);
      if (dys[1]) dx = dx.add(dys[1].cast(x.dtype).mul(1 / n));
      if (dys[2]) {
        const factor = dys[2]
          .cast(x.dtype)
          .mul(r.square())
          .mul(-1 / n);
        dx = dx.add(factor.mul(normalized));
      }
    }
    return [dx, needs[1] ? dyNormalized.sum(outer) : null, needs[2] ? dy.sum(outer) : null];
  },
  cost: perElement(8),
  batch: ({ inputs: [x, scale, bias], mapped, ranks, attributes: { axis, epsilon } }) => {
    const from = normalizeAxis(axis, ranks[0] as number, "LayerNormalization") - (ranks[0] as number);
    if (!mapped[1] && !mapped[2]) return emit(LayerNormalization, [x, scale, bias], { axis: from, epsilon });
    const all = mapped[0] ? x : x.expand([(mapped[1] ? scale : (bias as Tensor)).shape[0] as Dim, ...x.shape]);
    const shape = all.shape.slice(all.rank + from);
    const [normalized, mean, r] = emit(LayerNormalization, [all, onesFor(shape, x.dtype), null], { axis: from, epsilon });
    // A scale of each example's own: [B, 1, …, D].
    const spread = (t: Tensor, isMapped: boolean | undefined): Tensor =>
      isMapped ? t.reshape([t.shape[0] as Dim, ...range(1, all.rank + from).map(() => 1), ...t.shape.slice(1)]) : t;
    const y = (normalized as Tensor).mul(spread(scale, mapped[1]));
    return [bias === null ? y : y.add(spread(bias, mapped[2])), mean as Tensor, r as Tensor];
  },
};

type RmsAttributes = { readonly axis: number; readonly epsilon: number };

/** The entry of root-mean-square normalization under one of its names. */
function rmsNormalization(
  name: string,
  domain: "" | "descent",
  lower: NonNullable<Op<RmsAttributes, Two>["lower"]>,
): Op<RmsAttributes, Two> {
  const op: Op<RmsAttributes, Two> = {
    name,
    domain,
    attributes: { axis: "int", epsilon: "float" },
    infer: ([x, scale], { axis }, where) => {
      expectScale(where, x, axis, [scale]);
      return [x];
    },
    // dx = r·(dy·scale − x̂·mean(dy·scale·x̂))
    gradient: ({ inputs: [x, scale], dy, attributes: { axis, epsilon }, needs }) => {
      const folded = trailing(x, axis);
      const r = inverseRms(x, folded, epsilon);
      const normalized = x.mul(r);
      const dyNormalized = dy.mul(normalized);
      const dx = needs[0]
        ? dy
            .mul(scale)
            .sub(normalized.mul(scaledMean(dyNormalized, scale, folded)))
            .mul(r)
        : null;
      return [dx, needs[1] ? dyNormalized.sum(range(0, folded[0] as number)) : null];
    },
    cost: perElement(5),
    batch: ({ inputs: [x, scale], mapped, size, ranks, attributes: { axis, epsilon } }) => {
      const rank = ranks[0] as number;
      const from = normalizeAxis(axis, rank, name) - rank;
      if (!mapped[1]) return [emitOne(op, [x, scale], { axis: from, epsilon })];
      const all = mapped[0] ? x : x.expand([size, ...x.shape]);
      const normalized = all.mul(inverseRms(all, trailing(all, from), epsilon));
      return [normalized.mul(scale.reshape([size, ...range(0, rank + from).map(() => 1), ...scale.shape.slice(1)]))];
    },
    lower,
  };
  return op;
}

const rmsNodes = (x: Tensor, scale: Tensor, { axis, epsilon }: RmsAttributes): Tensor =>
  x.mul(inverseRms(x, trailing(x, axis), epsilon)).mul(scale);

/** The engine's own name for RMSNormalization, which it has a kernel for on the CPU; elsewhere it is put into primitives. */
export const SimplifiedLayerNormalization = rmsNormalization(
  "SimplifiedLayerNormalization",
  "",
  ({ inputs: [x, scale], attributes, target }) => (isOrtCpu(target) ? undefined : [rmsNodes(x, scale, attributes)]),
);

/**
 * y = scale · x / √(mean(x²) + ε) over the axes from `axis` on. Zhang and Sennrich 2019, arXiv:1910.07467. ONNX has it from
 * opset 23, and our files are of opset 21.
 */
export const RMSNormalization = rmsNormalization("RMSNormalization", "descent", ({ inputs: [x, scale], attributes, target }) => [
  isOrtCpu(target) ? emitOne(SimplifiedLayerNormalization, [x, scale], attributes) : rmsNodes(x, scale, attributes),
]);

const inverseRms = (x: Tensor, axes: readonly number[], epsilon: number): Tensor =>
  x.square().mean(axes, true).add(epsilon).sqrt().reciprocal();

// --- over groups of channels --------------------------------------------------------------------------------------------

/** x [N, C, …] with each group of channels standardized, and 1/√(v + ε) of each: as rows [N, groups, L], and [N, groups, 1]. */
function standardizedGroups(x: Tensor, groups: number, epsilon: number): { rows: Tensor; r: Tensor } {
  const [n, c, ...spatial] = x.shape as [Dim, Dim, ...Dim[]];
  const each = spatial.reduce<Dim>(dimMul, staticDim(c, "GroupNormalization") / groups);
  const [rows, , r] = emit(LayerNormalization, [x.reshape([n, groups, each]), onesFor([each], x.dtype), null], {
    axis: -1,
    epsilon,
  });
  return { rows: rows as Tensor, r: (r as Tensor).cast(x.dtype) };
}

const groupNormNodes = (x: Tensor, scale: Tensor, bias: Tensor, groups: number, epsilon: number): Tensor =>
  channelAffine(standardizedGroups(x, groups, epsilon).rows.reshape(x.shape), scale, bias);

function groupNormGradient(x: Tensor, scale: Tensor, dy: Tensor, groups: number, epsilon: number): Tensor[] {
  const { rows, r } = standardizedGroups(x, groups, epsilon);
  const g = channelAffine(dy, scale, null).reshape(rows.shape);
  return [standardizedGradient(g, rows, r, [2]).reshape(x.shape), channelDot(dy, rows.reshape(x.shape)), channelSum(dy)];
}

/** Group normalization: x [N, C, …], scale and bias [C]; each of `num_groups` blocks of channels is standardized by itself. Wu and He 2018, arXiv:1803.08494. */
export const GroupNormalization: Op<{ epsilon: number; num_groups: number }, Three> = {
  name: "GroupNormalization",
  domain: "",
  attributes: { epsilon: "float", num_groups: "int" },
  infer: ([x, scale, bias], { num_groups }, where) => {
    expectChannels(where, x, [scale, bias]);
    if (staticDim(x.shape[1], where) % num_groups !== 0)
      throw new ShapeError(`${where}: expected channels in ${num_groups} equal groups, got ${formatShape(x.shape)}`);
    return [x];
  },
  gradient: ({ inputs: [x, scale], dy, attributes: { num_groups, epsilon } }) =>
    groupNormGradient(x, scale, dy, num_groups, epsilon),
  cost: perElement(10),
  batch: ({ inputs: [x, scale, bias], mapped, size, attributes }) => {
    if (mapped[1] || mapped[2])
      return mappedAffine(x, scale, bias, mapped, size, (t, one, zero) =>
        emitOne(GroupNormalization, [t, one, zero], attributes),
      );
    return [mergedBatch(x, size, (t) => emitOne(GroupNormalization, [t, scale, bias], attributes))];
  },
  // The engine has no kernel for it; it would put in many nodes that compute shapes.
  lower: ({ inputs: [x, scale, bias], attributes: { num_groups, epsilon }, target }) =>
    target === "onnx" ? undefined : [groupNormNodes(x, scale, bias, num_groups, epsilon)],
};

/** Instance normalization: each channel of each example by itself. Ulyanov et al. 2016, arXiv:1607.08022. */
export const InstanceNormalization: Op<{ epsilon: number }, Three> = {
  name: "InstanceNormalization",
  domain: "",
  attributes: { epsilon: "float" },
  infer: ([x, scale, bias], _attributes, where) => {
    expectChannels(where, x, [scale, bias]);
    if (x.rank < 3) throw new ShapeError(`${where}: expected [N, C, …] with spatial axes, got ${formatShape(x.shape)}`);
    return [x];
  },
  gradient: ({ inputs: [x, scale], dy, attributes: { epsilon } }) =>
    groupNormGradient(x, scale, dy, staticDim(x.shape[1], "gradient of InstanceNormalization"), epsilon),
  cost: perElement(10),
  batch: ({ inputs: [x, scale, bias], mapped, size, attributes }) => {
    if (mapped[1] || mapped[2])
      return mappedAffine(x, scale, bias, mapped, size, (t, one, zero) =>
        emitOne(InstanceNormalization, [t, one, zero], attributes),
      );
    return [mergedBatch(x, size, (t) => emitOne(InstanceNormalization, [t, scale, bias], attributes))];
  },
};

/** f of [B·N, …], for mapped x [B, N, …]. */
function mergedBatch(x: Tensor, size: Dim, f: (x: Tensor) => Tensor): Tensor {
  const n = x.shape[1] as Dim;
  return f(x.reshape([dimMul(size, n), ...x.shape.slice(2)])).reshape([size, n, ...x.shape.slice(2)]);
}

/** Scale or bias mapped: x is standardized first, then scaled with [B, 1, C, 1, …]. */
function mappedAffine(
  x: Tensor,
  scale: Tensor,
  bias: Tensor,
  mapped: readonly boolean[],
  size: Dim,
  standardize: (x: Tensor, one: Tensor, zero: Tensor) => Tensor,
): Tensor[] {
  const rank = x.rank - (mapped[0] ? 1 : 0);
  const channels = x.shape[mapped[0] ? 2 : 1] as Dim;
  const [one, zero] = [onesFor([channels], x.dtype), constant(0, x.dtype).expand([channels])];
  const normalized = mapped[0] ? mergedBatch(x, size, (t) => standardize(t, one, zero)) : standardize(x, one, zero);
  const spread = (t: Tensor, isMapped: boolean | undefined): Tensor =>
    isMapped ? t.reshape([size, 1, channels, ...range(2, rank).map(() => 1)]) : alongChannels(t, rank);
  return [normalized.mul(spread(scale, mapped[1])).add(spread(bias, mapped[2]))];
}

// --- over neighbouring channels -------------------------------------------------------------------------------------------

type LrnAttributes = { readonly alpha: number; readonly beta: number; readonly bias: number; readonly size: number };

/** Σ over the channels from c − before to c + after. */
function channelWindow(x: Tensor, before: number, after: number): Tensor {
  const channels = staticDim(x.shape[1], "LRN");
  const widths = (width: number): number[] => range(0, x.rank).map((axis) => (axis === 1 ? width : 0));
  const padded = x.pad(widths(before), widths(after));
  return range(0, before + after + 1)
    .map((k) => padded.slice(1, k, k + channels))
    .reduce((a, b) => a.add(b));
}

/**
 * Local response normalization over `size` neighbouring channels: y = x / d^β with d = bias + α/size · Σ x².
 * Krizhevsky et al. 2012, section 3.3 (there α is not divided by the size; ONNX and PyTorch do). An even window takes one more
 * channel after, as in ONNX; PyTorch takes it before.
 */
export const LRN: Op<LrnAttributes, readonly [Tensor]> = {
  name: "LRN",
  domain: "",
  attributes: { alpha: "float", beta: "float", bias: "float", size: "int" },
  infer: ([x], _attributes, where) => {
    expectChannels(where, x, []);
    return [x];
  },
  // dx = dy·d^−β − 2αβ/size · x · Σ' dy·x·d^(−β−1), where Σ' runs over the windows that x is in.
  gradient: ({ inputs: [x], dy, attributes: { alpha, beta, bias, size } }) => {
    const [before, after] = lrnReach(size);
    const d = channelWindow(x.square(), before, after)
      .mul(alpha / size)
      .add(bias);
    const scaled = dy.mul(d.pow(-beta));
    const back = channelWindow(scaled.mul(x).div(d), after, before);
    return [scaled.sub(x.mul(back).mul((2 * alpha * beta) / size))];
  },
  cost: (node) => ({ flops: 20 * elementCount((node.inputs[0] as Tensor).shape), bytes: bytesMoved(node) }),
  batch: ({ inputs: [x], size, attributes }) => [mergedBatch(x, size, (t) => emitOne(LRN, [t], attributes))],
  lower: ({ inputs: [x], attributes: { alpha, beta, bias, size }, target }) => {
    // The engine takes odd sizes of [N, C, H, W] only.
    if (target !== "webgpu" && size % 2 === 1 && (x.rank === 4 || target === "onnx")) return undefined;
    const [before, after] = lrnReach(size);
    return [
      x.mul(
        channelWindow(x.square(), before, after)
          .mul(alpha / size)
          .add(bias)
          .pow(-beta),
      ),
    ];
  },
};

/** Channels before and after that a window of `size` takes in (ONNX: an even size takes one more after). */
const lrnReach = (size: number): [number, number] => [Math.floor((size - 1) / 2), Math.ceil((size - 1) / 2)];

export const normalization = [
  ChannelAffine,
  ChannelDot,
  BatchNormalization,
  BatchNormTrain,
  BatchNorm,
  LayerNormalization,
  RMSNormalization,
  SimplifiedLayerNormalization,
  GroupNormalization,
  InstanceNormalization,
  LRN,
] as const;

// --- builders ---------------------------------------------------------------------------------------------------------

export interface BatchNormOptions {
  readonly epsilon?: number;
  /** Weight of the new batch in the running statistics (PyTorch's meaning; ONNX's and Keras's is 1 − this). */
  readonly momentum?: number;
}

/** Batch normalization, which becomes the form for training or for use when a mode is chosen. */
export const batchNorm = (
  x: Tensor,
  scale: Tensor,
  bias: Tensor,
  runningMean: Tensor,
  runningVariance: Tensor,
  { epsilon = 1e-5, momentum = 0.1 }: BatchNormOptions = {},
): Tensor => emitOne(BatchNorm, [x, scale, bias, runningMean, runningVariance], { epsilon, momentum });

/** Layer normalization over as many trailing axes as `scale` has. */
export const layerNorm = (x: Tensor, scale: Tensor, bias: Tensor | null = null, epsilon = 1e-5): Tensor =>
  emitOne(LayerNormalization, [x, scale, bias], { axis: -scale.rank, epsilon });

/** Root-mean-square normalization over as many trailing axes as `scale` has. */
export const rmsNorm = (x: Tensor, scale: Tensor, epsilon = 1e-6): Tensor =>
  emitOne(RMSNormalization, [x, scale], { axis: -scale.rank, epsilon });

export const groupNorm = (x: Tensor, groups: number, scale: Tensor, bias: Tensor, epsilon = 1e-5): Tensor =>
  emitOne(GroupNormalization, [x, scale, bias], { num_groups: groups, epsilon });
export const instanceNorm = (x: Tensor, scale: Tensor, bias: Tensor, epsilon = 1e-5): Tensor =>
  emitOne(InstanceNormalization, [x, scale, bias], { epsilon });

/** Local response normalization; AlexNet's is size 5, α 1e-4, β 0.75, bias 2 (1 in PyTorch and Caffe). */
export const localResponseNorm = (
  x: Tensor,
  size: number,
  { alpha = 1e-4, beta = 0.75, bias = 1 }: { alpha?: number; beta?: number; bias?: number } = {},
): Tensor => emitOne(LRN, [x], { alpha, beta, bias, size });
