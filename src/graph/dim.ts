/**
 * @module Dimensions: a number, or a polynomial in named symbols (`N`, `T + P`, `2·T`, `N·T`) and in whole parts of quotients (`⌊(H + 1)/2⌋`).
 * Training binds every symbol to a number; export, serving and generation leave them free.
 */
import { ShapeError } from "../util/errors.js";

/** The whole part of a quotient: ⌊dividend / divisor⌋, of a dividend that the divisor does not divide. */
export class Quotient {
  readonly dividend: SymbolicDim;
  readonly divisor: number;
  readonly key: string;

  constructor(dividend: SymbolicDim, divisor: number) {
    this.dividend = dividend;
    this.divisor = divisor;
    const isShort = dividend.terms.size === 1 && dividend.constant === 0 && !dividend.key.includes("·");
    this.key = `⌊${isShort ? dividend.key : `(${dividend.key})`}/${divisor}⌋`;
  }
}

/** A factor of a term: a symbol by its name, or a quotient's whole part. */
export type Factor = string | Quotient;

const keyOf = (factor: Factor): string => (typeof factor === "string" ? factor : factor.key);

interface Term {
  readonly factors: readonly Factor[];
  readonly coefficient: number;
}

const termKey = (factors: readonly Factor[]): string => factors.map(keyOf).join("·");

/** A dimension that is not a number yet: Σ coefficient · factors + constant. Immutable; equal expressions have equal `key`s. */
export class SymbolicDim {
  /** By what they multiply (`N`, `N·T`). */
  readonly terms: ReadonlyMap<string, Term>;
  readonly constant: number;
  readonly key: string;

  constructor(terms: Iterable<Term>, constant: number) {
    const sorted = [...terms].map((term): [string, Term] => [termKey(term.factors), term]).sort(([a], [b]) => (a < b ? -1 : 1));
    this.terms = new Map(sorted);
    this.constant = constant;
    const parts = sorted.map(([name, { coefficient }]) => (coefficient === 1 ? name : `${coefficient}·${name}`));
    if (constant !== 0) parts.push(String(constant));
    this.key = parts.join(" + ");
  }

  toString(): string {
    return this.key;
  }
}

/** A dimension: its size, or a symbol for one that is known when the graph runs. */
export type Dim = number | SymbolicDim;

/** A free dimension by its name: `symbol("N")`. */
export const symbol = (name: string): SymbolicDim => new SymbolicDim([{ factors: [name], coefficient: 1 }], 0);

/** The name of a dimension that is one symbol and nothing else. */
export function symbolName(dim: Dim): string | undefined {
  if (typeof dim === "number" || dim.terms.size !== 1 || dim.constant !== 0) return undefined;
  const [term] = dim.terms.values();
  const [factor] = term?.factors ?? [];
  return term?.coefficient === 1 && term.factors.length === 1 && typeof factor === "string" ? factor : undefined;
}

/** The names of all symbols in a dimension. */
export function symbolsOf(dim: Dim, into: Set<string> = new Set()): Set<string> {
  if (typeof dim === "number") return into;
  for (const { factors } of dim.terms.values()) {
    for (const factor of factors) {
      if (typeof factor === "string") into.add(factor);
      else symbolsOf(factor.dividend, into);
    }
  }
  return into;
}

const fromTerms = (terms: ReadonlyMap<string, Term>, constant: number): Dim =>
  terms.size === 0 ? constant : new SymbolicDim(terms.values(), constant);

function addTerm(terms: Map<string, Term>, factors: readonly Factor[], coefficient: number): void {
  const key = termKey(factors);
  const sum = (terms.get(key)?.coefficient ?? 0) + coefficient;
  if (sum === 0) terms.delete(key);
  else terms.set(key, { factors, coefficient: sum });
}

const termsOf = (dim: Dim): Iterable<Term> => (typeof dim === "number" ? [] : dim.terms.values());
const constantOf = (dim: Dim): number => (typeof dim === "number" ? dim : dim.constant);

function linear(a: Dim, b: Dim, scaleB: number): Dim {
  if (typeof a === "number" && typeof b === "number") return a + scaleB * b;
  const terms = new Map<string, Term>();
  for (const { factors, coefficient } of termsOf(a)) addTerm(terms, factors, coefficient);
  for (const { factors, coefficient } of termsOf(b)) addTerm(terms, factors, scaleB * coefficient);
  return fromTerms(terms, constantOf(a) + scaleB * constantOf(b));
}

/** Sum of two dimensions; symbolic where one of them is. */
export const dimAdd = (a: Dim, b: Dim): Dim => linear(a, b, 1);
/** Difference of two dimensions; symbolic where one of them is. */
export const dimSub = (a: Dim, b: Dim): Dim => linear(a, b, -1);

/** Product of two dimensions; symbolic where one of them is. */
export function dimMul(a: Dim, b: Dim): Dim {
  if (typeof a === "number" && typeof b === "number") return a * b;
  const terms = new Map<string, Term>();
  const [constantA, constantB] = [constantOf(a), constantOf(b)];
  for (const x of termsOf(a)) {
    if (constantB !== 0) addTerm(terms, x.factors, x.coefficient * constantB);
    for (const y of termsOf(b)) {
      const factors = [...x.factors, ...y.factors].sort((p, q) => (keyOf(p) < keyOf(q) ? -1 : 1));
      addTerm(terms, factors, x.coefficient * y.coefficient);
    }
  }
  if (constantA !== 0) for (const y of termsOf(b)) addTerm(terms, y.factors, y.coefficient * constantA);
  return fromTerms(terms, constantA * constantB);
}

/** The quotient where it divides without rest, otherwise undefined. */
export function dimDiv(a: Dim, b: Dim): Dim | undefined {
  if (typeof b === "number") {
    if (b === 0) return undefined;
    if (typeof a === "number") return a % b === 0 ? a / b : undefined;
    if (a.constant % b !== 0 || [...a.terms.values()].some((term) => term.coefficient % b !== 0)) return undefined;
    const terms = [...a.terms.values()].map((term) => ({ ...term, coefficient: term.coefficient / b }));
    return new SymbolicDim(terms, a.constant / b);
  }
  if (dimEquals(a, b)) return 1;
  return a === 0 ? 0 : divideByPolynomial(a, b);
}

/** Long division by the first term of the divisor, which ends without rest or is given up. */
function divideByPolynomial(a: Dim, b: SymbolicDim): Dim | undefined {
  const [lead] = b.terms.values();
  let [rest, quotient]: [Dim, Dim] = [a, 0];
  if (lead === undefined) return undefined;
  while (typeof rest !== "number") {
    const part: Dim | undefined = firstQuotient(rest, lead);
    if (part === undefined) return undefined;
    quotient = dimAdd(quotient, part);
    const next: Dim = dimSub(rest, dimMul(part, b));
    if (typeof next !== "number" && next.terms.size > rest.terms.size) return undefined;
    rest = next;
  }
  return rest === 0 ? quotient : undefined;
}

/** The first term of `a` that the term `by` divides, divided by it. */
function firstQuotient(a: SymbolicDim, by: Term): Dim | undefined {
  for (const { factors, coefficient } of a.terms.values()) {
    if (coefficient % by.coefficient !== 0) continue;
    const left = factors.map(keyOf);
    const kept: Factor[] = [...factors];
    const isPart = by.factors.every((factor) => {
      const at = left.indexOf(keyOf(factor));
      if (at < 0) return false;
      left.splice(at, 1);
      kept.splice(at, 1);
      return true;
    });
    if (!isPart) continue;
    const share = coefficient / by.coefficient;
    return kept.length === 0 ? share : new SymbolicDim([{ factors: kept, coefficient: share }], 0);
  }
  return undefined;
}

/** ⌊a / b⌋ for b > 0: what b divides leaves the quotient, and quotients of quotients become one. */
export function dimFloorDiv(a: Dim, b: number): Dim {
  if (typeof a === "number") return Math.floor(a / b);
  const [whole, rest]: [Map<string, Term>, Map<string, Term>] = [new Map(), new Map()];
  for (const { factors, coefficient } of a.terms.values()) {
    const share = Math.floor(coefficient / b);
    if (share !== 0) addTerm(whole, factors, share);
    if (coefficient !== share * b) addTerm(rest, factors, coefficient - share * b);
  }
  const constant = Math.floor(a.constant / b);
  const left = fromTerms(rest, a.constant - constant * b);
  return dimAdd(fromTerms(whole, constant), typeof left === "number" ? 0 : quotientOf(left, b));
}

function quotientOf(a: SymbolicDim, b: number): Dim {
  const [term] = a.terms.values();
  const [inner] = term?.factors ?? [];
  if (a.terms.size === 1 && term?.coefficient === 1 && term.factors.length === 1 && inner instanceof Quotient) {
    // ⌊(⌊x/p⌋ + c)/b⌋ = ⌊(x + p·c)/(p·b)⌋
    return dimFloorDiv(dimAdd(inner.dividend, inner.divisor * a.constant), inner.divisor * b);
  }
  return new SymbolicDim([{ factors: [new Quotient(a, b)], coefficient: 1 }], 0);
}

/** ⌈a / b⌉ for b > 0. */
export const dimCeilDiv = (a: Dim, b: number): Dim => dimFloorDiv(dimAdd(a, b - 1), b);

/** True if two dimensions are the same number or the same expression of symbols. */
export const dimEquals = (a: Dim, b: Dim): boolean =>
  typeof a === "number" || typeof b === "number" ? a === b : a.key === b.key;

/** The least that a dimension can be, where symbols are at least 0; undefined where something is subtracted. */
export function minimumOf(dim: Dim): number | undefined {
  if (typeof dim === "number") return dim;
  return [...dim.terms.values()].every((term) => term.coefficient > 0) ? dim.constant : undefined;
}

/** Replaces symbols by numbers, or by other dimensions; unbound ones stay. */
export function bindDim(dim: Dim, bindings: ReadonlyMap<string, Dim>): Dim {
  if (typeof dim === "number") return dim;
  let result: Dim = dim.constant;
  for (const { factors, coefficient } of dim.terms.values()) {
    result = dimAdd(
      result,
      factors.reduce<Dim>((product, factor) => dimMul(product, bindFactor(factor, bindings)), coefficient),
    );
  }
  return result;
}

const bindFactor = (factor: Factor, bindings: ReadonlyMap<string, Dim>): Dim =>
  typeof factor === "string"
    ? (bindings.get(factor) ?? symbol(factor))
    : dimFloorDiv(bindDim(factor.dividend, bindings), factor.divisor);

/**
 * Learns a symbol from the length that a dimension has in the end: `2·N` and 6 give N = 3.
 * Returns false where the length contradicts what is bound already, or is one that the dimension cannot have.
 */
export function bindFromLength(dim: Dim, length: number, bindings: Map<string, number>): boolean {
  const now = bindDim(dim, bindings);
  if (typeof now === "number") return now === length;
  const [term] = now.terms.values();
  const [name] = term?.factors ?? [];
  // Several symbols in one: another input's axes have to tell.
  if (now.terms.size !== 1 || term?.factors.length !== 1 || typeof name !== "string") return true;
  const value = (length - now.constant) / term.coefficient;
  if (!Number.isInteger(value) || value < 0) return false;
  bindings.set(name, value);
  return true;
}

/** A dimension is free where a number is needed: once it is bound, the same goes through. */
export class FreeDimensionError extends ShapeError {}
