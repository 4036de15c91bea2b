/**
 * @module Records whose keys somebody else chose. `constructor`, `toString` and `__proto__` are names like any other: a name that a
 * record hasn't got is not taken from what every object has, and one that it gets is its own.
 */

/** The record's own value under a name; undefined where it has none. */
export const own = <T>(record: Readonly<Record<string, T>> | undefined, name: string): T | undefined =>
  // own key: asked for here.
  record !== undefined && Object.hasOwn(record, name) ? record[name] : undefined;

/** Sets a value under any name, `__proto__` too. */
export function setOwn<T>(record: Record<string, T>, name: string, value: T): void {
  Object.defineProperty(record, name, { value, writable: true, enumerable: true, configurable: true });
}

/** Tells whether a value is an object that is not a list. */
export const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** A record without the entries that are undefined. */
export const defined = <T extends object>(record: T): { [K in keyof T]?: Exclude<T[K], undefined> } =>
  // own key: kept or left out, none is looked up.
  Object.fromEntries(Object.entries(record).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
