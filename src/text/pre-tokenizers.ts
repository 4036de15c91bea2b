/**
 * @module The pre-tokenizers of a `tokenizer.json`, on tracked text: each is a pattern, and what happens to what it matches.
 * They follow the Rust library, in whose JavaScript counterpart `\w` is ASCII (Chinese words fall apart) and merges are missing.
 */
import * as z from "zod";
import { BYTE_LEVEL_WORDS, toByteCharacters } from "./byte-level.js";
import { patternSchema, regexOf } from "./normalizers.js";
import type { Component } from "./tokenizer-json.js";
import type { SplitBehavior, TrackedText } from "./tracked-text.js";
import { splitText } from "./tracked-text.js";
import { ConfigError } from "../util/errors.js";
import { own } from "../util/record.js";
import { parseWith } from "../util/schema.js";

/** Cuts a text into words. `first`: nothing of the original stands before it. */
export type PreTokenize = (text: TrackedText) => TrackedText[];

const PUNCTUATION = /[\p{P}!-/:-@[-`{-~]/gu;
const SPACE = /\p{White_Space}/gu;

const split =
  (pattern: RegExp, behavior: SplitBehavior, invert = false): PreTokenize =>
  (text) =>
    splitText(text, pattern, behavior, invert);

const inOrder =
  (steps: readonly PreTokenize[]): PreTokenize =>
  (text) =>
    steps.reduce<TrackedText[]>((pieces, step) => pieces.flatMap((piece) => step(piece)), [text]);

/** `MergedWithPrevious`, as files write it, or `merged_with_previous`. */
const behavior = z
  .string()
  .transform((name) => name.replaceAll(/(?<=[a-z])(?=[A-Z])/g, "_").toLowerCase())
  .pipe(z.enum(["removed", "isolated", "merged_with_previous", "merged_with_next", "contiguous"]));

const schemas = {
  byteLevel: z.looseObject({ add_prefix_space: z.boolean().default(true), use_regex: z.boolean().default(true) }),
  metaspace: z.looseObject({
    replacement: z.string().default("▁"),
    prepend_scheme: z.enum(["always", "first", "never"]).optional(),
    add_prefix_space: z.boolean().optional(),
    split: z.boolean().default(true),
  }),
  split: z.looseObject({ pattern: patternSchema, behavior, invert: z.boolean().default(false) }),
  punctuation: z.looseObject({ behavior: behavior.default("isolated") }),
  digits: z.looseObject({ individual_digits: z.boolean().default(false) }),
  delimiter: z.looseObject({ delimiter: z.string() }),
  fixedLength: z.looseObject({ length: z.number().int().positive() }),
  sequence: z.looseObject({ pretokenizers: z.array(z.looseObject({ type: z.string() })) }),
};

function byteLevel(component: Component): PreTokenize {
  const { add_prefix_space, use_regex } = parseWith(schemas.byteLevel, component, "ByteLevel");
  return (text) => {
    const spaced = add_prefix_space && !text.text.startsWith(" ") ? text.prepend(" ") : text;
    const words = use_regex ? splitText(spaced, BYTE_LEVEL_WORDS, "isolated") : [spaced];
    return words.map((word) => word.map(toByteCharacters));
  };
}

function metaspace(component: Component): PreTokenize {
  const options = parseWith(schemas.metaspace, component, "Metaspace");
  const { replacement } = options;
  // Files of before 0.14 have a flag in place of the scheme.
  const scheme = options.prepend_scheme ?? (options.add_prefix_space === false ? "never" : "always");
  const sign = regexOf({ String: replacement });
  return (text) => {
    let marked = text.replace(/ /g, replacement);
    const isNeeded = scheme === "always" || (scheme === "first" && text.length > 0 && text.start(0) === 0);
    if (isNeeded && !marked.text.startsWith(replacement)) marked = marked.prepend(replacement);
    return options.split ? splitText(marked, sign, "merged_with_next") : [marked];
  };
}

const MAKERS: Readonly<Record<string, (component: Component) => PreTokenize>> = {
  BertPreTokenizer: () => inOrder([split(SPACE, "removed"), split(PUNCTUATION, "isolated")]),
  ByteLevel: byteLevel,
  Metaspace: metaspace,
  Whitespace: () =>
    split(
      /[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}]+|[^\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}\p{White_Space}]+/gu,
      "removed",
      true,
    ),
  WhitespaceSplit: () => split(SPACE, "removed"),
  Punctuation: (component) => split(PUNCTUATION, parseWith(schemas.punctuation, component, "Punctuation").behavior),
  Digits: (component) =>
    split(/\p{N}/gu, parseWith(schemas.digits, component, "Digits").individual_digits ? "isolated" : "contiguous"),
  CharDelimiterSplit: (component) =>
    split(regexOf({ String: parseWith(schemas.delimiter, component, "CharDelimiterSplit").delimiter }), "removed"),
  FixedLength: (component) =>
    split(new RegExp(`.{1,${parseWith(schemas.fixedLength, component, "FixedLength").length}}`, "gsu"), "isolated"),
  Split: (component) => {
    const options = parseWith(schemas.split, component, "Split");
    return split(regexOf(options.pattern), options.behavior, options.invert);
  },
  Sequence: (component) => inOrder(parseWith(schemas.sequence, component, "Sequence").pretokenizers.map(preTokenizerOf)),
};

/** A pre-tokenizer of a `tokenizer.json`. ConfigError, with those that there are, if it is none of them. */
export function preTokenizerOf(component: Component | null | undefined): PreTokenize {
  if (component === null || component === undefined) return (text) => [text];
  const make = own(MAKERS, component.type);
  if (make === undefined)
    throw new ConfigError(
      `pre_tokenizer: expected one of ${Object.keys(MAKERS).join(", ")}, got ${component.type}; the native engine may know it`,
    );
  return make(component);
}
