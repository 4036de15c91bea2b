/**
 * @module The positions along axes, as terms: which positions of different tensors are one and the same, so that one cannot go without the others.
 *
 * The positions of an axis are a *set* of their own, several sets one after another (a concatenation), or the pairs of two sets in row-major order
 * (12 heads × 64 features in an axis of 768). `equate` makes two terms one; sets are divided where the two differ: 768 = 12 × 64 becomes
 * two sets, of which either can lose positions by itself. What fits no such form is `fixed`: it keeps all of its positions.
 */
import type { Dim } from "../../graph/index.js";
import { dimAdd, dimDiv, dimEquals, dimMul } from "../../graph/index.js";

/** Positions that stay or go one by one; after `equate` it may stand for a term. */
export class PositionSet {
  readonly size: Dim;
  /** Whether all positions stay. */
  isFixed: boolean;
  /** Whether a normalization or a reduction mixes the positions, so that the others' values change when one goes. */
  isMixed = false;
  /** The term that it was found to be. */
  is: Positions | undefined;

  /** Free dimensions cannot lose positions. */
  constructor(size: Dim, isFixed = false) {
    this.size = size;
    this.isFixed = isFixed || typeof size !== "number" || size < 2;
  }
}

/** The positions of one term after those of another, … */
interface Sum {
  readonly parts: readonly Positions[];
}

/** All combinations, the last factor's positions changing fastest. */
interface Product {
  readonly factors: readonly Positions[];
}

export type Positions = PositionSet | Sum | Product;

const isSum = (p: Positions): p is Sum => "parts" in p;
const isProduct = (p: Positions): p is Product => "factors" in p;

/** The term itself, past sets that were found to be another. */
function resolved(p: Positions): Positions {
  let term = p;
  while (term instanceof PositionSet && term.is !== undefined) term = term.is;
  return term;
}

/** A concatenation; parts may be empty. */
export const sumOf = (parts: readonly Positions[]): Positions => (parts.length === 1 ? (parts[0] as Positions) : { parts });

/** All combinations; none is one position. */
export const productOf = (factors: readonly Positions[]): Positions =>
  factors.length === 1 ? (factors[0] as Positions) : { factors };

/** The number of positions. */
export function sizeOfPositions(p: Positions): Dim {
  if (isSum(p)) return p.parts.map(sizeOfPositions).reduce<Dim>(dimAdd, 0);
  return isProduct(p) ? p.factors.map(sizeOfPositions).reduce<Dim>(dimMul, 1) : p.size;
}

/** Parts one after another, none of which is a sum; empty ones left out. */
function partsOf(p: Positions): Positions[] {
  const term = resolved(p);
  return isSum(term) ? term.parts.flatMap(partsOf) : sizeOfPositions(term) === 0 ? [] : [term];
}

/** Factors, none of which is a product; those of one position left out. */
function factorsOf(p: Positions): Positions[] {
  const term = resolved(p);
  return isProduct(term) ? term.factors.flatMap(factorsOf) : sizeOfPositions(term) === 1 ? [] : [term];
}

/** The sets that a term is made of, each once. */
export function setsOf(p: Positions, into: Set<PositionSet> = new Set()): Set<PositionSet> {
  const term = resolved(p);
  if (isSum(term)) for (const part of term.parts) setsOf(part, into);
  else if (isProduct(term)) for (const factor of term.factors) setsOf(factor, into);
  else into.add(term);
  return into;
}

/** Keeps all positions of terms. */
export function fix(...terms: readonly Positions[]): void {
  for (const term of terms) for (const set of setsOf(term)) set.isFixed = true;
}

/** Marks positions as mixed with each other. */
export function mix(term: Positions): void {
  for (const set of setsOf(term)) set.isMixed = true;
}

/** Makes two terms of one size the same positions; where no common division is found, both keep all of theirs. */
export function equate(a: Positions, b: Positions): void {
  const [x, y] = [resolved(a), resolved(b)];
  if (x === y) return;
  if (!dimEquals(sizeOfPositions(x), sizeOfPositions(y))) fix(x, y);
  else if (x instanceof PositionSet) bind(x, y);
  else if (y instanceof PositionSet) bind(y, x);
  else if (isSum(x) || isSum(y)) equateSums(partsOf(x), partsOf(y));
  else equateProducts(factorsOf(x), factorsOf(y));
}

function bind(set: PositionSet, term: Positions): void {
  if (setsOf(term).has(set)) {
    // Its own positions in another order, or several times over.
    fix(term);
    return;
  }
  if (set.isFixed) fix(term);
  if (set.isMixed) mix(term);
  set.is = term;
}

function equateSums(as: Positions[], bs: Positions[]): void {
  const [left, right] = [[...as], [...bs]];
  for (;;) {
    const [a, b] = [left.shift(), right.shift()];
    if (a === undefined || b === undefined) return;
    const [sizeA, sizeB] = [sizeOfPositions(a), sizeOfPositions(b)];
    if (dimEquals(sizeA, sizeB)) {
      equate(a, b);
      continue;
    }
    const isLonger = typeof sizeA === "number" && typeof sizeB === "number" && sizeA > sizeB;
    const cut = isLonger ? splitAt(a, sizeB) : typeof sizeA === "number" ? splitAt(b, sizeA) : undefined;
    if (cut === undefined) {
      fix(a, b, ...left, ...right);
      return;
    }
    const [head, tail] = cut;
    if (isLonger) left.unshift(head, tail);
    else right.unshift(head, tail);
    if (isLonger) right.unshift(b);
    else left.unshift(a);
  }
}

/** The first n positions and the others, as terms of their own; undefined where the form has no such boundary. */
function splitAt(p: Positions, n: number): readonly [Positions, Positions] | undefined {
  const term = resolved(p);
  const size = sizeOfPositions(term);
  if (typeof size !== "number" || n <= 0 || n >= size) return undefined;
  if (term instanceof PositionSet) {
    const halves = [n, size - n].map((length) => inheriting(term, length)) as [PositionSet, PositionSet];
    term.is = { parts: halves };
    return halves;
  }
  if (isSum(term)) {
    const parts = partsOf(term);
    let before = 0;
    for (const [i, part] of parts.entries()) {
      const length = sizeOfPositions(part) as number;
      if (n === before + length) return [sumOf(parts.slice(0, i + 1)), sumOf(parts.slice(i + 1))];
      const cut = n < before + length ? splitAt(part, n - before) : undefined;
      if (n < before + length) return cut && [sumOf([...parts.slice(0, i), cut[0]]), sumOf([cut[1], ...parts.slice(i + 1)])];
      before += length;
    }
    return undefined;
  }
  const [first, ...rest] = factorsOf(term);
  const count = dimDiv(n, sizeOfPositions(productOf(rest)));
  const cut = first === undefined || typeof count !== "number" ? undefined : splitAt(first, count);
  return cut && [productOf([cut[0], ...rest]), productOf([cut[1], ...rest])];
}

function inheriting(set: PositionSet, size: Dim): PositionSet {
  const made = new PositionSet(size, set.isFixed);
  made.isMixed = set.isMixed;
  return made;
}

function equateProducts(as: Positions[], bs: Positions[]): void {
  const [left, right] = [[...as], [...bs]];
  for (;;) {
    const [a, b] = [left.shift(), right.shift()];
    if (a === undefined || b === undefined) {
      fix(...(a === undefined ? [] : [a, ...left]), ...(b === undefined ? [] : [b, ...right]));
      return;
    }
    if (dimEquals(sizeOfPositions(a), sizeOfPositions(b))) {
      equate(a, b);
      continue;
    }
    const [fromA, fromB] = [divided(a, sizeOfPositions(b)), divided(b, sizeOfPositions(a))];
    if (fromA !== undefined) left.unshift(...fromA);
    else if (fromB !== undefined) right.unshift(...fromB);
    else {
      fix(a, b, ...left, ...right);
      return;
    }
    if (fromA !== undefined) right.unshift(b);
    else left.unshift(a);
  }
}

/** A set as pairs of `outer` positions and what is left; undefined for another form, or where `outer` does not divide it. */
function divided(p: Positions, outer: Dim): readonly [Positions, Positions] | undefined {
  const set = resolved(p);
  const inner = dimDiv(sizeOfPositions(set), outer);
  if (!(set instanceof PositionSet) || inner === undefined || dimEquals(inner, 1)) return undefined;
  const pair = [inheriting(set, outer), inheriting(set, inner)] as const;
  set.is = { factors: pair };
  return pair;
}

/** The positions of a term, by number, that stay where sets keep those of `kept`; a set that is not in it keeps all. */
export function keptPositions(p: Positions, kept: ReadonlyMap<PositionSet, readonly number[]>): number[] {
  const term = resolved(p);
  if (isSum(term)) {
    let offset = 0;
    return term.parts.flatMap((part) => {
      const own = keptPositions(part, kept).map((i) => offset + i);
      offset += sizeOfPositions(part) as number;
      return own;
    });
  }
  if (!isProduct(term)) return [...(kept.get(term) ?? Array.from({ length: term.size as number }, (_, i) => i))];
  return term.factors.reduce<number[]>(
    (outer, factor) => {
      const size = sizeOfPositions(factor) as number;
      const inner = keptPositions(factor, kept);
      return outer.flatMap((i) => inner.map((j) => i * size + j));
    },
    [0],
  );
}

/** The positions of a term that go with position `i` of a set. */
export function positionsOf(p: Positions, set: PositionSet, i: number): number[] {
  const term = resolved(p);
  if (isSum(term)) {
    let offset = 0;
    return term.parts.flatMap((part) => {
      const own = positionsOf(part, set, i).map((at) => offset + at);
      offset += sizeOfPositions(part) as number;
      return own;
    });
  }
  if (!isProduct(term)) return term === set ? [i] : [];
  const at = term.factors.findIndex((factor) => setsOf(factor).has(set));
  if (at < 0) return [];
  return term.factors.reduce<number[]>(
    (outer, factor, k) => {
      const size = sizeOfPositions(factor) as number;
      const inner = k === at ? positionsOf(factor, set, i) : Array.from({ length: size }, (_, j) => j);
      return outer.flatMap((o) => inner.map((j) => o * size + j));
    },
    [0],
  );
}

/** The number of positions that stay, which may be free. */
export function keptSize(p: Positions, kept: ReadonlyMap<PositionSet, readonly number[]>): Dim {
  const term = resolved(p);
  if (isSum(term)) return term.parts.map((part) => keptSize(part, kept)).reduce<Dim>(dimAdd, 0);
  if (isProduct(term)) return term.factors.map((factor) => keptSize(factor, kept)).reduce<Dim>(dimMul, 1);
  return kept.get(term)?.length ?? term.size;
}

/** Makes axes of one rank the same, pair by pair. */
export function equateAll(as: readonly Positions[], bs: readonly Positions[]): void {
  for (const [i, a] of as.entries()) {
    const b = bs[i];
    if (b !== undefined) equate(a, b);
  }
}

/** Marks axes whose positions a node mixes. */
export function mixAll(axes: readonly (Positions | undefined)[]): void {
  for (const axis of axes) if (axis !== undefined) mix(axis);
}
