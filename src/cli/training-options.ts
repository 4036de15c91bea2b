/**
 * @module Options of `descent train` besides those that describe a run, and the check for contradictions among them.
 */
import { trainingOptions as describing } from "../tasks/options.js";
import { ConfigError } from "../util/errors.js";
import type { OptionTable, OptionValues } from "../util/option.js";
import { flag, kebabCase, text } from "../util/option.js";
import type { ParsedOptions } from "./options.js";

/** Options of training and of the run folder: how to train, where to write, where to resume. */
export const trainingOptions = {
  out: text({ help: "the run folder to make", metavar: "RUN", short: "o", defaultText: "runs/TASK-MODEL-TIME", local: true }),
  overwrite: flag({ help: "replace the run that is already in --out", local: true }),
  resume: text({ help: "resume this run, or resume from one of its checkpoints", metavar: "RUN", local: true }),
  config: {
    ...text({ help: "options from a JSON file, such as a run's config.json", metavar: "FILE", local: true }),
    configFile: true,
  },
  ...describing,
} satisfies OptionTable;

export type TrainingOptions = OptionValues<typeof trainingOptions>;

/** Options allowed beside --resume: a longer training, threads, when gradients travel, output, and once more the query that the run reads. */
const RESUME_KEEPS = new Set([
  "resume",
  "epochs",
  "steps",
  "data",
  "overwrite",
  "threads",
  "overlap",
  "help",
  "json",
  "quiet",
  "debug",
]);

/** ConfigError where shared options contradict each other; call it first in a verb's `run`. */
export function checkTrainingOptions(
  parsed: Pick<ParsedOptions<typeof trainingOptions>, "given"> & { readonly options: TrainingOptions },
  where: string,
): void {
  const { options, given } = parsed;
  const together = (a: string, b: string): void => {
    if (given.get(a) === "command line" && given.get(b) === "command line") {
      throw new ConfigError(`${where}: expected --${a} or --${b}, got both`);
    }
  };
  together("epochs", "steps");
  together("resume", "init");
  together("resume", "out");
  const fixed = [...given].find(([name, source]) => source === "command line" && !RESUME_KEEPS.has(name));
  if (options.resume !== undefined && fixed !== undefined) {
    throw new ConfigError(
      `${where}: expected --resume to continue with the run's own options, got --${kebabCase(fixed[0])} as well; with other options start from its weights: --init ${options.resume}`,
    );
  }
  if (options.overwrite && options.resume !== undefined) {
    throw new ConfigError(`${where}: expected --resume or --overwrite, got both`);
  }
}
