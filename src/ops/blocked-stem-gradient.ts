/**
 * @module The gradient to the weights of a convolution over few channels (a network's first), as convolutions on blocks: as in
 * `blocked-weight-gradient.ts` dy is the weights as it lies in memory, and the window's rows are where they slide. The picture is
 * small here and dy is not, so it is x that is copied for each column of the window, as columns beside each other.
 */
import type { Tensor } from "../graph/index.js";
import { BlockedConv } from "./blocked.js";
import { inOrder, moved, phases, type Picture, pixelsOf } from "./blocked-weight-gradient.js";
import { emitOne } from "./op.js";
import type { Window } from "./window.js";

/**
 * dw [M, C, …kernel] from x in plain order, of fewer channels than a block, and dy in blocks; undefined for dy narrower than a block
 * and for windows that begin inside x or end before its end.
 */
export function blockedStemGradient(x: Tensor, dy: Tensor, window: Window, block: number): Tensor | undefined {
  const [kernelHeight, kernelWidth] = window.kernel_shape as readonly [number, number];
  const [down, right] = window.strides as readonly [number, number];
  const [n, c, h, w] = x.shape as Picture;
  const [, m, yh, yw] = dy.shape as Picture;
  const { width, rows } = pixelsOf(yh, yw, block);
  if (rows > 1 || h % down !== 0) return undefined;
  const perRow = width / block;
  const [kernelHigh, blocksHigh] = [yh * perRow, (h / down) * perRow];
  const rowPhases = phases(kernelHeight, down, window.dilations[0] as number, window.pads[0] as number).map((phase) => {
    const [step, before] = [perRow * phase.axis.dilation, perRow * phase.axis.before];
    return { ...phase, step, before, after: (phase.axis.taps - 1) * step + kernelHigh - blocksHigh - before };
  });
  if (rowPhases.some(({ before, after }) => before < 0 || after < 0)) return undefined;

  // What each column of the window sees: [N, kernel's width · C, H, width].
  const [dilation, pad] = [window.dilations[1] as number, window.pads[1] as number];
  const end = right * (width - 1) + dilation * (kernelWidth - 1) + 1;
  const padded = x.pad([0, 0, 0, pad], [0, 0, 0, Math.max(0, end - pad - w)]);
  const seen = Array.from({ length: kernelWidth }, (_, j) =>
    padded.sliceAxes([{ axis: 3, start: j * dilation, end: j * dilation + right * (width - 1) + 1, step: right }]),
  );
  const columns = (seen[0] as Tensor).concat(seen.slice(1), 1);
  const weights = moved(dy, 0, 0, yh, width, block).reshape([n * m, block, kernelHigh, 1]);
  const parts = rowPhases.map(({ remainder, axis, step, before, after }) => {
    const some = down === 1 ? columns : columns.sliceAxes([{ axis: 2, start: remainder, step: down }]);
    const pixels = some.reshape([n, kernelWidth * c, blocksHigh, block]).transpose([0, 2, 1, 3]);
    // Each image is a group, whose sums are added up afterwards.
    const sums = emitOne(BlockedConv, [pixels.reshape([1, n * block, blocksHigh, kernelWidth * c]), weights, null, null], {
      kernel_shape: [kernelHigh, 1],
      strides: [step, 1],
      pads: [before, 0, after, 0],
      dilations: [1, 1],
      group: n,
    });
    const all = sums.reshape([n, m * axis.taps * kernelWidth * c]).sum(0);
    return all.reshape([m / block, axis.taps, kernelWidth, c, block]);
  });
  const order = rowPhases.flatMap(({ at }) => at);
  return inOrder((parts[0] as Tensor).concat(parts.slice(1), 1), 1, order)
    .transpose([0, 4, 3, 1, 2])
    .reshape([m, c, kernelHeight, kernelWidth]);
}
