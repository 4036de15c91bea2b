/**
 * @module Asynchronous tasks that must not overlap.
 */

/** Runs tasks one after another, in the order in which they were given; one that fails stops no other. */
export class TaskQueue {
  #last: Promise<unknown> = Promise.resolve();
  #waiting = 0;

  /** Tells whether nothing runs or waits. */
  get isIdle(): boolean {
    return this.#waiting === 0;
  }

  run<T>(task: () => T | Promise<T>): Promise<T> {
    this.#waiting++;
    const result = this.#last.then(task).finally(() => {
      this.#waiting--;
    });
    this.#last = result.catch(() => undefined);
    return result;
  }
}
