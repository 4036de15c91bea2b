/**
 * @module Consecutive integers.
 */

/** start, start + 1, …, end − 1; none if the end is not above the start. */
export const range = (start: number, end: number): number[] =>
  Array.from({ length: Math.max(0, end - start) }, (_, i) => start + i);
