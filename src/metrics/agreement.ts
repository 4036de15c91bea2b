/**
 * @module Agreement between annotators: Cohen's and Fleiss' κ, Krippendorff's α, and for positions (spans, boxes, polygons) the F1 of
 * one annotator against another.
 */
import { DataError, ShapeError } from "../util/errors.js";
import type { LabelSpan } from "../util/tags.js";
import { boxOverlap } from "./detection.js";
import { SpanMetric } from "./span.js";
import { sum } from "../util/vectors.js";

/** A label as annotators give it. */
export type Rating = string | number;

/** Costs of a disagreement: 1 for any, or growing with the distance between two classes, or with its square. */
export type KappaWeights = "none" | "linear" | "quadratic";

/** Options of Cohen's kappa: weights of disagreements, and all classes. */
export interface CohenOptions {
  readonly weights?: KappaWeights;
  /** The classes in their order, which weights count in; those that occur, sorted, if left out. */
  readonly classes?: readonly Rating[];
}

const sorted = (values: Iterable<Rating>): Rating[] =>
  [...new Set(values)].sort((a, b) => (typeof a === "number" && typeof b === "number" ? a - b : String(a) < String(b) ? -1 : 1));

function indexIn(classes: readonly Rating[], where: string): (rating: Rating) => number {
  const index = new Map(classes.map((name, i) => [name, i]));
  return (rating) => {
    const found = index.get(rating);
    if (found === undefined) throw new DataError(`${where}: expected one of ${classes.join(", ")}, got "${rating}"`);
    return found;
  };
}

/**
 * Computes Cohen's κ of two annotators who labelled the same items.
 *
 *     κ = 1 − Σ w·O / Σ w·E     (O observed pairs of classes, E those expected from each one's frequencies, w the weights)
 *
 * 1 where they always agree, 0 where they agree as often as chance would; NaN where both use one class throughout.
 * Errors: ShapeError for lists of different length; DataError for a label that is not a class.
 * Source: Cohen 1960; weighted: Cohen 1968.
 * Checked against: statsmodels 0.15, in agreement.test.ts.
 *
 * @example
 * import { cohenKappa } from "descentjs/metrics/agreement";
 * console.log(cohenKappa(["a", "b", "a", "b"], ["a", "b", "b", "b"])); // 0.5
 */
export function cohenKappa(first: readonly Rating[], second: readonly Rating[], options: CohenOptions = {}): number {
  if (first.length !== second.length)
    throw new ShapeError(`cohenKappa: expected ${first.length} labels of the second annotator, got ${second.length}`);
  const { weights = "none", classes = sorted([...first, ...second]) } = options;
  const indexOf = indexIn(classes, "cohenKappa");
  const K = classes.length;
  const observed = new Float64Array(K * K);
  const [rows, columns] = [new Float64Array(K), new Float64Array(K)];
  for (const [i, rating] of first.entries()) {
    const [a, b] = [indexOf(rating), indexOf(second[i] as Rating)];
    observed[a * K + b] = (observed[a * K + b] as number) + 1;
    rows[a] = (rows[a] as number) + 1;
    columns[b] = (columns[b] as number) + 1;
  }
  let [seen, expected] = [0, 0];
  for (let a = 0; a < K; a++)
    for (let b = 0; b < K; b++) {
      const distance = Math.abs(a - b);
      const weight = weights === "none" ? Number(distance > 0) : weights === "linear" ? distance : distance ** 2;
      seen += weight * (observed[a * K + b] as number);
      expected += (weight * (rows[a] as number) * (columns[b] as number)) / first.length;
    }
  return expected === 0 ? NaN : 1 - seen / expected;
}

/**
 * Computes Fleiss' κ of several annotators. `counts[item][class]` is how many of them gave that class to that item; each item has as many
 * labels as any other, from whomever.
 *
 *     κ = (P̄ − P̄ₑ) / (1 − P̄ₑ)     P̄ mean share of agreeing pairs, P̄ₑ = Σ pⱼ²
 *
 * NaN where only one class is used. Errors: ShapeError if an item has another number of labels or classes, or fewer than two labels.
 * Source: Fleiss 1971. Checked against: statsmodels 0.15, in agreement.test.ts.
 */
export function fleissKappa(counts: readonly (readonly number[])[]): number {
  const raters = sum(counts[0] ?? []);
  const K = counts[0]?.length ?? 0;
  if (raters < 2) throw new ShapeError(`fleissKappa: expected at least 2 labels for each item, got ${raters}`);
  const shares = new Float64Array(K);
  let agreement = 0;
  for (const [i, row] of counts.entries()) {
    if (row.length !== K || sum(row) !== raters)
      throw new ShapeError(
        `fleissKappa, item ${i + 1}: expected ${raters} labels in ${K} classes, got ${sum(row)} in ${row.length}`,
      );
    let pairs = 0;
    for (const [k, n] of row.entries()) {
      pairs += n * (n - 1);
      shares[k] = (shares[k] as number) + n / (counts.length * raters);
    }
    agreement += pairs / (raters * (raters - 1)) / counts.length;
  }
  const chance = shares.reduce((sum, share) => sum + share * share, 0);
  return chance === 1 ? NaN : (agreement - chance) / (1 - chance);
}

/** The meaning of a difference between two labels: none but that they differ; the ranks between them; their distance. */
export type MeasurementLevel = "nominal" | "ordinal" | "interval";

/**
 * Computes Krippendorff's α of any number of annotators, who may have left items out. `ratings[annotator][item]` is a label, or null.
 * Ordinal and interval levels take numbers.
 *
 *     α = 1 − Dₒ / Dₑ     Dₒ, Dₑ mean δ² over the pairs of one item, and over all pairs of labels that have a partner
 *
 * δ² is 1 for labels that differ (nominal), the square of the labels that lie between (ordinal; half of those at both ends count), or of the
 * difference (interval). NaN where nobody disagrees because all labels are one, or where no item has two labels.
 * Errors: DataError for a text where numbers are needed; ShapeError for annotators with different numbers of items.
 * Source: Krippendorff, Computing Krippendorff's Alpha-Reliability, 2011.
 * Checked against: krippendorff 0.9.0, in agreement.test.ts.
 */
export function krippendorffAlpha(
  ratings: readonly (readonly (Rating | null)[])[],
  { level = "nominal" }: { readonly level?: MeasurementLevel } = {},
): number {
  const items = ratings[0]?.length ?? 0;
  for (const [r, row] of ratings.entries()) {
    if (row.length !== items)
      throw new ShapeError(`krippendorffAlpha: expected ${items} items of annotator ${r + 1}, got ${row.length}`);
    const wrong = level === "nominal" ? undefined : row.find((rating) => typeof rating === "string");
    if (wrong !== undefined) throw new DataError(`krippendorffAlpha: expected numbers for the ${level} level, got "${wrong}"`);
  }
  // Labels without a partner on their item say nothing about agreement.
  const units: Rating[][] = [];
  for (let i = 0; i < items; i++) {
    const labels = ratings.map((row) => row[i]).filter((label): label is Rating => label !== null && label !== undefined);
    if (labels.length > 1) units.push(labels);
  }
  const values = sorted(units.flat());
  const indexOf = indexIn(values, "krippendorffAlpha");
  const K = values.length;
  const coincidences = new Float64Array(K * K);
  const totals = new Float64Array(K);
  for (const unit of units) {
    const counts = new Map<number, number>();
    for (const label of unit) counts.set(indexOf(label), (counts.get(indexOf(label)) ?? 0) + 1);
    for (const [a, n] of counts) {
      totals[a] = (totals[a] as number) + n;
      for (const [b, m] of counts)
        coincidences[a * K + b] = (coincidences[a * K + b] as number) + (n * (a === b ? m - 1 : m)) / (unit.length - 1);
    }
  }
  const delta = differences(values, totals, level);
  const all = totals.reduce((sum, n) => sum + n, 0);
  let [observed, expected] = [0, 0];
  for (let a = 0; a < K; a++)
    for (let b = 0; b < K; b++) {
      observed += (coincidences[a * K + b] as number) * delta(a, b);
      expected += ((totals[a] as number) * (totals[b] as number) * delta(a, b)) / (all - 1);
    }
  return expected === 0 ? NaN : 1 - observed / expected;
}

/** δ² between two labels by their index. */
function differences(values: readonly Rating[], totals: Float64Array, level: MeasurementLevel): (a: number, b: number) => number {
  if (level === "nominal") return (a, b) => Number(a !== b);
  if (level === "interval") return (a, b) => (Number(values[a]) - Number(values[b])) ** 2;
  // Labels before each one's middle.
  const middles: number[] = [];
  let before = 0;
  for (const n of totals) {
    middles.push(before + n / 2);
    before += n;
  }
  return (a, b) => ((middles[a] as number) - (middles[b] as number)) ** 2;
}

/**
 * F1 between two annotators' spans, text by text: the micro average of `SpanMetric`, which is the same either way round. ShapeError if annotators differ
 * in items.
 */
export function spanAgreement(first: readonly (readonly LabelSpan[])[], second: readonly (readonly LabelSpan[])[]): number {
  if (first.length !== second.length)
    throw new ShapeError(`spanAgreement: expected ${first.length} texts of the second annotator, got ${second.length}`);
  const metric = new SpanMetric();
  for (const [i, spans] of first.entries()) metric.add(spans, second[i] as readonly LabelSpan[]);
  return metric.report().micro.f1;
}

/** A box (x₁, y₁, x₂, y₂), or a polygon [[x, y], …], with its class. */
export interface LabelledRegion {
  readonly label: string;
  readonly box?: readonly [number, number, number, number];
  readonly polygon?: readonly (readonly [number, number])[];
}

/** Cells of the raster, along its longer side, on which polygons are compared. */
const RASTER = 512;

/** Tells whether a point lies inside a polygon, by the even–odd rule. */
function isInside(x: number, y: number, polygon: readonly (readonly [number, number])[]): boolean {
  let inside = false;
  for (let i = 0, j = polygon.length - 1; i < polygon.length; j = i++) {
    const [[xi, yi], [xj, yj]] = [polygon[i] as readonly [number, number], polygon[j] as readonly [number, number]];
    if (yi > y !== yj > y && x < ((xj - xi) * (y - yi)) / (yj - yi) + xi) inside = !inside;
  }
  return inside;
}

const outline = ({ box, polygon }: LabelledRegion): readonly (readonly [number, number])[] => {
  if (polygon !== undefined) return polygon;
  if (box === undefined) throw new DataError("regionOverlap: expected a box or a polygon, got neither");
  const [x1, y1, x2, y2] = box;
  return [
    [x1, y1],
    [x2, y1],
    [x2, y2],
    [x1, y2],
  ];
};

/**
 * Intersection over union of two regions: exact for two boxes; with a polygon on a raster of 512 cells along the longer side of what both
 * cover, which is within about 0.01 for regions that are not slivers. 0 where both are empty.
 */
export function regionOverlap(a: LabelledRegion, b: LabelledRegion): number {
  if (a.polygon === undefined && b.polygon === undefined && a.box !== undefined && b.box !== undefined)
    return boxOverlap(a.box, b.box, false);
  const [p, q] = [outline(a), outline(b)];
  const [xs, ys] = [[...p, ...q].map(([x]) => x), [...p, ...q].map(([, y]) => y)];
  const [left, top] = [Math.min(...xs), Math.min(...ys)];
  const cell = Math.max(Math.max(...xs) - left, Math.max(...ys) - top) / RASTER;
  if (!(cell > 0)) return 0;
  let [both, either] = [0, 0];
  for (let y = top + cell / 2; y < Math.max(...ys); y += cell)
    for (let x = left + cell / 2; x < Math.max(...xs); x += cell) {
      const [inP, inQ] = [isInside(x, y, p), isInside(x, y, q)];
      if (inP && inQ) both++;
      if (inP || inQ) either++;
    }
  return either === 0 ? 0 : both / either;
}

/** Agreement of two annotators on regions. */
export interface RegionAgreement {
  /** Regions of one class that overlap by at least the threshold, over the mean number of regions; 1 where neither has any. */
  readonly f1: number;
  /** Mean overlap of those; NaN where there are none. */
  readonly meanOverlap: number;
}

/** Pairs the regions of two annotators, image by image, those of one class that overlap most first. ShapeError if annotators differ in items. */
export function regionAgreement(
  first: readonly (readonly LabelledRegion[])[],
  second: readonly (readonly LabelledRegion[])[],
  { threshold = 0.5 }: { readonly threshold?: number } = {},
): RegionAgreement {
  if (first.length !== second.length)
    throw new ShapeError(`regionAgreement: expected ${first.length} images of the second annotator, got ${second.length}`);
  let [pairs, regions, overlaps] = [0, 0, 0];
  for (const [i, ours] of first.entries()) {
    const theirs = second[i] as readonly LabelledRegion[];
    regions += ours.length + theirs.length;
    const candidates = ours
      .flatMap((a, p) => theirs.map((b, q) => ({ p, q, overlap: a.label === b.label ? regionOverlap(a, b) : 0 })))
      .filter(({ overlap }) => overlap >= threshold && overlap > 0)
      .sort((a, b) => b.overlap - a.overlap);
    const [usedOurs, usedTheirs] = [new Set<number>(), new Set<number>()];
    for (const { p, q, overlap } of candidates) {
      if (usedOurs.has(p) || usedTheirs.has(q)) continue;
      usedOurs.add(p);
      usedTheirs.add(q);
      pairs++;
      overlaps += overlap;
    }
  }
  return { f1: regions === 0 ? 1 : (2 * pairs) / regions, meanOverlap: pairs === 0 ? NaN : overlaps / pairs };
}
