/**
 * @module A command line parsed against a table of options. Parsing itself is `node:util`'s.
 */
import { parseArgs } from "node:util";
import { ConfigError } from "../util/errors.js";
import { nearest, unknownName } from "../util/nearest.js";
import type { Option, OptionTable, OptionValues } from "../util/option.js";
import { checkValue, currentName, kebabCase, withCurrentNames } from "../util/option.js";
import { isRecord, own, setOwn } from "../util/record.js";

/** The source of a value; a name that is missing here has its default. */
export type Source = "command line" | "environment" | "config";

/** A command line taken apart, and checked as far as the table can. */
export interface ParsedOptions<O extends OptionTable> {
  readonly values: OptionValues<O>;
  readonly given: ReadonlyMap<string, Source>;
  readonly positionals: readonly string[];
  /** Former names that were used, with the current ones, in sentences for the user. */
  readonly renamed: readonly string[];
}

interface Flag {
  readonly name: string;
  readonly option: Option;
  readonly negated: boolean;
}

/** The flags of a table, as `parseArgs` takes them; `former` are those of former names. */
function flagsOf(table: OptionTable) {
  const [byFlag, former] = [new Map<string, Flag>(), new Map<string, Flag>()];
  const known: Record<string, { type: "string" | "boolean"; short?: string }> = {};
  for (const [name, option] of Object.entries(table)) {
    const type = option.kind === "flag" ? "boolean" : "string";
    const add = (flags: Map<string, Flag>, spelled: string, negated: boolean): void => {
      flags.set(spelled, { name, option, negated });
      setOwn(known, spelled, { type });
    };
    const spelled = kebabCase(name);
    for (const alias of option.aliases ?? []) add(former, kebabCase(alias), false);
    add(byFlag, spelled, false);
    if (option.short !== undefined) setOwn(known, spelled, { type, short: option.short });
    if (option.kind === "flag") add(byFlag, `no-${spelled}`, true);
  }
  return { byFlag, former, known };
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
  const { byFlag, former, known } = flagsOf(table);
  const renamed = new Set<string>();
  const { tokens } = parseArgs({ args: [...args], options: known, strict: false, allowPositionals: true, tokens: true });

  const values: Record<string, unknown> = {};
  const given = new Map<string, Source>();
  const positionals: string[] = [];
  for (const token of tokens) {
    if (token.kind === "positional") positionals.push(token.value);
    if (token.kind !== "option") continue;
    const entry = byFlag.get(token.name) ?? former.get(token.name);
    if (entry === undefined) throw new ConfigError(`${where}: ${unknownOption(token.rawName, byFlag.keys())}`);
    const { name, option, negated } = entry;
    if (former.has(token.name)) renamed.add(isNow(token.rawName, `--${kebabCase(name)}`));
    const at = `${where}: ${token.rawName}`;
    if (option.kind === "flag") {
      if (token.value !== undefined) throw new ConfigError(`${at}: expected no value, got "${token.value}"`);
      setOwn(values, name, !negated);
    } else {
      const value = token.value;
      // parseArgs lets `--lr --epochs 3` take "--epochs" as the rate; a value that begins with two dashes needs `--lr=`.
      if (value === undefined || (!token.inlineValue && value.startsWith("--"))) {
        throw new ConfigError(`${at}: expected ${option.metavar}, got ${value ?? "nothing"}`);
      }
      const parsed = option.parse(value, at);
      setOwn(values, name, option.many === true ? [...((own(values, name) as unknown[] | undefined) ?? []), parsed] : parsed);
    }
    given.set(name, "command line");
  }
  for (const [name, option] of Object.entries(table)) {
    if (given.has(name)) continue;
    const fromEnvironment = option.env === undefined ? undefined : own(env, option.env);
    if (fromEnvironment === undefined || fromEnvironment === "") {
      setOwn(values, name, option.default);
      continue;
    }
    const parsed = option.parse(fromEnvironment, `${where}: $${option.env}`);
    setOwn(values, name, option.many === true ? [parsed] : parsed);
    given.set(name, "environment");
  }
  return { values: values as OptionValues<O>, given, positionals, renamed: [...renamed] };
}

const isNow = (former: string, current: string): string => `${former} is now called ${current}`;

function unknownOption(rawName: string, flags: Iterable<string>): string {
  const near = nearest(rawName.replace(/^-+/, ""), flags);
  return `unknown option "${rawName}"; ${near === undefined ? "--help lists all" : `did you mean "--${near}"?`}`;
}

/**
 * Lays the entries of a configuration (a run's `config.json`, or its `options` alone) under what was given otherwise. Keys
 * are the table's names; local options in it are left aside, as are the entries `others`, which are none. ConfigError for an unknown key or a value of the wrong type.
 */
export function applyConfig<O extends OptionTable>(
  table: O,
  parsed: ParsedOptions<O>,
  config: unknown,
  where: string,
  others: readonly string[] = [],
): ParsedOptions<O> {
  const inner = isRecord(config) && isRecord(config["options"]) ? config["options"] : config;
  if (!isRecord(inner)) throw new ConfigError(`${where}: expected an object of options, got ${JSON.stringify(inner)}`);
  const values: Record<string, unknown> = { ...parsed.values };
  const given = new Map(parsed.given);
  const renamed = Object.keys(inner).flatMap((key) => {
    const name = currentName(table, key);
    return name === undefined || name === key ? [] : [isNow(`${where}: ${key}`, name)];
  });
  for (const [name, value] of Object.entries(withCurrentNames(table, inner))) {
    if (others.includes(name)) continue;
    const option = Object.hasOwn(table, name) ? table[name] : undefined;
    if (option === undefined) throw new ConfigError(`${where}: ${unknownName("option", name, Object.keys(table))}`);
    if (option.local === true || value === null || parsed.given.has(name)) continue;
    const at = `${where}: ${name}`;
    setOwn(values, name, checkValue(option, value, at));
    given.set(name, "config");
  }
  return { values: values as OptionValues<O>, given, positionals: parsed.positionals, renamed: [...parsed.renamed, ...renamed] };
}

/** The values that a run's `config.json` keeps: all that were set or have a default, without the local ones. */
export function configOf<O extends OptionTable>(table: O, values: OptionValues<O>): Record<string, unknown> {
  // The values of a verb have the frame's own options beside those of its table.
  const entries = Object.entries(values).filter(
    ([name, value]) => value !== undefined && Object.hasOwn(table, name) && table[name]?.local !== true,
  );
  return Object.fromEntries(entries);
}
