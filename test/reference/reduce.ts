/**
 * @module Reference kernels: ops that fold axes, or look along one.
 */
import type { DType } from "../../src/graph/index.js";
import { integerRange, isFloat } from "../../src/graph/index.js";
import type { Call, Kernel, RefValue } from "./value.js";
import { asElement, build, forEachIndex, forEachLine, offsetOf } from "./value.js";

/** The elements that are folded into each output element, in order, and the output's shape. */
function groups(x: RefValue, axes: readonly number[], keepdims: boolean): { shape: number[]; members: number[][] } {
  const folded = axes.map((axis) => (axis < 0 ? axis + x.shape.length : axis));
  const kept = x.shape.map((d, axis) => (folded.includes(axis) ? 1 : d));
  const members: number[][] = Array.from({ length: kept.reduce((a, b) => a * b, 1) }, () => []);
  let i = 0;
  forEachIndex(x.shape, (index) => {
    const place = index.map((position, axis) => (folded.includes(axis) ? 0 : position));
    (members[offsetOf(kept, place)] as number[]).push(x.data[i++] as number);
  });
  return { shape: keepdims ? kept : kept.filter((_, axis) => !folded.includes(axis)), members };
}

const reduce =
  (fold: (values: readonly number[], dtype: DType) => number): Kernel =>
  (call) => {
    const x = call.x();
    const { shape, members } = groups(x, call.list("axes"), call.flag("keepdims", true));
    return [build(x.dtype, shape, (i) => fold(members[i] as number[], x.dtype))];
  };

/** The extreme of nothing: the type's own least or greatest number, as ONNX has it. */
const limit = (sign: 1 | -1, dtype: DType): number => {
  if (isFloat(dtype)) return sign * Infinity;
  const [least, greatest] = integerRange(dtype);
  return sign === 1 ? greatest : least;
};

const total = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);
const greatest = (values: readonly number[]): number => values.reduce((a, b) => Math.max(a, b), -Infinity);

function logSumExp(values: readonly number[]): number {
  const peak = greatest(values);
  return Number.isFinite(peak) ? peak + Math.log(total(values.map((v) => Math.exp(v - peak)))) : peak;
}

/** The place of the extreme element of each line along an axis. */
const extremePlace =
  (better: (a: number, b: number) => boolean): Kernel =>
  (call) => {
    const x = call.x();
    const axis = call.axis("axis", x.shape.length, 0);
    const last = call.flag("select_last_index") || call.flag("selectLastIndex");
    const kept = x.shape.map((d, i) => (i === axis ? 1 : d));
    const found: number[] = [];
    forEachLine(x, axis, (line) => {
      let best = 0;
      line.forEach((value, k) => {
        if (better(value, line[best] as number) || (last && value === line[best])) best = k;
      });
      found.push(best);
    });
    return [build("int64", call.flag("keepdims", true) ? kept : kept.filter((_, i) => i !== axis), (i) => found[i] as number)];
  };

/** Each line along an axis replaced by f(line). */
export function mapLines(x: RefValue, axis: number, f: (line: number[]) => readonly number[], dtype: DType = x.dtype): RefValue {
  const data = new Float64Array(x.data.length);
  forEachLine(x, axis, (line, places) => {
    const result = f(line);
    places.forEach((place, k) => {
      data[place] = asElement(dtype, result[k] as number);
    });
  });
  return { dtype, shape: x.shape, data };
}

const alongAxis =
  (f: (line: number[], call: Call) => readonly number[]): Kernel =>
  (call) => [mapLines(call.x(), call.axis("axis", call.x().shape.length, -1), (line) => f(line, call))];

function cumulative(line: readonly number[], exclusive: boolean): number[] {
  let sum = 0;
  return line.map((value) => {
    const before = sum;
    sum += value;
    return exclusive ? before : sum;
  });
}

export const reductions: Readonly<Record<string, Kernel>> = {
  ReduceSum: reduce(total),
  ReduceMean: reduce((values) => total(values) / values.length),
  ReduceMax: reduce((values, dtype) => (values.length === 0 ? limit(-1, dtype) : greatest(values))),
  ReduceMin: reduce((values, dtype) => (values.length === 0 ? limit(1, dtype) : Math.min(...values))),
  ReduceProd: reduce((values) => values.reduce((a, b) => a * b, 1)),
  ReduceL1: reduce((values) => total(values.map(Math.abs))),
  ReduceL2: reduce((values) => Math.sqrt(total(values.map((v) => v * v)))),
  ReduceSumSquare: reduce((values) => total(values.map((v) => v * v))),
  ReduceLogSum: reduce((values) => Math.log(total(values))),
  ReduceLogSumExp: reduce(logSumExp),
  ArgMax: extremePlace((a, b) => a > b),
  ArgMin: extremePlace((a, b) => a < b),

  Softmax: alongAxis((line) => {
    const norm = logSumExp(line);
    return line.map((v) => Math.exp(v - norm));
  }),
  LogSoftmax: alongAxis((line) => {
    const norm = logSumExp(line);
    return line.map((v) => v - norm);
  }),
  CumSum: (call) => {
    const x = call.x();
    const axis = call.attributes["axis"] === undefined ? (call.x(1).data[0] as number) : call.number("axis");
    const [exclusive, reverse] = [call.flag("exclusive"), call.flag("reverse")];
    const sums = (line: number[]): number[] =>
      reverse ? cumulative([...line].reverse(), exclusive).reverse() : cumulative(line, exclusive);
    return [mapLines(x, axis < 0 ? axis + x.shape.length : axis, sums)];
  },
};
