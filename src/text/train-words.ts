/**
 * @module A vocabulary of whole words, learned from texts.
 */
import { normalizerOf } from "./normalizers.js";
import { preTokenizerOf } from "./pre-tokenizers.js";
import { TrackedText } from "./tracked-text.js";
import type { TokenizerJson } from "./tokenizer-json.js";
import type { Texts, TrainTokenizerOptions } from "./train.js";
import { byFrequency, countWords, tokenizerJson } from "./train.js";
import { ConfigError } from "../util/errors.js";

/** Runs of letters and digits, `n't` and what follows an apostrophe apart, every other sign by itself: about as the Penn Treebank cuts. */
const WORDS = "n't|'\\p{L}+|(?:(?!n't)[\\p{L}\\p{M}\\p{N}_])+|[^\\s\\p{L}\\p{M}\\p{N}_]";

/**
 * A tokenizer of whole words: the most frequent ones; the others are `[UNK]`. Chinese characters are words of their own.
 *
 * Errors: ConfigError if the special tokens lack `[UNK]`; DataError without a text.
 */
export async function trainWords(
  texts: Texts,
  options: TrainTokenizerOptions & { readonly lowercase?: boolean },
): Promise<TokenizerJson> {
  const { vocabularySize, minFrequency = 2, specialTokens = ["[PAD]", "[UNK]"], lowercase = true } = options;
  if (!specialTokens.includes("[UNK]"))
    throw new ConfigError(`tokenizer: expected [UNK] among the special tokens, got ${specialTokens.join(", ")}`);
  const normalizer = { type: "BertNormalizer", clean_text: true, handle_chinese_chars: true, strip_accents: null, lowercase };
  const pre_tokenizer = { type: "Split", pattern: { Regex: WORDS }, behavior: "Removed", invert: true };
  const [normalize, preTokenize] = [normalizerOf(normalizer), preTokenizerOf(pre_tokenizer)];
  const words = new RegExp(WORDS, "gu");
  const counts = await countWords(
    texts,
    (text) =>
      // Of plain ASCII the normalizer changes nothing but the case, and no place in the text is asked for.
      /^[ -~]*$/.test(text)
        ? ((lowercase ? text.toLowerCase() : text).match(words) ?? [])
        : preTokenize(normalize(TrackedText.of(text))).map((word) => word.text),
    options,
  );
  const frequent = byFrequency(new Map([...counts].filter(([, count]) => count >= minFrequency)));
  const vocabulary = [...new Set([...specialTokens, ...frequent])].slice(0, vocabularySize);
  return tokenizerJson(specialTokens, {
    normalizer,
    pre_tokenizer,
    post_processor: null,
    decoder: null,
    model: { type: "WordLevel", vocab: Object.fromEntries(vocabulary.map((word, id) => [word, id])), unk_token: "[UNK]" },
  });
}
