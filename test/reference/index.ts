/**
 * @module The reference interpreter: the oracle of the tests.
 */
export * from "./evaluate.js";
export type { Kernel, RefValue } from "./value.js";
export { Call } from "./value.js";
