/**
 * @module Options, each declared once: type, default, help text, unit. The command line, `--help`, the check of a `config.json` and the types of the
 * library's own functions follow from a declaration. In code a name is camelCase (`batchSize`); on the command line it is `--batch-size`.
 */
import { ConfigError } from "./errors.js";
import { unknownName } from "./nearest.js";

/** One option; `T` is what its value has become once it is checked. */
export interface Option<T = unknown> {
  readonly kind: "text" | "number" | "flag";
  readonly help: string;
  /** The name of the value in `--help`; a flag has none. */
  readonly metavar?: string;
  readonly short?: string;
  /** Former names, in camelCase: still taken, and not shown. */
  readonly aliases?: readonly string[];
  /** Environment variable that is read where the command line does not say it. */
  readonly env?: string;
  readonly default: T;
  /** The unit of a number: `tokens`, `megapixels`. */
  readonly unit?: string;
  /** The wording in `--help` of a default that depends on something else ("the model's own"). */
  readonly defaultText?: string;
  /** May be given several times; the value is a list. */
  readonly many?: boolean;
  /** Says where or how to run, not what is learned: a run's `config.json` does not hold it, and `--config` does not set it. */
  readonly local?: boolean;
  /** The value names a JSON file whose entries stand below the command line and the environment, above the defaults. */
  readonly configFile?: boolean;
  /** The checked value of one text; ConfigError beginning with `where`. */
  readonly parse: (text: string, where: string) => unknown;
}

export type OptionTable = Readonly<Record<string, Option>>;
export type OptionValues<O extends OptionTable> = { readonly [K in keyof O]: O[K] extends Option<infer T> ? T : never };

/** The values of the options that a table declares, out of more; those that are not given are left out. */
export const valuesOf = <V extends object, O extends OptionTable>(values: V, table: O): Pick<V, keyof V & keyof O> =>
  Object.fromEntries(Object.entries(values).filter(([name, value]) => Object.hasOwn(table, name) && value !== undefined)) as Pick<
    V,
    keyof V & keyof O
  >;

/** The values of options of which none is given. */
export const defaultsOf = <O extends OptionTable>(table: O): OptionValues<O> =>
  Object.fromEntries(Object.entries(table).map(([name, option]) => [name, option.default])) as OptionValues<O>;

interface Spec<D> extends Omit<Option, "kind" | "default" | "parse" | "many" | "configFile"> {
  readonly default?: D;
}

/** Any text: a name, a path. */
export const text = <D extends string | undefined = undefined>(spec: Spec<D>): Option<string | D> => ({
  metavar: "TEXT",
  ...spec,
  kind: "text",
  default: spec.default as D,
  parse: (value) => value,
});

/** One of a few words; a wrong one is answered with the nearest. */
export const choice = <const C extends readonly string[], D extends C[number] | undefined = undefined>(
  choices: C,
  spec: Spec<D>,
): Option<C[number] | D> => ({
  metavar: choices.join("|"),
  ...spec,
  kind: "text",
  default: spec.default as D,
  parse: (value, where) => {
    if (!choices.includes(value)) throw new ConfigError(`${where}: ${unknownName("value", value, choices)}`);
    return value;
  },
});

interface Range {
  readonly minimum?: number;
  readonly maximum?: number;
  /** The minimum itself is not allowed. */
  readonly above?: number;
}

function checkRange(value: number, text: string, noun: string, range: Range, where: string): number {
  const { minimum = -Infinity, maximum = Infinity, above = -Infinity } = range;
  if (value >= minimum && value <= maximum && value > above) return value;
  const bounds = [
    range.above === undefined ? "" : `above ${range.above}`,
    range.minimum === undefined ? "" : `at least ${range.minimum}`,
    range.maximum === undefined ? "" : `at most ${range.maximum}`,
  ];
  throw new ConfigError(`${where}: expected ${noun} ${bounds.filter((b) => b !== "").join(" and ")}, got ${text}`);
}

/** A finite number, `1e-3` included. */
export const number = <D extends number | undefined = undefined>(spec: Spec<D> & Range): Option<number | D> => ({
  metavar: "NUMBER",
  ...spec,
  kind: "number",
  default: spec.default as D,
  parse: (text, where) => {
    const value = Number(text);
    if (text.trim() === "" || !Number.isFinite(value)) throw new ConfigError(`${where}: expected a number, got "${text}"`);
    return checkRange(value, text, "a number", spec, where);
  },
});

/** A whole number; `1e4` and `10_000` are welcome. */
export const integer = <D extends number | undefined = undefined>(spec: Spec<D> & Range): Option<number | D> => ({
  metavar: "N",
  ...spec,
  kind: "number",
  default: spec.default as D,
  parse: (text, where) => {
    const value = Number(text.replaceAll(/(?<=\d)_(?=\d)/g, ""));
    if (text.trim() === "" || !Number.isSafeInteger(value)) {
      throw new ConfigError(`${where}: expected a whole number, got "${text}"`);
    }
    return checkRange(value, text, "a whole number", spec, where);
  },
});

/** On or off: `--check`, `--no-check`. */
export const flag = (spec: Spec<boolean>): Option<boolean> => ({
  ...spec,
  kind: "flag",
  default: spec.default ?? false,
  parse: (text, where) => {
    if (/^(1|true|yes|on)$/i.test(text)) return true;
    if (/^(0|false|no|off|)$/i.test(text)) return false;
    throw new ConfigError(`${where}: expected true or false, got "${text}"`);
  },
});

/** An option that may be given several times. */
export const list = <T>(item: Option<T>): Option<readonly Exclude<T, undefined>[]> => ({ ...item, many: true, default: [] });

/** `batchSize` → `batch-size`. */
export const kebabCase = (name: string): string => name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

/** The name of a table's option that a name stands for: its own, or a former one; undefined where there is none. */
export function currentName(table: OptionTable, name: string): string | undefined {
  if (Object.hasOwn(table, name)) return name;
  return Object.keys(table).find((candidate) => table[candidate]?.aliases?.includes(name));
}

/** Values with former names of options replaced by the current ones, which come first where both are given. */
export function withCurrentNames(table: OptionTable, values: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const entries = Object.entries(values);
  const renamed = entries.flatMap(([key, value]): [string, unknown][] => {
    const name = currentName(table, key);
    return name === undefined || name === key ? [] : [[name, value]];
  });
  const kept = entries.filter(([key]) => (currentName(table, key) ?? key) === key);
  return { ...Object.fromEntries(renamed), ...Object.fromEntries(kept) };
}

/** Checks a value of a JSON file, or of a caller of the library. ConfigError, beginning with `where`, for one of another type or out of range. */
export function checkValue(option: Option, value: unknown, where: string): unknown {
  const each = (item: unknown): unknown => {
    const expected = { text: "string", number: "number", flag: "boolean" }[option.kind];
    if (typeof item !== expected) throw new ConfigError(`${where}: expected a ${expected}, got ${JSON.stringify(item)}`);
    return option.kind === "flag" ? item : option.parse(String(item), where);
  };
  if (option.many !== true) return each(value);
  if (!Array.isArray(value)) throw new ConfigError(`${where}: expected a list, got ${JSON.stringify(value)}`);
  return value.map(each);
}
