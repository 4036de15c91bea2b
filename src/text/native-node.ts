/**
 * @module Hugging Face's Rust tokenizers, in Node: the engine that everything on a server uses.
 */
import type * as Rust from "tokenizers";
import type { TextTokens } from "./assemble.js";
import type { SpecialTokens, TokenizerEngine } from "./tokenizer.js";
import { Tokenizer } from "./tokenizer.js";
import { parseTokenizerJson, type TokenizerJson } from "./tokenizer-json.js";
import { toUtf16 } from "./utf16.js";
import { tokenizerFrom as tokenizerFromWeb } from "./web.js";
import { isMissing, OPTIONAL_PACKAGES } from "../util/optional-package.js";
import { ConfigError } from "../util/errors.js";

let library: Promise<typeof Rust | undefined> | undefined;

/** Loads the library when it is first needed: its binary is 8 MB. Where it is not there, which is said once, the one of pages gives the same tokens. */
const loadLibrary = (): Promise<typeof Rust | undefined> =>
  (library ??= import("tokenizers").catch((cause: unknown) => {
    const { version } = OPTIONAL_PACKAGES.tokenizers;
    const reason = isMissing(cause, "tokenizers")
      ? `the package tokenizers does it faster: npm install tokenizers@${version}`
      : `the package tokenizers did not load: ${(cause as Error).message.split("\n")[0]}`;
    process.emitWarning(`texts are tokenized in JavaScript; ${reason}`, "DescentWarning");
    return undefined;
  }));

/** Texts that wait for the library's next call. */
interface Waiting {
  readonly texts: readonly string[];
  readonly resolve: (encodings: Rust.Encoding[]) => void;
  readonly reject: (error: unknown) => void;
}

class NativeEngine implements TokenizerEngine {
  readonly name = "native";
  readonly #rust: Rust.Tokenizer;
  readonly #where: string;
  #waiting: Waiting[] = [];

  constructor(rust: Rust.Tokenizer, where: string) {
    this.#rust = rust;
    this.#where = where;
  }

  /** Reports a fault of the file that the library finds only when it meets a text, such as a word without an unknown token. */
  #refused(cause: unknown): never {
    const what = `expected a tokenizer that takes any text, got an error: ${(cause as Error).message}`;
    throw new ConfigError(`${this.#where}: ${what}`, { cause });
  }

  /** Encodes what is asked for at once in one call, which wakes other threads. What fails together is tried alone. */
  #encode(texts: readonly string[]): Promise<Rust.Encoding[]> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ texts, resolve, reject });
      if (this.#waiting.length > 1) return;
      queueMicrotask(() => {
        const together = this.#waiting;
        this.#waiting = [];
        const call = (some: readonly Waiting[]): Promise<Rust.Encoding[]> =>
          this.#rust.encodeBatch(
            some.flatMap((each) => each.texts),
            { addSpecialTokens: false },
          );
        call(together).then(
          (all) => {
            let from = 0;
            for (const each of together) each.resolve(all.slice(from, (from += each.texts.length)));
          },
          () => {
            for (const each of together) call([each]).then(each.resolve, each.reject);
          },
        );
      });
    });
  }

  async tokenize(texts: readonly string[]): Promise<TextTokens[]> {
    if (texts.length === 0) return [];
    const encodings = await this.#encode(texts).catch((cause: unknown) => this.#refused(cause));
    return encodings.map((encoding, i) => {
      const ids = Int32Array.from(encoding.getIds());
      const offsets = new Int32Array(2 * ids.length);
      for (const [t, pair] of encoding.getOffsets().entries()) {
        offsets[2 * t] = pair[0] as number;
        offsets[2 * t + 1] = pair[1] as number;
      }
      return { ids, offsets: toUtf16(texts[i] as string, offsets) };
    });
  }

  detokenize(ids: readonly number[], skipSpecialTokens: boolean): Promise<string> {
    return this.#rust.decode([...ids], skipSpecialTokens).catch((cause: unknown) => this.#refused(cause));
  }
}

/** Refuses added tokens of which the normalizer leaves nothing: the library, looking for such a one in a text, ends the process. */
function expectLasting({ added_tokens }: TokenizerJson, rust: Rust.Tokenizer, where: string): void {
  const normalizer = rust.getNormalizer();
  if (normalizer === null) return;
  for (const { content, normalized, special } of added_tokens)
    if (content !== "" && (normalized ?? !special) && normalizer.normalizeString(content) === "")
      throw new ConfigError(
        `${where}: added_tokens: expected tokens that are not empty after normalization, got ${JSON.stringify(content)}`,
      );
}

/**
 * A tokenizer from a `tokenizer.json` (text or parsed), run by the Rust library where it is installed.
 *
 * Errors: ConfigError if it is not a tokenizer.
 */
export async function tokenizerFrom(
  json: unknown,
  options: { readonly where?: string; readonly special?: SpecialTokens } = {},
): Promise<Tokenizer> {
  const { where = "tokenizer.json" } = options;
  const parsed = parseTokenizerJson(json, where);
  const native = await loadLibrary();
  if (native === undefined) return tokenizerFromWeb(json, options);
  let rust: Rust.Tokenizer;
  try {
    // Its own truncation and padding are not followed, and some settings of them end the process.
    rust = native.Tokenizer.fromString(JSON.stringify({ ...parsed, truncation: null, padding: null }));
    expectLasting(parsed, rust, where);
  } catch (cause) {
    if (cause instanceof ConfigError) throw cause;
    throw new ConfigError(
      `${where}: expected a tokenizer that the library can build, got an error: ${(cause as Error).message}`,
      {
        cause,
      },
    );
  }
  rust.disableTruncation();
  rust.disablePadding();
  return new Tokenizer(parsed, new NativeEngine(rust, where), options);
}
