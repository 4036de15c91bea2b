/**
 * @module The syntax of regular expressions in a `tokenizer.json` (Oniguruma's, as far as tokenizers use it) as a tree, and the
 * sets of characters in it as bits over sample characters.
 */

/** A part of a pattern. */
export type Part =
  /** One character out of a set, as the pattern writes it. */
  | { readonly kind: "set"; readonly source: string }
  /** An anchor or a lookaround. */
  | { readonly kind: "condition"; readonly inner?: Part }
  | { readonly kind: "choice"; readonly options: readonly Part[] }
  | { readonly kind: "sequence"; readonly parts: readonly Part[] }
  | { readonly kind: "atomic"; readonly inner: Part }
  | { readonly kind: "repeat"; readonly inner: Part; readonly min: number; readonly max: number; readonly isPossessive: boolean };

/** Characters of a pattern: real ones have up to some 2,000. */
const MAX_LENGTH = 10_000;
/** Groups inside one another. */
const MAX_DEPTH = 32;

/** Reads a pattern from left to right. SyntaxError, in words for the user, for what it does not know. */
class PatternParser {
  readonly #source: string;
  #at = 0;

  constructor(source: string) {
    if (source.length > MAX_LENGTH) throw new SyntaxError(`${source.length} characters (at most ${MAX_LENGTH})`);
    this.#source = source;
  }

  parse(): Part {
    const part = this.#choice(0);
    if (this.#at < this.#source.length) throw new SyntaxError("a bracket that closes nothing");
    return part;
  }

  #next(pattern: RegExp): RegExpExecArray | undefined {
    const sticky = new RegExp(pattern.source, "yus");
    sticky.lastIndex = this.#at;
    const match = sticky.exec(this.#source);
    if (match === null) return undefined;
    this.#at = sticky.lastIndex;
    return match;
  }

  #choice(depth: number): Part {
    if (depth > MAX_DEPTH) throw new SyntaxError(`groups more than ${MAX_DEPTH} deep`);
    const options: Part[] = [];
    do {
      const parts: Part[] = [];
      while (this.#at < this.#source.length && !/[|)]/.test(this.#source[this.#at] as string)) parts.push(this.#repeated(depth));
      options.push(parts.length === 1 ? (parts[0] as Part) : { kind: "sequence", parts });
    } while (this.#next(/\|/) !== undefined);
    return options.length === 1 ? (options[0] as Part) : { kind: "choice", options };
  }

  #repeated(depth: number): Part {
    let part = this.#atom(depth);
    for (;;) {
      const sign = this.#next(/[*+?]|\{(\d*)(,?)(\d*)\}/);
      if (sign === undefined || sign[0] === "{}" || sign[0] === "{,}") return part;
      const { min, max } = boundsOf(sign);
      const mode = this.#next(/[?+]/)?.[0];
      // After a count, Oniguruma reads + as another repeat: of what is repeated, that is the same as possessive at most.
      part = { kind: "repeat", inner: part, min, max, isPossessive: mode === "+" && !sign[0].startsWith("{") };
    }
  }

  #atom(depth: number): Part {
    const opened = this.#next(/\((?:\?(?:<?[=!]|[:>]|<[A-Za-z]\w*>|[imsx]*(?:-[imsx]+)?[:)]))?/);
    if (opened !== undefined) return this.#group(opened[0], depth);
    if (this.#next(/[\^$]|\\[AzZbBGK]/) !== undefined) return { kind: "condition" };
    if (this.#next(/\\[1-9gkXR]/) !== undefined) throw new SyntaxError("a reference to what another part matched");
    const set: readonly (string | undefined)[] | undefined =
      this.#next(/\\[pP]\{[^}]*\}|\\x\{[0-9A-Fa-f]+\}|\\x[0-9A-Fa-f]{2}|\\u[0-9A-Fa-f]{4}|\\./) ??
      this.#class() ??
      this.#next(/./);
    const source = set?.[0];
    if (source === undefined || source === "\\") throw new SyntaxError("an escape of nothing");
    return { kind: "set", source };
  }

  #group(opened: string, depth: number): Part {
    // Options for what follows: they change which characters match, not how often.
    if (/^\(\?[imsx-]*\)$/.test(opened)) return { kind: "sequence", parts: [] };
    if (opened === "(" && this.#source[this.#at] === "?") throw new SyntaxError(`a group (?${this.#source[this.#at + 1] ?? ""}`);
    const inner = this.#choice(depth + 1);
    if (this.#next(/\)/) === undefined) throw new SyntaxError("a bracket that is not closed");
    if (/[=!]$/.test(opened)) return { kind: "condition", inner };
    return opened === "(?>" ? { kind: "atomic", inner } : inner;
  }

  /** A class in square brackets, with classes in it. */
  #class(): readonly string[] | undefined {
    if (this.#source[this.#at] !== "[") return undefined;
    let depth = 0;
    for (let i = this.#at; i < this.#source.length; i++) {
      const c = this.#source[i];
      if (c === "\\") i++;
      else if (c === "[") depth++;
      else if (c === "]" && --depth === 0) {
        const found = this.#source.slice(this.#at, i + 1);
        this.#at = i + 1;
        return [found];
      }
    }
    throw new SyntaxError("a class that is not closed");
  }
}

function boundsOf([sign, first = "", comma = "", second = ""]: RegExpExecArray): { min: number; max: number } {
  if (sign === "*") return { min: 0, max: Infinity };
  if (sign === "+") return { min: 1, max: Infinity };
  if (sign === "?") return { min: 0, max: 1 };
  const min = first === "" ? 0 : Number(first);
  return { min, max: comma === "" ? min : second === "" ? Infinity : Number(second) };
}

const charactersOf = (codes: Iterable<number>): string =>
  Array.from(codes)
    .filter((code) => code < 0xd800 || code > 0xdfff)
    .map((code) => String.fromCodePoint(code))
    .join("");

let common = "";

/** Characters that stand for all: every one of the first 12,288, every 32nd of the others, and those around the pattern's own. */
function samplesFor(pattern: string): string {
  if (common === "")
    common = charactersOf(Array.from({ length: 0x3c80 }, (_, i) => (i < 0x3000 ? i : 0x3000 + 32 * (i - 0x3000))));
  const codes = new Set<number>();
  const escaped = [...pattern.matchAll(/\\(?:x\{([0-9A-Fa-f]+)\}|x([0-9A-Fa-f]{2})|u([0-9A-Fa-f]{4}))/g)];
  const own = [
    ...Array.from(pattern, (c) => c.codePointAt(0) as number),
    ...escaped.map((m) => parseInt(m[1] ?? m[2] ?? m[3] ?? "", 16)),
  ];
  for (const code of own) for (const near of [code - 1, code, code + 1]) if (near >= 0 && near < 0x110000) codes.add(near);
  return common + charactersOf(codes);
}

/** The sets of characters of a pattern, one bit for each sample character. */
export class Sets {
  readonly none: Uint8Array;
  readonly #samples: string;
  /** The bit of the sample that begins at a place of the text of samples. */
  readonly #bitAt: Uint32Array;
  readonly #ignoresCase: boolean;
  readonly #made = new Map<string, Uint8Array>();

  constructor(pattern: string) {
    this.#samples = samplesFor(pattern);
    this.#bitAt = new Uint32Array(this.#samples.length);
    let [at, count] = [0, 0];
    for (const c of this.#samples) {
      this.#bitAt[at] = count++;
      at += c.length;
    }
    this.none = new Uint8Array(Math.ceil(count / 8));
    this.#ignoresCase = /\(\?[msx]*i/.test(pattern);
  }

  /** The characters of a set as the pattern writes it; all of them where JavaScript cannot read it. */
  of(source: string): Uint8Array {
    const found = this.#made.get(source);
    if (found !== undefined) return found;
    const set = new Uint8Array(this.none.length);
    const regex = this.#regexOf(source);
    let isEmpty = true;
    for (const match of regex === undefined ? [] : this.#samples.matchAll(regex)) {
      const bit = this.#bitAt[match.index] as number;
      set[bit >> 3] = (set[bit >> 3] as number) | (1 << (bit & 7));
      isEmpty = false;
    }
    // A set without a sample in it is none that is known to be small.
    if (isEmpty) set.fill(0xff);
    this.#made.set(source, set);
    return set;
  }

  #regexOf(source: string): RegExp | undefined {
    if (source === ".") return undefined;
    const written = source
      .replaceAll(/\\x\{/g, "\\u{")
      .replaceAll("\\h", "[0-9A-Fa-f]")
      .replaceAll("\\Z", "")
      .replace(/^\/$/, "\\/");
    for (const flags of ["gv", "gu"]) {
      for (const text of [
        written,
        written.replaceAll(/\\([^\w\s])/g, (_, c: string) => `\\u{${(c.codePointAt(0) as number).toString(16)}}`),
      ]) {
        try {
          return new RegExp(text, this.#ignoresCase ? `${flags}i` : flags);
        } catch {
          // Read in the next way, or taken for all characters.
        }
      }
    }
    return undefined;
  }
}

/** A pattern as a tree, and its sets of characters. SyntaxError for what is not a pattern, or refers back to what was matched. */
export const parsePattern = (pattern: string): { readonly part: Part; readonly sets: Sets } => ({
  part: new PatternParser(pattern).parse(),
  sets: new Sets(pattern),
});
