/**
 * @module MaxPool, its gradient and that gradient's: MaxPoolGradient and MaxPoolPick are transposes of each other, so gradients of
 * every order stay among them.
 */
import type { Tensor } from "../graph/index.js";
import { constant, formatShape, fromNumbers, sameShape, sizeOf, staticDim, staticShape, symbolicSize } from "../graph/index.js";
import { ShapeError } from "../util/errors.js";
import type { Op } from "./op.js";
import { emitOne, expectSameDType } from "./op.js";
import type { One, PoolAttributes } from "./pool-op.js";
import { inputOf, mergeMapped, outputOf, POOL_ATTRIBUTES, poolCost, pooledShape } from "./pool-op.js";
import type { Window } from "./window.js";
import { padSpatial, spreadSpatial, tapOf, windowTaps } from "./window.js";

/**
 * The largest element that the window sees; outside x there is −∞. The second output holds the index of each in the
 * flattened x (the first one where several tie).
 *
 * Shapes: x [N, C, …] → y and indices [N, C, …output lengths].
 */
export const MaxPool: Op<PoolAttributes, One> = {
  name: "MaxPool",
  domain: "",
  attributes: POOL_ATTRIBUTES,
  requiredOutputs: 1,
  infer: ([x], attributes, where) => {
    const shape = pooledShape(x, attributes, where);
    return [
      { shape, dtype: x.dtype },
      { shape, dtype: "int64" },
    ];
  },
  gradient: ({ inputs: [x], outputs, dy, attributes }) => [
    emitOne(MaxPoolGradient, [dy, x, outputs[0] as Tensor, outputs[1] as Tensor], attributes),
  ],
  cost: poolCost(outputOf),
  batch: (c) => {
    const [values, indices] = mergeMapped(MaxPool, c) as readonly [Tensor, Tensor];
    // Places count from the start of the example, so they lose what the examples before them hold.
    const each = staticShape(c.inputs[0].shape, "vmap of MaxPool").slice(1);
    const length = sizeOf(each);
    const before = Array.from({ length: staticDim(c.size, "vmap of MaxPool") }, (_, i) => i * length);
    const offsets = constant(fromNumbers("int64", [before.length, ...each.map(() => 1)], before));
    return [values, indices.sub(offsets)];
  },
};

type ChosenInputs = readonly [Tensor, Tensor, Tensor, Tensor];

/** dy sent to the elements that were the largest (the first on ties, as in PyTorch), from (dy, x, y, indices): [N, C, …] as x. */
export const MaxPoolGradient: Op<PoolAttributes, ChosenInputs> = {
  name: "MaxPoolGradient",
  domain: "descent",
  attributes: POOL_ATTRIBUTES,
  infer: ([dy, x, y], _attributes, where) => {
    checkPooled(dy, y, where);
    return [{ shape: x.shape, dtype: x.dtype }];
  },
  gradient: ({ inputs: [, x, y, indices], dy: g, attributes }) => [
    emitOne(MaxPoolPick, [g, x, y, indices], attributes),
    null,
    null,
    null,
  ],
  cost: poolCost(inputOf),
  batch: { unroll: "its indices count from the start of each example" },
  lower: ({ inputs: [dy, x, y, indices], attributes, target }) => {
    if (target === "webgpu" || target === "onnx") return [spreadToFirst(dy, x, y, attributes)];
    const flat = constant(0, x.dtype).expand([symbolicSize(x.shape)]);
    return [flat.scatterElements(indices.reshape([-1]), dy.reshape([-1]), { reduction: "add" }).reshape(x.shape)];
  },
};

/** The elements of g at the indices that were the largest, from (g, x, y, indices): [N, C, …] as y. */
export const MaxPoolPick: Op<PoolAttributes, ChosenInputs> = {
  name: "MaxPoolPick",
  domain: "descent",
  attributes: POOL_ATTRIBUTES,
  infer: ([g, x, y], _attributes, where) => {
    checkPooled(g, x, where);
    return [{ shape: y.shape, dtype: y.dtype }];
  },
  gradient: ({ inputs: [, x, y, indices], dy, attributes }) => [
    emitOne(MaxPoolGradient, [dy, x, y, indices], attributes),
    null,
    null,
    null,
  ],
  cost: poolCost(outputOf),
  batch: { unroll: "its indices count from the start of each example" },
  lower: ({ inputs: [g, x, y, indices], attributes, target }) => {
    if (target !== "webgpu" && target !== "onnx") {
      return [
        g
          .reshape([-1])
          .gatherElements(indices.reshape([-1]), 0)
          .reshape(y.shape),
      ];
    }
    const slid = lengthsOf(y);
    const padded = windowed(g, attributes, slid);
    return [firstHits(x, y, attributes, (hit, tap) => hit.mul(tapOf(padded, tap, attributes, slid))).reduce((a, b) => a.add(b))];
  },
};

function checkPooled(given: Tensor, like: Tensor, where: string): void {
  expectSameDType(where, given, like);
  if (!sameShape(given.shape, like.shape))
    throw new ShapeError(`${where}: expected ${formatShape(like.shape)}, got ${formatShape(given.shape)}`);
}

/** Spatial lengths, which have to be known; N and C may be free. */
const lengthsOf = (t: Tensor): readonly number[] => staticShape(t.shape.slice(2), "gradient of MaxPool");

/** x with the window's padding, and with what a window that hangs over the end (ceil_mode) needs beyond it; `slid`: the pooled lengths. */
function windowed(x: Tensor, w: Window, slid: readonly number[], value = 0): Tensor {
  return padSpatial(x, fullPads(w, lengthsOf(x), slid), value);
}

/** Pads with which the windows end exactly at the padded end; those that no window reaches are cut. */
function fullPads(w: Window, lengths: readonly number[], slid: readonly number[]): number[] {
  const before = w.pads.slice(0, w.kernel_shape.length);
  const after = w.kernel_shape.map((kernel, i) => {
    const reach = ((slid[i] as number) - 1) * (w.strides[i] as number) + (w.dilations[i] as number) * (kernel - 1) + 1;
    return reach - (before[i] as number) - (lengths[i] as number);
  });
  return [...before, ...after];
}

/** For each tap of the window, f of the mask (1 or 0) of the outputs that took their value there first. */
function firstHits(x: Tensor, y: Tensor, w: Window, f: (hit: Tensor, tap: readonly number[]) => Tensor): Tensor[] {
  const slid = lengthsOf(y);
  const padded = windowed(x, w, slid, -Infinity);
  let left: Tensor | undefined;
  return windowTaps(w.kernel_shape).map((tap) => {
    const equal = tapOf(padded, tap, w, slid).equal(y).cast(y.dtype);
    const hit = left === undefined ? equal : equal.mul(left);
    left = left === undefined ? equal.neg().add(1) : left.sub(hit);
    return f(hit, tap);
  });
}

/** For devices without indices of the maxima: sends each tap's share of dy to the tap's position. */
function spreadToFirst(dy: Tensor, x: Tensor, y: Tensor, w: Window): Tensor {
  const lengths = lengthsOf(x);
  const pads = fullPads(w, lengths, lengthsOf(y));
  const axes = w.kernel_shape.length;
  const padded = lengths.map((length, i) => length + (pads[i] as number) + (pads[i + axes] as number));
  const shares = firstHits(x, y, w, (hit, tap) => {
    const wide = spreadSpatial(hit.mul(dy), w.strides);
    const before = tap.map((k, i) => k * (w.dilations[i] as number));
    const after = padded.map((length, i) => length - (before[i] as number) - staticDim(wide.shape[i + 2], "gradient of MaxPool"));
    return padSpatial(wide, [...before, ...after]);
  });
  return padSpatial(
    shares.reduce((a, b) => a.add(b)),
    pads.map((width) => -width),
  );
}
