/**
 * @module Verbs of the command line. To add one: write `verbs/NAME.ts` that exports `verb = defineVerb({ … })`, and add its row to
 * `verbs.ts`. A verb file imports the heavy parts (engine, data, tasks) inside `run`, so that `--help` stays quick.
 *
 * @example
 * export const verb = defineVerb({
 *   positionals: [{ name: "RUN", help: "a run folder" }],
 *   options: { data: text({ help: "what to measure on", metavar: "DATA" }) },
 *   examples: ["descent eval runs/mnist --data mnist"],
 *   async run({ positionals: [run], options, signal, print }) {
 *     const { evaluate } = await import(…);
 *     const metrics = await evaluate(run, { data: options.data, signal });
 *     print(formatTable(…));       // for a person: standard output, or standard error under --json
 *     return metrics;              // for a program: the one JSON document that --json writes to standard output
 *   },
 * });
 */
import type { Progress, ProgressOptions } from "../run/progress.js";
import type { Source } from "./options.js";
import type { OptionTable, OptionValues } from "../util/option.js";
import type { VerbRow } from "./verbs.js";

/** An argument without dashes. */
export interface Positional {
  readonly name: string;
  readonly help: string;
  readonly optional?: boolean;
  /** Takes all that are left; only the last one may. */
  readonly many?: boolean;
}

/** The arguments of a verb's `run`. */
export interface VerbContext<O extends OptionTable = OptionTable> {
  /** Checked values by the table's names. */
  readonly options: OptionValues<O>;
  /** The options that were set, and their sources; the others have their defaults. */
  readonly given: ReadonlyMap<string, Source>;
  readonly positionals: readonly string[];
  /** The contents of `--config FILE`. */
  readonly config: unknown;
  /** Aborted by Ctrl-C or SIGTERM: write a checkpoint and return. */
  readonly signal: AbortSignal;
  /** An interrupted verb is waited for while this is held, and left behind soon where it is not: hold it around what writes a checkpoint. */
  readonly hold: () => Disposable;
  /** The command line, quoted for a shell, that repeats this call. */
  readonly command: string;
  /** The table of verbs, for `help`. */
  readonly verbs: readonly VerbRow[];
  readonly json: boolean;
  readonly quiet: boolean;
  readonly debug: boolean;
  /** A line of the answer: standard output, or standard error under `--json`. */
  readonly print: (text: string) => void;
  /** A piece of the answer as it comes, without a line end. */
  readonly write: (text: string) => void;
  /** Prints a note to standard error; with `--quiet` only if `always`. */
  readonly note: (text: string, always?: boolean) => void;
  /** A progress line on standard error, nothing with `--quiet`. */
  readonly progress: (options: ProgressOptions) => Progress;
}

/** Text of `--help` besides the table of options, or in its place. */
export interface MoreHelp {
  readonly text: string;
  /** Options that are listed in place of all of the verb's, with what they are called. */
  readonly listed?: { readonly title: string; readonly options: OptionTable };
  /** Examples in place of the verb's own. */
  readonly examples?: readonly string[];
}

export interface Verb<O extends OptionTable = OptionTable> {
  readonly positionals: readonly Positional[];
  readonly options: O;
  /** Whole command lines, shown by `--help`. */
  readonly examples?: readonly string[];
  /** Entries of a --config file beside its options, which the verb reads itself. */
  readonly configNames?: readonly string[];
  /** Verbs of its own, which its first argument names (`descent data inspect`); it does nothing itself then. */
  readonly verbs?: readonly VerbRow[];
  /** Needs ONNX Runtime: on a platform without its binary the verb is refused in one line. */
  readonly engine?: boolean;
  /** Several processes that were started together (`mpirun`) run it together; any other verb is refused there. */
  readonly ranks?: boolean;
  /** More for `--help`, which may depend on the positionals (`descent train TASK --help` lists that task's options and models). */
  readonly more?: (positionals: readonly string[]) => Promise<MoreHelp>;
  /** Runs the verb, and returns what `--json` prints. Throw a DescentError for messages to the user. */
  run(context: VerbContext<O>): Promise<unknown>;
}

/** Types a verb by its option table. */
export const defineVerb = <const O extends OptionTable>(verb: Verb<O>): Verb<O> => verb;
