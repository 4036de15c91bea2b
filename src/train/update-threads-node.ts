/**
 * @module Threads of Node that share an update in place. Calls lie in memory that all see; a thread takes the next one until there are no more, so that none waits for one that
 * another process holds up, but for the call that this one is in.
 */
import type { UpdateKernels } from "../optim/in-place.js";
import { newThread } from "../util/thread-node.js";
import type { KernelCall, UpdateThreads, UpdateThreadsSetup } from "./update-threads.js";

/** Numbers of a call: memory, kernel, how many are given, and those. */
const CALL_NUMBERS = 32;
/** The kernel's functions by number. */
export const KERNEL_NAMES = ["sgd", "adam", "rms", "lion"] as const;

/** Places in the control block: the job and the call that is taken next, in one number; the calls of the job; those that are done; the job that was asked for last, 0 for the end. */
export const CONTROL = { next: 0, total: 1, done: 2, asked: 3, length: 16 } as const;
/** Bits of `next` that hold the call; those above hold the job. */
const CALL_BITS = 16;
const MOST_CALLS = 2 ** CALL_BITS - 1;
const MOST_JOBS = 2 ** (31 - CALL_BITS) - 1;

/** Memory that the threads share. */
export interface SharedCalls {
  readonly module: WebAssembly.Module;
  readonly memories: readonly WebAssembly.Memory[];
  readonly control: Int32Array;
  readonly calls: Float64Array;
}

/** The kernel on each memory, in a thread of its own. */
export const kernelsOn = ({ module, memories }: Pick<SharedCalls, "module" | "memories">): UpdateKernels[] =>
  memories.map((memory) => new WebAssembly.Instance(module, { host: { memory } }).exports as unknown as UpdateKernels);

/** Makes calls of a job until all are taken. */
export function takeCalls({ control, calls }: SharedCalls, kernels: readonly UpdateKernels[], job: number): void {
  for (;;) {
    const next = Atomics.load(control, CONTROL.next);
    const call = next & MOST_CALLS;
    if (next >> CALL_BITS !== job || call >= Atomics.load(control, CONTROL.total)) return;
    if (Atomics.compareExchange(control, CONTROL.next, next, next + 1) !== next) continue;
    const at = call * CALL_NUMBERS;
    const [memory = 0, kernel = 0, count = 0] = calls.subarray(at, at + 3);
    const name = KERNEL_NAMES[kernel] ?? "sgd";
    kernels[memory]?.[name](...calls.subarray(at + 3, at + 3 + count));
    Atomics.add(control, CONTROL.done, 1);
    Atomics.notify(control, CONTROL.done);
  }
}

class NodeUpdateThreads implements UpdateThreads {
  readonly #shared: SharedCalls;
  readonly #kernels: readonly UpdateKernels[];
  #job = 0;

  constructor({ module, memories, most, others }: UpdateThreadsSetup) {
    const control = new Int32Array(new SharedArrayBuffer(4 * CONTROL.length));
    const calls = new Float64Array(new SharedArrayBuffer(8 * CALL_NUMBERS * Math.min(most, MOST_CALLS)));
    control[CONTROL.asked] = 1;
    this.#shared = { module, memories, control, calls };
    this.#kernels = kernelsOn(this.#shared);
    // A thread must not keep a finished program alive.
    for (let i = 0; i < others; i++) newThread(new URL("./update-thread-node.js", import.meta.url), this.#shared).unref();
  }

  run(all: readonly KernelCall[]): void {
    const { length } = this.#shared.calls;
    const most = length / CALL_NUMBERS;
    for (let from = 0; from < all.length; from += most) this.#runJob(all.slice(from, from + most));
  }

  #runJob(all: readonly KernelCall[]): void {
    const { control, calls } = this.#shared;
    all.forEach(([memory, kernel, ...given], i) => {
      calls.set([memory, kernel, given.length], i * CALL_NUMBERS);
      calls.set(given, i * CALL_NUMBERS + 3);
    });
    // Job 0 is that of a block without calls, job 1 what threads begin with.
    this.#job = this.#job < 2 || this.#job >= MOST_JOBS ? 2 : this.#job + 1;
    Atomics.store(control, CONTROL.total, all.length);
    Atomics.store(control, CONTROL.done, 0);
    Atomics.store(control, CONTROL.next, this.#job << CALL_BITS);
    Atomics.store(control, CONTROL.asked, this.#job);
    Atomics.notify(control, CONTROL.asked);
    takeCalls(this.#shared, this.#kernels, this.#job);
    for (;;) {
      const done = Atomics.load(control, CONTROL.done);
      if (done === all.length) return;
      Atomics.wait(control, CONTROL.done, done);
    }
  }

  /** Threads end by themselves: one that waits at an atomic is deaf to other messages. */
  [Symbol.dispose](): void {
    Atomics.store(this.#shared.control, CONTROL.asked, 0);
    Atomics.notify(this.#shared.control, CONTROL.asked);
  }
}

/** Starts threads of Node. */
export const startUpdateThreads = (setup: UpdateThreadsSetup): UpdateThreads => new NodeUpdateThreads(setup);
