/**
 * @module Options shared by the verbs that make models smaller and train them: the data and the training.
 */
import type { OptionTable, OptionValues } from "../../util/option.js";
import { choice, flag, integer, number, text, valuesOf } from "../../util/option.js";
import { dataOptions, deviceOptions, trainingOptions } from "../options.js";
import type { UseOptions } from "../trained-model.js";

/** The run that is made, and its report. */
export const outOptions = {
  out: text({ help: "the run folder to make", metavar: "RUN", short: "o", defaultText: "RUN-VERB" }),
  overwrite: flag({ help: "replace the run that is already in --out" }),
  lang: choice(["en", "zh"], { help: "language of the report", default: "en", env: "DESCENT_LANG" }),
} satisfies OptionTable;

const ownSetting = "the run's own";

/** Training; the defaults are the run's own settings. */
export const smallTrainingOptions = {
  epochs: number({ help: "passes over the training data", above: 0, defaultText: "a third of the run's" }),
  steps: integer({ help: "training steps, in place of --epochs", minimum: 1 }),
  batchSize: { ...trainingOptions.batchSize, defaultText: ownSetting },
  lr: { ...trainingOptions.lr, defaultText: "half of the run's" },
  optimizer: { ...trainingOptions.optimizer, defaultText: ownSetting },
  schedule: { ...trainingOptions.schedule, defaultText: "cosine" },
  weightDecay: { ...trainingOptions.weightDecay, defaultText: ownSetting },
  clipNorm: { ...trainingOptions.clipNorm, defaultText: ownSetting },
  clipWeights: { ...trainingOptions.clipWeights, defaultText: ownSetting },
  augment: text({ help: "augmentations of training images, as for descent train", metavar: "LIST", defaultText: ownSetting }),
  seed: trainingOptions.seed,
} satisfies OptionTable;

/** All options of a verb that trains a smaller model. */
export const compressingOptions = {
  ...outOptions,
  ...dataOptions,
  ...smallTrainingOptions,
  ...deviceOptions,
} satisfies OptionTable;

/** Settings of a training, as the command line names them. */
export interface SmallTraining extends UseOptions, Partial<OptionValues<typeof smallTrainingOptions>> {}

/** Picks the settings of training from a verb's options. */
export const smallTrainingOf = (options: OptionValues<typeof smallTrainingOptions & typeof deviceOptions>): SmallTraining =>
  valuesOf(options, { ...smallTrainingOptions, ...deviceOptions });
