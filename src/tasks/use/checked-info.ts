/**
 * @module The info of a run, which its training wrote and somebody may have changed: whatever reads it first then fails, and says so in one line.
 */
import { ConfigError } from "../../util/errors.js";
import type { Awaitable } from "../task.js";

/** Matches JavaScript's error for an array that there is no memory for: that is nothing the info said. */
const NO_MEMORY = /allocation failed/i;

/** The plain error of JavaScript for a value of another kind as a ConfigError; ours, and the engine's, as they are. */
function namedFailure(cause: unknown, where: string, task: string): unknown {
  if (!(cause instanceof TypeError || cause instanceof RangeError) || NO_MEMORY.test(cause.message)) return cause;
  return new ConfigError(
    `${where}: expected the info that a training of ${task} writes, got one that fails: ${cause.message}; put it back`,
    { cause },
  );
}

/** Runs what reads a run's info. Errors: ConfigError, naming `where`, in place of a TypeError or RangeError. */
export async function readingInfo<T>(where: string, task: string, read: () => Awaitable<T>): Promise<T> {
  try {
    return await read();
  } catch (cause) {
    throw namedFailure(cause, where, task);
  }
}
