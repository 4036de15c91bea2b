/**
 * @module Normalization over features, groups of channels or neighbouring channels. With v the population variance and
 * r = 1/√(v + ε), all but the last give x̂ = (x − μ)·r, then scale and bias.
 */
import type { Dim, DType, Shape, Tensor } from "../graph/index.js";
import { constant, dimMul, formatShape, isFloat, normalizeAxis, sameShape, staticDim } from "../graph/index.js";
import { ShapeError } from "../util/errors.js";
import type { Op, OptionalTensor } from "./op.js";
import { bytesMoved, elementCount, emit, emitOne, expectDType, expectSameDType, perElement } from "./op.js";

import type { Three, Two } from "./batch-norm.js";
import { range } from "../util/range.js";
import { alongChannels, channelAffine, channelDot, channelSum, expectChannels, isOrtCpu } from "./batch-norm.js";

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

/**
 * Group normalization: x [N, C, …], scale and bias [C]; each of `num_groups` blocks of channels is standardized by itself. Wu and He 2018,
 * arXiv:1803.08494.
 */
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

/** Entries of the op table: normalization over features, groups and neighbours. */
export const normalization = [
  LayerNormalization,
  RMSNormalization,
  SimplifiedLayerNormalization,
  GroupNormalization,
  InstanceNormalization,
  LRN,
] as const;

// --- builders ---------------------------------------------------------------------------------------------------------

/**
 * Layer normalization over as many trailing axes as `scale` has. x [.., D], scale and bias [D]: (x − mean)/√(variance + ε)·scale + bias, of x's shape.
 * ShapeError if the axes do not fit.
 */
export const layerNorm = (x: Tensor, scale: Tensor, bias: Tensor | null = null, epsilon = 1e-5): Tensor =>
  emitOne(LayerNormalization, [x, scale, bias], { axis: -scale.rank, epsilon });

/**
 * Root-mean-square normalization over as many trailing axes as `scale` has. x [.., D], scale [D]: x/√(mean x² + ε)·scale, of x's shape. ShapeError if
 * the axes do not fit.
 */
export const rmsNorm = (x: Tensor, scale: Tensor, epsilon = 1e-6): Tensor =>
  emitOne(RMSNormalization, [x, scale], { axis: -scale.rank, epsilon });

/**
 * Normalizes each group of channels of each example: x [N, C, ...], scale and bias [C]; C must be a multiple of `groups`. Wu and He 2018,
 * arXiv:1803.08494.
 */
export const groupNorm = (x: Tensor, groups: number, scale: Tensor, bias: Tensor, epsilon = 1e-5): Tensor =>
  emitOne(GroupNormalization, [x, scale, bias], { num_groups: groups, epsilon });
/** Normalizes each channel of each example: x [N, C, ...], scale and bias [C]. Ulyanov et al. 2016, arXiv:1607.08022. */
export const instanceNorm = (x: Tensor, scale: Tensor, bias: Tensor, epsilon = 1e-5): Tensor =>
  emitOne(InstanceNormalization, [x, scale, bias], { epsilon });

/**
 * Local response normalization; AlexNet's is size 5, α 1e-4, β 0.75, bias 2 (1 in PyTorch and Caffe). Images [N, C, H, W] to the same shape; `size`
 * counts channels.
 */
export const localResponseNorm = (
  x: Tensor,
  size: number,
  { alpha = 1e-4, beta = 0.75, bias = 1 }: { alpha?: number; beta?: number; bias?: number } = {},
): Tensor => emitOne(LRN, [x], { alpha, beta, bias, size });
