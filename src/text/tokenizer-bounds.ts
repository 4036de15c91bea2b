/**
 * @module Checks of a `tokenizer.json` from an unknown source. The native library ends the process on invalid content: a merge without
 * its result, a table of replacements that points outside, a length of zero. So either engine gets only what was checked here first.
 */
import { slowPatternReason } from "./pattern-bounds.js";
import { precompiledFault } from "./precompiled-bounds.js";
import type { TokenizerJson } from "./tokenizer-json.js";
import { ConfigError } from "../util/errors.js";

/** The largest id: an embedding has as many rows. */
const MAX_ID = 2 ** 24 - 1;
/** Steps inside one another, and steps at all, of a normalizer, pre-tokenizer, decoder or post-processor. */
const MAX_DEPTH = 16;
const MAX_STEPS = 256;
/** Units of text that each unit of a text may become by replacing and prepending. */
const MAX_GROWTH = 256;
/** The longest word that WordPiece looks at: it takes the square of it. */
const MAX_WORD = 10_000;

const isId = (value: unknown): value is number =>
  Number.isInteger(value) && (value as number) >= 0 && (value as number) <= MAX_ID;

const refuse = (where: string, message: string): never => {
  throw new ConfigError(`${where}: ${message}`);
};

function checkVocabulary({ model, added_tokens }: TokenizerJson, where: string): void {
  if (Array.isArray(model.vocab)) {
    for (const entry of model.vocab as readonly unknown[])
      if (!(Array.isArray(entry) && entry.length === 2 && typeof entry[0] === "string" && Number.isFinite(entry[1])))
        refuse(where, `model.vocab: expected tokens with finite scores, got ${shown(entry)}`);
    if (model.unk_id !== undefined && model.unk_id !== null && !(isId(model.unk_id) && model.unk_id < model.vocab.length))
      refuse(where, `model.unk_id: expected the place of one of ${model.vocab.length} tokens, got ${model.unk_id}`);
  } else {
    for (const token in model.vocab)
      if (!isId(model.vocab[token]))
        refuse(where, `model.vocab: expected ids in 0 … ${MAX_ID}, got ${shown(model.vocab[token])}`);
  }
  for (const { id } of added_tokens) if (!isId(id)) refuse(where, `added_tokens: expected ids in 0 … ${MAX_ID}, got ${id}`);
}

const shown = (value: unknown): string => (JSON.stringify(value) ?? "nothing").slice(0, 80);

/** A merge as files write it: two tokens, or both in one text with a space between them. */
function mergeOf(merge: unknown): readonly [string, string] | undefined {
  const parts: unknown = typeof merge === "string" ? merge.split(" ") : merge;
  if (!Array.isArray(parts) || parts.length !== 2) return undefined;
  const [first, second] = parts as unknown[];
  return typeof first === "string" && typeof second === "string" ? [first, second] : undefined;
}

/** Each merge's result is a token of the vocabulary; that its tokens are, both engines check. */
function checkMerges({ model }: TokenizerJson, where: string): void {
  const { merges, continuing_subword_prefix: given, vocab } = model;
  if (merges === undefined || merges === null) return;
  if (!Array.isArray(merges) || Array.isArray(vocab)) return refuse(where, "model: expected a list of merges, and ids by token");
  const prefix = typeof given === "string" ? given : "";
  for (const merge of merges as readonly unknown[]) {
    const pair = mergeOf(merge);
    if (pair === undefined) {
      // The first line of the files that merges were once kept in.
      if (typeof merge === "string" && merge.startsWith("#version")) continue;
      return refuse(where, `model.merges: expected two tokens each, got ${shown(merge)}`);
    }
    const [first, second] = pair;
    if (!second.startsWith(prefix))
      refuse(where, `model.merges: expected ${shown(second)} to begin with continuing_subword_prefix ${shown(prefix)}`);
    const result = prefix === "" ? first + second : first + second.slice(prefix.length);
    // What every object has is not a number.
    if (typeof vocab[result] !== "number") refuse(where, `model.merges: expected ${shown(result)} in the vocabulary, got none`);
  }
}

/** Counts of what a part of the file makes of a text. */
interface Totals {
  steps: number;
  growth: number;
}

/** One field of a step, whatever the step is: a library may take a step for another than its type says. */
function checkField(key: string, value: unknown, where: string, totals: Totals): void {
  if (key === "Regex") {
    const why = typeof value === "string" ? slowPatternReason(value) : "none";
    if (why !== undefined) refuse(where, `expected a pattern that is matched in few steps, got ${why} in ${shown(value)}`);
  } else if (key === "precompiled_charsmap") {
    const why = typeof value === "string" ? precompiledFault(value) : "none";
    if (why !== undefined) refuse(where, `precompiled_charsmap: expected SentencePiece's table, got ${why}`);
  } else if (key === "length" && !(Number.isInteger(value) && (value as number) >= 1 && (value as number) < 2 ** 31))
    refuse(where, `length: expected a whole number ≥ 1, got ${shown(value)}`);
  else if ((key === "content" || key === "prepend") && typeof value === "string") {
    totals.growth *= Math.max(1, value.length);
    if (totals.growth > MAX_GROWTH)
      refuse(where, `expected replacements that make a text at most ${MAX_GROWTH} times as long, got more`);
  }
}

/** A normalizer, pre-tokenizer, decoder or post-processor, with all steps in it. */
function checkSteps(step: unknown, where: string, totals: Totals, depth = 0): void {
  if (typeof step !== "object" || step === null) return;
  if (depth > 2 * MAX_DEPTH) refuse(where, `expected steps up to ${MAX_DEPTH} deep, got deeper ones`);
  const { start, stop } = step as { readonly start?: unknown; readonly stop?: unknown };
  // Of a token that is shorter than both, the library takes more than there is.
  if (typeof start === "number" && typeof stop === "number" && start > 0 && stop > 0)
    refuse(where, `expected characters to be stripped at one end, got ${start} at the start and ${stop} at the end`);
  if (!Array.isArray(step) && ++totals.steps > MAX_STEPS) refuse(where, `expected up to ${MAX_STEPS} steps, got more`);
  for (const [key, value] of Object.entries(step)) {
    checkField(key, value, where, totals);
    checkSteps(value, where, totals, depth + 1);
  }
}

/**
 * Refuses what an engine would fail on or never come back from.
 * Errors: ConfigError that names the file and the part of it.
 */
export function checkTokenizer(json: TokenizerJson, where: string): void {
  checkVocabulary(json, where);
  checkMerges(json, where);
  const longest = json.model["max_input_chars_per_word"];
  if (longest !== undefined && !(Number.isInteger(longest) && (longest as number) >= 0 && (longest as number) <= MAX_WORD))
    refuse(where, `model.max_input_chars_per_word: expected a whole number up to ${MAX_WORD}, got ${shown(longest)}`);
  for (const part of ["normalizer", "pre_tokenizer", "decoder"] as const)
    checkSteps(json[part], `${where}: ${part}`, { steps: 0, growth: 1 });
  // The template's tokens are steps neither in number nor in kind.
  const { post_processor } = json;
  if (post_processor?.type !== "TemplateProcessing")
    checkSteps(post_processor, `${where}: post_processor`, { steps: 0, growth: 1 });
}
