/**
 * @module Options as a table: each says its type, default, help text and environment variable once, and parsing, checking,
 * `--help` and the values' types follow from it. Parsing itself is `node:util`'s.
 *
 * In the table a name is camelCase (`batchSize`); on the command line it is `--batch-size`.
 */
import { parseArgs } from "node:util";
import { ConfigError } from "../util/errors.js";
import { nearest, unknownName } from "../util/nearest.js";

/** One option; `T` is what its value has become once it is checked. */
export interface Option<T = unknown> {
  readonly kind: "text" | "number" | "flag";
  readonly help: string;
  /** What stands for the value in `--help`; a flag has none. */
  readonly placeholder?: string;
  readonly short?: string;
  /** Environment variable that is read where the command line does not say it. */
  readonly env?: string;
  readonly default: T;
  /** How `--help` words a default that depends on something else ("the model's own"). */
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

interface Spec<D> {
  readonly help: string;
  readonly default?: D;
  readonly defaultText?: string;
  readonly placeholder?: string;
  readonly short?: string;
  readonly env?: string;
  readonly local?: boolean;
}

/** Any text: a name, a path. */
export const text = <D extends string | undefined = undefined>(spec: Spec<D>): Option<string | D> => ({
  placeholder: "TEXT",
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
  placeholder: choices.join("|"),
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
  placeholder: "NUMBER",
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
  placeholder: "N",
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

/** Where a value came from; a name that is missing here has its default. */
export type Source = "command line" | "environment" | "config";

/** A command line taken apart, and checked as far as the table can. */
export interface ParsedOptions<O extends OptionTable> {
  readonly values: OptionValues<O>;
  readonly given: ReadonlyMap<string, Source>;
  readonly positionals: readonly string[];
}

/**
 * Parses arguments against a table. ConfigError, beginning with `where`, for an unknown option (the nearest is offered), a
 * missing or superfluous value, and a value that the option refuses.
 */
export function parseOptions<O extends OptionTable>(
  table: O,
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
  where: string,
): ParsedOptions<O> {
  const byFlag = new Map<string, { name: string; option: Option; negated: boolean }>();
  const known: Record<string, { type: "string" | "boolean"; short?: string }> = {};
  for (const [name, option] of Object.entries(table)) {
    const spelled = kebabCase(name);
    byFlag.set(spelled, { name, option, negated: false });
    known[spelled] = {
      type: option.kind === "flag" ? "boolean" : "string",
      ...(option.short === undefined ? {} : { short: option.short }),
    };
    if (option.kind !== "flag") continue;
    byFlag.set(`no-${spelled}`, { name, option, negated: true });
    known[`no-${spelled}`] = { type: "boolean" };
  }
  const { tokens } = parseArgs({ args: [...args], options: known, strict: false, allowPositionals: true, tokens: true });

  const values: Record<string, unknown> = {};
  const given = new Map<string, Source>();
  const positionals: string[] = [];
  for (const token of tokens) {
    if (token.kind === "positional") positionals.push(token.value);
    if (token.kind !== "option") continue;
    const entry = byFlag.get(token.name);
    if (entry === undefined) throw new ConfigError(`${where}: ${unknownOption(token.rawName, byFlag.keys())}`);
    const { name, option, negated } = entry;
    const at = `${where}: ${token.rawName}`;
    if (option.kind === "flag") {
      if (token.value !== undefined) throw new ConfigError(`${at}: expected no value, got "${token.value}"`);
      values[name] = !negated;
    } else {
      const value = token.value;
      // parseArgs lets `--lr --epochs 3` take "--epochs" as the rate; a value that begins with two dashes needs `--lr=`.
      if (value === undefined || (!token.inlineValue && value.startsWith("--"))) {
        throw new ConfigError(`${at}: expected ${option.placeholder}, got ${value ?? "nothing"}`);
      }
      const parsed = option.parse(value, at);
      values[name] = option.many === true ? [...((values[name] as unknown[] | undefined) ?? []), parsed] : parsed;
    }
    given.set(name, "command line");
  }
  for (const [name, option] of Object.entries(table)) {
    if (given.has(name)) continue;
    const fromEnvironment = option.env === undefined ? undefined : env[option.env];
    if (fromEnvironment === undefined || fromEnvironment === "") {
      values[name] = option.default;
      continue;
    }
    const parsed = option.parse(fromEnvironment, `${where}: $${option.env}`);
    values[name] = option.many === true ? [parsed] : parsed;
    given.set(name, "environment");
  }
  return { values: values as OptionValues<O>, given, positionals };
}

function unknownOption(rawName: string, flags: Iterable<string>): string {
  const near = nearest(rawName.replace(/^-+/, ""), flags);
  return `unknown option "${rawName}"; ${near === undefined ? "--help lists all" : `did you mean "--${near}"?`}`;
}

/**
 * Lays the entries of a configuration (a run's `config.json`, or its `options` alone) under what was given otherwise. Keys
 * are the table's names; local options in it are left aside. ConfigError for an unknown key or a value of the wrong type.
 */
export function applyConfig<O extends OptionTable>(
  table: O,
  parsed: ParsedOptions<O>,
  config: unknown,
  where: string,
): ParsedOptions<O> {
  const inner = isRecord(config) && isRecord(config["options"]) ? config["options"] : config;
  if (!isRecord(inner)) throw new ConfigError(`${where}: expected an object of options, got ${JSON.stringify(inner)}`);
  const values: Record<string, unknown> = { ...parsed.values };
  const given = new Map(parsed.given);
  for (const [name, value] of Object.entries(inner)) {
    const option = Object.hasOwn(table, name) ? table[name] : undefined;
    if (option === undefined) throw new ConfigError(`${where}: ${unknownName("option", name, Object.keys(table))}`);
    if (option.local === true || value === null || parsed.given.has(name)) continue;
    const at = `${where}: ${name}`;
    if (option.many === true) {
      if (!Array.isArray(value)) throw new ConfigError(`${at}: expected a list, got ${JSON.stringify(value)}`);
      values[name] = value.map((item) => fromJson(option, item, at));
    } else values[name] = fromJson(option, value, at);
    given.set(name, "config");
  }
  return { values: values as OptionValues<O>, given, positionals: parsed.positionals };
}

/** The values that a run's `config.json` keeps: all that were set or have a default, without the local ones. */
export function configOf<O extends OptionTable>(table: O, values: OptionValues<O>): Record<string, unknown> {
  // The values of a verb have the frame's own options beside those of its table.
  const entries = Object.entries(values).filter(
    ([name, value]) => value !== undefined && Object.hasOwn(table, name) && table[name]?.local !== true,
  );
  return Object.fromEntries(entries);
}

function fromJson(option: Option, value: unknown, where: string): unknown {
  const expected = { text: "string", number: "number", flag: "boolean" }[option.kind];
  if (typeof value !== expected) throw new ConfigError(`${where}: expected a ${expected}, got ${JSON.stringify(value)}`);
  return option.kind === "flag" ? value : option.parse(String(value), where);
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
