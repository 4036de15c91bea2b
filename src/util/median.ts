/** @module The median. */

/** The middle value; of an even number of values the upper one of the two. 0 where there are none. */
export const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
