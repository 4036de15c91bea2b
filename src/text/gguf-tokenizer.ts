/**
 * @module The tokenizer of a GGUF file as a `tokenizer.json`: byte-level BPE, as Llama 3's and Qwen's families and SmolLM have it.
 *
 * Source: https://github.com/ggml-org/llama.cpp, src/llama-vocab.cpp (pre-tokenizers by name); Hugging Face's tokenizers for the form.
 */
import { ConfigError } from "../util/errors.js";

/** The tokens and their settings in a file. */
export interface GgufTokens {
  /** The kind: `gpt2` is byte-level BPE. */
  readonly model: string;
  /** The cut of texts before pieces are merged. */
  readonly pre: string;
  readonly tokens: readonly string[];
  /** 3 and 4 are tokens that stand for themselves. */
  readonly types: readonly number[];
  readonly merges: readonly string[];
}

const [CONTROL, USER_DEFINED] = [3, 4];

const byteLevel = (regex: boolean): object => ({
  type: "ByteLevel",
  add_prefix_space: false,
  trim_offsets: true,
  use_regex: regex,
});
const split = (pattern: string): object => ({ type: "Split", pattern: { Regex: pattern }, behavior: "Isolated", invert: false });
const sequence = (...pretokenizers: readonly object[]): object => ({ type: "Sequence", pretokenizers });

/** Llama 3 cuts numbers into at most three digits, Qwen into single ones. */
const words = (digits: string): string =>
  `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|${digits}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+`;

/** Pre-tokenizers by the name that files have for them. */
const PRE: ReadonlyMap<string, object> = new Map([
  ["default", byteLevel(true)],
  ["gpt-2", byteLevel(true)],
  ["smollm", sequence({ type: "Digits", individual_digits: true }, byteLevel(true))],
  ["llama-bpe", sequence(split(words("\\p{N}{1,3}")), byteLevel(false))],
  ["qwen2", sequence(split(words("\\p{N}")), byteLevel(false))],
]);

/** The text of a `tokenizer.json`. ConfigError for a kind of tokenizer that is not supported. */
export function ggufTokenizerJson({ model, pre, tokens, types, merges }: GgufTokens, where = "GGUF"): string {
  if (model !== "gpt2") throw new ConfigError(`${where}: tokenizer.ggml.model: expected gpt2 (byte-level BPE), got ${model}`);
  const cut = PRE.get(pre);
  if (cut === undefined)
    throw new ConfigError(`${where}: tokenizer.ggml.pre: expected ${[...PRE.keys()].join(", ")}, got ${pre}`);
  const pairs = merges.map((merge) => {
    const at = merge.indexOf(" ", 1);
    if (at < 0)
      throw new ConfigError(`${where}: tokenizer.ggml.merges: expected two pieces separated by a space, got "${merge}"`);
    return [merge.slice(0, at), merge.slice(at + 1)];
  });
  const added = tokens.flatMap((content, id) =>
    types[id] === CONTROL || types[id] === USER_DEFINED
      ? [{ id, content, special: types[id] === CONTROL, single_word: false, lstrip: false, rstrip: false, normalized: false }]
      : [],
  );
  return JSON.stringify({
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: added,
    normalizer: pre === "qwen2" ? { type: "NFC" } : null,
    pre_tokenizer: cut,
    post_processor: null,
    decoder: { type: "ByteLevel", add_prefix_space: true, trim_offsets: true, use_regex: true },
    model: {
      type: "BPE",
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: pre === "llama-bpe",
      vocab: Object.fromEntries(tokens.map((token, id) => [token, id])),
      merges: pairs,
    },
  });
}
