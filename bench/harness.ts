/**
 * @module The rules of a fair comparison, apart from processes and files: medians, turns, the check that all contenders compute the same thing, and
 * the ratios.
 */

/** The middle value (the mean of the middle two for an even count); NaN for none. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  if (sorted.length === 0) return NaN;
  return sorted.length % 2 === 1 ? (sorted[middle] as number) : ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2;
}

/** A B C A B C …: everybody has a turn in each round, so that load on the machine that comes and goes meets all alike. */
export function* turns<T>(contenders: readonly T[], rounds: number): Generator<{ round: number; contender: T }> {
  for (let round = 0; round < rounds; round++) for (const contender of contenders) yield { round, contender };
}

/** Counts the steps that fill a turn of `sliceMs`: at least 1, at most 500. */
export function stepsPerTurn(msPerStep: number, sliceMs: number): number {
  return Math.max(1, Math.min(500, Math.round(sliceMs / Math.max(msPerStep, 1e-3))));
}

/**
 * Finds the contenders that do not compute what the others do. One agrees with another if at every step their losses differ by at most `tolerance`; who does
 * not agree with more than half of all (itself included) is named, with a reason. So of two that differ, both are; a single one never is, unless
 * its loss is not a number.
 */
export function disagreements(losses: ReadonlyMap<string, readonly number[]>, tolerance: number): Map<string, string> {
  const apart = (a: readonly number[], b: readonly number[]): number => {
    if (a.length !== b.length) return Infinity;
    return Math.max(
      0,
      ...a.map((value, i) => (Number.isFinite(value) && Number.isFinite(b[i]) ? Math.abs(value - (b[i] as number)) : Infinity)),
    );
  };
  const found = new Map<string, string>();
  for (const [name, own] of losses) {
    const others = [...losses].map(([other, theirs]) => ({ other, difference: apart(own, theirs) }));
    const agreeing = others.filter(({ difference }) => difference <= tolerance).length;
    if (agreeing * 2 > losses.size) continue;
    const worst = Math.max(...others.map(({ difference }) => difference));
    found.set(
      name,
      `its losses differ from the others' by up to ${worst.toPrecision(3)} (tolerance ${tolerance}): ${own.map((l) => l.toFixed(4)).join(" ")}`,
    );
  }
  return found;
}

/** One contender's times in one case. */
export interface Timing {
  readonly name: string;
  readonly variant?: string;
  readonly msPerStep: readonly number[];
}

/** Descent against one peer; `ratio` = peerMs / descentMs, so over 1 Descent is the faster. Null where Descent was not timed. */
export interface Comparison {
  readonly case: string;
  readonly descentMs: number | null;
  readonly peer: string;
  readonly peerMs: number;
  readonly ratio: number | null;
}

/** Medians as ratios: each peer by the fastest of its variants, Descent likewise. */
export function compare(caseName: string, timings: readonly Timing[]): Comparison[] {
  const best = new Map<string, number>();
  for (const { name, msPerStep } of timings) best.set(name, Math.min(best.get(name) ?? Infinity, median(msPerStep)));
  const descentMs = best.get("descent") ?? null;
  best.delete("descent");
  return [...best].map(([peer, peerMs]) => ({
    case: caseName,
    descentMs,
    peer,
    peerMs,
    ratio: descentMs === null ? null : peerMs / descentMs,
  }));
}
