/**
 * @module Max-pooling on channels in blocks (`blocked.ts`), without the indices of the maxima: along one axis, then the other. Its gradient finds the first
 * maximum by comparing, in few passes: the engine's kernel with indices works on plain pictures, and takes 30 times as long as without.
 */
import type { Tensor } from "../graph/index.js";
import { constant, fromNumbers } from "../graph/index.js";
import { BlockedConv, BlockedMaxPool, blockedPick, pickingWeights } from "./blocked.js";
import { emitOne } from "./op.js";
import type { PoolAttributes } from "./pool-op.js";

type Picture = readonly [number, number, number, number];

/** A window along one of the two axes. */
interface Slide {
  readonly axis: 0 | 1;
  readonly kernel: number;
  readonly stride: number;
  readonly pad: number;
}

const slides = ({ kernel_shape, strides, pads }: PoolAttributes): readonly [Slide, Slide] => {
  const slide = (axis: 0 | 1): Slide => ({
    axis,
    kernel: kernel_shape[axis] as number,
    stride: strides[axis] as number,
    pad: pads[axis] as number,
  });
  return [slide(0), slide(1)];
};

/** Whether the gradient can be said in blocks: as many pixels for each remainder of the stride, and each of them seen by a window. */
export function canPoolBlocks(attributes: PoolAttributes, x: Tensor, y: Tensor): boolean {
  const { dilations, ceil_mode, kernel_shape, pads } = attributes;
  const fits = ({ axis, kernel, stride, pad }: Slide): boolean =>
    x.shape[axis + 2] === stride * (y.shape[axis + 2] as number) && kernel >= stride && pad < kernel;
  return (
    kernel_shape.length === 2 &&
    pads.length === 4 &&
    !ceil_mode &&
    dilations.every((d) => d === 1) &&
    slides(attributes).every(fits)
  );
}

/** `along` for the axis of a slide, `across` for the other. */
const pair = <T>({ axis }: Slide, along: T, across: T): [T, T] => (axis === 0 ? [along, across] : [across, along]);

function pooled(x: Tensor, slide: Slide, attributes: PoolAttributes): Tensor {
  const [before, after] = [slide.pad, attributes.pads[slide.axis + 2] as number];
  return emitOne(BlockedMaxPool, [x], {
    kernel_shape: pair(slide, slide.kernel, 1),
    strides: pair(slide, slide.stride, 1),
    pads: [...pair(slide, before, 0), ...pair(slide, after, 0)],
    dilations: [1, 1],
  });
}

/** y of x, both in blocks, and the maxima of rows between them, which the gradient needs. */
export function blockedMaxPool(x: Tensor, attributes: PoolAttributes): { readonly rows: Tensor; readonly y: Tensor } {
  const [down, right] = slides(attributes);
  const rows = pooled(x, right, attributes);
  return { rows, y: pooled(rows, down, attributes) };
}

/** dx from dy, all in blocks: dy goes to the first row that has the maximum, and there to the first column. */
export function blockedMaxPoolGradient(
  dy: Tensor,
  { x, rows, y }: { readonly x: Tensor; readonly rows: Tensor; readonly y: Tensor },
  attributes: PoolAttributes,
  block: number,
): Tensor {
  const [down, right] = slides(attributes);
  return sentBack(sentBack(dy, rows, y, down, block), x, rows, right, block);
}

/** The slope of `HardSigmoid` that makes 0 of any difference but 0. */
const STEEP = 3e38;

/** dy [at y] sent along one axis to the first element of each window that y took its value from. */
function sentBack(dy: Tensor, x: Tensor, y: Tensor, slide: Slide, block: number): Tensor {
  const { kernel, stride, pad, axis } = slide;
  const length = x.shape[axis + 2] as number;
  let left = dy;
  const shares = Array.from({ length: kernel }, (_, tap): Tensor => {
    // Whoever has no other place.
    if (tap === kernel - 1) return left;
    const own = left.mul(withEdge(isTaken(x, y, slide, tap, block), slide, tap, length, block));
    left = left.sub(own);
    return own;
  });
  const phases = Array.from({ length: stride }, (_, remainder) =>
    shares
      .map((share, tap) => ({ share, at: tap - pad }))
      .filter(({ at }) => ((at % stride) + stride) % stride === remainder)
      .map(({ share, at }) => ({ share, by: Math.floor(at / stride) }))
      .sort((a, b) => Math.abs(a.by) - Math.abs(b.by))
      .reduce<Tensor | undefined>((sum, { share, by }) => shifted(share, by, slide, sum, block), undefined),
  ) as Tensor[];
  return stride === 1 ? (phases[0] as Tensor) : interleaved(phases, slide, block);
}

/** 1 where y took its value from this place of its window, 0 elsewhere: one pass, as a convolution that reads the place. */
function isTaken(x: Tensor, y: Tensor, slide: Slide, tap: number, block: number): Tensor {
  const { kernel, stride, pad, axis } = slide;
  const channels = x.shape[1] as number;
  const after = Math.max(0, ((y.shape[axis + 2] as number) - 1) * stride + kernel - pad - (x.shape[axis + 2] as number));
  const kernel_shape = pair(slide, kernel, 1);
  return emitOne(BlockedConv, [x, pickingWeights(channels, kernel_shape, tap, block, -1), null, y], {
    kernel_shape,
    strides: pair(slide, stride, 1),
    pads: [...pair(slide, pad, 0), ...pair(slide, after, 0)],
    dilations: [1, 1],
    group: channels,
    activation: "HardSigmoid",
    activation_params: [-STEEP, 1],
  });
}

/** The mask without windows whose place lies beyond x: what is read there is 0, which may be the maximum. */
function withEdge(mask: Tensor, { axis, stride, pad }: Slide, tap: number, length: number, block: number): Tensor {
  const [n, c, h, w] = mask.shape as Picture;
  const inside = Array.from({ length: [h, w][axis] as number }, (_, q) => {
    const place = stride * q + tap - pad;
    return place >= 0 && place < length ? 1 : 0;
  });
  if (inside.every((one) => one === 1)) return mask;
  const lines = (n * c) / block;
  const [shape, edge] =
    axis === 0
      ? [[lines, h, w * block], constant(fromNumbers("float32", [h, 1], inside))]
      : [
          [lines * h, w * block],
          constant(
            fromNumbers(
              "float32",
              [w * block],
              inside.flatMap((one) => new Array<number>(block).fill(one)),
            ),
          ),
        ];
  return mask.reshape(shape).mul(edge).reshape(mask.shape);
}

/** t moved by some pixels along the axis, with zeros behind it, onto a sum. */
function shifted(t: Tensor, by: number, slide: Slide, sum: Tensor | undefined, block: number): Tensor {
  if (by === 0) return sum === undefined ? t : sum.add(t);
  const [before, after] = by > 0 ? [by, 0] : [0, -by];
  const pads = [...pair(slide, before, 0), ...pair(slide, after, 0)];
  return blockedPick(t, pair(slide, after, 0), pair(slide, before + after + 1, 1), [1, 1], pads, block, sum ?? null);
}

/** Pixels of each remainder of the stride, side by side again. */
function interleaved(phases: readonly Tensor[], { axis }: Slide, block: number): Tensor {
  const [n, c, h, w] = (phases[0] as Tensor).shape as Picture;
  const lines = (n * c * h) / block;
  const each = phases.map((t) => t.reshape(axis === 0 ? [lines, w * block] : [lines * w, block]));
  const stride = phases.length;
  return (each[0] as Tensor).concat(each.slice(1), 1).reshape(axis === 0 ? [n, c, h * stride, w] : [n, c, h, w * stride]);
}
