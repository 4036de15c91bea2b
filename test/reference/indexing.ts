/**
 * @module Reference kernels: ops that pick and place by index, and random bits, which are a function of their index.
 */
import { sizeOf } from "../../src/graph/index.js";
import { mix32 } from "../../src/util/random.js";
import type { Call, Kernel, RefValue } from "./value.js";
import { at, build, buildAt, forEachIndex, forEachLine, offsetOf } from "./value.js";

const fromStart = (index: number, length: number): number => (index < 0 ? index + length : index);

/** Replaces one entry of an index. */
const withAt = (index: readonly number[], axis: number, value: number): number[] => index.map((p, i) => (i === axis ? value : p));

function combine(reduction: string, old: number, update: number): number {
  if (reduction === "add") return old + update;
  if (reduction === "mul") return old * update;
  if (reduction === "max") return Math.max(old, update);
  return reduction === "min" ? Math.min(old, update) : update;
}

/** The position that a row of indices names, each counted from the start. */
const positionOf = (indices: RefValue, row: readonly number[], depth: number, lengths: readonly number[]): number[] =>
  Array.from({ length: depth }, (_, k) => fromStart(at(indices, [...row, k]), lengths[k] as number));

function topK(call: Call): readonly RefValue[] {
  const x = call.x();
  const given = call.attributes["k"];
  const k = typeof given === "number" ? given : (given as readonly [number])[0];
  const axis = call.axis("axis", x.shape.length, -1);
  const sign = call.flag("largest", true) ? -1 : 1;
  const lines: { value: number; place: number }[][] = [];
  forEachLine(x, axis, (line) => {
    const order = line.map((value, place) => ({ value, place }));
    // Stable: of equal elements the lower index comes first.
    lines.push(order.sort((a, b) => sign * (a.value - b.value) || a.place - b.place).slice(0, k));
  });
  const shape = withAt(x.shape, axis, k);
  const outer = withAt(x.shape, axis, 1);
  const pick = (index: readonly number[]): { value: number; place: number } =>
    (lines[offsetOf(outer, withAt(index, axis, 0))] as { value: number; place: number }[])[index[axis] as number] as {
      value: number;
      place: number;
    };
  return [buildAt(x.dtype, shape, (index) => pick(index).value), buildAt("int64", shape, (index) => pick(index).place)];
}

/** Products modulo 2^32, and the table's thorough mixing with bit operations in place of its arithmetic. */
const product = (a: number, b: number): number => Math.imul(a, b) >>> 0;
const ODD = [0x9e3779b1, 0x7feb352d, 0x846ca68b, 0xc2b2ae35] as const;
const mixBits = (x: number): number =>
  ODD.reduce<number>((h, odd, round) => {
    const swapped = round === 0 ? h : ((h << 16) | (h >>> 16)) >>> 0;
    return product(swapped, (2 * swapped + odd) >>> 0);
  }, x);

export const indexing: Readonly<Record<string, Kernel>> = {
  NonZero: (call) => {
    const x = call.x();
    const found: number[][] = [];
    forEachIndex(x.shape, (index) => {
      if (at(x, index) !== 0) found.push([...index]);
    });
    return [buildAt("int64", [x.shape.length, found.length], ([axis = 0, i = 0]) => found[i]?.[axis] as number)];
  },
  Gather: (call) => {
    const [x, indices] = [call.x(0), call.x(1)];
    const axis = call.axis("axis", x.shape.length, 0);
    const shape = [...x.shape.slice(0, axis), ...indices.shape, ...x.shape.slice(axis + 1)];
    return [
      buildAt(x.dtype, shape, (index) => {
        const picked = fromStart(at(indices, index.slice(axis, axis + indices.shape.length)), x.shape[axis] as number);
        return at(x, [...index.slice(0, axis), picked, ...index.slice(axis + indices.shape.length)]);
      }),
    ];
  },
  EmbeddingGradient: (call) => {
    const [dy, indices] = [call.x(0), call.x(1)];
    const depth = call.number("depth");
    const rest = dy.shape.slice(indices.shape.length);
    const dx = build(dy.dtype, [depth, ...rest], () => 0);
    forEachIndex(dy.shape, (index) => {
      const row = fromStart(at(indices, index.slice(0, indices.shape.length)), depth);
      const place = offsetOf(dx.shape, [row, ...index.slice(indices.shape.length)]);
      dx.data[place] = (dx.data[place] as number) + at(dy, index);
    });
    return [dx];
  },
  GatherElements: (call) => {
    const [x, indices] = [call.x(0), call.x(1)];
    const axis = call.axis("axis", x.shape.length, 0);
    const length = x.shape[axis] as number;
    return [buildAt(x.dtype, indices.shape, (index) => at(x, withAt(index, axis, fromStart(at(indices, index), length))))];
  },
  GatherND: (call) => {
    const [x, indices] = [call.x(0), call.x(1)];
    const batch = call.number("batch_dims", 0);
    const depth = indices.shape.at(-1) as number;
    const lead = indices.shape.length - 1;
    const shape = [...indices.shape.slice(0, -1), ...x.shape.slice(batch + depth)];
    return [
      buildAt(x.dtype, shape, (index) => {
        const position = positionOf(indices, index.slice(0, lead), depth, x.shape.slice(batch));
        return at(x, [...index.slice(0, batch), ...position, ...index.slice(lead)]);
      }),
    ];
  },
  ScatterElements: (call) => {
    const [x, indices, updates] = [call.x(0), call.x(1), call.x(2)];
    const axis = call.axis("axis", x.shape.length, 0);
    const reduction = call.text("reduction", "none");
    const y = build(x.dtype, x.shape, (i) => x.data[i] as number);
    forEachIndex(indices.shape, (index) => {
      const place = offsetOf(x.shape, withAt(index, axis, fromStart(at(indices, index), x.shape[axis] as number)));
      y.data[place] = combine(reduction, y.data[place] as number, at(updates, index));
    });
    return [y];
  },
  ScatterND: (call) => {
    const [x, indices, updates] = [call.x(0), call.x(1), call.x(2)];
    const reduction = call.text("reduction", "none");
    const depth = indices.shape.at(-1) as number;
    const lead = indices.shape.length - 1;
    const y = build(x.dtype, x.shape, (i) => x.data[i] as number);
    forEachIndex(updates.shape, (index) => {
      const position = positionOf(indices, index.slice(0, lead), depth, x.shape);
      const place = offsetOf(x.shape, [...position, ...index.slice(lead)]);
      y.data[place] = combine(reduction, y.data[place] as number, at(updates, index));
    });
    return [y];
  },
  OneHot: (call) => {
    const [indices, values] = [call.x(0), call.x(1)];
    const depth = call.number("depth");
    const axis = call.axis("axis", indices.shape.length + 1, -1);
    const [off = 0, on = 1] = values.data;
    const shape = [...indices.shape.slice(0, axis), depth, ...indices.shape.slice(axis)];
    return [
      buildAt(values.dtype, shape, (index) => {
        const hot = Math.trunc(at(indices, [...index.slice(0, axis), ...index.slice(axis + 1)]));
        return fromStart(hot, depth) === index[axis] ? on : off;
      }),
    ];
  },
  TopK: topK,
  Range: (call) => {
    const start = call.number("start", 0);
    const [limit = 0] = call.list("limit");
    return [build("int64", [Math.max(0, limit - start)], (i) => start + i)];
  },
  RandomBits: (call) => {
    const [seed, step] = [call.x(0).data[0] as number, call.x(1).data[0] as number];
    const shape = call.list("shape");
    const count = sizeOf(shape);
    // As high as wide, as nearly as the count divides.
    let rows = Math.max(1, Math.floor(Math.sqrt(count)));
    while (count % rows !== 0) rows--;
    const columns = count / rows;
    const key = mix32(call.number("key"));
    const stream = mixBits((mixBits((mixBits((seed + ODD[0]) >>> 0) + step) >>> 0) + key) >>> 0);
    const number = (i: number): number => mixBits((i + stream) >>> 0);
    return [
      build("uint32", shape, (i) => {
        const [r, c] = [Math.floor(i / columns), i % columns];
        const sum = (number(r) + number(2 * rows + c)) >>> 0;
        const folded = (product(sum, sum) >>> 8) + number(2 * rows + columns + c);
        return product(folded >>> 0, (2 * number(rows + r) + 1) >>> 0);
      }),
    ];
  },
  SoftmaxCrossEntropy: (call) => {
    const [logits, labels] = [call.x(0), call.x(1)];
    const classes = logits.shape.at(-1) as number;
    return [
      build(logits.dtype, labels.shape, (n) => {
        const row = [...logits.data.subarray(n * classes, (n + 1) * classes)];
        const peak = Math.max(...row);
        const norm = peak + Math.log(row.reduce((sum, v) => sum + Math.exp(v - peak), 0));
        return norm - (row[fromStart(labels.data[n] as number, classes)] as number);
      }),
    ];
  },
  SoftmaxCrossEntropyGradient: (call) => {
    const [dy, logits, labels] = [call.x(0), call.x(1), call.x(2)];
    const classes = logits.shape.at(-1) as number;
    return [
      build(logits.dtype, logits.shape, (i) => {
        const n = Math.floor(i / classes);
        const row = [...logits.data.subarray(n * classes, (n + 1) * classes)];
        const peak = Math.max(...row);
        const sum = row.reduce((total, v) => total + Math.exp(v - peak), 0);
        const p = Math.exp((logits.data[i] as number) - peak) / sum;
        const hot = i % classes === fromStart(labels.data[n] as number, classes) ? 1 : 0;
        return (dy.data[n] as number) * (p - hot);
      }),
    ];
  },
};
