/**
 * @module The normalizers of a `tokenizer.json`, on tracked text: cleaning, case, accents, Unicode forms. They follow the Rust
 * library, whose JavaScript counterpart lower-cases whole words (a final sigma comes out otherwise) and keeps no offsets.
 */
import * as z from "zod";
import { toByteCharacters } from "./byte-level.js";
import { PrecompiledNormalizer, SplitPreTokenizer } from "./library-web.js";
import type { Component } from "./tokenizer-json.js";
import type { TrackedText } from "./tracked-text.js";
import { TrackedBuilder } from "./tracked-text.js";
import { ConfigError } from "../util/errors.js";
import { own } from "../util/record.js";
import { parseWith } from "../util/schema.js";

export type Normalize = (text: TrackedText) => TrackedText;

const pattern = z.union([z.object({ String: z.string() }), z.object({ Regex: z.string() })]);

/** A pattern of a `tokenizer.json`: a literal text, or a regular expression in Oniguruma's syntax. */
export function regexOf(of: z.infer<typeof pattern>): RegExp {
  if ("String" in of) return new RegExp(of.String.replaceAll(/[$()*+.?[\\\]^{|}/-]/g, "\\$&"), "gu");
  const translated = new SplitPreTokenizer({ type: "Split", pattern: of, behavior: "Isolated", invert: false });
  return translated.pattern;
}

export { pattern as patternSchema };

// The ranges of Chinese ideographs in BERT's own code (and the library's).
const IDEOGRAPH =
  /[\u4E00-\u9FFF\u3400-\u4DBF\u{20000}-\u{2A6DF}\u{2A700}-\u{2B73F}\u{2B740}-\u{2B81F}\u{2B920}-\u{2CEAF}\uF900-\uFAFF\u{2F800}-\u{2FA1F}]/u;

const isControl = (c: string): boolean => c !== "\t" && c !== "\n" && c !== "\r" && /[\p{Cc}\p{Cf}\p{Co}\p{Cs}]/u.test(c);

const cleanCharacter = (c: string): string => {
  if (c === "\0" || c === "\uFFFD" || isControl(c)) return "";
  return /\p{White_Space}/u.test(c) ? " " : c;
};

// One character at a time: a word's last sigma is no special case in the Rust library.
const lowercase: Normalize = (text) => text.map((c) => c.toLowerCase());

type Form = "NFC" | "NFD" | "NFKC" | "NFKD";

// What Unicode normalization may join or reorder: a character and its marks; Korean letters, which compose without marks.
const CLUSTERS = /[\u1100-\u11FF\uA960-\uA97F\uAC00-\uD7FF]+\p{M}*|\P{M}\p{M}*|\p{M}+/gu;

/**
 * Unicode normalization, character cluster by cluster. Of several characters that become one, the first is what it stands for;
 * what a character falls apart into stands for that character.
 */
const unicode =
  (form: Form): Normalize =>
  (text) => {
    if (text.text.normalize(form) === text.text) return text;
    const builder = new TrackedBuilder();
    for (const match of text.text.matchAll(CLUSTERS)) normalizeCluster(text, match.index, match[0], form, builder);
    return builder.build();
  };

/** A character of a decomposed cluster, and how many more characters there are now than before it: 0, or 1 if it is an addition. */
interface Decomposed {
  readonly character: string;
  readonly change: number;
}

/** Takes the first entry of this character out of a list. */
function take(from: Decomposed[], character: string): Decomposed {
  const at = from.findIndex((entry) => entry.character === character);
  return at < 0 ? { character, change: 0 } : (from.splice(at, 1)[0] as Decomposed);
}

function normalizeCluster(text: TrackedText, from: number, cluster: string, form: Form, builder: TrackedBuilder): void {
  const sources: number[] = [];
  const parts: Decomposed[] = [];
  const decomposing = form.includes("K") ? "NFKD" : "NFD";
  let at = from;
  for (const character of cluster) {
    sources.push(at);
    at += character.length;
    for (const [i, part] of Array.from(character.normalize(decomposing)).entries())
      parts.push({ character: part, change: i === 0 ? 0 : 1 });
  }
  const ordered = Array.from(cluster.normalize(decomposing)).map((character) => take(parts, character));
  const composed = form === "NFC" || form === "NFKC";
  const result: Decomposed[] = composed
    ? Array.from(cluster.normalize(form)).map((character) => {
        const members = Array.from(character.normalize(decomposing)).map((part) => take(ordered, part).change);
        return { character, change: members.reduce((sum, change) => sum + change, 1 - members.length) };
      })
    : ordered;
  // Sources are used up in order: one for a character that replaces another, more where several became one.
  let next = 0;
  for (const { character, change } of result) {
    const index = Math.min(change > 0 ? next - 1 : next, sources.length - 1);
    const source = sources[Math.max(0, index)] as number;
    builder.push(character, text.start(source), text.end(source));
    if (change <= 0) next += 1 - change;
  }
}

const bertOptions = z.looseObject({
  clean_text: z.boolean().default(true),
  handle_chinese_chars: z.boolean().default(true),
  strip_accents: z.boolean().nullish(),
  lowercase: z.boolean().default(true),
});

function bertNormalizer(component: Component): Normalize {
  const options = parseWith(bertOptions, component, "BertNormalizer");
  const steps: Normalize[] = [];
  if (options.clean_text) steps.push((text) => text.map(cleanCharacter));
  if (options.handle_chinese_chars) steps.push((text) => text.map((c) => (IDEOGRAPH.test(c) ? ` ${c} ` : c)));
  if (options.strip_accents ?? options.lowercase)
    steps.push(unicode("NFD"), (text) => text.map((c) => (/\p{Mn}/u.test(c) ? "" : c)));
  if (options.lowercase) steps.push(lowercase);
  return inOrder(steps);
}

const inOrder =
  (steps: readonly Normalize[]): Normalize =>
  (text) =>
    steps.reduce((done, step) => step(done), text);

function strip(component: Component): Normalize {
  const { strip_left, strip_right } = parseWith(
    z.looseObject({ strip_left: z.boolean().default(true), strip_right: z.boolean().default(true) }),
    component,
    "Strip",
  );
  return (text) => {
    const start = strip_left ? (/^\p{White_Space}*/u.exec(text.text)?.[0].length ?? 0) : 0;
    const end = strip_right ? (/(?<!\p{White_Space})\p{White_Space}*$/u.exec(text.text)?.index ?? text.length) : text.length;
    return text.slice(Math.min(start, end), end);
  };
}

/** SentencePiece's own table, cluster by cluster, in the JavaScript library's approximation (its NFKC). */
function precompiled(component: Component): Normalize {
  const library = new PrecompiledNormalizer(component);
  return (text) => {
    const builder = new TrackedBuilder();
    for (const match of text.text.matchAll(CLUSTERS)) {
      const [start, last] = [match.index, match.index + match[0].length - 1];
      builder.push(library.normalize(match[0]), text.start(start), text.end(last));
    }
    return builder.build();
  };
}

const MAKERS: Readonly<Record<string, (component: Component) => Normalize>> = {
  BertNormalizer: bertNormalizer,
  Lowercase: () => lowercase,
  NFC: () => unicode("NFC"),
  NFD: () => unicode("NFD"),
  NFKC: () => unicode("NFKC"),
  NFKD: () => unicode("NFKD"),
  StripAccents: () => (text) => text.map((c) => (/\p{M}/u.test(c) ? "" : c)),
  Strip: strip,
  ByteLevel: () => (text) => text.map(toByteCharacters),
  Precompiled: precompiled,
  Prepend: (component) => {
    const { prepend } = parseWith(z.looseObject({ prepend: z.string() }), component, "Prepend");
    return (text) => text.prepend(prepend);
  },
  Replace: (component) => {
    const options = parseWith(z.looseObject({ pattern, content: z.string() }), component, "Replace");
    const regex = regexOf(options.pattern);
    return (text) => text.replace(regex, options.content);
  },
  Sequence: (component) => {
    const list = z.looseObject({ normalizers: z.array(z.looseObject({ type: z.string() })) });
    return inOrder(parseWith(list, component, "Sequence").normalizers.map((part) => normalizerOf(part)));
  },
};

/** A normalizer of a `tokenizer.json`. ConfigError, with those that there are, if it is none of them. */
export function normalizerOf(component: Component | null | undefined): Normalize {
  if (component === null || component === undefined) return (text) => text;
  const make = own(MAKERS, component.type);
  if (make === undefined)
    throw new ConfigError(
      `normalizer: expected one of ${Object.keys(MAKERS).join(", ")}, got ${component.type}; the native engine may know it`,
    );
  return make(component);
}
