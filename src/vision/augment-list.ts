/**
 * @module The grammar of `--augment`: `NAME[:NUMBER[:NUMBER]],…`, in which presets stand for lists.
 */
import { ConfigError } from "../util/errors.js";
import { unknownName } from "../util/nearest.js";

/** A number behind a name. */
export interface ListParameter {
  /** A letter for messages and help. */
  readonly name: string;
  readonly minimum: number;
  readonly maximum: number;
  /** Its value where it is left out. */
  readonly default: number;
}

/** One change, with its numbers. */
export interface Augmentation {
  readonly name: string;
  readonly values: readonly number[];
}

/** The changes that a list may name. */
export interface AugmentGrammar {
  /** Parameters by change. */
  readonly changes: ReadonlyMap<string, readonly ListParameter[]>;
  /** Lists by preset. */
  readonly presets: ReadonlyMap<string, string>;
}

/** Reads a list. Errors: ConfigError, beginning with `where`, for an unknown name or a number out of range. */
export function parseAugmentList(text: string, { changes, presets }: AugmentGrammar, where: string): Augmentation[] {
  return text
    .split(",")
    .map((item) => item.trim())
    .filter((item) => item !== "")
    .flatMap((item): Augmentation[] => {
      const preset = presets.get(item);
      if (preset !== undefined) return parseAugmentList(preset, { changes, presets }, where);
      const [name = "", ...numbers] = item.split(":");
      const parameters = changes.get(name);
      if (parameters === undefined)
        throw new ConfigError(`${where}: ${unknownName("augmentation", name, [...presets.keys(), ...changes.keys()])}`);
      const most = parameters.length === 0 ? "no number" : `at most ${parameters.length} numbers`;
      if (numbers.length > parameters.length) throw new ConfigError(`${where}: ${name}: expected ${most}, got ${numbers.length}`);
      const values = parameters.map((p, i) => {
        const given = numbers[i];
        const value = given === undefined ? p.default : Number(given);
        if (given?.trim() === "" || !(value >= p.minimum && value <= p.maximum))
          throw new ConfigError(`${where}: ${name}: expected ${p.name} in ${p.minimum} … ${p.maximum}, got "${given}"`);
        return value;
      });
      return [{ name, values }];
    });
}

/** The list as text with every number, as a run's `config.json` keeps it; "none" where it is empty. */
export const formatAugment = (list: readonly Augmentation[]): string =>
  list.length === 0 ? "none" : list.map(({ name, values }) => [name, ...values].join(":")).join(",");
