/**
 * @module Slices: the parts of a data set where a model errs most, found by search and held against data that the search did not see.
 */
import { ConfigError } from "../util/errors.js";
import { Random } from "../util/random.js";
import { fisherTail, holm, momentsOf, welchTail } from "../util/significance.js";
import { mean } from "../util/vectors.js";

/** A property of examples by which they are sliced. */
export interface SliceFeature {
  readonly name: string;
  /** A number each (NaN where it is missing), a text each (null where it is missing), or whether each has it: being without it is not a condition then. */
  readonly values: readonly (string | null)[] | Float64Array | readonly boolean[];
}

/** A condition on one feature. `from` is exclusive and `to` inclusive, as quantiles cut. */
export type SliceCondition =
  | { readonly feature: string; readonly is: "equal"; readonly value: string }
  | { readonly feature: string; readonly is: "missing" }
  | { readonly feature: string; readonly is: "present" }
  | { readonly feature: string; readonly is: "between"; readonly from: number; readonly to: number };

/** How often, or how far, a model errs in a slice and outside. */
export interface SliceErrors {
  readonly count: number;
  /** Mean error in the slice: a rate, or a quantity. */
  readonly error: number;
  /** Mean error of all other examples. */
  readonly rest: number;
}

/** A part of a table on which a model errs more often, with its test on held-out rows. */
export interface Slice {
  readonly conditions: readonly SliceCondition[];
  /** In the half that was searched: too dark a picture, since the worst was picked. */
  readonly searched: SliceErrors;
  /** In the other half. */
  readonly heldOut: SliceErrors;
  /** The chance of so much more error in the held-out half where the slice is like the rest; Fisher's exact test of rates, Welch's of quantities. */
  readonly p: number;
  /** Corrected for the number of slices that were held against the held-out half (Holm). */
  readonly adjustedP: number;
  /** Whether `adjustedP` is below 0.05. */
  readonly isSignificant: boolean;
}

/** Options of the search for slices. */
export interface SliceOptions {
  /** Slices that are held against the other half, at most. */
  readonly most?: number;
  /** Examples in each half of a slice, at least. */
  readonly least?: number;
  readonly seed?: number;
}

const ALPHA = 0.05;
const PARTS = 4;
const MOST_VALUES = 30;
/** Single conditions that pairs are made of. */
const MOST_SINGLE = 60;
/** Slices that share more than this of their examples are told once. */
const MOST_SHARED = 0.5;

interface Candidate {
  readonly conditions: readonly SliceCondition[];
  readonly rows: Uint8Array;
  readonly score: number;
}

const isPresence = (values: SliceFeature["values"]): values is readonly boolean[] =>
  !(values instanceof Float64Array) && typeof values[0] === "boolean";

/** Conditions on one feature, each with enough examples, and which of the examples meet it. */
function conditionsOn({ name, values }: SliceFeature): { readonly condition: SliceCondition; readonly rows: Uint8Array }[] {
  const where = (holds: (i: number) => boolean): Uint8Array =>
    Uint8Array.from({ length: values.length }, (_, i) => Number(holds(i)));
  if (isPresence(values)) return [{ condition: { feature: name, is: "present" }, rows: where((i) => values[i] === true) }];
  const isMissing = (i: number): boolean => (values instanceof Float64Array ? Number.isNaN(values[i]) : values[i] === null);
  const missing = { condition: { feature: name, is: "missing" } as const, rows: where(isMissing) };
  if (!(values instanceof Float64Array)) {
    const counts = new Map<string, number>();
    for (const value of values) if (value !== null) counts.set(value, (counts.get(value) ?? 0) + 1);
    const common = [...counts].sort((a, b) => b[1] - a[1]).slice(0, MOST_VALUES);
    const equal = common.map(([value]) => ({
      condition: { feature: name, is: "equal", value } as const,
      rows: where((i) => values[i] === value),
    }));
    return [...equal, missing];
  }
  const sorted = values.filter((v) => !Number.isNaN(v)).sort();
  const cuts = Array.from({ length: PARTS - 1 }, (_, i) => sorted[Math.floor(((i + 1) * sorted.length) / PARTS)] ?? NaN);
  const bounds = [...new Set([-Infinity, ...cuts, Infinity])];
  const between = bounds.slice(1).map((to, i) => {
    const from = bounds[i] as number;
    return {
      condition: { feature: name, is: "between", from, to } as const,
      rows: where((k) => (values[k] as number) > from && (values[k] as number) <= to),
    };
  });
  return [...between, missing];
}

function errorsOf(rows: Uint8Array, errors: ArrayLike<number>, half: Uint32Array): { inside: number[]; outside: number[] } {
  const inside: number[] = [];
  const outside: number[] = [];
  for (const i of half) (rows[i] === 1 ? inside : outside).push(errors[i] as number);
  return { inside, outside };
}

/** How much worse a slice is than the rest, in standard errors; −Infinity of one that is too small, or has no rest. */
function scoreOf(rows: Uint8Array, errors: ArrayLike<number>, half: Uint32Array, least: number): number {
  let [n, sum, squares, total, allSquares] = [0, 0, 0, 0, 0];
  for (const i of half) {
    const e = errors[i] as number;
    total += e;
    allSquares += e * e;
    if (rows[i] !== 1) continue;
    n++;
    sum += e;
    squares += e * e;
  }
  const m = half.length - n;
  if (n < least || m < least) return -Infinity;
  const [a, b] = [sum / n, (total - sum) / m];
  const variance = (squares / n - a * a) / n + ((allSquares - squares) / m - b * b) / m;
  // A slice without any right answer has no variance of its own.
  return (a - b) / Math.sqrt(Math.max(variance, 1e-12 + 1 / (4 * half.length * half.length)));
}

/** How much two slices share: what both have, of what either has. */
function shared(a: Uint8Array, b: Uint8Array): number {
  let [both, either] = [0, 0];
  for (let i = 0; i < a.length; i++) {
    both += (a[i] as number) & (b[i] as number);
    either += (a[i] as number) | (b[i] as number);
  }
  return either === 0 ? 0 : both / either;
}

function candidates(features: readonly SliceFeature[], errors: ArrayLike<number>, half: Uint32Array, least: number): Candidate[] {
  const single = features
    .flatMap(conditionsOn)
    .map(({ condition, rows }): Candidate => ({ conditions: [condition], rows, score: scoreOf(rows, errors, half, least) }))
    .filter(({ score }) => score > 0)
    .sort((a, b) => b.score - a.score);
  const best = single.slice(0, MOST_SINGLE);
  const pairs: Candidate[] = [];
  for (const [j, a] of best.entries())
    for (const b of best.slice(0, j)) {
      const conditions = [...b.conditions, ...a.conditions];
      if (conditions[0]?.feature === conditions[1]?.feature) continue;
      const rows = a.rows.map((v, i) => v & (b.rows[i] as number));
      const score = scoreOf(rows, errors, half, least);
      // A pair has to say more than each of its conditions alone.
      if (score > Math.max(a.score, b.score)) pairs.push({ conditions, rows, score });
    }
  return [...single, ...pairs].sort((a, b) => b.score - a.score);
}

/**
 * The slices of a data set in which a model errs most: conditions on one or two features.
 *
 * Half of the examples, drawn by the seed, is searched; the worst slices that hardly overlap are then held against the other half, each with a test, corrected
 * for their number. So what is called significant there is so in data that did not choose it.
 * Shapes: errors [N], 0 or 1 each, or quantities of at least 0; each feature has N values.
 * Errors: ConfigError for fewer examples than two halves need.
 * Source: Chung et al., Slice Finder, 2018, arXiv:1807.06068 (its search over conjunctions, and its tests).
 * Differs from the source: tests are made on examples that the search has not seen, and corrected by Holm, in place of α-investing on the same ones.
 * Checked against: planted slices; of data without any, at most 5 % give one (slices.test.ts).
 */
export function worstSlices(features: readonly SliceFeature[], errors: ArrayLike<number>, options: SliceOptions = {}): Slice[] {
  const n = errors.length;
  const { most = 10, least = Math.max(10, Math.ceil(n / 100)), seed = 0 } = options;
  if (n < 4 * least) throw new ConfigError(`slices: expected at least ${4 * least} examples, got ${n}`);
  const wrong = features.find(({ values }) => values.length !== n);
  if (wrong !== undefined)
    throw new ConfigError(`slices: feature "${wrong.name}": expected ${n} values, got ${wrong.values.length}`);
  const order = new Random(seed, "slices").permutation(n);
  const [searched, heldOut] = [order.subarray(0, n >> 1), order.subarray(n >> 1)];
  const chosen: Candidate[] = [];
  for (const candidate of candidates(features, errors, searched, least)) {
    if (chosen.length >= most) break;
    const isNew = chosen.every(({ rows }) => shared(rows, candidate.rows) <= MOST_SHARED);
    const { inside } = errorsOf(candidate.rows, errors, heldOut);
    // Its size alone is looked at here, never its errors.
    if (isNew && inside.length >= Math.ceil(least / 2)) chosen.push(candidate);
  }
  const isRate = Array.from(errors).every((e) => e === 0 || e === 1);
  const tested = chosen.map(({ conditions, rows }) => {
    const [before, after] = [errorsOf(rows, errors, searched), errorsOf(rows, errors, heldOut)];
    const of = ({ inside, outside }: typeof before): SliceErrors => ({
      count: inside.length,
      error: mean(inside),
      rest: mean(outside),
    });
    const hits = after.inside.filter((e) => e === 1).length;
    const p = isRate
      ? fisherTail(hits, after.inside.length, hits + after.outside.filter((e) => e === 1).length, heldOut.length)
      : welchTail(momentsOf(after.inside), momentsOf(after.outside));
    return { conditions, searched: of(before), heldOut: of(after), p };
  });
  const adjusted = holm(tested.map(({ p }) => p));
  return tested
    .map((slice, i) => ({ ...slice, adjustedP: adjusted[i] as number, isSignificant: (adjusted[i] as number) < ALPHA }))
    .sort((a, b) => a.adjustedP - b.adjustedP);
}

const short = (value: number): string => String(Number(value.toPrecision(4)));

/** A slice in words: `age ≤ 30 and plan = basic`. `names` are those of features in that language, where they are not their own. */
export function sliceText(
  { conditions }: Pick<Slice, "conditions">,
  language: "en" | "zh" = "en",
  names: ReadonlyMap<string, string> = new Map(),
): string {
  const text = (condition: SliceCondition): string => {
    const feature = names.get(condition.feature) ?? condition.feature;
    if (condition.is === "equal") return `${feature} = ${condition.value}`;
    if (condition.is === "missing") return language === "zh" ? `${feature} 缺失` : `${feature} is missing`;
    if (condition.is === "present") return language === "zh" ? `含有 ${feature}` : `contains ${feature}`;
    const { from, to } = condition;
    if (from === -Infinity) return `${feature} ≤ ${short(to)}`;
    return to === Infinity ? `${feature} > ${short(from)}` : `${short(from)} < ${feature} ≤ ${short(to)}`;
  };
  return conditions.map(text).join(language === "zh" ? " 且 " : " and ");
}
