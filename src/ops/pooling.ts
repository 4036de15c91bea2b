/**
 * @module Pooling: the largest or the mean of what a sliding window sees, over any number of spatial axes. MaxPoolGradient
 * and MaxPoolPick (AveragePoolGradient and AveragePool) are transposes of each other, so gradients of every order stay
 * among them.
 */
import type { Dim, Node, Shape, Tensor } from "../graph/index.js";
import { constant, dimMul, formatShape, fromNumbers, isFloat, sameShape, staticDim, staticShape } from "../graph/index.js";
import { ShapeError } from "../util/errors.js";
import type { BatchContext, Cost, Op } from "./op.js";
import { bytesMoved, elementCount, emit, emitOne, expectDType, expectSameDType } from "./op.js";
import type { Window, WindowOptions } from "./window.js";
import { padSpatial, perAxis, slidShape, spreadSpatial, tapOf, WINDOW_ATTRIBUTES, windowOf, windowTaps } from "./window.js";

type One = readonly [Tensor];
type PoolAttributes = Window & { readonly ceil_mode: boolean };
const POOL_ATTRIBUTES = { ...WINDOW_ATTRIBUTES, ceil_mode: "bool" } as const;

const windowSize = (w: Window): number => w.kernel_shape.reduce((a, b) => a * b, 1);

function poolCost(larger: (node: Node) => Tensor): (node: Node) => Cost {
  return (node) => ({
    flops: elementCount(larger(node).shape) * windowSize(node.attributes as unknown as Window),
    bytes: bytesMoved(node),
  });
}
const inputOf = (node: Node): Tensor => node.inputs[0] as Tensor;
const outputOf = (node: Node): Tensor => node.outputs[0] as Tensor;

const pooledShape = (x: Tensor, w: PoolAttributes, where: string): Dim[] => {
  expectDType(where, x.dtype, isFloat, "a floating-point operand");
  return [...x.shape.slice(0, 2), ...slidShape(x.shape, w, where, w.ceil_mode)];
};

/** Applies an op of tensors [N, C, …] to mapped ones [B, N, C, …] by joining B and N. */
function mergeMapped(
  c: BatchContext<never, readonly (Tensor | null)[]>,
  apply: (inputs: Tensor[]) => readonly Tensor[],
): Tensor[] {
  let n: Dim = 1;
  const merged = c.inputs.map((t, i) => {
    const all = c.mapped[i] ? (t as Tensor) : (t as Tensor).unsqueeze(0).expand([c.size, ...(t as Tensor).shape]);
    n = all.shape[1] as Dim;
    return all.reshape([dimMul(c.size, n), ...all.shape.slice(2)]);
  });
  return apply(merged).map((y) => y.reshape([c.size, n, ...y.shape.slice(1)]));
}

// --- the largest ------------------------------------------------------------------------------------------------------

/**
 * The largest element that the window sees; outside x there is −∞. The second output holds the place of each in the
 * flattened x (the first one where several tie).
 *
 * Shapes: x [N, C, …] → y and places [N, C, …output lengths].
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
  batch: ({ inputs: [x], size, attributes }) => {
    const y = emit(MaxPool, [x.reshape([dimMul(size, x.shape[1] as Dim), ...x.shape.slice(2)])], attributes);
    // Places count from the start of the example, so they lose what the examples before them hold.
    const each = staticShape(x.shape, "vmap of MaxPool").slice(1);
    const length = each.reduce((a, b) => a * b, 1);
    const [values, places] = y.map((t) => t.reshape([size, x.shape[1] as Dim, ...t.shape.slice(1)])) as [Tensor, Tensor];
    const before = Array.from({ length: staticDim(size, "vmap of MaxPool") }, (_, i) => i * length);
    const offsets = constant(fromNumbers("int64", [before.length, ...each.map(() => 1)], before));
    return [values, places.sub(offsets)];
  },
};

type ChosenInputs = readonly [Tensor, Tensor, Tensor, Tensor];

/** dy sent to the elements that were the largest (the first on ties, as in PyTorch), from (dy, x, y, places): [N, C, …] as x. */
export const MaxPoolGradient: Op<PoolAttributes, ChosenInputs> = {
  name: "MaxPoolGradient",
  domain: "descent",
  attributes: POOL_ATTRIBUTES,
  infer: ([dy, x, y], _attributes, where) => {
    checkPooled(dy, y, where);
    return [{ shape: x.shape, dtype: x.dtype }];
  },
  gradient: ({ inputs: [, x, y, places], dy: g, attributes }) => [
    emitOne(MaxPoolPick, [g, x, y, places], attributes),
    null,
    null,
    null,
  ],
  cost: poolCost(inputOf),
  batch: { unroll: "its places count from the start of each example" },
  lower: ({ inputs: [dy, x, y, places], attributes, target }) => {
    const shape = staticShape(x.shape, "gradient of MaxPool");
    if (target === "webgpu" || target === "onnx") return [spreadToFirst(dy, x, y, attributes, shape)];
    const flat = constant(0, x.dtype).expand([shape.reduce((a, b) => a * b, 1)]);
    return [flat.scatterElements(places.reshape([-1]), dy.reshape([-1]), { reduction: "add" }).reshape(shape)];
  },
};

/** The elements of g at the places that were the largest, from (g, x, y, places): [N, C, …] as y. */
export const MaxPoolPick: Op<PoolAttributes, ChosenInputs> = {
  name: "MaxPoolPick",
  domain: "descent",
  attributes: POOL_ATTRIBUTES,
  infer: ([g, x, y], _attributes, where) => {
    checkPooled(g, x, where);
    return [{ shape: y.shape, dtype: y.dtype }];
  },
  gradient: ({ inputs: [, x, y, places], dy, attributes }) => [
    emitOne(MaxPoolGradient, [dy, x, y, places], attributes),
    null,
    null,
    null,
  ],
  cost: poolCost(outputOf),
  batch: { unroll: "its places count from the start of each example" },
  lower: ({ inputs: [g, x, y, places], attributes, target }) => {
    if (target !== "webgpu" && target !== "onnx") {
      return [
        g
          .reshape([-1])
          .gatherElements(places.reshape([-1]), 0)
          .reshape(y.shape),
      ];
    }
    const padded = windowed(g, attributes, staticShape(y.shape, "gradient of MaxPool"));
    const slid = staticShape(y.shape, "gradient of MaxPool").slice(2);
    return [firstHits(x, y, attributes, (hit, tap) => hit.mul(tapOf(padded, tap, attributes, slid))).reduce((a, b) => a.add(b))];
  },
};

function checkPooled(given: Tensor, like: Tensor, where: string): void {
  expectSameDType(where, given, like);
  if (!sameShape(given.shape, like.shape))
    throw new ShapeError(`${where}: expected ${formatShape(like.shape)}, got ${formatShape(given.shape)}`);
}

/** x with the window's padding, and with what a window that hangs over the end (ceil_mode) needs beyond it. */
function windowed(x: Tensor, w: Window, y: readonly number[], value = 0): Tensor {
  return padSpatial(x, fullPads(w, staticShape(x.shape, "pooling"), y), value);
}

/** Pads with which the windows end exactly at the padded end; those that no window reaches are cut. */
function fullPads(w: Window, x: Shape, y: readonly number[]): number[] {
  const axes = w.kernel_shape.length;
  const before = w.pads.slice(0, axes);
  const after = w.kernel_shape.map((kernel, i) => {
    const reach = ((y[i + 2] as number) - 1) * (w.strides[i] as number) + (w.dilations[i] as number) * (kernel - 1) + 1;
    return reach - (before[i] as number) - (x[i + 2] as number);
  });
  return [...before, ...after];
}

/** For each place of the window, f of the mask (1 or 0) of the outputs that took their value there first. */
function firstHits(x: Tensor, y: Tensor, w: Window, f: (hit: Tensor, tap: readonly number[]) => Tensor): Tensor[] {
  const shape = staticShape(y.shape, "gradient of MaxPool");
  const padded = windowed(x, w, shape, -Infinity);
  let left: Tensor | undefined;
  return windowTaps(w.kernel_shape).map((tap) => {
    const equal = tapOf(padded, tap, w, shape.slice(2)).equal(y).cast(y.dtype);
    const hit = left === undefined ? equal : equal.mul(left);
    left = left === undefined ? equal.neg().add(1) : left.sub(hit);
    return f(hit, tap);
  });
}

/** For devices without the places: each tap's share of dy, put where the tap was. */
function spreadToFirst(dy: Tensor, x: Tensor, y: Tensor, w: Window, shape: readonly number[]): Tensor {
  const pooled = staticShape(y.shape, "gradient of MaxPool");
  const pads = fullPads(w, shape, pooled);
  const axes = w.kernel_shape.length;
  const padded = shape.slice(2).map((length, i) => length + (pads[i] as number) + (pads[i + axes] as number));
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

// --- the mean ---------------------------------------------------------------------------------------------------------

type AverageAttributes = PoolAttributes & { readonly count_include_pad: boolean };
const AVERAGE_ATTRIBUTES = { ...POOL_ATTRIBUTES, count_include_pad: "bool" } as const;

/** The mean of what the window sees; padding counts as zeros only with `count_include_pad`. */
export const AveragePool: Op<AverageAttributes, One> = {
  name: "AveragePool",
  domain: "",
  attributes: AVERAGE_ATTRIBUTES,
  infer: ([x], attributes, where) => [{ shape: pooledShape(x, attributes, where), dtype: x.dtype }],
  gradient: ({ inputs: [x], dy, attributes }) => [
    emitOne(AveragePoolGradient, [dy], { ...attributes, input_shape: x.shape.slice(2) }),
  ],
  cost: poolCost(outputOf),
  batch: (c) => mergeMapped(c as never, (inputs) => emit(AveragePool, inputs as unknown as One, c.attributes)),
};

/** The attributes of AveragePool among those of its gradient. */
const averageOnly = (a: AverageAttributes): AverageAttributes => ({
  kernel_shape: a.kernel_shape,
  strides: a.strides,
  pads: a.pads,
  dilations: a.dilations,
  ceil_mode: a.ceil_mode,
  count_include_pad: a.count_include_pad,
});

type AverageGradientAttributes = AverageAttributes & { readonly input_shape: readonly Dim[] };

/** dy shared out evenly over what each window saw; `input_shape` holds the spatial lengths of x. */
export const AveragePoolGradient: Op<AverageGradientAttributes, One> = {
  name: "AveragePoolGradient",
  domain: "descent",
  attributes: { ...AVERAGE_ATTRIBUTES, input_shape: "shape" },
  infer: ([dy], { input_shape }) => [{ shape: [...dy.shape.slice(0, 2), ...input_shape], dtype: dy.dtype }],
  gradient: ({ dy: g, attributes }) => [emitOne(AveragePool, [g], averageOnly(attributes))],
  cost: poolCost(inputOf),
  batch: (c) => mergeMapped(c as never, (inputs) => emit(AveragePoolGradient, inputs as unknown as One, c.attributes)),
  lower: ({ inputs: [dy], attributes: { input_shape, ...w } }) => {
    const where = "gradient of AveragePool";
    const slid = dy.shape.slice(2).map((d) => staticDim(d, where));
    const lengths = input_shape.map((d) => staticDim(d, where));
    const axes = lengths.length;
    const tiles =
      w.pads.every((p) => p === 0) &&
      w.kernel_shape.every((k, i) => k === w.strides[i] && w.dilations[i] === 1 && k * (slid[i] as number) === lengths[i]);
    if (tiles) {
      const each = dy.mul(constant(shareOf(slid, lengths, w, dy.dtype, 1)));
      // Windows side by side: each share is repeated over its window.
      const split = [...dy.shape.slice(0, 2), ...slid.flatMap((d) => [d, 1])];
      const repeated = [...dy.shape.slice(0, 2), ...slid.flatMap((d, i) => [d, w.kernel_shape[i] as number])];
      return [
        each
          .reshape(split)
          .expand(repeated)
          .reshape([...dy.shape.slice(0, 2), ...lengths]),
      ];
    }
    // A sum over the windows that saw an element: sliding the same window over the spread shares (it is symmetric).
    const reach = w.kernel_shape.map((k, i) => (w.dilations[i] as number) * (k - 1));
    const before = reach.map((r, i) => r - (w.pads[i] as number));
    const after = reach.map(
      (r, i) => (lengths[i] as number) + r - (before[i] as number) - ((slid[i] as number) - 1) * (w.strides[i] as number) - 1,
    );
    // What no window saw at the end is 0, and is added last.
    const unseen = after.map((width, i) => Math.max(0, width - (reach[i] as number)));
    const around = [...before, ...after.map((width, i) => width - (unseen[i] as number))];
    // The engine takes no padding as wide as the kernel, and moves a Pad that stands right before a pooling into it all the
    // same: then the product with the window's size stands between the two.
    const fits = around.every((width, i) => width >= 0 && width < (w.kernel_shape[i % axes] as number));
    const size = windowSize(w);
    const spread = spreadSpatial(dy.mul(constant(shareOf(slid, lengths, w, dy.dtype, fits ? size : 1))), w.strides);
    const inside = fits ? spread : padSpatial(spread, around).mul(size);
    const summed = emitOne(AveragePool, [inside], {
      kernel_shape: w.kernel_shape,
      strides: new Array<number>(axes).fill(1),
      pads: fits ? around : new Array<number>(2 * axes).fill(0),
      dilations: w.dilations,
      ceil_mode: false,
      count_include_pad: true,
    });
    return [padSpatial(summed, [...unseen.map(() => 0), ...unseen])];
  },
};

/** `scale` over the number of elements that each window counts: a scalar, or [1, 1, …output lengths] where they differ. */
function shareOf(
  slid: readonly number[],
  lengths: readonly number[],
  w: AverageAttributes,
  dtype: Tensor["dtype"],
  scale: number,
) {
  const axes = lengths.length;
  const counts = slid.map((places, i) => {
    const [length, before, after] = [lengths[i] as number, w.pads[i] as number, w.pads[i + axes] as number];
    const [low, high] = w.count_include_pad ? [-before, length + after] : [0, length];
    return Array.from({ length: places }, (_, place) => {
      const start = place * (w.strides[i] as number) - before;
      const seen = Array.from({ length: w.kernel_shape[i] as number }, (_, k) => start + k * (w.dilations[i] as number));
      return seen.filter((at) => at >= low && at < high).length;
    });
  });
  if (counts.every((list) => list.every((count) => count === list[0])))
    return fromNumbers(dtype, [], [scale / counts.reduce((product, list) => product * (list[0] as number), 1)]);
  const products = counts.reduce<number[]>((all, list) => all.flatMap((a) => list.map((count) => a * count)), [1]);
  return fromNumbers(
    dtype,
    [1, 1, ...slid],
    products.map((count) => scale / count),
  );
}

// --- everything at once -----------------------------------------------------------------------------------------------

const spatialAxes = (x: Tensor): number[] => x.shape.map((_, i) => i).slice(2);

function globalPool(name: string, fold: (x: Tensor, axes: number[]) => Tensor, dx: (x: Tensor, y: Tensor, dy: Tensor) => Tensor) {
  const op: Op<Record<never, never>, One> = {
    name,
    domain: "",
    attributes: {},
    infer: ([x], _attributes, where) => {
      expectDType(where, x.dtype, isFloat, "a floating-point operand");
      if (x.rank < 3) throw new ShapeError(`${where}: expected [N, C, …], got ${formatShape(x.shape)}`);
      return [{ shape: x.shape.map((d, i) => (i < 2 ? d : 1)), dtype: x.dtype }];
    },
    gradient: ({ inputs: [x], y, dy }) => [dx(x, y, dy)],
    cost: (node) => ({ flops: elementCount(inputOf(node).shape), bytes: bytesMoved(node) }),
    batch: (c) => mergeMapped(c as never, (inputs) => emit(op, inputs as unknown as One, {})),
    lower: ({ inputs: [x], target }) => (target === "onnx" ? undefined : [fold(x, spatialAxes(x))]),
  };
  return op;
}

/** The mean over all spatial axes: [N, C, …] → [N, C, 1, …]. */
export const GlobalAveragePool = globalPool(
  "GlobalAveragePool",
  (x, axes) => x.mean(axes, true),
  (x, _y, dy) => dy.mul(1 / elementCount(staticShape(x.shape.slice(2), "gradient of GlobalAveragePool"))).expand(x.shape),
);

/** The largest over all spatial axes; where several tie, they share dy equally (PyTorch's adaptive pooling takes one of them). */
export const GlobalMaxPool = globalPool(
  "GlobalMaxPool",
  (x, axes) => x.reduceMax(axes, true),
  (x, y, dy) => {
    const hit = x.equal(y).cast(x.dtype);
    return hit.mul(dy.div(hit.sum(spatialAxes(x), true)));
  },
);

export const pooling = [
  MaxPool,
  MaxPoolGradient,
  MaxPoolPick,
  AveragePool,
  AveragePoolGradient,
  GlobalAveragePool,
  GlobalMaxPool,
] as const;

// --- builders ---------------------------------------------------------------------------------------------------------

export interface PoolOptions extends WindowOptions {
  /** Lets the last window hang over the end (lengths are rounded up). */
  readonly ceilMode?: boolean;
}

function poolWindow(x: Tensor, kernelSize: number | readonly number[], o: PoolOptions, where: string): PoolAttributes {
  const kernel = perAxis(kernelSize, x.rank - 2, `${where}: kernelSize`);
  // Windows lie side by side unless a stride is given, as in PyTorch.
  return { ...windowOf(x, kernel, { ...o, stride: o.stride ?? kernel }, where), ceil_mode: o.ceilMode ?? false };
}

/** The largest in each window of x [N, C, …]; the stride is the kernel's size unless given. */
export const maxPool = (x: Tensor, kernelSize: number | readonly number[], options: PoolOptions = {}): Tensor =>
  emitOne(MaxPool, [x], poolWindow(x, kernelSize, options, "MaxPool"));

/** The mean of each window of x [N, C, …]; padding counts as zeros unless `countIncludePad` is false, as in PyTorch. */
export const averagePool = (
  x: Tensor,
  kernelSize: number | readonly number[],
  options: PoolOptions & { readonly countIncludePad?: boolean } = {},
): Tensor =>
  emitOne(AveragePool, [x], {
    ...poolWindow(x, kernelSize, options, "AveragePool"),
    count_include_pad: options.countIncludePad ?? true,
  });

/** The mean over all spatial axes: [N, C, …] → [N, C, 1, …]. */
export const globalAveragePool = (x: Tensor): Tensor => emitOne(GlobalAveragePool, [x], {});
/** The largest over all spatial axes: [N, C, …] → [N, C, 1, …]. */
export const globalMaxPool = (x: Tensor): Tensor => emitOne(GlobalMaxPool, [x], {});
