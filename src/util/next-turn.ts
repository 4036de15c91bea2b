/**
 * @module Waiting: for the next turn of the event loop, in Node without the millisecond that a timer takes, and for an abort.
 */

/** Runs after messages and timers have had their turn. */
export const { setImmediate: soon = (run: () => void) => setTimeout(run, 0) } = globalThis as {
  setImmediate?: (run: () => void) => unknown;
};

/** Lets messages and timers have their turn. */
export const nextTurn = (): Promise<void> => new Promise((resolve) => void soon(resolve));

/** Waits for a signal to be aborted. */
export const untilAborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
