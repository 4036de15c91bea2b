/**
 * @module Threads that share the work on trees: columns of a leaf's histogram, or whole trees of a forest. All see the same memory.
 */
import type { Worker } from "node:worker_threads";
import type { ForestData } from "./random-forest.js";
import type { Expansion, LeafExpander, OpenLeaf, SplitJob, SplitPair, TreeArrays } from "./split-work.js";
import { expandLeaf, partition, splitsOf } from "./split-work.js";
import { LEAST_GAIN, noSplit } from "./split.js";
import type { LeafSums, Split } from "./split.js";
import type { TreeEnsemble } from "./tree-ensemble.js";
import type { TreeThreads } from "./tree-threads.js";
import { newThread } from "../util/thread-node.js";

/**
 * Places in a thread's control block: the numbers of the last job that was asked for, that somebody claimed, and that is done (1 once the thread is up); the kind
 * of the job. The first thread claims a job back that was not begun when it needs it: on a busy machine the other may not run for long.
 */
export const CONTROL = { asked: 0, claimed: 1, done: 2, kind: 3, length: 16 } as const;
/** Kinds of jobs: the best splits over columns that nobody has taken yet, a whole leaf, the end. */
export const KIND = { columns: 0, leaf: 1, end: 2 } as const;
/** Numbers of a split as threads hand it over: gain, column, bin, missingLeft, gradient, hessian, rows, and a set's length and members. */
const SPLIT_NUMBERS = 8 + 256;
/** Numbers of a job: begin, end, slot, sums; then the sibling's slot and sums, −1 where there is none, or a split and a new slot. */
const JOB_NUMBERS = 7 + SPLIT_NUMBERS;
/** Number of times that a thread looks for work, or for its end, before it sleeps, some tenth of a millisecond: waking takes longer than most jobs. */
const SPINS = 100_000;
/** Fewer rows times columns than this are faster in one thread. */
const WORTH_SHARING = 400_000;

/** Memory that a thread of boosting shares with the first one. */
export interface LeafThread {
  readonly kind: "leaves";
  readonly arrays: TreeArrays;
  /** The thread's own of the arrays. */
  readonly scratch: Uint32Array;
  readonly control: Int32Array;
  readonly job: Float64Array;
  /** The middle and the slot of a leaf that was expanded; two splits. */
  readonly result: Float64Array;
  /** [1], how many shares of a job's columns are taken; of all threads. */
  readonly taken: Int32Array;
  /** Shares of the columns. */
  readonly shares: number;
}

/** The work of one thread of a forest: every so many-th tree. */
export interface ForestThread {
  readonly kind: "forest";
  readonly forest: ForestData;
  readonly first: number;
  readonly step: number;
}

/** The better of two splits; of equal ones that of the lower column, as in one thread. */
function better(a: Split, b: Split): Split {
  const [first, second] = a.column <= b.column ? [a, b] : [b, a];
  return first.column < 0 || second.gain > first.gain + LEAST_GAIN ? second : first;
}

/** The best splits over the shares of columns that this thread gets hold of. */
export function takeShares({ arrays, taken, shares }: Pick<LeafThread, "arrays" | "taken" | "shares">, job: SplitJob): SplitPair {
  const { length } = arrays.data.columns;
  let [own, sibling]: [Split, Split] = [noSplit(), noSplit()];
  for (;;) {
    const share = Atomics.add(taken, 0, 1);
    if (share >= shares) return [own, job.sibling && sibling];
    const [from, to] = [Math.floor((share * length) / shares), Math.floor(((share + 1) * length) / shares)];
    const found = splitsOf(arrays, job, from, to);
    own = better(own, found[0]);
    sibling = better(sibling, found[1] ?? noSplit());
  }
}

/** Claims a job, by its number, that nobody has begun. */
export const claim = (control: Int32Array, job: number): boolean =>
  Atomics.compareExchange(control, CONTROL.claimed, job - 1, job) === job - 1;

/** Waits until the value at a place is another than `value`. */
export function awaitChange(control: Int32Array, place: number, value: number): void {
  for (let i = 0; i < SPINS; i++) if (Atomics.load(control, place) !== value) return;
  Atomics.wait(control, place, value);
}

function writeSplit(into: Float64Array, split: Split | undefined): void {
  const { gain, column, bin, missingLeft, set, leftGradient, leftHessian, leftRows } = split ?? noSplit();
  into.set([gain, column, bin, missingLeft ? 1 : 0, leftGradient, leftHessian, leftRows, set?.length ?? -1, ...(set ?? [])]);
}

function readSplit(from: Float64Array): Split {
  const [gain = 0, column = -1, bin = -1, missing = 0, leftGradient = 0, leftHessian = 0, leftRows = 0, count = -1] = from;
  const set = count < 0 ? undefined : [...from.subarray(8, 8 + count)];
  return { gain, column, bin, missingLeft: missing === 1, set, leftGradient, leftHessian, leftRows };
}

export function writeSplits(into: Float64Array, [own, sibling]: SplitPair): void {
  writeSplit(into, own);
  writeSplit(into.subarray(SPLIT_NUMBERS), sibling);
}

const readSplits = (from: Float64Array): [Split, Split] => [readSplit(from), readSplit(from.subarray(SPLIT_NUMBERS))];

function writeJob(into: Float64Array, { begin, end, slot, sums, sibling }: SplitJob): void {
  const own = [begin, end, slot, sums.gradient, sums.hessian, sums.rows];
  into.set([...own, sibling?.slot ?? -1, sibling?.sums.gradient ?? 0, sibling?.sums.hessian ?? 0, sibling?.sums.rows ?? 0]);
}

export function readJob(from: Float64Array): SplitJob {
  const [begin = 0, end = 0, slot = 0, gradient = 0, hessian = 0, rows = 0, other = -1, g = 0, h = 0, n = 0] = from;
  const sibling = other < 0 ? undefined : { slot: other, sums: { gradient: g, hessian: h, rows: n } };
  return { begin, end, slot, sums: { gradient, hessian, rows }, sibling };
}

function writeLeaf(into: Float64Array, { begin, end, slot, sums, split }: OpenLeaf, newSlot: number): void {
  into.set([begin, end, slot, sums.gradient, sums.hessian, sums.rows, newSlot]);
  writeSplit(into.subarray(7), split);
}

/** A leaf, and the slot for its smaller side. */
export function readLeaf(from: Float64Array): readonly [OpenLeaf, number] {
  const [begin = 0, end = 0, slot = 0, gradient = 0, hessian = 0, rows = 0, newSlot = 0] = from;
  return [{ begin, end, slot, sums: { gradient, hessian, rows }, split: readSplit(from.subarray(7)) }, newSlot];
}

export function writeExpansion(into: Float64Array, { middle, slot, left, right }: Expansion): void {
  into.set([middle, slot]);
  writeSplits(into.subarray(2), [left, right]);
}

function readExpansion(from: Float64Array): Expansion {
  const [middle = 0, slot = 0] = from;
  const [left, right] = readSplits(from.subarray(2));
  return { middle, slot, left, right };
}

const startThread = (workerData: LeafThread | ForestThread): Worker => {
  const worker = newThread(new URL("./tree-thread-node.js", import.meta.url), workerData);
  // It must not keep a finished program alive.
  worker.unref();
  return worker;
};

/** Another thread, as the first one sees it. */
class Helper {
  readonly #shared: LeafThread;
  #asked = 1;
  /** An expansion that it was asked for, and that nobody has taken yet. */
  #hasLeaf = false;

  constructor(work: Pick<LeafThread, "arrays" | "scratch" | "taken" | "shares">) {
    const control = new Int32Array(new SharedArrayBuffer(4 * CONTROL.length));
    const job = new Float64Array(new SharedArrayBuffer(8 * JOB_NUMBERS));
    const result = new Float64Array(new SharedArrayBuffer(8 * (2 + 2 * SPLIT_NUMBERS)));
    [control[CONTROL.asked], control[CONTROL.claimed]] = [1, 1];
    this.#shared = { kind: "leaves", control, job, result, ...work };
    startThread(this.#shared);
  }

  /** Tells whether it is up, and has done what it was asked for. */
  get isDone(): boolean {
    return Atomics.load(this.#shared.control, CONTROL.done) === this.#asked;
  }

  /** Tells whether it may be asked: what it has done last was taken. */
  get isFree(): boolean {
    return !this.#hasLeaf && this.isDone;
  }

  #ask(kind: number): void {
    const { control } = this.#shared;
    control[CONTROL.kind] = kind;
    Atomics.store(control, CONTROL.asked, ++this.#asked);
    Atomics.notify(control, CONTROL.asked);
  }

  askColumns(job: SplitJob): void {
    writeJob(this.#shared.job, job);
    this.#ask(KIND.columns);
  }

  askLeaf(leaf: OpenLeaf, slot: number): void {
    writeLeaf(this.#shared.job, leaf, slot);
    this.#hasLeaf = true;
    this.#ask(KIND.leaf);
  }

  /** Takes its job back if it has not begun it; waits for it otherwise. Returns whether it has done it. */
  #finish(): boolean {
    const { control } = this.#shared;
    const isBack = claim(control, this.#asked);
    if (isBack) Atomics.store(control, CONTROL.done, this.#asked);
    while (!this.isDone) awaitChange(control, CONTROL.done, this.#asked - 1);
    this.#hasLeaf = false;
    return !isBack;
  }

  /** Its splits; undefined where it has not begun. */
  splits(): SplitPair | undefined {
    return this.#finish() ? readSplits(this.#shared.result) : undefined;
  }

  /** Its leaf; one that it has not begun is expanded here. */
  expansion(scratch: Uint32Array): Expansion {
    const { arrays, job, result } = this.#shared;
    return this.#finish() ? readExpansion(result) : expandLeaf(arrays, ...readLeaf(job), scratch);
  }

  /** Waits for its leaf if it has begun it, and forgets it. */
  giveUp(): void {
    this.#finish();
  }

  /** A thread ends by itself: one that waits at an atomic is deaf to other messages. */
  end(): void {
    this.#ask(KIND.end);
  }
}

/**
 * Leaves expanded by several threads. While one leaf is worked on, others expand those that gain most after it, which a tree nearly always splits as well; where there
 * is one leaf alone, its columns are shared out. A tree comes out to the bit as in one thread. Owned: dispose it.
 */
class SharedLeaves implements LeafExpander {
  readonly #arrays: TreeArrays;
  readonly #taken = new Int32Array(new SharedArrayBuffer(4));
  readonly #shares: number;
  readonly #helpers: readonly Helper[];
  readonly #scratch: Uint32Array;
  /** Leaves that were expanded before they were asked for, and those that a thread expands now. */
  readonly #ahead = new Map<OpenLeaf, Expansion | Helper>();
  readonly #leaves: number;
  readonly #slots: number;
  #nextSlot = 1;
  #expanded = 0;

  constructor(arrays: TreeArrays, leaves: number) {
    const { data, histograms } = arrays;
    this.#arrays = arrays;
    this.#shares = Math.min(2 * arrays.scratch.length, data.columns.length);
    const work = { arrays, taken: this.#taken, shares: this.#shares };
    const [own, ...others] = arrays.scratch;
    this.#scratch = own as Uint32Array;
    this.#helpers = others.map((scratch) => new Helper({ ...work, scratch }));
    this.#leaves = leaves;
    this.#slots = histograms.length / (2 * (data.offsets.at(-1) as number));
  }

  root(sums: LeafSums): Split {
    [this.#nextSlot, this.#expanded] = [1, 0];
    return this.#columns({ begin: 0, end: this.#arrays.order.length, slot: 0, sums, sibling: undefined })[0];
  }

  expand(leaf: OpenLeaf, next: () => readonly OpenLeaf[]): Expansion {
    this.#expanded++;
    if (!this.#ahead.has(leaf)) {
      const isShared = this.#handOut(next());
      return isShared ? this.#expandHere(leaf) : this.#expandHere(leaf, (job) => this.#columns(job));
    }
    for (;;) {
      const begun = this.#ahead.get(leaf);
      if (begun !== undefined && !(begun instanceof Helper)) return begun;
      this.#handOut(next());
      const other = begun?.isDone === true ? undefined : next().find((l) => this.#mayBegin(l));
      if (other === undefined) this.#collect(leaf);
      else this.#ahead.set(other, this.#expandHere(other));
    }
  }

  part(leaf: OpenLeaf): number {
    const begun = this.#ahead.get(leaf);
    if (begun === undefined) return partition(this.#arrays, leaf, this.#scratch);
    return (begun instanceof Helper ? begun.expansion(this.#scratch) : begun).middle;
  }

  settle(): void {
    for (const begun of this.#ahead.values()) if (begun instanceof Helper) begun.giveUp();
    this.#ahead.clear();
  }

  #expandHere(leaf: OpenLeaf, find?: (job: SplitJob) => SplitPair): Expansion {
    return expandLeaf(this.#arrays, leaf, this.#nextSlot++, this.#scratch, find);
  }

  /** Gets a leaf that a thread expands, or has not begun to. */
  #collect(leaf: OpenLeaf): void {
    const begun = this.#ahead.get(leaf);
    if (begun instanceof Helper) this.#ahead.set(leaf, begun.expansion(this.#scratch));
  }

  /** A leaf may be begun while all that the tree may still have to expand find a slot. */
  #mayBegin(leaf: OpenLeaf): boolean {
    return !this.#ahead.has(leaf) && this.#nextSlot + this.#leaves - this.#expanded <= this.#slots;
  }

  /** Gives idle threads a leaf each; tells whether any thread has one. */
  #handOut(next: readonly OpenLeaf[]): boolean {
    for (const [leaf, begun] of this.#ahead) if (begun instanceof Helper && begun.isDone) this.#collect(leaf);
    const open = next.filter((leaf) => this.#mayBegin(leaf)).values();
    for (const helper of this.#helpers) {
      if (!helper.isFree) continue;
      const { value: leaf } = open.next();
      if (leaf === undefined || !this.#mayBegin(leaf)) break;
      helper.askLeaf(leaf, this.#nextSlot++);
      this.#ahead.set(leaf, helper);
    }
    return this.#helpers.some((helper) => !helper.isFree);
  }

  /** A job shared out by columns, where all threads are free and it is large enough. */
  #columns(job: SplitJob): SplitPair {
    const { length } = this.#arrays.data.columns;
    const isSmall = (job.end - job.begin) * length < WORTH_SHARING / 100;
    if (isSmall || !this.#helpers.every((helper) => helper.isFree)) return splitsOf(this.#arrays, job, 0, length);
    Atomics.store(this.#taken, 0, 0);
    for (const helper of this.#helpers) helper.askColumns(job);
    let [own, sibling] = takeShares({ arrays: this.#arrays, taken: this.#taken, shares: this.#shares }, job);
    for (const helper of this.#helpers) {
      const found = helper.splits();
      if (found === undefined) continue;
      own = better(own, found[0]);
      sibling = sibling && better(sibling, found[1] ?? noSplit());
    }
    return [own, sibling];
  }

  [Symbol.dispose](): void {
    this.settle();
    for (const helper of this.#helpers) helper.end();
  }
}

/** Trees of a forest, in the order of their numbers. */
function growForest(
  forest: ForestData,
  threads: number,
  onTree: (done: number) => void,
  signal?: AbortSignal,
): Promise<TreeEnsemble[]> {
  const trees: TreeEnsemble[] = [];
  let done = 0;
  return new Promise((resolve, reject) => {
    const workers = Array.from({ length: threads }, (_, first) => startThread({ kind: "forest", forest, first, step: threads }));
    const end = (): void => workers.forEach((worker) => void worker.terminate());
    const fail = (error: unknown): void => {
      end();
      reject(error instanceof Error ? error : new Error(String(error)));
    };
    signal?.addEventListener("abort", () => fail(signal.reason), { once: true });
    for (const worker of workers) {
      worker.ref();
      worker.on("error", fail);
      worker.on("message", ({ tree, grown }: { tree: number; grown: TreeEnsemble }) => {
        trees[tree] = grown;
        onTree(++done);
        if (done < forest.trees) return;
        end();
        resolve(trees);
      });
    }
  });
}

/** Threads of Node. */
export const treeThreads: TreeThreads = {
  allocate: (bytes) => new Uint8Array(new SharedArrayBuffer(bytes)),
  isWorthwhile: (rows, columns) => rows * columns >= WORTH_SHARING,
  leaves: (arrays, leaves) => new SharedLeaves(arrays, leaves),
  forest: growForest,
};
