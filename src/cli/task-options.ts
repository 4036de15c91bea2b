/**
 * @module Options of a verb that belong to one task each.
 */
import { ConfigError } from "../util/errors.js";
import type { OptionTable } from "../util/option.js";
import { kebabCase } from "../util/option.js";
import { own } from "../util/record.js";

/** Options of one task, which the help says. */
export const ofTask = <O extends OptionTable>(task: string, table: O): O =>
  Object.fromEntries(Object.entries(table).map(([name, option]) => [name, { ...option, help: `${task}: ${option.help}` }])) as O;

/** Tables of options, each with the name of its task. */
export type TaskTables = readonly (readonly [task: string, table: OptionTable])[];

/** ConfigError for an option of another task. */
export function expectOwn(
  task: string,
  taken: OptionTable = {},
  tables: TaskTables,
  options: Readonly<Record<string, unknown>>,
): void {
  for (const [owner, table] of tables) {
    const wrong = Object.keys(table).find((option) => own(options, option) !== undefined && !Object.hasOwn(taken, option));
    if (wrong !== undefined) throw new ConfigError(`--${kebabCase(wrong)}: expected a run of ${owner}, got ${task}`);
  }
}
