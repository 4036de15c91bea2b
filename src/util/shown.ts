/**
 * @module A value in a message, whatever it is.
 */

/** A value as a message shows it, objects as JSON: one that came from a file may have a `toString` that is none. */
export const shown = (value: unknown): string =>
  typeof value === "object" && value !== null ? JSON.stringify(value) : String(value);
