/**
 * @module Reference kernels: ops that rearrange.
 */
import type { Kernel, RefValue } from "./value.js";
import { at, atBroadcast, broadcastShape, buildAt } from "./value.js";

const positive = (axis: number, rank: number): number => (axis < 0 ? axis + rank : axis);

/** The shape that a Reshape asks for: 0 copies, −1 takes what is left. */
function reshapeTarget(x: RefValue, wanted: readonly number[]): number[] {
  const shape = wanted.map((d, i) => (d === 0 && x.data.length > 0 ? (x.shape[i] as number) : d));
  const known = shape.filter((d) => d !== -1).reduce((a, b) => a * b, 1);
  return shape.map((d) => (d === -1 ? x.data.length / known : d));
}

function slice(
  x: RefValue,
  starts: readonly number[],
  ends: readonly number[],
  axes: readonly number[],
  steps: readonly number[],
): RefValue {
  // The specification: negative positions count from the end; then they are clamped to [0, n] or, going down, [−1, n − 1].
  const picks = x.shape.map((d) => Array.from({ length: d }, (_, i) => i));
  axes.forEach((given, i) => {
    const axis = positive(given, x.shape.length);
    const n = x.shape[axis] as number;
    const step = steps[i] ?? 1;
    const resolve = (position: number): number => (position < 0 ? position + n : position);
    const clamp = (v: number, low: number, high: number): number => Math.min(Math.max(v, low), high);
    const list: number[] = [];
    if (step > 0) {
      const end = clamp(resolve(ends[i] as number), 0, n);
      for (let p = clamp(resolve(starts[i] as number), 0, n); p < end; p += step) list.push(p);
    } else {
      const end = clamp(resolve(ends[i] as number), -1, n - 1);
      for (let p = clamp(resolve(starts[i] as number), 0, n - 1); p > end; p += step) list.push(p);
    }
    picks[axis] = list;
  });
  return buildAt(
    x.dtype,
    picks.map((list) => list.length),
    (index) =>
      at(
        x,
        index.map((p, axis) => (picks[axis] as number[])[p] as number),
      ),
  );
}

/** Finds the source of a padded position: a position of x, or undefined for the constant border. */
function padSource(position: number, length: number, mode: string): number | undefined {
  if (position >= 0 && position < length) return position;
  if (mode === "edge") return position < 0 ? 0 : length - 1;
  if (mode === "wrap") return ((position % length) + length) % length;
  if (mode === "reflect") return position < 0 ? -position : 2 * (length - 1) - position;
  return undefined;
}

export const shaping: Readonly<Record<string, Kernel>> = {
  Reshape: (call) => [{ ...call.x(), shape: reshapeTarget(call.x(), call.list("shape")) }],
  Transpose: (call) => {
    const x = call.x();
    const perm = call.list("perm");
    return [
      buildAt(
        x.dtype,
        perm.map((axis) => x.shape[axis] as number),
        (index) => {
          const source = new Array<number>(perm.length);
          perm.forEach((axis, k) => {
            source[axis] = index[k] as number;
          });
          return at(x, source);
        },
      ),
    ];
  },
  Expand: (call) => {
    const x = call.x();
    return [buildAt(x.dtype, broadcastShape(x.shape, call.list("shape")), (index) => atBroadcast(x, index))];
  },
  Squeeze: (call) => {
    const x = call.x();
    const axes = call.list("axes").map((axis) => positive(axis, x.shape.length));
    return [{ ...x, shape: x.shape.filter((_, axis) => !axes.includes(axis)) }];
  },
  Unsqueeze: (call) => {
    const x = call.x();
    const rank = x.shape.length + call.list("axes").length;
    const axes = call.list("axes").map((axis) => positive(axis, rank));
    const rest = [...x.shape];
    return [{ ...x, shape: Array.from({ length: rank }, (_, axis) => (axes.includes(axis) ? 1 : (rest.shift() as number))) }];
  },
  Concat: (call) => {
    const parts = call.inputs.map((_, i) => call.x(i));
    const first = call.x();
    const axis = call.axis("axis", first.shape.length);
    const ends: number[] = [];
    for (const part of parts) ends.push((ends.at(-1) ?? 0) + (part.shape[axis] as number));
    const shape = first.shape.map((d, i) => (i === axis ? (ends.at(-1) as number) : d));
    return [
      buildAt(first.dtype, shape, (index) => {
        const which = ends.findIndex((end) => (index[axis] as number) < end);
        const start = which === 0 ? 0 : (ends[which - 1] as number);
        return at(
          parts[which] as RefValue,
          index.map((p, i) => (i === axis ? p - start : p)),
        );
      }),
    ];
  },
  Split: (call) => {
    const x = call.x();
    const axis = call.axis("axis", x.shape.length, 0);
    let end = 0;
    return call.list("split").map((size) => {
      const start = end;
      end += size;
      return slice(x, [start], [end], [axis], [1]);
    });
  },
  Slice: (call) => [slice(call.x(), call.list("starts"), call.list("ends"), call.list("axes"), call.list("steps"))],
  Pad: (call) => {
    const x = call.x();
    const rank = x.shape.length;
    const pads = call.list("pads");
    const mode = call.text("mode", "constant");
    const border = call.optional(1)?.data[0] ?? 0;
    const shape = x.shape.map((d, i) => d + (pads[i] as number) + (pads[i + rank] as number));
    return [
      buildAt(x.dtype, shape, (index) => {
        const source = index.map((p, axis) => padSource(p - (pads[axis] as number), x.shape[axis] as number, mode));
        return source.includes(undefined) ? border : at(x, source as number[]);
      }),
    ];
  },
  Tile: (call) => {
    const x = call.x();
    const repeats = call.list("repeats");
    const shape = x.shape.map((d, i) => d * (repeats[i] as number));
    return [
      buildAt(x.dtype, shape, (index) =>
        at(
          x,
          index.map((p, axis) => p % (x.shape[axis] as number)),
        ),
      ),
    ];
  },
  Trilu: (call) => {
    const x = call.x();
    const upper = call.flag("upper", true);
    const k = call.number("k", 0);
    return [
      buildAt(x.dtype, x.shape, (index) => {
        const [row, column] = index.slice(-2) as [number, number];
        return (upper ? column - row >= k : column - row <= k) ? at(x, index) : 0;
      }),
    ];
  },
};
