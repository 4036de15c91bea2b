/**
 * `tokenizer.json` files that end a process or hang it are refused by both engines; patterns that real tokenizers use are not.
 */
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { ConfigError } from "../util/errors.js";
import { tokenizerFrom as nativeFrom } from "./native-node.js";
import { slowPatternReason } from "./pattern-bounds.js";
import { tokenizerFrom as webFrom } from "./web.js";

const WORDS = { type: "WordLevel", vocab: { a: 0, b: 1 }, unk_token: "b" };
const file = (parts: object): object => ({ version: "1.0", added_tokens: [], model: WORDS, ...parts });
const bpe = (parts: object): object =>
  file({ model: { type: "BPE", vocab: { a: 0, b: 1, ab: 2 }, merges: [["a", "b"]], ...parts } });
const unigram = (parts: object): object =>
  file({ model: { type: "Unigram", vocab: [["<unk>", 0], ["a", -1]], unk_id: 0, ...parts } }); // prettier-ignore
const added = (content: string): object => ({
  id: 2,
  content,
  single_word: false,
  lstrip: false,
  rstrip: false,
  normalized: true,
  special: false,
});
const replace = (pattern: object, content: string): object => ({ type: "Replace", pattern, content });

/** SentencePiece's table that makes "bc" of "a": a root, the unit of "a" with a leaf at `leaf`, a replacement at `from`. */
function precompiled({ leaf = 200, from = 0, size = 1024 }): object {
  const units = 256;
  const bytes = Buffer.alloc(4 + units * 4);
  const unit = (at: number, value: number): void => void bytes.writeUInt32LE(value >>> 0, 4 + 4 * at);
  bytes.writeUInt32LE(size, 0);
  unit(97, (((97 ^ leaf) << 10) | 256 | 97) >>> 0);
  if (leaf < units) unit(leaf, (0x80000000 | from) >>> 0);
  const table = Buffer.concat([bytes, Buffer.from("bc\0")]);
  return { type: "Precompiled", precompiled_charsmap: table.toString("base64") };
}

/** Files, and what their refusal says. */
const HARMFUL: readonly (readonly [what: string, json: object, says: RegExp])[] = [
  [
    "a pattern that backtracks without end",
    file({ pre_tokenizer: { type: "Split", pattern: { Regex: "(a+)+$" }, behavior: "Isolated", invert: false } }),
    /few steps/,
  ],
  ["one in a normalizer", file({ normalizer: replace({ Regex: "(a|a)*b" }, "") }), /normalizer: expected a pattern/],
  ["one in a decoder", file({ decoder: replace({ Regex: "(a*)*b" }, "") }), /decoder: expected a pattern/],
  ["a prefix longer than a merge", bpe({ continuing_subword_prefix: "BPE" }), /begin with continuing_subword_prefix "BPE"/],
  ["a merge without its result", bpe({ vocab: { a: 0, b: 1 } }), /"ab" in the vocabulary, got none/],
  ["a merge into what every object has", bpe({ vocab: { to: 0, String: 1 }, merges: ["to String"] }), /"toString" in the voc/],
  ["merges that are no list", bpe({ merges: 7 }), /list of merges/],
  ["an id of 2^32", file({ model: { ...WORDS, vocab: { a: 0, b: 2 ** 32 } } }), /ids in 0 … 16777215, got 4294967296/],
  ["an added id of 2^31", file({ added_tokens: [{ ...added("c"), id: 2 ** 31 }] }), /added_tokens: expected ids/],
  ["a score that is not a number", unigram({ vocab: [["a", "b"]] }), /finite scores/],
  ["an unknown token outside the vocabulary", unigram({ unk_id: 99 }), /unk_id: expected the place of one of 2 tokens, got 99/],
  ["words of any length", file({ model: { ...WORDS, type: "WordPiece", max_input_chars_per_word: 1e9 } }), /max_input_chars/],
  ["pieces of length 0", file({ pre_tokenizer: { type: "FixedLength", length: 0 } }), /length: expected a whole number ≥ 1/],
  [
    "a text that grows 10^24 times",
    file({
      normalizer: { type: "Sequence", normalizers: Array(12).fill(replace({ String: "a" }, "a".repeat(100))) },
    }),
    /at most 256 times as long/,
  ],
  [
    "steps 1,000 deep",
    file({
      normalizer: Array.from({ length: 1000 }).reduce<object>((x) => ({ type: "Sequence", normalizers: [x] }), { type: "NFC" }),
    }),
    /up to 16 deep/,
  ],
  ["an empty table of replacements", file({ normalizer: { type: "Precompiled", precompiled_charsmap: "" } }), /got 0 bytes/],
  ["a table that is no base64", file({ normalizer: { type: "Precompiled", precompiled_charsmap: "é" } }), /no base64/],
  ["a table that lies about its length", file({ normalizer: precompiled({ size: 2 ** 31 }) }), /a trie of 2147483648 bytes/],
  ["a table that points outside", file({ normalizer: precompiled({ leaf: 100_000 }) }), /outside its 256 units/],
  ["a table with a replacement behind its end", file({ normalizer: precompiled({ from: 9 }) }), /replacement at 9 of 3 bytes/],
  [
    "a template's id of 2^40",
    file({
      post_processor: {
        type: "TemplateProcessing",
        single: [],
        pair: [],
        special_tokens: { a: { id: "a", ids: [2 ** 40], tokens: ["a"] } },
      },
    }),
    /special_tokens.a.ids.0|PostProcessor/,
  ],
];

suite("tokenizer.json files that are meant to do harm", () => {
  for (const [engine, tokenizerFrom] of [
    ["native", nativeFrom],
    ["web", webFrom],
  ] as const) {
    for (const [what, json, says] of HARMFUL) {
      test(`${what}: refused in one line, ${engine}`, async () => {
        await assert.rejects(
          () => tokenizerFrom(json, { where: "t.json" }),
          (error: unknown) =>
            error instanceof ConfigError &&
            error.message.startsWith("t.json: ") &&
            !error.message.includes("\n") &&
            says.test(error.message),
        );
      });
    }
  }

  test("an added token of which the normalizer leaves nothing is refused by the native engine, which would end the process", async () => {
    const json = file({ normalizer: { type: "Strip", strip_left: true, strip_right: true }, added_tokens: [added("\n")] });
    await assert.rejects(() => nativeFrom(json, { where: "t.json" }), /t\.json: added_tokens: .* got "\\n"$/);
  });

  test("what the library says of a text is one line that names the file", async () => {
    const tokenizer = await nativeFrom(file({ model: { ...WORDS, unk_token: "none" } }), { where: "t.json" });
    await assert.rejects(
      tokenizer.encode("c"),
      (error: unknown) =>
        error instanceof ConfigError && error.message.startsWith("t.json: expected a tokenizer that takes any text"),
    );
  });

  test("truncation and padding of the file, which Descent does not follow, cannot do harm", async () => {
    const json = file({
      truncation: { direction: "Right", max_length: 1, strategy: "LongestFirst", stride: 5 },
      padding: { strategy: { Fixed: 1e12 }, direction: "Right", pad_id: 0, pad_type_id: 0, pad_token: "a" },
    });
    assert.deepEqual([...(await (await nativeFrom(json)).encode("a")).ids], [0]);
  });

  test("a whole table of replacements is taken", async () => {
    const tokenizer = await nativeFrom(bpe({ vocab: { a: 0, b: 1, c: 2, bc: 3 }, merges: ["b c"] }));
    assert.deepEqual([...(await tokenizer.encode("bc")).ids], [3]);
    const json = { ...bpe({ vocab: { a: 0, b: 1, c: 2, bc: 3 }, merges: ["b c"] }), normalizer: precompiled({}) };
    assert.deepEqual([...(await (await nativeFrom(json)).encode("a")).ids], [3]);
  });
});

const REAL: readonly (readonly [whose: string, pattern: string])[] = [
  ["GPT-2", "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+"],
  [
    "Llama 3",
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
  ],
  [
    "GPT-4's, possessive",
    "'(?i:[sdmt]|ll|ve|re)|[^\\r\\n\\p{L}\\p{N}]?+\\p{L}++|\\p{N}{1,3}+| ?[^\\s\\p{L}\\p{N}]++[\\r\\n]*+|\\s++$|\\s*[\\r\\n]|\\s+(?!\\S)|\\s",
  ],
  [
    "GPT-4o",
    "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
  ],
  [
    "DeepSeek",
    "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
  ],
  ["Bloom", " ?[^(\\s|[.,!?…。，、।۔،])]+"],
  ["CLIP", "<\\|startoftext\\|>|<\\|endoftext\\|>|'s|'t|'re|'ve|'m|'ll|'d|[\\p{L}]+|[\\p{N}]|[^\\s\\p{L}\\p{N}]+"],
  ["thousands", "(?=(\\d{3})+(?!\\d))"],
  ["spaces", " {2,}"],
  ["addresses", "\\w+@\\w+\\.\\w+"],
];
const SLOW = [
  "(a+)+$",
  "(a|a)*b",
  "(a|ab|b)*c",
  "(.*)*x",
  "(\\w+\\s?)*$",
  "a*a*b",
  "^(([a-z])+.)+[A-Z]([a-z])+$",
  "\\s*\\s*x",
  "(a?){30}a{30}",
  "(a{1,1000}){1,1000}b",
  "(a)\\1+",
  "\\w*\\d*!",
  "(?=(a+)+$)",
  "(?>(a+)+$)",
  "(?:.*a){20}",
  "(?i)(a+)+$",
  "(?:a+)*+$",
];

suite("patterns", () => {
  for (const [whose, pattern] of REAL) test(`${whose}: taken`, () => assert.equal(slowPatternReason(pattern), undefined));
  for (const pattern of SLOW) test(`${pattern}: refused`, () => assert.notEqual(slowPatternReason(pattern), undefined));
});
