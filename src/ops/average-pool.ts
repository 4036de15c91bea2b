/**
 * @module AveragePool and its gradient. They are transposes of each other, so gradients of every order stay among them.
 */
import type { Dim, Tensor } from "../graph/index.js";
import { constant, fromNumbers, staticDim } from "../graph/index.js";
import type { Op } from "./op.js";
import { emitOne } from "./op.js";
import type { One, PoolAttributes } from "./pool-op.js";
import { inputOf, mergeMapped, outputOf, POOL_ATTRIBUTES, poolCost, pooledShape, windowSize } from "./pool-op.js";
import { padSpatial, spreadSpatial } from "./window.js";

type AverageAttributes = PoolAttributes & { readonly count_include_pad: boolean };
const AVERAGE_ATTRIBUTES = { ...POOL_ATTRIBUTES, count_include_pad: "bool" } as const;

/** The mean of each window; padding counts as zeros only with `count_include_pad`. */
export const AveragePool: Op<AverageAttributes, One> = {
  name: "AveragePool",
  domain: "",
  attributes: AVERAGE_ATTRIBUTES,
  infer: ([x], attributes, where) => [{ shape: pooledShape(x, attributes, where), dtype: x.dtype }],
  gradient: ({ inputs: [x], dy, attributes }) => [
    emitOne(AveragePoolGradient, [dy], { ...attributes, input_shape: x.shape.slice(2) }),
  ],
  cost: poolCost(outputOf),
  batch: (c) => mergeMapped(AveragePool, c),
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

/** Spreads dy evenly over the elements of each window; `input_shape` holds the spatial lengths of x. */
export const AveragePoolGradient: Op<AverageGradientAttributes, One> = {
  name: "AveragePoolGradient",
  domain: "descent",
  attributes: { ...AVERAGE_ATTRIBUTES, input_shape: "shape" },
  infer: ([dy], { input_shape }) => [{ shape: [...dy.shape.slice(0, 2), ...input_shape], dtype: dy.dtype }],
  gradient: ({ dy: g, attributes }) => [emitOne(AveragePool, [g], averageOnly(attributes))],
  cost: poolCost(inputOf),
  batch: (c) => mergeMapped(AveragePoolGradient, c),
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
  const counts = slid.map((positions, i) => {
    const [length, before, after] = [lengths[i] as number, w.pads[i] as number, w.pads[i + axes] as number];
    const [low, high] = w.count_include_pad ? [-before, length + after] : [0, length];
    return Array.from({ length: positions }, (_, place) => {
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
