/**
 * @module Tokenizers learned from texts: byte-level BPE, WordPiece, characters. Each gives a standard `tokenizer.json`.
 */
import { BYTE_ALPHABET, BYTE_CHARACTERS, BYTE_LEVEL_WORDS } from "./byte-level.js";
import type { WordCounts } from "./learn-merges.js";
import { learnMerges } from "./learn-merges.js";
import { normalizerOf } from "./normalizers.js";
import { preTokenizerOf } from "./pre-tokenizers.js";
import type { TokenizerJson } from "./tokenizer-json.js";
import { parseTokenizerJson } from "./tokenizer-json.js";
import { TrackedText } from "./tracked-text.js";
import { ConfigError, DataError } from "../util/errors.js";

/** Texts, one after another: lines, documents. */
export type Texts = Iterable<string> | AsyncIterable<string>;

/** Options of a tokenizer that is learnt from texts. */
export interface TrainTokenizerOptions {
  /** Tokens in all, the special ones included. Fewer come out where the texts have no more pairs. */
  readonly vocabularySize: number;
  /** The least count of a pair that is merged, or of a character that is kept. */
  readonly minFrequency?: number;
  /** Special tokens, which get the first ids. */
  readonly specialTokens?: readonly string[];
  /** Called with the progress: texts read, or tokens learned. */
  readonly onProgress?: (progress: { readonly stage: "reading" | "learning"; readonly count: number }) => void;
  readonly signal?: AbortSignal;
}

/** Counts how often each word occurs. */
export async function countWords(
  texts: Texts,
  wordsOf: (text: string) => Iterable<string>,
  options: TrainTokenizerOptions,
): Promise<Map<string, number>> {
  const counts = new Map<string, number>();
  let read = 0;
  for await (const text of texts) {
    for (const word of wordsOf(text)) counts.set(word, (counts.get(word) ?? 0) + 1);
    if (++read % 1000 === 0) {
      options.onProgress?.({ stage: "reading", count: read });
      options.signal?.throwIfAborted();
    }
  }
  if (counts.size === 0) throw new DataError("tokenizer: expected texts with words to learn from, got none");
  return counts;
}

const unitsIn = (words: Iterable<string>): number => {
  let units = 0;
  for (const word of words) units += word.length;
  return units;
};

const longest = (words: Iterable<string>): number => {
  let length = 0;
  for (const word of words) length = Math.max(length, word.length);
  return length;
};

/** Words as rows of symbols; `write` puts a word's into the array from a place on, and says how many. */
function asSymbols(
  counts: ReadonlyMap<string, number>,
  most: number,
  write: (word: string, into: Int32Array, at: number) => number,
): WordCounts {
  const symbols = new Int32Array(most);
  const starts = new Int32Array(counts.size + 1);
  let word = 0;
  for (const text of counts.keys()) {
    const start = starts[word] as number;
    starts[++word] = start + write(text, symbols, start);
  }
  return { symbols: symbols.subarray(0, starts[word]), starts, counts: [...counts.values()] };
}

const learnOptions = (options: TrainTokenizerOptions, join: (left: string, right: string) => string) => {
  const { vocabularySize, minFrequency = 2, onProgress, signal } = options;
  return {
    vocabularySize,
    minFrequency,
    join,
    onMerge: (count: number) => onProgress?.({ stage: "learning", count }),
    signal,
  };
};

const asVocabulary = (tokens: readonly string[]): Record<string, number> =>
  Object.fromEntries(tokens.map((token, id) => [token, id]));

/** A `tokenizer.json` of these parts. */
export function tokenizerJson(specialTokens: readonly string[], parts: Omit<TokenizerJson, "added_tokens">): TokenizerJson {
  const added_tokens = specialTokens.map((content, id) => ({
    id,
    content,
    single_word: false,
    lstrip: false,
    rstrip: false,
    normalized: false,
    special: true,
  }));
  return parseTokenizerJson({ version: "1.0", truncation: null, padding: null, added_tokens, ...parts }, "tokenizer");
}

/**
 * A byte-level BPE tokenizer, as GPT-2's: every text has tokens, none is unknown.
 *
 * Errors: ConfigError if the vocabulary is smaller than 256 bytes and the special tokens; DataError without a text.
 * Source: Radford et al., Language models are unsupervised multitask learners, 2019, section 2.2; see `learnMerges`.
 * Differs from the source: the merges are those that Hugging Face's trainer learns.
 */
export async function trainByteLevelBpe(
  texts: Texts,
  options: TrainTokenizerOptions & { readonly addPrefixSpace?: boolean },
): Promise<TokenizerJson> {
  const { specialTokens = ["<|endoftext|>"], addPrefixSpace = false } = options;
  const wordsOf = (text: string): readonly string[] =>
    (addPrefixSpace && !text.startsWith(" ") ? ` ${text}` : text).match(BYTE_LEVEL_WORDS) ?? [];
  const counts = await countWords(texts, wordsOf, options);
  const vocabulary = [...new Set([...specialTokens, ...BYTE_ALPHABET])];
  const idOf = new Map(vocabulary.map((token, id) => [token, id]));
  const idOfByte = Int32Array.from(BYTE_CHARACTERS, (c) => idOf.get(c) as number);
  const [encoder, bytes] = [new TextEncoder(), new Uint8Array(3 * longest(counts.keys()))];
  const words = asSymbols(counts, 3 * unitsIn(counts.keys()), (word, into, at) => {
    const { written } = encoder.encodeInto(word, bytes);
    for (let b = 0; b < written; b++) into[at + b] = idOfByte[bytes[b] as number] as number;
    return written;
  });
  const merges = await learnMerges(
    words,
    vocabulary,
    learnOptions(options, (left, right) => left + right),
  );
  const byteLevel = { type: "ByteLevel", add_prefix_space: addPrefixSpace, trim_offsets: true, use_regex: true };
  return tokenizerJson(specialTokens, {
    normalizer: null,
    pre_tokenizer: byteLevel,
    post_processor: byteLevel,
    decoder: byteLevel,
    model: bpeModel(
      vocabulary,
      merges.map(([left, right]) => [vocabulary[left] as string, vocabulary[right] as string]),
    ),
  });
}

/** The model part of a BPE tokenizer's file. */
const bpeModel = (vocabulary: readonly string[], merges: readonly [string, string][], unk: string | null = null) => ({
  type: "BPE",
  dropout: null,
  unk_token: unk,
  continuing_subword_prefix: null,
  end_of_word_suffix: null,
  fuse_unk: false,
  byte_fallback: false,
  ignore_merges: false,
  vocab: asVocabulary(vocabulary),
  merges,
});

/** Characters by how often they occur in words: the most frequent `limit` of them, in code point order. */
function alphabetOf(counts: ReadonlyMap<string, number>, limit: number): string[] {
  const frequency = new Map<string, number>();
  for (const [word, count] of counts) for (const c of word) frequency.set(c, (frequency.get(c) ?? 0) + count);
  return byFrequency(frequency).slice(0, limit).sort(inCodePointOrder);
}

/** The most frequent first; of equals the one whose first character comes first, or that occurred first. */
export const byFrequency = (counts: ReadonlyMap<string, number>): string[] =>
  [...counts].sort(([a, n], [b, m]) => m - n || inCodePointOrder(a, b)).map(([text]) => text);

const inCodePointOrder = (a: string, b: string): number => (a.codePointAt(0) as number) - (b.codePointAt(0) as number);

const BERT_SPECIAL_TOKENS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"];

/**
 * A WordPiece tokenizer, as BERT's: words are cut into a beginning and pieces marked `##`; Chinese characters are words of their
 * own.
 *
 * Errors: ConfigError if the vocabulary is smaller than the special tokens and the characters, or they lack one of [UNK], [CLS]
 * and [SEP]; DataError without a text.
 * Source: Devlin et al., BERT, 2019, arXiv:1810.04805, section 3; Schuster, Nakajima, Japanese and Korean voice search, 2012.
 * Differs from the source: pieces are learned as byte-pair merges, as Hugging Face's trainer does, not by likelihood. That
 * trainer numbers the `##` characters by chance; here they are in code point order.
 *
 * @example
 * import { tokenizerFrom, trainWordPiece } from "descentjs/text";
 * const json = await trainWordPiece(["a good room", "not a good room"], { vocabularySize: 60, minFrequency: 1 });
 * const { ids } = await (await tokenizerFrom(json)).encode("a room");
 * console.log(ids.length > 0); // true
 */
export async function trainWordPiece(
  texts: Texts,
  options: TrainTokenizerOptions & {
    readonly lowercase?: boolean;
    /** Characters to keep; of the rest a word is unknown. */
    readonly alphabetSize?: number;
  },
): Promise<TokenizerJson> {
  const { specialTokens = BERT_SPECIAL_TOKENS, lowercase = true, alphabetSize = Infinity } = options;
  const [unk, cls, sep] = ["[UNK]", "[CLS]", "[SEP]"].map((token) => {
    const id = specialTokens.indexOf(token);
    if (id < 0) throw new ConfigError(`tokenizer: expected ${token} among the special tokens, got ${specialTokens.join(", ")}`);
    return [token, id] as const;
  }) as [readonly [string, number], readonly [string, number], readonly [string, number]];
  const normalizer = { type: "BertNormalizer", clean_text: true, handle_chinese_chars: true, strip_accents: null, lowercase };
  const pre_tokenizer = { type: "BertPreTokenizer" };
  const [normalize, preTokenize] = [normalizerOf(normalizer), preTokenizerOf(pre_tokenizer)];
  const counts = await countWords(
    texts,
    (text) => preTokenize(normalize(TrackedText.of(text))).map((word) => word.text),
    options,
  );
  const alphabet = alphabetOf(counts, alphabetSize);
  const inside = new Set<string>();
  for (const word of counts.keys()) for (const c of Array.from(word).slice(1)) inside.add(c);
  const vocabulary = [...specialTokens, ...alphabet, ...alphabet.filter((c) => inside.has(c)).map((c) => `##${c}`)];
  const idOf = new Map(vocabulary.map((token, id) => [token, id]));
  const words = asSymbols(counts, unitsIn(counts.keys()), (word, into, at) => {
    const ids = Array.from(word, (c, i) => idOf.get(i === 0 ? c : `##${c}`));
    // A word with a character outside the alphabet will be unknown: nothing is learned from it.
    if (!ids.every((id) => id !== undefined)) return 0;
    into.set(ids, at);
    return ids.length;
  });
  const join = (left: string, right: string): string => left + right.slice(2);
  await learnMerges(words, vocabulary, learnOptions(options, join));
  const special = (id: string, type_id: number) => ({ SpecialToken: { id, type_id } });
  const sequence = (id: string, type_id: number) => ({ Sequence: { id, type_id } });
  return tokenizerJson(specialTokens, {
    normalizer,
    pre_tokenizer,
    post_processor: {
      type: "TemplateProcessing",
      single: [special("[CLS]", 0), sequence("A", 0), special("[SEP]", 0)],
      pair: [special("[CLS]", 0), sequence("A", 0), special("[SEP]", 0), sequence("B", 1), special("[SEP]", 1)],
      special_tokens: Object.fromEntries([cls, sep].map(([id, number]) => [id, { id, ids: [number], tokens: [id] }])),
    },
    decoder: { type: "WordPiece", prefix: "##", cleanup: true },
    model: {
      type: "WordPiece",
      unk_token: unk[0],
      continuing_subword_prefix: "##",
      max_input_chars_per_word: 100,
      vocab: asVocabulary(vocabulary),
    },
  });
}

/**
 * A tokenizer of single characters (code points): the most frequent ones, in code point order. As a file it is BPE without
 * merges.
 *
 * Without an `[UNK]` among the special tokens (the default has none), every character of the texts is kept, and one that was
 * not seen has no token. Errors: ConfigError if they are then more than the vocabulary takes.
 */
export async function trainCharacters(
  texts: Texts,
  options: Partial<Pick<TrainTokenizerOptions, "vocabularySize">> & Omit<TrainTokenizerOptions, "vocabularySize"> = {},
): Promise<TokenizerJson> {
  const { vocabularySize = Infinity, minFrequency = 1, specialTokens = [] } = options;
  const counts = await countWords(texts, (text) => text, { ...options, vocabularySize });
  const unk = specialTokens.includes("[UNK]") ? "[UNK]" : null;
  const frequent = unk === null ? counts : new Map([...counts].filter(([, count]) => count >= minFrequency));
  const room = vocabularySize - specialTokens.length;
  if (unk === null && counts.size > room)
    throw new ConfigError(
      `tokenizer: expected room for ${counts.size} characters, got ${room}; add "[UNK]" to the special tokens`,
    );
  const vocabulary = [...specialTokens, ...alphabetOf(frequent, room)];
  return tokenizerJson(specialTokens, {
    normalizer: null,
    pre_tokenizer: null,
    post_processor: null,
    decoder: { type: "Fuse" },
    model: bpeModel(vocabulary, [], unk),
  });
}
