/**
 * @module Words to vocabulary entries: BPE, WordPiece and Unigram by Hugging Face's JavaScript library, WordLevel by itself. Each
 * token is given with the length of what it stands for, which the library's own `encode` leaves out.
 */
import { BPE, Unigram, WordPiece } from "./library-web.js";
import type { TokenizerJson } from "./tokenizer-json.js";
import { ConfigError } from "../util/errors.js";
import { own } from "../util/record.js";

/** A token of a word: its id, and how many UTF-16 units of the word it stands for (0: the same as the token before). */
export interface WordToken {
  readonly id: number;
  readonly length: number;
}

export type WordModel = (word: string) => WordToken[];

/** Unknown tokens side by side become one. */
function fuse(tokens: readonly WordToken[], unk: number | undefined): WordToken[] {
  const fused: WordToken[] = [];
  for (const token of tokens) {
    const last = fused.at(-1);
    if (token.id === unk && last?.id === unk) fused[fused.length - 1] = { id: token.id, length: last.length + token.length };
    else fused.push(token);
  }
  return fused;
}

const encoder = new TextEncoder();

function bpe(json: TokenizerJson): WordModel {
  if (json.model["continuing_subword_prefix"])
    throw new ConfigError("model: expected BPE without continuing_subword_prefix, got one with it; the native engine knows it");
  const model = new BPE(json.model);
  const unk = model.unk_token_id;
  return (word) => {
    const whole = model.ignore_merges ? model.tokens_to_ids.get(word) : undefined;
    if (whole !== undefined) return [{ id: whole, length: word.length }];
    const symbols = model.bpe(word);
    const suffix = model.end_of_word_suffix?.length ?? 0;
    const tokens = symbols.flatMap((symbol, i): WordToken[] => {
      const length = symbol.length - (i === symbols.length - 1 ? suffix : 0);
      const id = model.tokens_to_ids.get(symbol);
      if (id !== undefined) return [{ id, length }];
      const bytes = model.byte_fallback
        ? Array.from(encoder.encode(symbol), (byte) =>
            model.tokens_to_ids.get(`<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`),
          )
        : [undefined];
      if (bytes.every((byte) => byte !== undefined)) return bytes.map((id, b) => ({ id, length: b === 0 ? length : 0 }));
      // Without a token for it, a character is lost: its place has to be passed over all the same.
      return [{ id: unk ?? -1, length }];
    });
    return model.fuse_unk ? fuse(tokens, unk) : tokens;
  };
}

function wordPiece(json: TokenizerJson): WordModel {
  const model = new WordPiece(json.model);
  const unk = model.unk_token_id as number;
  const prefix = String(json.model["continuing_subword_prefix"] ?? "##").length;
  return (word) => {
    const tokens = model.encode([word]);
    // What cannot be built from pieces is unknown as a whole.
    if (tokens.length === 1) return [{ id: model.tokens_to_ids.get(tokens[0] as string) ?? unk, length: word.length }];
    return tokens.map((token, i) => ({
      id: model.tokens_to_ids.get(token) as number,
      length: token.length - (i === 0 ? 0 : prefix),
    }));
  };
}

function unigram(json: TokenizerJson): WordModel {
  const model = new Unigram(json.model, "");
  const unk = model.unk_token_id;
  return (word) => {
    const pieces = model.tokenize(word);
    return fuse(
      pieces.map((piece) => ({ id: model.tokens_to_ids.get(piece) ?? unk ?? -1, length: piece.length })),
      unk,
    );
  };
}

function wordLevel(json: TokenizerJson): WordModel {
  const vocabulary = new Map(Object.entries(json.model.vocab as Record<string, number>));
  const unk = vocabulary.get(json.model.unk_token ?? "");
  return (word) => {
    const id = vocabulary.get(word) ?? unk;
    if (id === undefined)
      throw new ConfigError(`model: expected a word of the vocabulary, got "${word}"; it has no unknown token`);
    return [{ id, length: word.length }];
  };
}

const MAKERS: Readonly<Record<string, (json: TokenizerJson) => WordModel>> = {
  BPE: bpe,
  WordPiece: wordPiece,
  Unigram: unigram,
  WordLevel: wordLevel,
};

/** The kind of model, where an old file does not say. */
function kindOf(model: TokenizerJson["model"]): string {
  if (model.type !== undefined) return model.type;
  if (Array.isArray(model.vocab)) return "Unigram";
  if ("merges" in model) return "BPE";
  return "continuing_subword_prefix" in model ? "WordPiece" : "WordLevel";
}

/** Makes the model that turns words into tokens. ConfigError if the file names another model than these. */
export function wordModelOf(json: TokenizerJson): WordModel {
  const make = own(MAKERS, kindOf(json.model));
  if (make === undefined)
    throw new ConfigError(`model: expected one of ${Object.keys(MAKERS).join(", ")}, got ${json.model.type ?? "none"}`);
  return make(json);
}
