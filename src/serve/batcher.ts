/**
 * @module Dynamic batching: what arrives while the engine works, or within a maximum delay, runs together, as much as fits. Room is counted in tokens or
 * pixels with their padding, not in rows, since a batch of rows may be of any size. A full batch is made ready while the one before it runs, so that the
 * engine goes from one to the next.
 */
import { soon } from "../util/next-turn.js";
import { timeNow } from "../util/time-now.js";
import type { CallOptions, ObservedBatch } from "./engine.js";

export interface BatcherOptions {
  /** rows × size of the largest row, together. A single input may be larger. */
  readonly maxCost: number;
  readonly maxDelayMs: number;
  readonly observe?: (batch: Omit<ObservedBatch, "kind">) => void;
}

/** The cost of an input: its rows, and the tokens or pixels of the largest. */
export interface Cost {
  readonly rows: number;
  readonly size: number;
}

/** Options of an input: those of the call that it is of. */
export type AddOptions = Pick<CallOptions, "signal" | "since" | "onTiming">;

interface Waiting<I, O> extends Cost, Pick<AddOptions, "onTiming"> {
  readonly input: I;
  readonly since: number;
  readonly resolve: (output: O) => void;
  readonly reject: (error: unknown) => void;
}

/** Rows more than twice as long as others would be paid for by all. */
const MOST_UNEVEN = 2;

/** Batches under way: one that runs, and one behind it that is made ready. */
const MOST_UNDER_WAY = 2;

/** Joins inputs into batches. What runs them is given up to two at once, and computes one at a time. */
export class Batcher<I, O> {
  readonly #run: (inputs: readonly I[]) => Promise<readonly O[]>;
  readonly #options: Required<BatcherOptions>;
  #waiting: Waiting<I, O>[] = [];
  #underWay = 0;
  #isPlanned = false;
  /** When the last batch ended. */
  #endedAt = Number.NEGATIVE_INFINITY;

  constructor(run: (inputs: readonly I[]) => Promise<readonly O[]>, options: BatcherOptions) {
    this.#run = run;
    this.#options = { observe: () => undefined, ...options };
  }

  /** Rows that wait. */
  get waiting(): number {
    return this.#waiting.reduce((sum, { rows }) => sum + rows, 0);
  }

  /** The output for an input, once its batch has run. A signal takes it out while it waits. */
  add(input: I, cost: Cost, { signal, since = performance.now(), onTiming }: AddOptions = {}): Promise<O> {
    return new Promise<O>((resolve, reject) => {
      if (signal?.aborted === true) {
        reject(signal.reason as Error);
        return;
      }
      const waiting: Waiting<I, O> = { input, ...cost, since, onTiming, resolve, reject };
      this.#waiting.push(waiting);
      signal?.addEventListener(
        "abort",
        () => {
          this.#waiting = this.#waiting.filter((each) => each !== waiting);
          reject(signal.reason as Error);
        },
        { once: true },
      );
      this.#consider();
    });
  }

  /** Starts a batch that is full, or, where none runs, whose oldest input has waited long enough; looks again later otherwise. */
  #consider(): void {
    const [oldest] = this.#waiting;
    if (oldest === undefined || this.#underWay === MOST_UNDER_WAY) return;
    const { maxDelayMs, maxCost } = this.#options;
    const rows = this.#waiting.reduce((sum, each) => sum + each.rows, 0);
    if (rows * oldest.size >= maxCost) {
      void this.#work();
      return;
    }
    if (this.#underWay > 0 || this.#isPlanned) return;
    this.#isPlanned = true;
    const work = (): void => {
      this.#isPlanned = false;
      if (this.#underWay === 0) void this.#work();
    };
    const left = oldest.since + maxDelayMs - performance.now();
    // At the soonest in the next turn: what has come together runs together.
    if (left > 0) setTimeout(work, left);
    else soon(work);
  }

  /** The oldest input, and others that go with it. */
  #take(): Waiting<I, O>[] {
    const [oldest, ...others] = this.#waiting;
    if (oldest === undefined) return [];
    const batch = [oldest];
    let [rows, size] = [oldest.rows, oldest.size];
    for (const each of others) {
      const larger = Math.max(size, each.size);
      const isEven = larger <= MOST_UNEVEN * Math.min(oldest.size, each.size);
      if (!isEven || (rows + each.rows) * larger > this.#options.maxCost) continue;
      batch.push(each);
      rows += each.rows;
      size = larger;
    }
    const taken = new Set(batch);
    this.#waiting = this.#waiting.filter((each) => !taken.has(each));
    return batch;
  }

  async #work(): Promise<void> {
    const batch = this.#take();
    const [oldest] = batch;
    if (oldest === undefined) return;
    this.#underWay++;
    const startedAt = await this.#together(batch, performance.now());
    this.#underWay--;
    this.#endedAt = performance.now();
    this.#options.observe({
      rows: batch.reduce((sum, { rows }) => sum + rows, 0),
      waiting: this.waiting,
      waitMs: startedAt - oldest.since,
      runMs: this.#endedAt - startedAt,
    });
    this.#consider();
  }

  /**
   * Runs a batch; one that fails is run input by input, so that nobody fails for another's input. Returns when its turn came: one that was ready before
   * the last had ended began when that ended.
   */
  async #together(batch: readonly Waiting<I, O>[], readyAt: number): Promise<number> {
    try {
      const outputs = await this.#run(batch.map(({ input }) => input));
      const startedAt = Math.max(readyAt, this.#endedAt);
      const timing = { startedAt: performance.timeOrigin + startedAt, endedAt: timeNow() };
      batch.forEach(({ resolve, onTiming }, i) => {
        onTiming?.(timing);
        resolve(outputs[i] as O);
      });
      return startedAt;
    } catch (error) {
      if (batch.length === 1) batch[0]?.reject(error);
      else for (const each of batch) await this.#together([each], performance.now());
      return Math.max(readyAt, this.#endedAt);
    }
  }
}
