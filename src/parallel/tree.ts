/**
 * @module The order in which parts are added up so that the sum has the same bits whoever holds them: a binary tree over the parts'
 * numbers. A range of parts is the sum of its two halves (the first is the shorter where they differ), down to single parts.
 */

/** A sum of the parts `from` … `to` − 1. */
export interface Partial<T> {
  readonly from: number;
  readonly to: number;
  readonly sum: T;
}

/** Tells whether the tree over `count` parts has a node for the parts `from` … `to` − 1. */
export function isNode(count: number, from: number, to: number): boolean {
  let [low, high] = [0, count];
  while (low < from || high > to) {
    const middle = low + Math.floor((high - low) / 2);
    if (to <= middle) high = middle;
    else if (from >= middle) low = middle;
    else return false;
  }
  return low === from && high === to;
}

/** Adds parts in their order, and joins two sums as soon as the tree has a node for both. */
export class TreeSum<T> {
  readonly #count: number;
  /** Adds the second to the first, in place, and lets go of the second. */
  readonly #add: (a: T, b: T) => void;
  readonly #partials: Partial<T>[] = [];

  constructor(count: number, add: (a: T, b: T) => void) {
    this.#count = count;
    this.#add = add;
  }

  /** Takes the next part, or the sum of the next ones. */
  push(next: Partial<T>): void {
    let last = next;
    for (let before = this.#partials.at(-1); before !== undefined; before = this.#partials.at(-1)) {
      if (before.to !== last.from || !isNode(this.#count, before.from, last.to)) break;
      this.#add(before.sum, last.sum);
      last = { from: before.from, to: last.to, sum: before.sum };
      this.#partials.pop();
    }
    this.#partials.push(last);
  }

  /** The sums so far: one, when all parts have come. */
  get partials(): readonly Partial<T>[] {
    return this.#partials;
  }
}

/** The nodes of the tree that the parts `from` … `to` − 1 add up to by themselves. */
export function nodesOf(count: number, from: number, to: number): readonly { readonly from: number; readonly to: number }[] {
  const tree = new TreeSum<undefined>(count, () => undefined);
  for (let i = from; i < to; i++) tree.push({ from: i, to: i + 1, sum: undefined });
  return tree.partials;
}
