/**
 * @module A sweep's recipe: what is trained, which options are tried, and how. A YAML file, checked before anything runs.
 */
import { parse } from "yaml";
import * as z from "zod";
import { dataOptions, trainingOptions } from "../tasks/options.js";
import { taskNamed } from "../tasks/table.js";
import { ConfigError } from "../util/errors.js";
import { unknownName } from "../util/nearest.js";
import type { Option, OptionTable } from "../util/option.js";
import { checkValue, currentName, kebabCase } from "../util/option.js";
import { own } from "../util/record.js";
import { parseWith } from "../util/schema.js";
import type { Dimension, Method } from "./space.js";
import { METHODS } from "./space.js";

/** Budgets of successive halving, in epochs. */
export interface Halving {
  readonly from: number;
  readonly to: number;
  /** One of so many trials goes on. */
  readonly factor: number;
}

/** A recipe, checked and complete. */
export interface Recipe {
  readonly task: string;
  /** Options of all trainings. */
  readonly options: Readonly<Record<string, unknown>>;
  readonly dimensions: readonly Dimension[];
  readonly method: Method;
  readonly trials: number;
  /** Seeds that each setting is trained with. */
  readonly seeds: readonly number[];
  /** The figure of the validation part that is compared. */
  readonly metric: string;
  readonly mode: "min" | "max";
  /** Options of the choice of settings. */
  readonly seed: number;
  readonly halving?: Halving;
}

const scalar = z.union([z.string(), z.number(), z.boolean()]);
const range = z.strictObject({
  from: z.number(),
  to: z.number(),
  scale: z.enum(["linear", "log"]).optional(),
  steps: z.int().positive().optional(),
});

/** Trials and seeds of one recipe, at most. */
const MOST = 10_000;

const schema = z.strictObject({
  task: z.string(),
  options: z.record(z.string(), z.unknown()).optional(),
  search: z.record(z.string(), z.union([z.array(scalar), range], { error: "expected a list of values, or from and to" })),
  method: z.enum(METHODS).optional(),
  trials: z.int().positive().max(MOST).optional(),
  seeds: z
    .union([z.int().positive().max(MOST), z.array(z.int().nonnegative())], {
      error: `expected a number of seeds, ${MOST} at most, or a list`,
    })
    .optional(),
  metric: z.string().optional(),
  mode: z.enum(["min", "max"]).optional(),
  seed: z.int().nonnegative().optional(),
  halving: z
    .strictObject({ from: z.number().positive(), to: z.number().positive(), factor: z.number().min(2).optional() })
    .optional(),
});
type Raw = z.infer<typeof schema>;

/** Options that are the sweep's own to set. */
const TAKEN: Readonly<Record<string, string>> = {
  seed: "give seeds: N, or a list of them",
  out: "give --out of the sweep",
  resume: "call the sweep again: it goes on",
};

/** The option that a recipe names, as on the command line or in code. ConfigError with the nearest one where there is none. */
function optionOf(table: OptionTable, given: string, where: string): readonly [name: string, option: Option] {
  const camel = given.replaceAll(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
  const taken = own(TAKEN, camel);
  if (taken !== undefined)
    throw new ConfigError(`${where}: ${given}: expected an option of training that a sweep leaves free; ${taken}`);
  const name = currentName(table, camel);
  if (name === undefined) throw new ConfigError(`${where}: ${unknownName("option", given, Object.keys(table).map(kebabCase))}`);
  return [name, table[name] as Option];
}

/** A range of numbers. ConfigError where nothing lies in it. */
function rangeOf(name: string, option: Option, raw: z.infer<typeof range>, where: string): Dimension {
  const { from, to, scale = "linear", steps = 3 } = raw;
  if (option.kind !== "number")
    throw new ConfigError(`${where}: expected a list of values, got a range; ${kebabCase(name)} is not a number`);
  if (!(from < to)) throw new ConfigError(`${where}: expected a range with from below to, got ${from} to ${to}`);
  if (scale === "log" && !(from > 0))
    throw new ConfigError(`${where}: expected a range above 0 for scale: log, got ${from} to ${to}`);
  for (const end of [from, to]) checkValue(option, end, where);
  // An option that refuses halves takes whole numbers.
  const middle = Math.floor(from) + 0.5;
  const whole = ((): boolean => {
    try {
      option.parse(String(middle), where);
      return false;
    } catch {
      return true;
    }
  })();
  return { name, kind: "range", from, to, scale, whole: whole && Number.isInteger(from) && Number.isInteger(to), steps };
}

function dimensionsOf(search: Raw["search"], table: OptionTable, where: string): Dimension[] {
  const dimensions = Object.entries(search).map(([given, values]): Dimension => {
    const [name, option] = optionOf(table, given, `${where}: search`);
    const here = `${where}: search: ${given}`;
    if (!Array.isArray(values)) return rangeOf(name, option, values, here);
    if (values.length === 0) throw new ConfigError(`${here}: expected at least one value, got an empty list`);
    for (const value of values) checkValue(option, option.many === true ? [value] : value, here);
    return { name, kind: "choice", values };
  });
  if (dimensions.length === 0) throw new ConfigError(`${where}: search: expected at least one option, got none`);
  return dimensions;
}

function halvingOf({ halving, method, options = {} }: Raw, where: string): Halving | undefined {
  if (method !== "asha") {
    if (halving !== undefined) throw new ConfigError(`${where}: halving: expected method: asha as well, got ${method ?? "none"}`);
    return undefined;
  }
  if (halving === undefined)
    throw new ConfigError(`${where}: expected halving with from and to in epochs for method: asha, got none`);
  const { from, to, factor = 3 } = halving;
  if (!(from < to)) throw new ConfigError(`${where}: halving: expected from below to, got ${from} to ${to}`);
  for (const name of ["epochs", "steps"])
    if (Object.hasOwn(options, name))
      throw new ConfigError(`${where}: options: ${name}: expected none beside halving, which gives the epochs; leave it out`);
  return { from, to, factor };
}

/** The options of all trials. ConfigError for one that the task does not have, that is searched besides, or without data. */
function fixedOptions(raw: Raw, table: OptionTable, dimensions: readonly Dimension[], where: string): Record<string, unknown> {
  const fixed = new Map<string, unknown>();
  for (const [given, value] of Object.entries(raw.options ?? {})) {
    const [name, option] = optionOf(table, given, `${where}: options`);
    if (dimensions.some((dimension) => dimension.name === name))
      throw new ConfigError(`${where}: ${given}: expected it under options or under search, got both`);
    fixed.set(name, checkValue(option, value, `${where}: options: ${given}`));
  }
  if (!fixed.has("data") && !dimensions.some(({ name }) => name === "data"))
    throw new ConfigError(`${where}: options: expected data, got none; give a known name, a file, a folder or a query`);
  return Object.fromEntries(fixed);
}

/** Reads YAML. ConfigError where it is none. */
function readYaml(text: string, where: string): unknown {
  try {
    return parse(text, { maxAliasCount: 100 }) as unknown;
  } catch (cause) {
    throw new ConfigError(`${where}: expected YAML, got text that does not parse (${(cause as Error).message.split("\n")[0]})`, {
      cause,
    });
  }
}

/**
 * Reads a recipe.
 *
 * Errors: ConfigError for an option that the task does not have, a value that it does not take, and a range in which nothing lies.
 */
export function parseRecipe(text: string, where: string): Recipe {
  const raw = parseWith(schema, readYaml(text, where), where);
  const task = taskNamed(raw.task);
  const table: OptionTable = { ...dataOptions, ...trainingOptions, ...task.options };
  const dimensions = dimensionsOf(raw.search, table, where);
  const options = fixedOptions(raw, table, dimensions, where);
  const halving = halvingOf(raw, where);
  const seeds = typeof raw.seeds === "number" ? Array.from({ length: raw.seeds }, (_, i) => i + 1) : (raw.seeds ?? [1]);
  if (seeds.length === 0) throw new ConfigError(`${where}: seeds: expected at least one, got an empty list`);
  if (new Set(seeds).size < seeds.length) throw new ConfigError(`${where}: seeds: expected each once, got ${seeds.join(", ")}`);
  const monitor = task.monitor ?? { metric: "loss", mode: "min" };
  const metric = raw.metric ?? monitor.metric;
  if (raw.metric !== undefined && raw.metric !== monitor.metric && raw.mode === undefined && raw.metric !== "loss")
    throw new ConfigError(`${where}: metric: ${raw.metric}: expected mode: min or max as well, got none`);
  return {
    task: task.name,
    options,
    dimensions,
    method: raw.method ?? "sobol",
    trials: raw.trials ?? 16,
    seeds,
    metric,
    mode: raw.mode ?? (metric === "loss" ? "min" : monitor.mode),
    seed: raw.seed ?? 1,
    halving,
  };
}
