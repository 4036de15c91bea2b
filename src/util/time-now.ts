/**
 * @module The time in milliseconds since 1970, finer than `Date.now()`, and the same in other processes of this machine.
 */
export const timeNow = (): number => performance.timeOrigin + performance.now();
