/**
 * @module Signals: windows, Fourier transforms as products with constant matrices, running products, mel filters.
 */
import type { Dim, Tensor } from "../graph/index.js";
import { constant, fromNumbers, normalizeAxis, staticDim } from "../graph/index.js";
import * as ops from "../ops/index.js";
import { range } from "../util/range.js";
import type { Call, Operand } from "./call.js";
import { operandOfKnown } from "./call.js";
import type { Conversion } from "./conversion.js";
import { dtypeOf } from "./numbers.js";

/** A window Σ (−1)ᵏ·aₖ·cos(2πki/n), over n = size (periodic) or size − 1. */
const window =
  (...a: readonly number[]): Conversion =>
  (c) => {
    const size = c.numbers(0, "size")[0] as number;
    const n = c.flag("periodic", true) ? size : size - 1;
    const dtype = dtypeOf(c.int("output_datatype", 1), c.where);
    const at = (i: number): number =>
      a.reduce((sum, ak, k) => sum + (k % 2 === 0 ? ak : -ak) * Math.cos((2 * Math.PI * k * i) / n), 0);
    return [operandOfKnown({ dtype, shape: [size], values: range(0, size).map(at) })];
  };

/** Triangular filters over the bins of a spectrum, equally wide in mel. Stevens, Volkmann and Newman 1937; ONNX, MelWeightMatrix 17. */
function melWeightMatrix(c: Call): readonly Operand[] {
  const [bins, dftLength, rate, low, high] = [0, 1, 2, 3, 4].map((i) => c.numbers(i, "parameters")[0]) as [
    number,
    number,
    number,
    number,
    number,
  ];
  const dtype = dtypeOf(c.int("output_datatype", 1), c.where);
  const mel = (hertz: number): number => 2595 * Math.log10(1 + hertz / 700);
  const [first, last] = [mel(low), mel(high)];
  const edges = range(0, bins + 2).map((i) => {
    const hertz = 700 * (10 ** ((i * ((last - first) / (bins + 2)) + first) / 2595) - 1);
    return Math.floor(((dftLength + 1) * hertz) / rate);
  });
  const rows = Math.floor(dftLength / 2) + 1;
  const values = new Array<number>(rows * bins).fill(0);
  for (let i = 0; i < bins; i++) {
    const [from, peak, to] = edges.slice(i, i + 3) as [number, number, number];
    if (peak === from) values[peak * bins + i] = 1;
    else for (let j = from; j <= peak; j++) values[j * bins + i] = (j - from) / (peak - from);
    for (let j = peak; j < to; j++) if (to > peak) values[j * bins + i] = (to - j) / (to - peak);
  }
  return [operandOfKnown({ dtype, shape: [rows, bins], values })];
}

/** The longest transform: a longer one's matrix takes more memory than is sensible. */
const LONGEST_TRANSFORM = 4096;

/** Cosines and sines of the first `bins` frequencies over `length` samples of a transform of `n`: [length, bins] each. */
function waves(c: Call, length: number, n: number, bins: number, like: Tensor): [Tensor, Tensor] {
  if (n > LONGEST_TRANSFORM) c.unsupported(`a transform of ${n} samples (at most ${LONGEST_TRANSFORM})`);
  // i·k modulo n keeps the angle small, and so exact.
  const matrix = (f: (angle: number) => number): Tensor =>
    constant(
      fromNumbers(
        like.dtype,
        [length, bins],
        Float64Array.from({ length: length * bins }, (_, at) =>
          f((2 * Math.PI * ((Math.floor(at / bins) * (at % bins)) % n)) / n),
        ),
      ),
    );
  return [matrix(Math.cos), matrix(Math.sin)];
}

interface Transform {
  readonly length: number;
  readonly inverse: boolean;
  readonly onesided: boolean;
}

/** The transform of re + i·im (im null for real ones) over the last axis. */
function transformed(c: Call, re: Tensor, im: Tensor | null, { length, inverse, onesided }: Transform): [Tensor, Tensor] {
  const given = staticDim(re.shape[re.rank - 1], c.where);
  const samples = Math.min(given, length);
  const cut = (x: Tensor): Tensor => (samples === given ? x : x.slice(-1, 0, samples));
  const [cos, sin] = waves(c, samples, length, onesided ? Math.floor(length / 2) + 1 : length, re);
  const [a, b] = [cut(re), im === null ? null : cut(im)];
  const [ac, as] = [a.matMul(cos), a.matMul(sin)];
  // e^−iθ forward, e^iθ back.
  let [real, imaginary] = [ac, inverse ? as : as.neg()];
  if (b !== null) {
    const [bc, bs] = [b.matMul(cos), b.matMul(sin)];
    [real, imaginary] = inverse ? [ac.sub(bs), as.add(bc)] : [ac.add(bs), bc.sub(as)];
  }
  return inverse ? [real.mul(1 / length), imaginary.mul(1 / length)] : [real, imaginary];
}

/** Real and imaginary part, which the last axis of a signal holds; one alone is real. */
function parts(c: Call, x: Tensor): [Tensor, Tensor | null] {
  const count = staticDim(x.shape[x.rank - 1], c.where);
  if (count === 1) return [x.squeeze(-1), null];
  const [re, im] = x.split([1, 1], -1) as [Tensor, Tensor];
  return [re.squeeze(-1), im.squeeze(-1)];
}

const complex = (re: Tensor, im: Tensor): Tensor => ops.stack([re, im], re.rank);

/** Discrete Fourier transform along an axis; `onesided` keeps the half that a real signal is known by, and the inverse of it gives the real one. */
function dft(c: Call): readonly Tensor[] {
  const x = c.x(0);
  const given = c.opset >= 20 ? (c.has(2) ? (c.numbers(2, "axis")[0] as number) : -2) : c.int("axis", 1);
  const axis = normalizeAxis(given, x.rank, c.where);
  const [inverse, onesided] = [c.flag("inverse", false), c.flag("onesided", false)];
  const length = c.has(1) ? (c.numbers(1, "dft_length")[0] as number) : undefined;
  const last = x.rank - 2;
  const [re, im] = parts(c, x).map((t) => t?.swapAxes(axis, last) ?? null) as [Tensor, Tensor | null];
  const samples = staticDim(re.shape[last], c.where);
  if (inverse && onesided) {
    // The missing half mirrors the one that is there.
    const n = length ?? 2 * (samples - 1);
    const mirrored = (t: Tensor, sign: number): Tensor => {
      const rest = t.slice(-1, 1, n - samples + 1);
      return t.concat([ops.flip(rest, last).mul(sign)], last);
    };
    const whole = im === null ? null : mirrored(im, -1);
    const [real] = transformed(c, mirrored(re, 1), whole, { length: n, inverse, onesided: false });
    return [real.swapAxes(axis, last).unsqueeze(-1)];
  }
  const [real, imaginary] = transformed(c, re, im, { length: length ?? samples, inverse, onesided });
  return [complex(real.swapAxes(axis, last), imaginary.swapAxes(axis, last))];
}

/** Transforms of windows of a signal [N, L] or [N, L, 1 or 2], `frame_step` apart: [N, frames, bins, 2]. */
function stft(c: Call): readonly Tensor[] {
  const x = c.x(0).rank === 2 ? c.x(0).unsqueeze(-1) : c.x(0);
  const step = c.numbers(1, "frame_step")[0] as number;
  const shaped = c.optional(2);
  const length = c.has(3) ? (c.numbers(3, "frame_length")[0] as number) : staticDim(shaped?.shape[0], c.where);
  const frames = Math.floor((staticDim(x.shape[1], c.where) - length) / step) + 1;
  const positions = range(0, frames).flatMap((f) => range(0, length).map((i) => f * step + i));
  const at = constant(fromNumbers("int64", [frames, length], positions));
  const [re, im] = parts(c, x).map((t) => {
    const framed = t?.gather(at, 1) ?? null; // [N, frames, length]
    return framed === null || shaped === null ? framed : framed.mul(shaped);
  }) as [Tensor, Tensor | null];
  return [complex(...transformed(c, re, im, { length, inverse: false, onesided: c.flag("onesided", true) }))];
}

/** Running products, by doubling: after step k each element is the product of the 2ᵏ up to it. Hillis and Steele 1986. */
function cumProd(c: Call): readonly Tensor[] {
  const x = c.x(0);
  const axis = normalizeAxis(c.numbers(1, "axis")[0] as number, x.rank, c.where);
  const [reverse, exclusive] = [c.flag("reverse", false), c.flag("exclusive", false)];
  const length = staticDim(x.shape[axis], c.where);
  const moved = (t: Tensor, by: number): Tensor => {
    const first = ops.ones([...t.shape.slice(0, axis), Math.min(by, length), ...t.shape.slice(axis + 1)], t.dtype);
    return by >= length ? first : first.concat([t.slice(axis, 0, length - by)], axis);
  };
  let y = reverse ? ops.flip(x, axis) : x;
  if (exclusive) y = moved(y, 1);
  for (let by = 1; by < length; by *= 2) y = y.mul(moved(y, by));
  return [reverse ? ops.flip(y, axis) : y];
}

/** Determinants of matrices of up to four rows, by the first row's minors. */
function det(c: Call): readonly Tensor[] {
  const x = c.x(0);
  const n = staticDim(x.shape[x.rank - 1], c.where);
  if (n > 4) return c.unsupported(`the determinant of ${n} × ${n} (at most 4 × 4)`);
  const lead: readonly Dim[] = x.shape.slice(0, -2);
  const flat = x.reshape([...lead, n * n]);
  const entry = (row: number, column: number): Tensor => flat.slice(-1, row * n + column, row * n + column + 1).squeeze(-1);
  const minor = (row: number, columns: readonly number[]): Tensor => {
    if (row === n - 1) return entry(row, columns[0] as number);
    const terms = columns.map((column, k) => {
      const term = entry(row, column).mul(minor(row + 1, columns.filter((other) => other !== column))); // prettier-ignore
      return k % 2 === 0 ? term : term.neg();
    });
    return terms.reduce((a, b) => a.add(b));
  };
  return [minor(0, range(0, n))];
}

/** Signals and running products. */
export const SIGNALS: readonly (readonly [string, Conversion])[] = [
  ["HannWindow", window(0.5, 0.5)],
  ["HammingWindow", window(25 / 46, 21 / 46)],
  ["BlackmanWindow", window(0.42, 0.5, 0.08)],
  ["MelWeightMatrix", melWeightMatrix],
  ["DFT", dft],
  ["STFT", stft],
  ["CumProd", cumProd],
  ["Det", det],
];
