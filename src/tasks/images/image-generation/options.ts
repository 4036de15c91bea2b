/**
 * @module The options of image generation.
 */
import type { OptionTable, OptionValues } from "../../../util/option.js";
import { integer, text } from "../../../util/option.js";
import { imageSizeOption } from "../options.js";

const own = {
  features: text({
    help: "the run of a classifier whose features are compared (Fréchet distance)",
    metavar: "RUN",
    defaultText: "a small one that is trained first",
  }),
} satisfies OptionTable;

export const generationOptions = { imageSize: imageSizeOption, ...own } satisfies OptionTable;

/** Options of `descent predict`. */
export const generationPredictOptions = {
  count: integer({ help: "number of samples", minimum: 1, metavar: "N", defaultText: "16" }),
  seed: integer({ help: "seed of the random numbers", minimum: 0, defaultText: "1" }),
} satisfies OptionTable;

declare module "../../task.js" {
  interface TaskOptions extends Partial<OptionValues<typeof own>> {}
}
