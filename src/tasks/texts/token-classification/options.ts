/**
 * @module The options of token classification.
 */
import type { OptionTable } from "../../../util/option.js";
import { integer } from "../../../util/option.js";
import { strideOption, taggingOptions, tokenizerOptions } from "../options.js";

export const tokenClassificationOptions = {
  ...taggingOptions,
  ...tokenizerOptions,
  stride: strideOption("a quarter of the window"),
} satisfies OptionTable;

/** Options of `descent explain`. */
export const tokenExplainOptions = {
  token: integer({
    help: "the word whose tag is explained, counted from 1; or --target WORD:LABEL",
    minimum: 1,
    defaultText: "the first word of the first entity",
  }),
} satisfies OptionTable;
