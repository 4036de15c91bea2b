/**
 * @module The engine that runs anywhere: Hugging Face's JavaScript tokenizers for models and decoders, with normalizers and
 * pre-tokenizers of our own, which keep each token's offsets and follow the Rust library where theirs does not.
 */
import * as z from "zod";
import { AddedTokens } from "./added-tokens.js";
import type { TextTokens } from "./assemble.js";
import { BYTE_CHARACTERS } from "./byte-level.js";
import { normalizerOf } from "./normalizers.js";
import type { Decoding, LibraryDecoder } from "./library-web.js";
import { Tokenizer as JavaScriptTokenizer } from "./library-web.js";
import type { PreTokenize } from "./pre-tokenizers.js";
import { preTokenizerOf } from "./pre-tokenizers.js";
import type { SpecialTokens, TokenizerEngine } from "./tokenizer.js";
import { Tokenizer } from "./tokenizer.js";
import type { TokenizerJson } from "./tokenizer-json.js";
import { flatten, parseTokenizerJson, vocabularyOf } from "./tokenizer-json.js";
import { TrackedText } from "./tracked-text.js";
import type { WordModel } from "./subword-models.js";
import { wordModelOf } from "./subword-models.js";
import { ConfigError, DescentError } from "../util/errors.js";
import { parseWith } from "../util/schema.js";

/** Trimming of offsets, as ByteLevel and RobertaProcessing do it: spaces are not part of a token. */
const trimming = z.looseObject({ trim_offsets: z.boolean().default(true), add_prefix_space: z.boolean().default(true) });

/** Two places where the library decodes otherwise than the Rust one. */
function followRust(decoder: LibraryDecoder): void {
  // An added token is taken as it is only where its characters are not those that stand for bytes.
  decoder.added_tokens = decoder.added_tokens.filter(({ content }) =>
    Array.from(content).some((c) => !BYTE_CHARACTERS.includes(c)),
  );
  // U+FEFF at the beginning is a character, not a mark.
  if (decoder.text_decoder !== undefined) decoder.text_decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  for (const step of decoder.decoders ?? []) followRust(step);
}

/** Spaces at a token's ends are left out of its offsets; one before the first token may be the tokenizer's own. */
function trim(text: string, tokens: readonly string[], offsets: Int32Array, addPrefixSpace: boolean): void {
  const isSpace = (c: string): boolean => c === BYTE_CHARACTERS[32] || /\p{White_Space}/u.test(c);
  for (const [t, token] of tokens.entries()) {
    const characters = Array.from(token);
    const firstOther = characters.findIndex((c) => !isSpace(c));
    let leading = firstOther < 0 ? characters.length : firstOther;
    const trailing = characters.length - 1 - characters.findLastIndex((c) => !isSpace(c));
    const [start, end] = [offsets[2 * t] as number, offsets[2 * t + 1] as number];
    if (leading > 0 && (t === 0 || start === 0) && addPrefixSpace) leading--;
    const first = Math.min(start + leading, end);
    let last = end;
    for (let k = 0; k < trailing && last > 0; k++) last -= /[\uDC00-\uDFFF]/.test(text[last - 1] as string) ? 2 : 1;
    offsets[2 * t] = first;
    offsets[2 * t + 1] = Math.max(last, first);
  }
}

class WebEngine implements TokenizerEngine {
  readonly name = "web";
  readonly #added: AddedTokens;
  readonly #preTokenize: PreTokenize;
  readonly #model: WordModel;
  readonly #trims: readonly { readonly add_prefix_space: boolean }[];
  readonly #tokenOf: readonly string[];
  readonly #library: Decoding;

  constructor(json: TokenizerJson, where: string) {
    this.#added = new AddedTokens(json, normalizerOf(json.normalizer));
    this.#preTokenize = preTokenizerOf(json.pre_tokenizer);
    this.#model = wordModelOf(json);
    this.#trims = flatten(json.post_processor, where)
      .filter(({ type }) => type === "ByteLevel" || type === "RobertaProcessing")
      .map((processor) => parseWith(trimming, processor, `${where}: post_processor`))
      .filter((options) => options.trim_offsets);
    const tokenOf: string[] = [];
    for (const [token, id] of vocabularyOf(json)) tokenOf[id] = token;
    this.#tokenOf = tokenOf;
    // Only for decoding: the library's own steps before the model are not run.
    this.#library = new JavaScriptTokenizer(
      { ...json, normalizer: null, pre_tokenizer: null, post_processor: null, decoder: json.decoder ?? null },
      { clean_up_tokenization_spaces: false },
    );
    if (this.#library.decoder !== null) followRust(this.#library.decoder);
  }

  tokenize(texts: readonly string[]): Promise<TextTokens[]> {
    // Synchronous work behind the interface that a native engine needs; what it throws becomes the promise's.
    return new Promise((resolve) => resolve(texts.map((text) => this.#tokens(text))));
  }

  #tokens(text: string): TextTokens {
    const ids: number[] = [];
    const ends: number[] = [];
    /** Tokens as they are written: for an added one, with the spaces that it took. */
    const written: string[] = [];
    const push = (id: number, start: number, end: number, as?: string): void => {
      // A character that the vocabulary has no token for, nor an unknown one.
      if (id < 0) return;
      ids.push(id);
      ends.push(start, end);
      written.push(as ?? this.#tokenOf[id] ?? "");
    };
    // A surrogate without its other half becomes the replacement character, as on the way to the Rust library.
    for (const section of this.#added.split(TrackedText.of(text.replaceAll(/\p{Cs}/gu, "\uFFFD")))) {
      const { id, text: piece } = section;
      if (id !== undefined) push(id, piece.start(0), piece.end(piece.length - 1), piece.text);
      else
        for (const word of this.#preTokenize(piece)) {
          let at = 0;
          for (const token of this.#model(word.text)) {
            const from = token.length === 0 ? at - 1 : at;
            at += token.length;
            push(token.id, word.start(from), word.end(at - 1));
          }
        }
    }
    const offsets = Int32Array.from(ends);
    for (const { add_prefix_space } of this.#trims) trim(text, written, offsets, add_prefix_space);
    return { ids: Int32Array.from(ids), offsets };
  }

  detokenize(ids: readonly number[], skipSpecialTokens: boolean): Promise<string> {
    if (ids.length === 0) return Promise.resolve("");
    return new Promise((resolve) =>
      resolve(this.#library.decode([...ids], { skip_special_tokens: skipSpecialTokens, clean_up_tokenization_spaces: false })),
    );
  }
}

/**
 * A tokenizer from a `tokenizer.json` (text or parsed), run in JavaScript: in browsers, or where Node has no binary.
 *
 * Errors: ConfigError if it is not a tokenizer, or uses a step that only the native engine knows.
 * Differs from the native engine: SentencePiece's precompiled table is approximated by NFKC; BPE with dropout drops nothing;
 * some hundred rare characters are punctuation, marks or format characters in one version of Unicode only.
 * Checked against: the native engine and Python's, ids and offsets, in tokenizer.test.ts.
 */
export function tokenizerFrom(
  json: unknown,
  options: { readonly where?: string; readonly special?: SpecialTokens } = {},
): Promise<Tokenizer> {
  const { where = "tokenizer.json" } = options;
  return new Promise((resolve) => {
    const parsed = parseTokenizerJson(json, where);
    try {
      resolve(new Tokenizer(parsed, new WebEngine(parsed, where), options));
    } catch (cause) {
      const { message } = cause as Error;
      if (cause instanceof DescentError)
        throw new ConfigError(message.startsWith(where) ? message : `${where}: ${message}`, { cause });
      throw new ConfigError(`${where}: expected a tokenizer that the library can build, got an error: ${message}`, { cause });
    }
  });
}
