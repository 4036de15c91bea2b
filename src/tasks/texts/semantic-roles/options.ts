/**
 * @module The options of semantic role labelling.
 */
import type { OptionTable } from "../../../util/option.js";
import { integer, text } from "../../../util/option.js";

/** Options of `descent explain`. */
export const rolesExplainOptions = {
  predicate: text({
    help: "the predicate whose argument is explained: a word of the text",
    metavar: "WORD",
    defaultText: "the first that is found",
  }),
  token: integer({
    help: "the word whose role is explained, counted from 1; or --target WORD:ROLE",
    minimum: 1,
    defaultText: "the first word of the first argument",
  }),
} satisfies OptionTable;
