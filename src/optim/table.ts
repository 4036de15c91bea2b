/**
 * @module Things made from data: a name and options, as configurations and checkpoints hold them.
 */
import { ConfigError } from "../util/errors.js";
import { unknownName } from "../util/nearest.js";

/** JSON as a configuration file holds it. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** A name and the options that go with it. */
export interface Described {
  readonly name: string;
  readonly [option: string]: Json;
}

/** What can be made, by name, with the names of its options. Makers check the values. */
export type Table<T> = Readonly<Record<string, { readonly make: (options: never) => T; readonly options: readonly string[] }>>;

/** Whether a JSON value is an object. */
export const isRecord = (value: Json): value is { readonly [key: string]: Json } =>
  value !== null && typeof value === "object" && !Array.isArray(value);

/** Makes what a description names. ConfigError for an unknown name or option, with the nearest right one. */
export function fromTable<T>(what: string, table: Table<T>, description: Json): T {
  if (!isRecord(description) || typeof description["name"] !== "string")
    throw new ConfigError(`${what}: expected an object with a name, got ${JSON.stringify(description)}`);
  const { name, ...options } = description as Described;
  const entry = Object.hasOwn(table, name) ? table[name] : undefined;
  if (entry === undefined) throw new ConfigError(unknownName(what, name, Object.keys(table)));
  for (const option of Object.keys(options)) {
    if (!entry.options.includes(option))
      throw new ConfigError(`${what} ${name}: ${unknownName("option", option, entry.options)}`);
  }
  return (entry.make as (options: unknown) => T)(options);
}

/** ConfigError unless low ≤ value ≤ high (below `high` if `open`). */
export function expectOption(name: string, value: number, low: number, high = Infinity, open = false): void {
  if (typeof value === "number" && value >= low && (open ? value < high : value <= high)) return;
  const range = high === Infinity ? `≥ ${low}` : `from ${low} to ${open ? "below " : ""}${high}`;
  throw new ConfigError(`${name}: expected a number ${range}, got ${String(value)}`);
}

/** ConfigError unless the value is an integer ≥ low. */
export function expectInteger(name: string, value: number, low: number): void {
  if (!Number.isInteger(value) || value < low)
    throw new ConfigError(`${name}: expected an integer ≥ ${low}, got ${String(value)}`);
}
