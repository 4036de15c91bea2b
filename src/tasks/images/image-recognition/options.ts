/**
 * @module The options of image recognition.
 */
import type { OptionTable, OptionValues } from "../../../util/option.js";
import { list, number, text } from "../../../util/option.js";
import { labelledImageOptions } from "../options.js";

const own = {
  loss: text({ help: "the loss: cosface, arcface, contrastive or triplet", metavar: "NAME", defaultText: "cosface" }),
  holdOut: list(
    text({
      help: "a class to hold out of training, to measure recognition of unknown things",
      metavar: "CLASS",
      defaultText: "four of ten classes",
    }),
  ),
  falseAcceptRate: number({
    help: "largest fraction of unknown things that may get a name",
    minimum: 0,
    maximum: 1,
    defaultText: "0.05",
  }),
} satisfies OptionTable;

export const recognitionOptions = { ...labelledImageOptions, ...own } satisfies OptionTable;

const gallery = text({ help: "the file of enrolled images", metavar: "FILE", defaultText: "RUN/gallery.safetensors" });

/** Options of `descent predict`. */
export const recognitionPredictOptions = { gallery } satisfies OptionTable;

/** Options of `descent explain`. */
export const recognitionExplainOptions = {
  against: text({
    help: "what to compare with: an image file, or an enrolled name",
    metavar: "FILE",
    defaultText: "the nearest in the gallery",
  }),
  gallery,
} satisfies OptionTable;

declare module "../../task.js" {
  interface TaskOptions extends Partial<OptionValues<typeof own>> {}
}
