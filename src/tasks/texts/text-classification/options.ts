/**
 * @module The options of text classification.
 */
import type { OptionTable, OptionValues } from "../../../util/option.js";
import { text } from "../../../util/option.js";
import { evidenceOptions } from "../../shared/evidence.js";
import { classWeightOption, exampleWeightOption } from "../../shared/weighting.js";
import { strideOption, tokenizerOptions } from "../options.js";

const own = {
  vectors: text({
    help: "word or character vectors (word2vec's or GloVe's text format) to initialize the embedding with",
    metavar: "FILE",
  }),
  labelSeparator: text({ help: "separator of labels, if a text may have several (a JSON list needs none)", metavar: "SIGN" }),
} satisfies OptionTable;

export const textClassificationOptions = {
  ...tokenizerOptions,
  stride: strideOption("longer texts are cut"),
  ...own,
  ...evidenceOptions("the column of spans, as [[START, END], …] in characters, that hold a text's evidence", "COLUMN"),
  ...classWeightOption,
  ...exampleWeightOption,
} satisfies OptionTable;

declare module "../../task.js" {
  interface TaskOptions extends Partial<OptionValues<typeof own>> {}
}
