/**
 * @module Figures of plain arrays of numbers.
 */

/** The sum of all values; 0 of none. */
export function sum(values: ArrayLike<number>): number {
  let total = 0;
  for (let i = 0; i < values.length; i++) total += values[i] as number;
  return total;
}

/** The mean of all values; NaN of none. */
export const mean = (values: ArrayLike<number>): number => sum(values) / values.length;

/** The dot product of two arrays of equal length. */
export function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let total = 0;
  for (let i = 0; i < a.length; i++) total += (a[i] as number) * (b[i] as number);
  return total;
}

/** The index of the largest value; of equal ones the first. */
export function argMax(values: ArrayLike<number>): number {
  let best = 0;
  for (let i = 1; i < values.length; i++) if ((values[i] as number) > (values[best] as number)) best = i;
  return best;
}
