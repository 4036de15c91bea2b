/**
 * @module Dynamic batching: what arrives while the engine works, or within a maximum delay, runs together, as much as fits. Room is counted in tokens or
 * pixels with their padding, not in rows, since a batch of rows may be of any size.
 */
import { soon } from "../util/next-turn.js";
import { timeNow } from "../util/time-now.js";
import type { CallOptions, ObservedBatch } from "./engine.js";

export interface BatcherOptions {
  /** rows × size of the largest row, together. A single input may be larger. */
  readonly maxCost: number;
  readonly maxDelayMs: number;
  readonly now?: () => number;
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

/** Joins inputs into batches, one batch at a time. */
export class Batcher<I, O> {
  readonly #run: (inputs: readonly I[]) => Promise<readonly O[]>;
  readonly #options: Required<BatcherOptions>;
  #waiting: Waiting<I, O>[] = [];
  #isRunning = false;
  #isPlanned = false;

  constructor(run: (inputs: readonly I[]) => Promise<readonly O[]>, options: BatcherOptions) {
    this.#run = run;
    this.#options = { now: () => performance.now(), observe: () => undefined, ...options };
  }

  /** Rows that wait. */
  get waiting(): number {
    return this.#waiting.reduce((sum, { rows }) => sum + rows, 0);
  }

  /** The output for an input, once its batch has run. A signal takes it out while it waits. */
  add(input: I, cost: Cost, { signal, since = this.#options.now(), onTiming }: AddOptions = {}): Promise<O> {
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

  /** Starts a batch that is full, or whose oldest input has waited long enough; looks again later otherwise. */
  #consider(): void {
    const [oldest] = this.#waiting;
    if (this.#isRunning || oldest === undefined || this.#isPlanned) return;
    const { maxDelayMs, maxCost, now } = this.#options;
    const left = oldest.since + maxDelayMs - now();
    const rows = this.#waiting.reduce((sum, each) => sum + each.rows, 0);
    if (rows * oldest.size >= maxCost) {
      void this.#work();
      return;
    }
    this.#isPlanned = true;
    const work = (): void => {
      this.#isPlanned = false;
      void this.#work();
    };
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
    if (this.#isRunning) return;
    this.#isRunning = true;
    const batch = this.#take();
    const start = this.#options.now();
    await this.#together(batch);
    this.#isRunning = false;
    const [oldest] = batch;
    if (oldest !== undefined)
      this.#options.observe({
        rows: batch.reduce((sum, { rows }) => sum + rows, 0),
        waiting: this.waiting,
        waitMs: start - oldest.since,
        runMs: this.#options.now() - start,
      });
    this.#consider();
  }

  /** Runs a batch; one that fails is run input by input, so that nobody fails for another's input. */
  async #together(batch: readonly Waiting<I, O>[]): Promise<void> {
    try {
      const startedAt = timeNow();
      const outputs = await this.#run(batch.map(({ input }) => input));
      const endedAt = timeNow();
      batch.forEach(({ resolve, onTiming }, i) => {
        onTiming?.({ startedAt, endedAt });
        resolve(outputs[i] as O);
      });
    } catch (error) {
      if (batch.length === 1) batch[0]?.reject(error);
      else for (const each of batch) await this.#together([each]);
    }
  }
}
