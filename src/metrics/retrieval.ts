/**
 * @module Metrics of retrieval by nearest neighbours: recall at k, and recognition where a query may be of an unknown class
 * (open set). Vectors are unit vectors, likeness is their cosine.
 */
import { DataError } from "../util/errors.js";
import { areaUnderRoc } from "./classification.js";

/** Unit vectors row by row [N, D], with a label each. */
export interface Labelled {
  readonly vectors: Float32Array | Float64Array;
  readonly labels: ArrayLike<number>;
}

const sizeOf = ({ vectors, labels }: Labelled): number => (labels.length === 0 ? 0 : vectors.length / labels.length);

/** A query's nearest entry of a gallery. */
export interface Match {
  /** Row of the gallery. */
  readonly entry: number;
  /** Cosine, −1…1. */
  readonly likeness: number;
}

/** The k nearest of `gallery` to one query, the nearest first; of equal ones the first. `isLeftOut` rows do not count. */
export function nearest(
  query: ArrayLike<number>,
  gallery: Labelled,
  k = 1,
  isLeftOut: (entry: number) => boolean = () => false,
): Match[] {
  const size = query.length;
  const best: Match[] = [];
  for (let entry = 0; entry < gallery.labels.length; entry++) {
    if (isLeftOut(entry)) continue;
    let likeness = 0;
    for (let i = 0; i < size; i++) likeness += (query[i] as number) * (gallery.vectors[entry * size + i] as number);
    const last = best[k - 1];
    if (last !== undefined && last.likeness >= likeness) continue;
    const place = best.findIndex((match) => match.likeness < likeness);
    best.splice(place === -1 ? best.length : place, 0, { entry, likeness });
    if (best.length > k) best.pop();
  }
  return best;
}

const rowOf = ({ vectors }: Labelled, row: number, size: number): Float32Array | Float64Array =>
  vectors.subarray(row * size, (row + 1) * size);

/**
 * Fraction of queries with their own label among the k nearest of the gallery. NaN without queries.
 * Errors: DataError if the sizes differ, or the gallery is empty.
 * Checked against: scikit-learn 1.9, `NearestNeighbors(metric="cosine")`, retrieval.test.ts.
 */
export function recallAt(k: number, queries: Labelled, gallery: Labelled): number {
  checkGallery(queries, gallery);
  const size = sizeOf(queries);
  let found = 0;
  for (let row = 0; row < queries.labels.length; row++)
    if (nearest(rowOf(queries, row, size), gallery, k).some(({ entry }) => gallery.labels[entry] === queries.labels[row]))
      found++;
  return queries.labels.length === 0 ? Number.NaN : found / queries.labels.length;
}

function checkGallery(queries: Labelled, gallery: Labelled): void {
  if (gallery.labels.length === 0) throw new DataError("retrieval: expected a gallery with entries, got an empty one");
  if (queries.labels.length > 0 && sizeOf(queries) !== sizeOf(gallery))
    throw new DataError(`retrieval: expected vectors of ${sizeOf(gallery)} numbers as in the gallery, got ${sizeOf(queries)}`);
}

/** Scores of queries against a gallery, where some queries are of none of its classes. */
export interface OpenSet {
  /** Likeness of each query's nearest entry. */
  readonly scores: Float64Array;
  /** Whether the query's label is in the gallery. */
  readonly isKnown: readonly boolean[];
  /** Whether the nearest entry has the query's label. */
  readonly isRight: readonly boolean[];
}

/** Finds each query's nearest entry of a gallery. Errors: DataError if the sizes differ, or the gallery is empty. */
export function openSet(queries: Labelled, gallery: Labelled): OpenSet {
  checkGallery(queries, gallery);
  const known = new Set(Array.from(gallery.labels));
  const size = sizeOf(queries);
  const matches = Array.from(queries.labels, (_, row) => nearest(rowOf(queries, row, size), gallery)[0] as Match);
  return {
    scores: Float64Array.from(matches, ({ likeness }) => likeness),
    isKnown: Array.from(queries.labels, (label) => known.has(label)),
    isRight: matches.map(({ entry }, row) => gallery.labels[entry] === queries.labels[row]),
  };
}

/**
 * Area under the receiver operating characteristic of the likeness to the nearest entry, known queries against unknown ones:
 * the probability that a known query is nearer to the gallery than an unknown one. NaN where one kind is missing.
 */
export const openSetAuroc = ({ scores, isKnown }: OpenSet): number => areaUnderRoc(scores, isKnown);

/** Error rates of answering "unknown" below a threshold. */
export interface OpenSetRates {
  /** Fraction of the unknown queries that get a name. NaN without unknown queries. */
  readonly falseAcceptRate: number;
  /** Fraction of the known queries that get their own name. NaN without known queries. */
  readonly identificationRate: number;
}

/** Fractions of unknown queries that get a name, and of known ones that get their own, where scores from a threshold on are accepted. */
export function openSetRates({ scores, isKnown, isRight }: OpenSet, threshold: number): OpenSetRates {
  let [unknown, accepted, known, identified] = [0, 0, 0, 0];
  for (const [i, score] of scores.entries()) {
    if (isKnown[i] === true) {
      known++;
      if (score >= threshold && isRight[i] === true) identified++;
    } else {
      unknown++;
      if (score >= threshold) accepted++;
    }
  }
  return { falseAcceptRate: accepted / unknown, identificationRate: identified / known };
}

/**
 * The lowest threshold at which at most a fraction of unknown queries get a name: what lies just above the score that is the first
 * too many.
 *
 * Errors: DataError without unknown queries.
 */
export function thresholdAt(falseAcceptRate: number, { scores, isKnown }: OpenSet): number {
  const unknown = scores.filter((_, i) => isKnown[i] !== true).sort((a, b) => b - a);
  if (unknown.length === 0) throw new DataError("threshold: expected queries of unknown things, got none");
  const allowed = Math.floor(falseAcceptRate * unknown.length);
  const tooMany = unknown[allowed];
  // All may be accepted: everything is at least −1 alike.
  return tooMany === undefined ? -1 : tooMany + 1e-6;
}
