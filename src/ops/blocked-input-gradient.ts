/**
 * @module The gradient of a convolution to its input, as convolutions on blocks of channels (`blocked.ts`): with stride 1 the same
 * kernel, turned around; with strides a small convolution for each remainder of the pixel.
 */
import type { Tensor } from "../graph/index.js";
import { BlockedConv, blockedDepthwise, blockedSpread, blockedTransposedWeights } from "./blocked.js";
import { emitOne } from "./op.js";
import type { Window } from "./window.js";

type Picture = readonly [number, number, number, number];

/**
 * dx, of the given shape, from dy in blocks and plain weights; undefined for windows that it cannot say (strides that do not
 * divide x, padding beyond the kernel's reach, dilation with strides).
 */
export function blockedInputGradient(dy: Tensor, w: Tensor, window: Window, shape: Picture, block: number): Tensor | undefined {
  const { strides, pads, dilations, kernel_shape } = window;
  if (strides.every((s) => s === 1)) {
    const around = paddingOf(dy, window, shape);
    if (around === undefined) return undefined;
    const attributes = { kernel_shape, strides, pads: around, dilations, group: 1 };
    return emitOne(BlockedConv, [dy, blockedTransposedWeights(w, block), null, null], attributes);
  }
  if (kernel_shape.every((k) => k === 1) && pads.every((p) => p === 0)) {
    if ([0, 1].some((i) => shape[i + 2] !== (strides[i] as number) * (dy.shape[i + 2] as number))) return undefined;
    const attributes = { kernel_shape, strides: [1, 1], pads, dilations, group: 1 };
    return blockedSpread(emitOne(BlockedConv, [dy, blockedTransposedWeights(w, block), null, null], attributes), strides, block);
  }
  return dilations.some((d) => d > 1) ? undefined : stridedGradient(dy, w, window, shape, block);
}

/** Depthwise kernels are cheap: with strides they slide over dy with zeros between its pixels. */
export function blockedDepthwiseInputGradient(
  dy: Tensor,
  w: Tensor,
  { strides, ...window }: Window,
  shape: Picture,
  block: number,
): Tensor | undefined {
  const spread = strides.some((s) => s > 1) ? blockedSpread(dy, strides, block) : dy;
  const around = paddingOf(spread, window, shape);
  if (around === undefined) return undefined;
  const { kernel_shape, dilations } = window;
  const attributes = { kernel_shape, strides: [1, 1], pads: around, dilations, group: shape[1] };
  return emitOne(BlockedConv, [spread, blockedDepthwise(turned(w)), null, null], attributes);
}

/** The padding of dy for the turned kernel: its reach less x's own padding. Undefined where that is negative. */
function paddingOf(dy: Tensor, { kernel_shape, pads, dilations }: Omit<Window, "strides">, shape: Picture): number[] | undefined {
  const reach = kernel_shape.map((k, i) => (dilations[i] as number) * (k - 1));
  const before = reach.map((r, i) => r - (pads[i] as number));
  // What no place of the window reached at the end of x comes after it.
  const after = reach.map((r, i) => (shape[i + 2] as number) + r - (before[i] as number) - (dy.shape[i + 2] as number));
  const around = [...before, ...after];
  return around.every((width) => width >= 0) ? around : undefined;
}

/**
 * With strides s, the pixels of dx of each remainder modulo s see taps of the kernel of their own: a small convolution of dy for
 * each, without the zeros that a transposed convolution is made of, and then the results side by side.
 */
function stridedGradient(dy: Tensor, w: Tensor, window: Window, shape: Picture, block: number): Tensor | undefined {
  const { strides, pads, kernel_shape } = window;
  const [n, c, h, wide] = shape;
  const [, m, yh, yw] = dy.shape as Picture;
  const [rows, columns] = [
    phasesOf(kernel_shape[0] as number, strides[0] as number, pads[0] as number, h, yh),
    phasesOf(kernel_shape[1] as number, strides[1] as number, pads[1] as number, wide, yw),
  ];
  if (rows === undefined || columns === undefined) return undefined;
  const [qh, qw] = [h / rows.length, wide / columns.length];
  const weights = blockedTransposedWeights(w, block).reshape([(c / block) * (m / block), ...kernel_shape, block * block]);
  const lines = ((n * c) / block) * qh;
  const byRow = rows.map((row) =>
    columns.map((column) => {
      const some = pick(pick(weights, 1, row.taps), 2, column.taps);
      const kernel = [row.taps.length, column.taps.length];
      return emitOne(BlockedConv, [dy, some.reshape([c, m, ...kernel]), null, null], {
        kernel_shape: kernel,
        strides: [1, 1],
        pads: [row.before, column.before, row.after, column.after],
        dilations: [1, 1],
        group: 1,
      }).reshape([lines * qw, block]);
    }),
  );
  // Side by side by two Concats, which share the copying between threads; a Transpose of blocks does not.
  const sideBySide = (parts: readonly Tensor[]): Tensor => (parts[0] as Tensor).concat(parts.slice(1), 1);
  return sideBySide(byRow.map((parts) => sideBySide(parts).reshape([lines, wide * block]))).reshape([n, c, h, wide]);
}

interface Phase {
  /** Places of the turned kernel that pixels of this remainder see. */
  readonly taps: readonly number[];
  readonly before: number;
  readonly after: number;
}

/** For each remainder of a pixel of x modulo the stride; undefined where the pixels are not as many for each, or padding is cut. */
function phasesOf(kernel: number, stride: number, pad: number, length: number, slid: number): Phase[] | undefined {
  if (length % stride !== 0) return undefined;
  const phases = Array.from({ length: stride }, (_, remainder): Phase => {
    // Pixel stride·q + remainder sees place k of the kernel in dy at q + (remainder + pad − k) / stride.
    const first = (remainder + pad) % stride;
    const taps: number[] = [];
    for (let k = first; k < kernel; k += stride) taps.unshift(kernel - 1 - k);
    const ahead = (remainder + pad - first) / stride;
    return { taps: taps.toSorted((a, b) => a - b), before: taps.length - 1 - ahead, after: length / stride + ahead - slid };
  });
  return phases.every(({ taps, before, after }) => taps.length > 0 && before >= 0 && after >= 0) ? phases : undefined;
}

/** Some taps along an axis. */
function pick(t: Tensor, axis: number, taps: readonly number[]): Tensor {
  const step = taps.length > 1 ? (taps[1] as number) - (taps[0] as number) : 1;
  const start = taps[0] as number;
  return t.sliceAxes([{ axis, start, end: start + step * (taps.length - 1) + 1, step }]);
}

/** Each kernel [C, 1, …] turned around. */
const turned = (w: Tensor): Tensor =>
  w.sliceAxes([2, 3].map((axis) => ({ axis, start: -1, end: -Number.MAX_SAFE_INTEGER, step: -1 })));
