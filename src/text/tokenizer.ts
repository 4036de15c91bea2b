/**
 * @module `Tokenizer`: texts to token ids and back, with every token's offsets in the original text. The work is done by an
 * engine: Hugging Face's Rust library in Node (`native-node.ts`), their JavaScript one anywhere (`web.ts`).
 */
import type { AssembleOptions, Encoding, TextTokens } from "./assemble.js";
import { assemble, assembleWindows } from "./assemble.js";
import type { Template, TokenizerJson } from "./tokenizer-json.js";
import { templateOf, vocabularyOf } from "./tokenizer-json.js";

/** An engine that splits texts into tokens with offsets, without a template. */
export interface TokenizerEngine {
  readonly name: "native" | "web";
  tokenize(texts: readonly string[]): Promise<TextTokens[]>;
  detokenize(ids: readonly number[], skipSpecialTokens: boolean): Promise<string>;
}

/** The roles of special tokens. */
export type SpecialRole = "pad" | "unk" | "bos" | "eos" | "cls" | "sep" | "mask";

/** By role, the content of a special token, as `tokenizer_config.json` names them. */
export type SpecialTokens = Readonly<Partial<Record<SpecialRole, string>>>;

// The usual contents, looked for where nobody says.
const USUAL: Readonly<Record<SpecialRole, readonly string[]>> = {
  pad: ["[PAD]", "<pad>", "<|padding|>", "<|pad|>"],
  unk: ["[UNK]", "<unk>"],
  bos: ["[BOS]", "<s>", "<|begin_of_text|>", "<bos>", "<|startoftext|>"],
  eos: ["[EOS]", "</s>", "<|endoftext|>", "<|end_of_text|>", "<eos>"],
  cls: ["[CLS]", "<s>"],
  sep: ["[SEP]", "</s>"],
  mask: ["[MASK]", "<mask>"],
};

/** One text, or two that belong together. */
export type TokenizerInput = string | readonly [first: string, second: string];

const textsOf = (input: TokenizerInput): readonly string[] => (typeof input === "string" ? [input] : input);

/**
 * Texts to token ids and back. Made by `tokenizerFrom` (a `tokenizer.json`), or `loadTokenizer` (a file or folder).
 *
 * The file's own truncation and padding settings are not followed: `maxLength` and `padTokens` decide.
 *
 * Errors: ConfigError for a file that is not a tokenizer, or that the engine cannot run.
 */
export class Tokenizer {
  readonly engine: TokenizerEngine;
  /** One more than the largest id: the rows that an embedding needs. */
  readonly size: number;
  /** Ids of the special tokens, where there are such. */
  readonly special: Readonly<Partial<Record<SpecialRole, number>>>;
  /** Ids of all tokens that are marked as special. */
  readonly specialIds: ReadonlySet<number>;
  readonly #source: string;
  readonly #template: Template;
  readonly #idOf: ReadonlyMap<string, number>;
  readonly #tokenOf: readonly (string | undefined)[];

  constructor(json: TokenizerJson, engine: TokenizerEngine, options: { where?: string; special?: SpecialTokens } = {}) {
    const { where = "tokenizer.json", special = {} } = options;
    this.engine = engine;
    this.#source = JSON.stringify(json);
    this.#template = templateOf(json, where);
    this.#idOf = vocabularyOf(json);
    const tokenOf: (string | undefined)[] = [];
    for (const [token, id] of this.#idOf) tokenOf[id] = token;
    this.#tokenOf = tokenOf;
    this.size = tokenOf.length;
    this.specialIds = new Set(json.added_tokens.filter((token) => token.special).map((token) => token.id));
    const roles: Partial<Record<SpecialRole, number>> = {};
    for (const role of Object.keys(USUAL) as SpecialRole[]) {
      const own = role === "unk" ? json.model.unk_token : undefined;
      const contents = [special[role], own, ...USUAL[role]].filter((content) => content !== undefined && content !== null);
      const found = contents.find((content) => this.#idOf.has(content));
      if (found !== undefined) roles[role] = this.#idOf.get(found) as number;
    }
    if (roles.unk === undefined && typeof json.model.unk_id === "number") roles.unk = json.model.unk_id;
    this.special = roles;
  }

  /** The tokens of a text, or of a pair. */
  async encode(input: TokenizerInput, options: AssembleOptions = {}): Promise<Encoding> {
    return (await this.encodeBatch([input], options))[0] as Encoding;
  }

  /** Many at once, which is quicker. */
  async encodeBatch(inputs: readonly TokenizerInput[], options: AssembleOptions = {}): Promise<Encoding[]> {
    const tokens = await this.engine.tokenize(inputs.flatMap(textsOf));
    let next = 0;
    return inputs.map((input) => {
      const count = textsOf(input).length;
      const texts = tokens.slice(next, next + count);
      next += count;
      return assemble(this.#template, texts, options);
    });
  }

  /** A text longer than a model takes, as overlapping windows; see `assembleWindows`. */
  async encodeWindows(
    input: TokenizerInput,
    options: { readonly maxLength: number; readonly stride: number; readonly specialTokens?: boolean },
  ): Promise<Encoding[]> {
    return assembleWindows(this.#template, await this.engine.tokenize(textsOf(input)), options);
  }

  /** The text that tokens stand for. */
  decode(ids: ArrayLike<number>, options: { readonly skipSpecialTokens?: boolean } = {}): Promise<string> {
    return this.engine.detokenize(Array.from(ids), options.skipSpecialTokens ?? true);
  }

  /** Every token with its id. */
  get vocabulary(): ReadonlyMap<string, number> {
    return this.#idOf;
  }

  tokenToId(token: string): number | undefined {
    return this.#idOf.get(token);
  }

  idToToken(id: number): string | undefined {
    return this.#tokenOf[id];
  }

  /** The tokens of an encoding, as the vocabulary writes them. */
  tokensOf(encoding: Pick<Encoding, "ids">): string[] {
    return Array.from(encoding.ids, (id) => this.#tokenOf[id] ?? "");
  }

  /** The `tokenizer.json` that it was made from. */
  toJson(): string {
    return this.#source;
  }
}
