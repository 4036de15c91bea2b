/**
 * @module Constant folding while a file is read: arithmetic on known values, which free dimensions take part in as far
 * as it stays linear, and ops that move elements.
 */
import type { Dim, DType } from "../graph/index.js";
import {
  broadcastShapes,
  dimAdd,
  dimDiv,
  dimFloorDiv,
  dimMul,
  dimSub,
  isFloat,
  minimumOf,
  normalizeAxes,
  normalizeAxis,
  sizeOf,
  stridesOf,
} from "../graph/index.js";
import { sliceRange } from "../ops/index.js";
import { own } from "../util/record.js";
import { at, build, elementOf, indices, isFoldable, type Known, type Maybe, numbersOf } from "./known.js";

/** A node's attributes, as a fold reads them. */
export interface Reader {
  readonly opset: number;
  int(name: string, otherwise: number): number;
  ints(name: string): readonly number[] | undefined;
}

/** −1, 0 or 1 as a < b, a = b, a > b; undefined where free dimensions leave it open. */
function compare(a: Dim, b: Dim): number | undefined {
  if (typeof a === "number" && typeof b === "number") return Math.sign(a - b);
  const difference = dimSub(a, b);
  if (typeof difference === "number") return Math.sign(difference);
  const above = minimumOf(difference);
  if (above !== undefined && above > 0) return 1;
  const below = minimumOf(dimSub(b, a));
  return below !== undefined && below > 0 ? -1 : undefined;
}

const truth =
  (holds: (order: number) => boolean) =>
  (a: Dim, b: Dim): Maybe => {
    const order = compare(a, b);
    return order === undefined ? undefined : holds(order) ? 1 : 0;
  };

const onNumbers =
  (f: (a: number, b: number) => number) =>
  (a: Dim, b: Dim): Maybe =>
    typeof a === "number" && typeof b === "number" ? f(a, b) : undefined;

function product(a: Dim, b: Dim): Maybe {
  if (typeof a === "number" && typeof b === "number") return a * b;
  return [a, b].every((d) => typeof d !== "number" || Number.isInteger(d)) ? dimMul(a, b) : undefined;
}

function quotient(a: Dim, b: Dim, dtype: DType): Maybe {
  if (typeof a === "number" && typeof b === "number") return isFloat(dtype) ? a / b : Math.trunc(a / b);
  if (typeof b === "number" && !Number.isInteger(b)) return undefined;
  const whole = dimDiv(a, b);
  if (whole !== undefined || isFloat(dtype)) return whole;
  // Integers are truncated, which is rounding down where nothing is negative.
  return typeof b === "number" && b > 0 && (minimumOf(a) ?? -1) >= 0 ? dimFloorDiv(a, b) : undefined;
}

const BINARY: Readonly<Record<string, (a: Dim, b: Dim, dtype: DType) => Maybe>> = {
  Add: dimAdd,
  Sub: dimSub,
  Mul: product,
  Div: quotient,
  Mod: (a, b) => {
    if (typeof b !== "number" || b === 0) return undefined;
    if (typeof a === "number") return a - b * Math.floor(a / b);
    return b > 0 && Number.isInteger(b) ? dimSub(a, dimMul(dimFloorDiv(a, b), b)) : undefined;
  },
  Pow: onNumbers((a, b) => a ** b),
  Max: (a, b) => ({ [-1]: b, 0: a, 1: a })[compare(a, b) ?? 2],
  Min: (a, b) => ({ [-1]: a, 0: a, 1: b })[compare(a, b) ?? 2],
  Equal: truth((order) => order === 0),
  Less: truth((order) => order < 0),
  LessOrEqual: truth((order) => order <= 0),
  Greater: truth((order) => order > 0),
  GreaterOrEqual: truth((order) => order >= 0),
  And: onNumbers((a, b) => (a !== 0 && b !== 0 ? 1 : 0)),
  Or: onNumbers((a, b) => (a !== 0 || b !== 0 ? 1 : 0)),
};

/** On free dimensions, which are whole, rounding changes nothing. */
const rounding =
  (f: (x: number) => number) =>
  (x: Dim): Maybe =>
    typeof x === "number" ? f(x) : x;
const roundToEven = (x: number): number => (Math.abs(x % 1) === 0.5 ? 2 * Math.round(x / 2) : Math.round(x));

const UNARY: Readonly<Record<string, (x: Dim) => Maybe>> = {
  Identity: (x) => x,
  Neg: (x) => dimMul(x, -1),
  Abs: (x) => (typeof x === "number" ? Math.abs(x) : (minimumOf(x) ?? -1) >= 0 ? x : undefined),
  Floor: rounding(Math.floor),
  Ceil: rounding(Math.ceil),
  Round: rounding(roundToEven),
  Sqrt: (x) => (typeof x === "number" ? Math.sqrt(x) : undefined),
  Not: (x) => (typeof x === "number" ? (x === 0 ? 1 : 0) : undefined),
};

const TRUTHS: ReadonlySet<string> = new Set("Equal Less LessOrEqual Greater GreaterOrEqual And Or Not".split(" "));

const broadcast = (inputs: readonly Known[]): readonly number[] | undefined =>
  broadcastShapes(...inputs.map((k) => k.shape)) as readonly number[] | undefined;

type Fold = (inputs: readonly Known[], reader: Reader) => Known | undefined;

/** Axes from the second input, or from the attribute of older opsets. */
const axesOf = (inputs: readonly Known[], reader: Reader): readonly number[] | undefined =>
  inputs[1] === undefined ? reader.ints("axes") : numbersOf(inputs[1]);

const reduction =
  (f: (a: Dim, b: Dim) => Maybe): Fold =>
  (inputs, reader) => {
    const x = inputs[0] as Known;
    const given = axesOf(inputs, reader);
    const isNoop = reader.int("noop_with_empty_axes", 0) === 1;
    if (given?.length === 0 && isNoop) return x;
    const axes = normalizeAxes(given?.length ? given : x.shape.map((_, i) => i), x.shape.length, "fold");
    if (axes.length !== x.shape.length || x.values.length === 0) return undefined;
    let total: Maybe = x.values[0];
    for (const value of x.values.slice(1)) if (total !== undefined) total = f(total, value);
    const shape = reader.int("keepdims", 1) === 1 ? x.shape.map(() => 1) : [];
    return total === undefined ? undefined : { dtype: x.dtype, shape, values: [total] };
  };

/** The target of a Reshape: 0 copies, unless it is allowed to mean none, −1 takes the rest. */
function reshaped(x: Known, target: readonly number[], allowZero: boolean): readonly number[] {
  const shape = target.map((d, i) => (d === 0 && !allowZero ? (x.shape[i] ?? 0) : d));
  const rest = sizeOf(x.shape) / sizeOf(shape.filter((d) => d !== -1));
  return shape.map((d) => (d === -1 ? rest : d));
}

const FOLDS: Readonly<Record<string, Fold>> = {
  Where: (inputs) => {
    const [condition, a, b] = inputs as [Known, Known, Known];
    const shape = broadcast(inputs);
    if (shape === undefined) return undefined;
    return build(a.dtype, shape, (i) => {
      const holds = at(condition, i);
      return typeof holds === "number" ? at(holds !== 0 ? a : b, i) : undefined;
    });
  },
  Reshape: ([x, target], reader) => {
    const shape = numbersOf(target);
    const allowZero = reader.int("allowzero", 0) === 1;
    return x === undefined || shape === undefined ? undefined : { ...x, shape: reshaped(x, shape, allowZero) };
  },
  Squeeze: (inputs, reader) => {
    const x = inputs[0] as Known;
    const given = axesOf(inputs, reader);
    const axes = given === undefined ? undefined : normalizeAxes(given, x.shape.length, "Squeeze");
    return { ...x, shape: x.shape.filter((d, i) => (axes === undefined ? d !== 1 : !axes.includes(i))) };
  },
  Unsqueeze: (inputs, reader) => {
    const x = inputs[0] as Known;
    const given = axesOf(inputs, reader);
    if (given === undefined) return undefined;
    const axes = normalizeAxes(given, x.shape.length + given.length, "Unsqueeze");
    const rest = [...x.shape];
    return {
      ...x,
      shape: Array.from({ length: x.shape.length + given.length }, (_, i) => (axes.includes(i) ? 1 : (rest.shift() as number))),
    };
  },
  Concat: (parts, reader) => {
    const [first] = parts as [Known];
    const axis = normalizeAxis(reader.int("axis", 0), first.shape.length, "Concat");
    const lengths = parts.map((p) => p.shape[axis] as number);
    const shape = first.shape.map((d, i) => (i === axis ? lengths.reduce((a, b) => a + b, 0) : d));
    return build(first.dtype, shape, (index) => {
      let place = index[axis] as number;
      let part = 0;
      while (place >= (lengths[part] as number)) place -= lengths[part++] as number;
      return at(
        parts[part] as Known,
        index.map((p, i) => (i === axis ? place : p)),
      );
    });
  },
  Gather: ([x, indexes], reader) => {
    const picked = numbersOf(indexes);
    if (x === undefined || indexes === undefined || picked === undefined) return undefined;
    const axis = normalizeAxis(reader.int("axis", 0), x.shape.length, "Gather");
    const [length, rank] = [x.shape[axis] as number, indexes.shape.length];
    const strides = stridesOf(indexes.shape);
    return build(x.dtype, [...x.shape.slice(0, axis), ...indexes.shape, ...x.shape.slice(axis + 1)], (index) => {
      const place = picked[strides.reduce((sum, stride, i) => sum + stride * (index[axis + i] as number), 0)] as number;
      return x.values.length === 0
        ? undefined
        : elementOf(x, [...index.slice(0, axis), place < 0 ? place + length : place, ...index.slice(axis + rank)]);
    });
  },
  Slice: (inputs, reader) => {
    const x = inputs[0] as Known;
    const starts = inputs[1] === undefined ? reader.ints("starts") : numbersOf(inputs[1]);
    const ends = inputs[2] === undefined ? reader.ints("ends") : numbersOf(inputs[2]);
    if (starts === undefined || ends === undefined) return undefined;
    const axes = (inputs[3] === undefined ? reader.ints("axes") : numbersOf(inputs[3])) ?? starts.map((_, i) => i);
    const steps = numbersOf(inputs[4]) ?? starts.map(() => 1);
    const ranges = x.shape.map((d) => ({ first: 0, step: 1, count: d }));
    axes.forEach((given, i) => {
      const axis = normalizeAxis(given, x.shape.length, "Slice");
      ranges[axis] = sliceRange(x.shape[axis] as number, starts[i] as number, ends[i] as number, steps[i] as number);
    });
    return build(
      x.dtype,
      ranges.map((r) => r.count),
      (index) =>
        elementOf(
          x,
          index.map((p, i) => (ranges[i]?.first ?? 0) + p * (ranges[i]?.step ?? 1)),
        ),
    );
  },
  Transpose: ([x], reader) => {
    if (x === undefined) return undefined;
    const perm = reader.ints("perm") ?? x.shape.map((_, i) => i).reverse();
    return build(
      x.dtype,
      perm.map((axis) => x.shape[axis] as number),
      (index) =>
        elementOf(
          x,
          x.shape.map((_, axis) => index[perm.indexOf(axis)] as number),
        ),
    );
  },
  Expand: ([x, target]) => {
    const shape = numbersOf(target);
    const full =
      x === undefined || shape === undefined ? undefined : (broadcastShapes(x.shape, shape) as readonly number[] | undefined);
    return x === undefined || full === undefined ? undefined : build(x.dtype, full, (index) => at(x, index));
  },
  Tile: ([x, counts]) => {
    const repeats = numbersOf(counts);
    if (x === undefined || repeats === undefined) return undefined;
    return build(
      x.dtype,
      x.shape.map((d, i) => d * (repeats[i] as number)),
      (index) =>
        elementOf(
          x,
          index.map((p, i) => p % (x.shape[i] as number)),
        ),
    );
  },
  Range: (inputs) => {
    const [start, limit, step] = inputs.map((k) => numbersOf(k)?.[0]);
    if (start === undefined || limit === undefined || step === undefined || step === 0) return undefined;
    return build(
      (inputs[0] as Known).dtype,
      [Math.max(0, Math.ceil((limit - start) / step))],
      ([i]) => start + (i as number) * step,
    );
  },
  NonZero: ([x]) => {
    const numbers = numbersOf(x);
    if (x === undefined || numbers === undefined) return undefined;
    const found = [...indices(x.shape)].filter((_, i) => numbers[i] !== 0);
    return build("int64", [x.shape.length, found.length], ([axis, i]) => found[i as number]?.[axis as number]);
  },
  ReduceSum: reduction(dimAdd),
  ReduceProd: reduction(product),
  ReduceMax: reduction((a, b) => BINARY["Max"]?.(a, b, "int64")),
  ReduceMin: reduction((a, b) => BINARY["Min"]?.(a, b, "int64")),
};

/** Result of an op on known inputs; undefined where it cannot be computed here, so that the node stays in the graph. */
export function fold(op: string, inputs: readonly Known[], reader: Reader): Known | undefined {
  const result = folded(op, inputs, reader);
  return result !== undefined && inputs.some((k) => k.ofShape) ? { ...result, ofShape: true } : result;
}

function folded(op: string, inputs: readonly Known[], reader: Reader): Known | undefined {
  if (inputs.length === 0 || !inputs.every(isFoldable)) return undefined;
  const [first] = inputs as [Known];
  const unary = own(UNARY, op);
  if (unary !== undefined) return build(TRUTHS.has(op) ? "bool" : first.dtype, first.shape, (i) => unary(at(first, i)));
  const signed = op === "Mod" && reader.int("fmod", 0) === 1;
  const binary = signed ? onNumbers((a, b) => a % b) : own(BINARY, op);
  if (binary !== undefined) {
    // Max and Min take any number of operands.
    const shape = broadcast(inputs);
    if (shape === undefined) return undefined;
    return build(TRUTHS.has(op) ? "bool" : first.dtype, shape, (i) => {
      let value: Maybe = at(first, i);
      for (const other of inputs.slice(1)) value = value === undefined ? undefined : binary(value, at(other, i), first.dtype);
      return value;
    });
  }
  return own(FOLDS, op)?.(inputs, reader);
}
