/**
 * @module The options that several tasks of texts share.
 */
import type { OptionTable, OptionValues } from "../../util/option.js";
import { choice, integer, number, text } from "../../util/option.js";

/** Options of tasks whose models read tokens of a vocabulary. */
export const tokenizerOptions = {
  tokenizer: text({
    help: "the tokenizer: words, wordpiece, characters, bpe, or a tokenizer.json (or its folder)",
    metavar: "NAME",
    defaultText: "one that suits the language and the task",
  }),
  vocabularySize: integer({
    help: "largest size of the learned vocabulary",
    unit: "tokens",
    minimum: 1,
    defaultText: "the task's own",
  }),
  maxLength: integer({
    help: "the longest input that the model reads at once",
    unit: "tokens",
    minimum: 3,
    defaultText: "the task's own",
  }),
} satisfies OptionTable;

/** The option of tasks that read a long text in windows; the task says what it does without. */
export const strideOption = (otherwise: string) =>
  integer({
    help: "evaluate and predict longer texts in windows that overlap by N tokens",
    unit: "tokens",
    minimum: 0,
    metavar: "N",
    defaultText: otherwise,
  });

/** Options of tasks that tag tokens. */
export const taggingOptions = {
  scheme: choice(["bio", "bioes"], { help: "tagging scheme for spans", metavar: "NAME", defaultText: "bioes" }),
  falseNegativeCost: number({
    aliases: ["missCost"],
    help: "cost of missing a token of a span, added to the score of O there in training (softmax-margin)",
    minimum: 0,
    metavar: "X",
    defaultText: "ln(tokens outside / tokens inside), 0 to 3",
  }),
} satisfies OptionTable;

/** Tokens of a written text that are explained, at most, unless more are asked for. */
export const MOST_WRITTEN = 64;

/** The option of `descent explain` for models that write texts. */
export const writtenExplainOptions = {
  tokens: integer({
    help: "explain the first N generated tokens, each by the tokens that it depends on",
    unit: "tokens",
    minimum: 1,
    metavar: "N",
    defaultText: `${MOST_WRITTEN} of a sequence-to-sequence model, the next token of a language model`,
  }),
} satisfies OptionTable;

declare module "../task.js" {
  interface TaskOptions extends Partial<OptionValues<typeof tokenizerOptions>>, Partial<OptionValues<typeof taggingOptions>> {
    readonly stride?: number;
  }
}
