/**
 * @module The options of token classification.
 */
import type { OptionTable } from "../../../util/option.js";
import { strideOption, taggingOptions, tokenizerOptions } from "../options.js";

export const tokenClassificationOptions = {
  ...taggingOptions,
  ...tokenizerOptions,
  stride: strideOption("a quarter of the window"),
} satisfies OptionTable;
