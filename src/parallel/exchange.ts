/**
 * @module Sums over passes and ranks before an update: gradients, and the running statistics of normalizations. All of it lies
 * in one memory, so that it travels in few large messages.
 */
import type { ProcessGroup } from "./group.js";
import { broadcastJson } from "./group.js";
import type { Overlap } from "./overlap.js";
import { OverlapChoice } from "./overlap.js";
import { nodesOf, TreeSum } from "./tree.js";

/** Elements between two entries: the engine's kernels like memory that begins at a cache line. */
const ALIGNMENT = 16;
/** Elements that travel at once between ranks in a sum of fixed order. */
const BUCKET = 2 ** 18;

/** The division of an update: the number of passes of each rank, and whether their sum has a fixed order. */
export interface ExchangePlan {
  readonly passes: number;
  /** Sums have the same bits for any number of ranks that the passes of all of them divide. */
  readonly exact: boolean;
  /** Whether sums without a fixed order go on during the backward pass; left out, where that is measured to gain. */
  readonly overlap?: Overlap | undefined;
}

/** The memory of named arrays, one after another. */
export class FlatMemory {
  readonly all: Float32Array;
  readonly #places = new Map<string, readonly [start: number, length: number]>();

  constructor(lengths: ReadonlyMap<string, number>) {
    let end = 0;
    for (const [name, length] of lengths) {
      this.#places.set(name, [end, length]);
      end += Math.ceil(length / ALIGNMENT) * ALIGNMENT;
    }
    this.all = new Float32Array(Math.max(1, end));
  }

  get names(): IterableIterator<string> {
    return this.#places.keys();
  }

  of(name: string): Float32Array {
    const [start, length] = this.#places.get(name) as readonly [number, number];
    return this.all.subarray(start, start + length);
  }

  /** Where arrays lie in the memory: neighbours in one piece. */
  rangesOf(names: readonly string[]): (readonly [start: number, end: number])[] {
    const ranges: [number, number][] = [];
    for (const [start, length] of names
      .map((name) => this.#places.get(name) as readonly [number, number])
      .sort((a, b) => a[0] - b[0])) {
      const end = start + Math.ceil(length / ALIGNMENT) * ALIGNMENT;
      const last = ranges.at(-1);
      if (last?.[1] === start) last[1] = end;
      else ranges.push([start, end]);
    }
    return ranges;
  }
}

function addTo(a: Float32Array, b: Float32Array): void {
  for (let i = 0; i < a.length; i++) a[i] = (a[i] as number) + (b[i] as number);
}

/** Sums over the passes of an update, and over ranks. */
export class Exchange {
  readonly passes: number;
  readonly group: ProcessGroup;
  /** Passes of all ranks together. */
  readonly allPasses: number;
  /** Written by each pass. */
  readonly part: FlatMemory;
  /** Holds the sum after `finish`. */
  readonly total: FlatMemory;
  /** Whether this process wants all of them to stop after the update under way. */
  wantsToStop = false;
  /** Whether one of the processes wanted so at the last update. */
  stops = false;
  /** Whether sums have a fixed order. */
  readonly exact: boolean;
  readonly overlap: OverlapChoice;
  readonly #free: Float32Array[] = [];
  /** Whether sums of this update are under way. */
  #hasBegun = false;
  #tree: TreeSum<Float32Array>;
  #done = 0;

  constructor(group: ProcessGroup, plan: ExchangePlan, lengths: ReadonlyMap<string, number>) {
    this.group = group;
    this.passes = plan.passes;
    this.allPasses = plan.passes * group.size;
    this.exact = plan.exact;
    // A cut graph may have other last bits.
    this.overlap = new OverlapChoice(group, plan.exact ? "off" : (plan.overlap ?? "auto"));
    this.part = new FlatMemory(lengths);
    // One pass and a sum of any order need no second memory.
    this.total = plan.passes === 1 && !plan.exact ? this.part : new FlatMemory(lengths);
    this.#tree = this.#newTree();
  }

  #newTree(): TreeSum<Float32Array> {
    return new TreeSum(this.allPasses, (a, b) => {
      addTo(a, b);
      if (b !== this.part.all) this.#free.push(b);
    });
  }

  /** Shares among all what the first rank makes. */
  agree<T>(make: () => T): Promise<T> {
    return broadcastJson(this.group, () => Promise.resolve(make()));
  }

  /** Whether the pass to come is the last one of an update, and its sums go on while it computes. */
  get overlaps(): boolean {
    return this.overlap.isOn && this.#done === this.passes - 1;
  }

  /** Takes some arrays of what the last pass leaves in `part`, and begins to sum them over all ranks, into `total`. */
  begin(names: readonly string[]): void {
    this.#hasBegun = true;
    for (const [start, end] of this.part.rangesOf(names)) {
      const sums = this.total.all.subarray(start, end);
      if (this.total !== this.part) addTo(sums, this.part.all.subarray(start, end));
      this.group.begin(sums);
    }
  }

  /** Takes what the pass left in `part`. */
  add(): void {
    const pass = this.#done++;
    const { all } = this.part;
    if (this.#hasBegun) return;
    if (!this.exact) {
      if (this.total === this.part) return;
      if (pass === 0) this.total.all.set(all);
      else addTo(this.total.all, all);
      return;
    }
    const number = this.group.rank * this.passes + pass;
    const tree = this.#tree;
    tree.push({ from: number, to: number + 1, sum: all });
    const last = tree.partials.at(-1);
    if (last?.sum !== all) return;
    // It waits for its neighbour, while the next pass writes here.
    const kept = this.#free.pop() ?? new Float32Array(all.length);
    kept.set(all);
    (last as { sum: Float32Array }).sum = kept;
  }

  /** Sums over all ranks, into `total`. */
  async finish(): Promise<void> {
    this.#done = 0;
    if (this.#hasBegun) {
      this.#hasBegun = false;
      return this.group.settle();
    }
    if (!this.exact) return this.group.sum(this.total.all);
    const { partials } = this.#tree;
    await this.#sumInOrder(partials.map(({ sum }) => sum));
    for (const { sum } of partials) this.#free.push(sum);
    this.#tree = this.#newTree();
  }

  /** Each rank sums one share of every bucket in the tree's order, then all collect the shares. */
  async #sumInOrder(own: readonly Float32Array[]): Promise<void> {
    const { group, passes, allPasses, total } = this;
    if (group.size === 1) {
      total.all.set(own[0] as Float32Array);
      return;
    }
    const nodes = Array.from({ length: group.size }, (_, r) => nodesOf(allPasses, r * passes, (r + 1) * passes));
    const most = Math.max(...nodes.map((of) => of.length));
    const share = Math.ceil(Math.min(BUCKET, total.all.length) / group.size);
    const block = most * share;
    const [send, receive] = [new Float32Array(block * group.size), new Float32Array(block * group.size)];
    const collected = new Float32Array(share * group.size);
    await group.meet();
    for (let start = 0; start < total.all.length; start += share * group.size) {
      for (let r = 0; r < group.size; r++)
        own.forEach((sum, i) => send.set(sum.subarray(start + r * share, start + (r + 1) * share), r * block + i * share));
      group.exchange(send, receive);
      const tree = new TreeSum<Float32Array>(allPasses, addTo);
      nodes.forEach((of, r) =>
        of.forEach(({ from, to }, i) => {
          const at = r * block + i * share;
          tree.push({ from, to, sum: receive.subarray(at, at + share) });
        }),
      );
      group.collect((tree.partials[0] as { sum: Float32Array }).sum, collected);
      total.all.set(collected.subarray(0, total.all.length - start), start);
    }
  }

  /**
   * Means of each pass's numbers over all passes of all ranks, added up in the passes' order; after `finish`, which has brought the ranks
   * together. Tells besides whether one of them wants to stop.
   */
  meansOf(rows: readonly Float64Array[]): Float64Array {
    const width = (rows[0]?.length ?? 0) + 1;
    const own = new Float64Array(rows.length * width);
    rows.forEach((row, i) => own.set([...row, this.wantsToStop ? 1 : 0], i * width));
    const all = new Float64Array(own.length * this.group.size);
    this.group.collect(own, all);
    const means = new Float64Array(width);
    all.forEach((value, i) => (means[i % width] = (means[i % width] as number) + value));
    this.stops = (means[width - 1] as number) > 0;
    return means.subarray(0, -1).map((sum) => sum / this.allPasses);
  }
}
