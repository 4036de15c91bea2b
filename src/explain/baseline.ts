/**
 * @module Baselines: the values that stand for absent features. They are chosen by name or given, the same for a seed, and reported with every attribution.
 */
import type { TensorData } from "../graph/index.js";
import { formatShape, fromNumbers, sizeOf, toNumbers } from "../graph/index.js";
import { ConfigError, ShapeError } from "../util/errors.js";
import type { Random } from "../util/random.js";
import { nearest } from "../util/nearest.js";
import type { Explainable } from "./explainable.js";
import { imageAxes } from "./explainable.js";
import type { Remark } from "./remark.js";

/** Names of baselines that are made: `data` is drawn from the background set. */
export const BASELINES = ["zero", "mean", "blurred", "uniform", "data"] as const;
/** Baselines by name. */
export type BaselineName = (typeof BASELINES)[number];

/** Input that stands for "nothing": by name, as values, or as a set of examples. */
export interface BaselineOptions {
  /** A name, or numbers of an example's shape: [..features], or [1 or N, ..features]. Left out, the background, else the model's own, else zero. */
  readonly baseline?: BaselineName | TensorData;
  /** The data that stands for "no evidence": [M, ..features]. */
  readonly background?: TensorData;
  /** The number of background examples to use, drawn without replacement if there are more. */
  readonly backgroundSize?: number;
}

export interface Baselines {
  /** [M, 1 or N, ..features]. */
  readonly values: TensorData;
  /** The choice as a sentence. */
  readonly remark: Remark;
}

/** The baselines of examples x [N, ..features]. Errors: ConfigError, ShapeError. */
export function baselinesFor(model: Explainable, x: TensorData, options: BaselineOptions, random: Random): Baselines {
  const { baseline, background, backgroundSize = 64 } = options;
  const choice = baseline ?? (background === undefined ? (model.baseline ?? "zero") : "data");
  if (typeof choice !== "string") {
    const remark =
      baseline === undefined
        ? { en: "Baseline: the model's own.", zh: "基线：模型自带的。" }
        : { en: "Baseline: the given one.", zh: "基线：所给的。" };
    return { values: fitted(choice, x), remark };
  }
  if (!BASELINES.includes(choice)) {
    const hint = nearest(choice, BASELINES);
    throw new ConfigError(
      `baseline: expected one of ${BASELINES.join(", ")}, got "${choice}"${hint === undefined ? "" : `; did you mean ${hint}?`}`,
    );
  }
  if (choice === "data") return drawn(x, background, backgroundSize, random);
  const remarks: Readonly<Record<Exclude<BaselineName, "data">, Remark>> = {
    zero: { en: "Baseline: all features 0.", zh: "基线：所有特征为 0。" },
    mean:
      background === undefined
        ? { en: "Baseline: the example's own mean (of each channel).", zh: "基线：样本自身的均值（按通道）。" }
        : { en: "Baseline: the mean of the background.", zh: "基线：背景的均值。" },
    blurred: { en: "Baseline: the blurred example.", zh: "基线：模糊后的样本。" },
    uniform: {
      en: "Baseline: numbers drawn evenly between the example's lowest and highest.",
      zh: "基线：在样本的最小值与最大值之间均匀抽取的数。",
    },
  };
  return { values: made(choice, model, x, background, random), remark: remarks[choice] };
}

function drawn(x: TensorData, background: TensorData | undefined, most: number, random: Random): Baselines {
  const rows = background?.shape[0] ?? 0;
  if (background === undefined || rows === 0)
    throw new ConfigError(
      `background: expected at least one example of ${formatShape(x.shape.slice(1))}, got none; give background data`,
    );
  expectShape("background", background.shape.slice(1), x);
  const chosen = rows <= most ? Uint32Array.from({ length: rows }, (_, i) => i) : random.permutation(rows).subarray(0, most);
  const size = sizeOf(x.shape.slice(1));
  const numbers = toNumbers(background);
  const data = new Float64Array(chosen.length * size);
  chosen.forEach((row, m) => data.set(numbers.subarray(row * size, (row + 1) * size), m * size));
  return {
    values: fromNumbers(x.dtype, [chosen.length, 1, ...x.shape.slice(1)], data),
    remark:
      chosen.length < rows
        ? {
            en: `Background: ${chosen.length} of ${rows} examples, drawn by the seed.`,
            zh: `背景：${rows} 个样本中按种子抽取的 ${chosen.length} 个。`,
          }
        : { en: `Background: ${rows} of ${rows} examples.`, zh: `背景：全部 ${rows} 个样本。` },
  };
}

function expectShape(what: string, shape: readonly number[], x: TensorData): void {
  const expected = x.shape.slice(1);
  if (shape.length !== expected.length || shape.some((d, i) => d !== expected[i]))
    throw new ShapeError(`${what}: expected ${formatShape(expected)} for each example, got ${formatShape(shape)}`);
}

/** A given baseline as [1, 1 or N, ..features]; a single number of each axis broadcasts. */
function fitted(given: TensorData, x: TensorData): TensorData {
  const [n = 1, ...shape] = x.shape;
  const withBatch = given.shape.length === x.shape.length;
  const rows = withBatch ? (given.shape[0] ?? 0) : 1;
  const own = withBatch ? given.shape.slice(1) : given.shape;
  if (rows !== 1 && rows !== n) throw new ShapeError(`baseline: expected 1 or ${n} rows, got ${formatShape(given.shape)}`);
  const fits = own.length <= shape.length && own.every((d, i) => d === 1 || d === shape[shape.length - own.length + i]);
  if (!fits) throw new ShapeError(`baseline: expected ${formatShape(shape)}, got ${formatShape(own)}`);
  const padded = [...shape.slice(own.length).map(() => 1), ...own];
  const aligned = [...Array.from({ length: shape.length - own.length }, () => 1), ...own];
  const source = toNumbers(given);
  const size = sizeOf(shape);
  const ownSize = sizeOf(padded);
  const data = new Float64Array(rows * size);
  for (let r = 0; r < rows; r++) {
    for (let e = 0; e < size; e++) data[r * size + e] = source[r * ownSize + broadcastPlace(e, shape, aligned)] as number;
  }
  return fromNumbers(x.dtype, [1, rows, ...shape], data);
}

/** The index of element e of `shape` in an array whose shape broadcasts to it. */
function broadcastPlace(e: number, shape: readonly number[], own: readonly number[]): number {
  let place = 0;
  let stride = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    const length = shape[axis] as number;
    if (own[axis] !== 1) place += (e % length) * stride;
    stride *= own[axis] as number;
    e = Math.floor(e / length);
  }
  return place;
}

function made(
  name: Exclude<BaselineName, "data">,
  model: Explainable,
  x: TensorData,
  background: TensorData | undefined,
  random: Random,
): TensorData {
  const [n = 1, ...shape] = x.shape;
  const size = sizeOf(shape);
  if (name === "blurred" && model.features.kind === "table")
    throw new ConfigError(
      'baseline: expected zero, mean or uniform for the columns of a table, which have no neighbours, got "blurred"',
    );
  if (name === "zero") return fromNumbers(x.dtype, [1, 1, ...shape], new Float64Array(size));
  const numbers = toNumbers(x);
  if (name === "mean" && background !== undefined) {
    const rows = background.shape[0] ?? 0;
    if (rows === 0) throw new ConfigError("background: expected at least one example, got none");
    expectShape("background", background.shape.slice(1), x);
    const all = toNumbers(background);
    const mean = Float64Array.from({ length: size }, (_, e) => {
      let sum = 0;
      for (let r = 0; r < rows; r++) sum += all[r * size + e] as number;
      return sum / rows;
    });
    return fromNumbers(x.dtype, [1, 1, ...shape], mean);
  }
  const data = new Float64Array(n * size);
  for (let i = 0; i < n; i++) {
    const own = numbers.subarray(i * size, (i + 1) * size);
    const target = data.subarray(i * size, (i + 1) * size);
    if (name === "mean") channelMeans(own, model, shape, target);
    else if (name === "blurred") blur(own, model, shape, target);
    else uniform(own, random, target);
  }
  return fromNumbers(x.dtype, [1, n, ...shape], data);
}

function uniform(x: Float64Array, random: Random, into: Float64Array): void {
  let [low, high] = [Infinity, -Infinity];
  for (const v of x) [low, high] = [Math.min(low, v), Math.max(high, v)];
  for (let e = 0; e < into.length; e++) into[e] = random.uniform(low, high);
}

/** The channel of each element of an image, and how many there are; one channel for everything else. */
function channelOf(model: Explainable, shape: readonly number[]): { count: number; of: (e: number) => number } {
  const axes = imageAxes(model.features);
  if (axes === undefined) return { count: 1, of: () => 0 };
  const count = shape[axes.channels] as number;
  const plane = sizeOf(shape) / count;
  return { count, of: axes.channels === 0 ? (e) => Math.floor(e / plane) : (e) => e % count };
}

function channelMeans(x: Float64Array, model: Explainable, shape: readonly number[], into: Float64Array): void {
  const { count, of } = channelOf(model, shape);
  const sums = new Float64Array(count);
  x.forEach((v, e) => (sums[of(e)] = (sums[of(e)] as number) + v));
  for (let e = 0; e < into.length; e++) into[e] = ((sums[of(e)] as number) / x.length) * count;
}

/** A Gaussian blur along the image's sides (along the first axis of what is not an image), a tenth of the longer side wide. */
function blur(x: Float64Array, model: Explainable, shape: readonly number[], into: Float64Array): void {
  const axes = imageAxes(model.features);
  const along = axes === undefined ? [0] : [axes.rows, axes.columns];
  const sigma = Math.max(...along.map((axis) => shape[axis] as number)) / 10;
  let current = Float64Array.from(x);
  for (const axis of along) current = blurAlong(current, shape, axis, sigma);
  into.set(current);
}

/** A Gaussian blur along one axis; the border is repeated. */
export function blurAlong(x: Float64Array, shape: readonly number[], axis: number, sigma: number): Float64Array<ArrayBuffer> {
  const radius = Math.ceil(3 * sigma);
  const kernel = Float64Array.from({ length: 2 * radius + 1 }, (_, i) => Math.exp(-((i - radius) ** 2) / (2 * sigma ** 2)));
  const total = kernel.reduce((a, b) => a + b, 0);
  const length = shape[axis] as number;
  const stride = sizeOf(shape.slice(axis + 1));
  const result = new Float64Array(x.length);
  for (let e = 0; e < x.length; e++) {
    const place = Math.floor(e / stride) % length;
    let sum = 0;
    for (let k = -radius; k <= radius; k++) {
      const other = Math.min(Math.max(place + k, 0), length - 1);
      sum += (kernel[k + radius] as number) * (x[e + (other - place) * stride] as number);
    }
    result[e] = sum / total;
  }
  return result;
}
