/**
 * @module Subsets, counted and listed.
 */

/** n over k, as a number; large ones are rounded. */
export function binomial(n: number, k: number): number {
  let result = 1;
  for (let i = 1; i <= Math.min(k, n - k); i++) result = (result * (n - i + 1)) / i;
  return Math.round(result);
}

/** Each subset of `size` of 0 … n − 1, in rising order; the array that `each` is given is used again. */
export function eachSubset(n: number, size: number, each: (chosen: Uint32Array) => void): void {
  const chosen = Uint32Array.from({ length: size }, (_, i) => i);
  for (;;) {
    each(chosen);
    let i = size - 1;
    while (i >= 0 && chosen[i] === n - size + i) i--;
    if (i < 0) return;
    chosen[i] = (chosen[i] as number) + 1;
    for (let j = i + 1; j < size; j++) chosen[j] = (chosen[j - 1] as number) + 1;
  }
}
