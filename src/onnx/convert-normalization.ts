/**
 * @module Normalizations and dropout as files write them: modes, ONNX's meaning of momentum, scales per group.
 */
import type { Tensor } from "../graph/index.js";
import { constant, normalizeAxis, staticDim } from "../graph/index.js";
import { type Call, fixedNumbers } from "./call.js";
import { type Conversion, apply } from "./conversion.js";

/** Drops in training; in use passes on. A file that drops in use as well (`training_mode`) has no one value there to trace. */
function dropout(c: Call): readonly Tensor[] {
  const x = c.x(0);
  const p = c.has(1) ? (c.numbers(1, "ratio")[0] as number) : c.float("ratio", 0.5);
  const dropsInUse = c.has(2) && fixedNumbers(c.operand(2))?.[0] !== 0;
  if (dropsInUse && p > 0 && !c.modes) return c.unsupported("a training_mode that drops at random while the model is used");
  const y = c.modes && p > 0 ? x.dropout(p) : x;
  return c.node.outputs.length < 2 ? [y] : [y, constant(1, "bool").expand(x.shape)];
}

function batchNorm(c: Call): readonly Tensor[] {
  const inputs = [c.x(0), c.x(1), c.x(2), c.x(3), c.x(4)];
  const epsilon = c.float("epsilon");
  // ONNX's momentum is the weight of the old value, PyTorch's that of the new one.
  if (c.modes) return apply("BatchNorm", inputs, { epsilon, momentum: 1 - c.float("momentum") });
  if (c.int("training_mode", 0) === 1) {
    // Statistics of the batch, and the running ones moved towards them.
    const [y, ...batch] = apply("BatchNormTrain", inputs.slice(0, 3), { epsilon }) as [Tensor, Tensor, Tensor];
    const momentum = c.float("momentum");
    return [y, ...batch.map((t, i) => (inputs[3 + i] as Tensor).mul(momentum).add(t.mul(1 - momentum)))];
  }
  return apply("BatchNormalization", inputs, { epsilon });
}

function groupNorm(c: Call): readonly Tensor[] {
  const [x, scale, bias] = [c.x(0), c.x(1), c.x(2)];
  const groups = c.int("num_groups");
  // Before opset 21 there was one number for each group.
  const perChannel = (t: Tensor): Tensor => {
    const each = staticDim(x.shape[1], c.where) / groups;
    return c.opset >= 21 || each === 1
      ? t
      : t
          .unsqueeze(1)
          .expand([groups, each])
          .reshape([groups * each]);
  };
  return apply("GroupNormalization", [x, perChannel(scale), perChannel(bias)], {
    num_groups: groups,
    epsilon: c.float("epsilon"),
  });
}

function layerNorm(c: Call): readonly Tensor[] {
  const [x, axis] = [c.x(0), normalizeAxis(c.int("axis"), c.x(0).rank, c.where)];
  // The file may give one number for all features.
  const full = (t: Tensor | null): Tensor | null => (t === null ? null : t.expand(x.shape.slice(axis)));
  const attributes = { axis, epsilon: c.float("epsilon", 1e-5) };
  if (c.node.opType !== "LayerNormalization") return apply("RMSNormalization", [x, full(c.x(1))], attributes);
  return apply("LayerNormalization", [x, full(c.x(1)), full(c.optional(2))], attributes);
}

/** Normalizes lines by their p-norm. A line of zeros is divided by 1, so that its gradient is finite. */
function lpNormalization(c: Call): readonly Tensor[] {
  const x = c.x(0);
  const axis = normalizeAxis(c.int("axis", -1), x.rank, c.where);
  const p = c.int("p", 2);
  if (p !== 1 && p !== 2) return c.unsupported(`p ${p} (only 1 and 2)`);
  const sum = (p === 1 ? x.abs() : x.square()).sum(axis, true);
  const divisor = sum.equal(0).where(1, sum);
  return [x.div(p === 1 ? divisor : divisor.sqrt())];
}

function meanVariance(c: Call): readonly Tensor[] {
  const x = c.x(0);
  const axes = c.ints("axes") ?? [0, 2, 3];
  const centred = x.sub(x.mean(axes, true));
  return [centred.div(centred.square().mean(axes, true).add(1e-9).sqrt())];
}

/** Normalizations and dropout. */
export const NORMALIZING: readonly (readonly [string, Conversion])[] = [
  ["Dropout", dropout],
  ["BatchNormalization", batchNorm],
  ["GroupNormalization", groupNorm],
  ["LayerNormalization", layerNorm],
  ["RMSNormalization", layerNorm],
  ["SimplifiedLayerNormalization", layerNorm],
  ["LpNormalization", lpNormalization],
  ["MeanVarianceNormalization", meanVariance],
];
