/**
 * @module The next turn of the event loop: in Node without the millisecond that a timer takes.
 */

/** Runs after messages and timers have had their turn. */
export const { setImmediate: soon = (run: () => void) => setTimeout(run, 0) } = globalThis as {
  setImmediate?: (run: () => void) => unknown;
};

/** Lets messages and timers have their turn. */
export const nextTurn = (): Promise<void> => new Promise((resolve) => void soon(resolve));
