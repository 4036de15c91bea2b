/**
 * @module The parts of `@huggingface/tokenizers` that Descent uses, with their types: the library's own declarations name files
 * without extensions, which Node's module resolution does not find.
 */
import * as library from "@huggingface/tokenizers";
import type { Component, TokenizerJson } from "./tokenizer-json.js";

/** A model of the library: from words to tokens. */
interface Model {
  readonly tokens_to_ids: ReadonlyMap<string, number>;
  readonly unk_token_id?: number;
}
interface BpeModel extends Model {
  readonly ignore_merges: boolean;
  readonly byte_fallback: boolean;
  readonly fuse_unk: boolean;
  readonly end_of_word_suffix?: string | null;
  /** The symbols that a word is merged into; several side by side where no merge applies. */
  bpe(word: string): string[];
}
interface WordPieceModel extends Model {
  encode(words: string[]): string[];
}
interface UnigramModel extends Model {
  /** The most likely pieces, each as it stands in the word. */
  tokenize(word: string): string[];
}
/** A decoder, with what of it is put right. */
export interface LibraryDecoder {
  /** Tokens that are not byte-level text. */
  added_tokens: readonly { readonly content: string }[];
  /** Decoder for byte fallback. */
  text_decoder?: TextDecoder;
  /** The steps of a sequence. */
  readonly decoders?: readonly LibraryDecoder[];
}
export interface Decoding {
  readonly decoder: LibraryDecoder | null;
  decode(ids: number[], options: { skip_special_tokens: boolean; clean_up_tokenization_spaces: boolean }): string;
}

interface Library {
  readonly BPE: new (config: TokenizerJson["model"]) => BpeModel;
  readonly WordPiece: new (config: TokenizerJson["model"]) => WordPieceModel;
  readonly Unigram: new (config: TokenizerJson["model"], eosToken: string) => UnigramModel;
  readonly PrecompiledNormalizer: new (config: Component) => { normalize(text: string): string };
  readonly SplitPreTokenizer: new (config: { type: "Split"; pattern: { Regex: string }; behavior: string; invert: boolean }) => {
    readonly pattern: RegExp;
  };
  readonly Tokenizer: new (json: object, config: object) => Decoding;
}

// With the types above: the package keeps some of what is used here to itself.
export const { BPE, WordPiece, Unigram, PrecompiledNormalizer, SplitPreTokenizer, Tokenizer } = library as unknown as Library;
