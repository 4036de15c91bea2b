/**
 * @module The options of a training: their type, their check, and which of them are a task's own.
 */
import { ConfigError } from "../../util/errors.js";
import type { OptionTable, OptionValues } from "../../util/option.js";
import { checkValue, kebabCase, withCurrentNames } from "../../util/option.js";
import { dataOptions, trainingOptions } from "../options.js";
import { TASKS } from "../table.js";
import type { AnyTask, TaskOptions, TrainingDefaults } from "../task.js";

/** Options of a training; an option left out has the model's own default. Names are those of the command line. */
export interface TrainTaskOptions
  extends
    Partial<Omit<OptionValues<typeof dataOptions & typeof trainingOptions>, "data">>,
    Partial<Pick<TrainingDefaults, "beta1" | "beta2" | "finalLrFraction">>,
    TaskOptions {
  readonly task: string;
  readonly data: string;
}

/** Seed of a training, unless told otherwise. */
export const SEED = 1;

/** The options of its own that a task is given. ConfigError for one that it does not take. */
export function taskOptions(task: AnyTask, options: TrainTaskOptions): TaskOptions {
  const known = new Set(TASKS.flatMap((each) => Object.keys(each.options)));
  const given = Object.entries(options).filter(
    ([name, value]) => known.has(name) && value !== undefined && !(Array.isArray(value) && value.length === 0),
  );
  const wrong = given.find(([name]) => !Object.hasOwn(task.options, name));
  if (wrong !== undefined) throw new ConfigError(`--${kebabCase(wrong[0])}: expected a task that takes it, got ${task.name}`);
  return Object.fromEntries(given);
}

const tableOf = (task: AnyTask): OptionTable => ({ ...dataOptions, ...trainingOptions, ...task.options });

/** Options of a run's `config.json` by their current names. */
export const currentOptions = (task: AnyTask, options: Readonly<Record<string, unknown>>): Record<string, unknown> =>
  withCurrentNames(tableOf(task), options);

/**
 * Checks options against their declarations: those of the `config.json` at `where`, which somebody may have edited, or of a caller of the library.
 * ConfigError for a value of another type or out of range; names that are no option are the run's own.
 */
export function checkOptions(task: AnyTask, options: object, where: string): void {
  const table = tableOf(task);
  for (const [name, value] of Object.entries(options)) {
    const option = Object.hasOwn(table, name) ? table[name] : undefined;
    if (option !== undefined && value !== undefined && value !== null)
      checkValue(option, value, where === "" ? `--${kebabCase(name)}` : `${where}${name}`);
  }
}
