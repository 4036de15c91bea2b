/**
 * @module Checks of untrusted regular expressions: a pattern such as `(a+)+$` takes 2^n steps on n characters, in which the native library ends
 * the process and JavaScript's engine hangs. A pattern is taken only if matching it goes forward: each way of cutting a text is tried once.
 *
 * It refuses the patterns that backtracking engines are known to fail on: repeats of something that matches the same text in two ways, and
 * repeats side by side that share characters, with something behind them that may fail. Source: Weideman et al. 2016, "Analyzing matching
 * time behavior of backtracking regular expression matchers by using ambiguity of NFA" (infinite and exponential ambiguity). Differs from it:
 * decided on the pattern's parts, not on its automaton, so that some harmless patterns are refused too.
 */
import { type Part, parsePattern, type Sets } from "./pattern-syntax.js";

/** An element of a match: a set of characters once, several times, or not at all; or a condition that takes no characters. */
interface Element {
  readonly characters: Uint8Array;
  readonly kind: "one" | "loop" | "optional" | "condition";
  /** Whether at least one character is taken. */
  readonly mandatory: boolean;
  /** Ways of going on where more than one is tried; a loop's are counted apart. */
  readonly ways: number;
}

/** Paths through alternatives, and ways through optional parts, that are followed. */
const MAX_PATHS = 256;
const MAX_WAYS = 4096;
/** Repeats of up to this many are optional parts, others loops. */
const FEW = 4;

/** Why a pattern may take very long. */
class Refusal extends Error {}

const overlap = (a: Uint8Array, b: Uint8Array): boolean => a.some((byte, i) => (byte & (b[i] as number)) !== 0);

function union(sets: readonly Uint8Array[], size: number): Uint8Array {
  const all = new Uint8Array(size);
  for (const set of sets) set.forEach((byte, i) => (all[i] = (all[i] as number) | byte));
  return all;
}

class Analysis {
  readonly #sets: Sets;
  readonly #sharing: number;

  constructor(sets: Sets, sharing: number) {
    this.#sets = sets;
    this.#sharing = sharing;
  }

  /** Tells whether characters that one loop takes may also be taken by a later one, and by all that must lie between. */
  #share(path: readonly Element[], i: number, j: number): boolean {
    const [first, second] = [path[i] as Element, path[j] as Element];
    const between = path.slice(i + 1, j).filter(({ mandatory }) => mandatory);
    return overlap(first.characters, second.characters) && between.every((e) => overlap(e.characters, first.characters));
  }

  /** Every path through a part; whether something behind it may fail is the caller's to know. */
  paths(part: Part): readonly (readonly Element[])[] {
    switch (part.kind) {
      case "set":
        return [[{ characters: this.#sets.of(part.source), kind: "one", mandatory: true, ways: 1 }]];
      case "condition":
        if (part.inner !== undefined) this.expectForward(this.paths(part.inner), true);
        return [[{ characters: this.#sets.none, kind: "condition", mandatory: false, ways: part.inner === undefined ? 1 : 2 }]];
      case "choice":
        return this.#few(part.options.flatMap((option) => this.paths(option)));
      case "sequence":
        return part.parts.reduce<readonly (readonly Element[])[]>(
          (before, each) => {
            const after = this.paths(each);
            return this.#few(before.flatMap((path) => after.map((more) => [...path, ...more])));
          },
          [[]],
        );
      case "atomic":
        return [[this.#atomic(part.inner)]];
      case "repeat":
        return this.#repeat(part);
    }
  }

  #few<T>(paths: readonly T[]): readonly T[] {
    if (paths.length > MAX_PATHS) throw new Refusal("too many alternatives");
    return paths;
  }

  #charactersOf(paths: readonly (readonly Element[])[]): Uint8Array {
    return union(
      paths.flat().map((element) => element.characters),
      this.#sets.none.length,
    );
  }

  /** Once matched, what is inside is not tried again. */
  #atomic(inner: Part): Element {
    const paths = this.paths(inner);
    this.expectForward(paths, false);
    const mandatory = paths.every((path) => path.some((element) => element.mandatory));
    return { characters: this.#charactersOf(paths), kind: mandatory ? "one" : "optional", mandatory, ways: 1 };
  }

  #repeat({ inner, min, max, isPossessive }: Extract<Part, { kind: "repeat" }>): readonly (readonly Element[])[] {
    const paths = this.paths(inner);
    const characters = this.#charactersOf(paths);
    const mandatory = min > 0 && paths.every((path) => path.some((element) => element.mandatory));
    if (isPossessive) {
      if (max > 1) this.#expectOneWay(paths);
      this.expectForward(paths, false);
      return [[{ characters, kind: mandatory ? "one" : "optional", mandatory, ways: 1 }]];
    }
    const isFixed = paths.length === 1 && (paths[0] as readonly Element[]).every(({ kind }) => kind === "one");
    if (max === 1 && min === 1) return paths;
    if (max === 1) {
      if (paths.flat().every(({ kind }) => kind !== "loop"))
        return [
          [{ characters, kind: "optional", mandatory: false, ways: 1 + paths.reduce((sum, path) => sum + waysOf(path), 0) }],
        ];
      return this.#few([...paths, []]);
    }
    if (isFixed && min === max && max <= 64) return [Array.from({ length: max }, () => paths[0] as readonly Element[]).flat()];
    if (isFixed && max <= FEW) return [[{ characters, kind: mandatory ? "one" : "optional", mandatory, ways: max - min + 1 }]];
    this.#expectOneWay(paths);
    return [[{ characters, kind: "loop", mandatory, ways: 1 }]];
  }

  /** A body that is repeated must say by each next character whether it goes on, and how. */
  #expectOneWay(paths: readonly (readonly Element[])[]): void {
    const firsts = paths.map((path) => {
      const at = path.findIndex(({ mandatory }) => mandatory);
      if (at < 0) throw new Refusal("a repeat of what may be empty");
      return union(
        path.slice(0, at + 1).map(({ characters }) => characters),
        this.#sets.none.length,
      );
    });
    firsts.forEach((first, i) => {
      if (firsts.slice(i + 1).some((other) => overlap(first, other)))
        throw new Refusal("a repeat of alternatives that begin with the same characters");
    });
    const begin = union(firsts, this.#sets.none.length);
    for (const path of paths) {
      path.forEach((element, i) => {
        if (element.kind === "one" && element.ways === 1) return;
        if (element.kind === "condition") return;
        const next = path.slice(i + 1).findIndex(({ mandatory }) => mandatory);
        const behind = path.slice(i + 1, next < 0 ? undefined : i + 2 + next).map(({ characters }) => characters);
        if ([...behind, ...(next < 0 ? [begin] : [])].some((set) => overlap(set, element.characters)))
          throw new Refusal("a repeat of a repeat that shares characters with what is next to it");
      });
    }
  }

  /** Refuses a pattern in which more loops than allowed share a part of the text that they give back when something behind them fails. */
  expectForward(paths: readonly (readonly Element[])[], endMayFail: boolean): void {
    for (const path of paths) {
      if (waysOf(path) > MAX_WAYS) throw new Refusal("too many optional parts");
      const mayFail = path.map((_, i) => endMayFail || path.slice(i + 1).some((e) => e.mandatory || e.kind === "condition"));
      const loops = path.flatMap((element, i) => (element.kind === "loop" && mayFail[i] === true ? [i] : []));
      // Of each loop, the longest row of loops up to it that all may give back the same characters.
      const rows = new Map<number, number>();
      for (const j of loops) {
        const before = loops.filter((i) => i < j && this.#share(path, i, j)).map((i) => rows.get(i) as number);
        rows.set(j, 1 + Math.max(0, ...before));
        if ((rows.get(j) as number) > this.#sharing)
          throw new Refusal(`${this.#sharing + 1} repeats that share characters, before something that may fail`);
      }
    }
  }
}

const waysOf = (path: readonly Element[]): number => path.reduce((product, { ways }) => product * ways, 1);

/**
 * Why matching a pattern (in Oniguruma's syntax) may take very long, or undefined if it goes forward. `sharing` repeats may share characters: n of them
 * take L^n steps on L characters, so that more than one is for short names only.
 */
export function slowPatternReason(pattern: string, sharing = 1): string | undefined {
  try {
    const { part, sets } = parsePattern(pattern);
    const analysis = new Analysis(sets, sharing);
    analysis.expectForward(analysis.paths(part), false);
    return undefined;
  } catch (error) {
    if (error instanceof Refusal || error instanceof SyntaxError) return error.message;
    throw error;
  }
}
