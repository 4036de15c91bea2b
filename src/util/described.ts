/**
 * @module Things made from data: a name and options, as configurations, checkpoints and the command line give them.
 */
import { ConfigError } from "./errors.js";
import { unknownName } from "./nearest.js";
import { own } from "./record.js";
import { shown } from "./shown.js";

/** JSON as a configuration file holds it. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** A name and the options that go with it. */
export interface Described {
  readonly name: string;
  readonly [option: string]: Json;
}

/** Makers by name, with the names of their options. Makers check the values. */
export type Table<T> = Readonly<Record<string, { readonly make: (options: never) => T; readonly options: readonly string[] }>>;

/** Tells whether a JSON value is an object. */
export const isRecord = (value: Json): value is { readonly [key: string]: Json } =>
  value !== null && typeof value === "object" && !Array.isArray(value);

const plain = (name: string): string => name.toLowerCase().replace(/[^a-z0-9]/g, "");

/** The key of a table that a name means: letters and digits count, so `adamw` is `adamW`. ConfigError, with the nearest, if none. */
export function nameIn(what: string, table: Readonly<Record<string, unknown>>, name: string): string {
  if (Object.hasOwn(table, name)) return name;
  const found = Object.keys(table).find((key) => plain(key) === plain(name));
  if (found === undefined) throw new ConfigError(unknownName(what, name, Object.keys(table)));
  return found;
}

/** ConfigError, with the nearest right one, unless all options are known. */
export function expectKnownOptions(where: string, options: object, known: readonly string[]): void {
  for (const option of Object.keys(options)) {
    if (!known.includes(option)) {
      const hint = known.length === 0 ? "it takes none" : undefined;
      throw new ConfigError(
        `${where}: ${hint === undefined ? unknownName("option", option, known) : `unknown option "${option}"; ${hint}`}`,
      );
    }
  }
}

/** Makes what a description names. ConfigError for an unknown name or option, with the nearest right one. */
export function fromTable<T>(what: string, table: Table<T>, description: unknown): T {
  if (!isRecord(description as Json) || typeof (description as Described).name !== "string")
    throw new ConfigError(`${what}: expected an object with a name, got ${JSON.stringify(description)}`);
  const { name: given, ...options } = description as Described;
  const name = nameIn(what, table, given);
  const entry = own(table, name) as Table<T>[string];
  expectKnownOptions(`${what} ${name}`, options, entry.options);
  return (entry.make as (options: unknown) => T)(options);
}

/** ConfigError unless low ≤ value ≤ high (below `high` if `open`). */
export function expectOption(name: string, value: number, low: number, high = Infinity, open = false): void {
  if (typeof value === "number" && value >= low && (open ? value < high : value <= high)) return;
  const range = high === Infinity ? `≥ ${low}` : `from ${low} to ${open ? "below " : ""}${high}`;
  throw new ConfigError(`${name}: expected a number ${range}, got ${shown(value)}`);
}

/** ConfigError unless the value is an integer ≥ low. */
export function expectInteger(name: string, value: number, low: number): void {
  if (!Number.isInteger(value) || value < low)
    throw new ConfigError(`${name}: expected an integer ≥ ${low}, got ${shown(value)}`);
}
