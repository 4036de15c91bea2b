/**
 * @module A text on its way through a tokenizer that still knows, for each of its UTF-16 units, which part of the original it
 * came from. Without this, a JavaScript tokenizer gives tokens that no label can be put on.
 */

/** Gathers a tracked text piece by piece. */
export class TrackedBuilder {
  readonly #parts: string[] = [];
  readonly #starts: number[] = [];
  readonly #ends: number[] = [];

  /** Adds characters that all stand for the original's start … end − 1. */
  push(characters: string, start: number, end: number): void {
    this.#parts.push(characters);
    for (let i = 0; i < characters.length; i++) {
      this.#starts.push(start);
      this.#ends.push(end);
    }
  }

  build(): TrackedText {
    return new TrackedText(this.#parts.join(""), this.#starts, this.#ends);
  }
}

export class TrackedText {
  readonly text: string;
  readonly #starts: readonly number[];
  readonly #ends: readonly number[];

  constructor(text: string, starts: readonly number[], ends: readonly number[]) {
    this.text = text;
    this.#starts = starts;
    this.#ends = ends;
  }

  /** A text that nothing has been done to yet. A character of two units is one: both its units stand for the whole. */
  static of(text: string): TrackedText {
    const builder = new TrackedBuilder();
    let at = 0;
    for (const character of text) {
      builder.push(character, at, at + character.length);
      at += character.length;
    }
    return builder.build();
  }

  get length(): number {
    return this.text.length;
  }

  /** The offset in the original text at which unit i begins. */
  start(i: number): number {
    return this.#starts[i] as number;
  }

  end(i: number): number {
    return this.#ends[i] as number;
  }

  /** Units from … to − 1. */
  slice(from: number, to: number = this.length): TrackedText {
    if (from === 0 && to === this.length) return this;
    return new TrackedText(this.text.slice(from, to), this.#starts.slice(from, to), this.#ends.slice(from, to));
  }

  /** Each character replaced by what `change` makes of it; all of that stands for what the character stood for. */
  map(change: (character: string) => string): TrackedText {
    const builder = new TrackedBuilder();
    let at = 0;
    for (const character of this.text) {
      builder.push(change(character), this.start(at), this.end(at));
      at += character.length;
    }
    return builder.build();
  }

  /** Each match replaced; the new characters stand for what the last character of the match stood for, as in the Rust library. */
  replace(pattern: RegExp, content: string): TrackedText {
    const builder = new TrackedBuilder();
    let at = 0;
    const keep = (to: number): void => {
      for (; at < to; at++) builder.push(this.text[at] as string, this.start(at), this.end(at));
    };
    for (const match of this.text.matchAll(pattern)) {
      if (match[0] === "") continue;
      keep(match.index);
      at += match[0].length;
      builder.push(content, this.start(at - 1), this.end(at - 1));
    }
    keep(this.length);
    return builder.build();
  }

  /** Characters put before the text; they stand for its first one. An empty text stays empty. */
  prepend(characters: string): TrackedText {
    if (this.length === 0) return this;
    const builder = new TrackedBuilder();
    builder.push(characters, this.start(0), this.end(0));
    for (let i = 0; i < this.length; i++) builder.push(this.text[i] as string, this.start(i), this.end(i));
    return builder.build();
  }
}

/** The treatment of a split's matches. */
export type SplitBehavior = "removed" | "isolated" | "merged_with_previous" | "merged_with_next" | "contiguous";

/** A part of a text, and whether the pattern matched it. */
interface Part {
  readonly from: number;
  to: number;
  readonly matched: boolean;
}

function partsOf(text: string, pattern: RegExp, invert: boolean): Part[] {
  const parts: Part[] = [];
  let at = 0;
  for (const match of text.matchAll(pattern)) {
    if (match[0] === "") continue;
    if (match.index > at) parts.push({ from: at, to: match.index, matched: invert });
    at = match.index + match[0].length;
    parts.push({ from: match.index, to: at, matched: !invert });
  }
  if (at < text.length) parts.push({ from: at, to: text.length, matched: invert });
  return parts;
}

/** Joins each part to the one before where `joins` says so. */
function merge(parts: readonly Part[], joins: (part: Part, before: Part) => boolean): Part[] {
  const merged: Part[] = [];
  let before: Part | undefined;
  for (const part of parts) {
    const last = merged.at(-1);
    if (last !== undefined && before !== undefined && joins(part, before)) last.to = part.to;
    else merged.push({ ...part });
    before = part;
  }
  return merged;
}

/** A text cut at a pattern's matches; with `invert`, at what lies between them. */
export function splitText(text: TrackedText, pattern: RegExp, behavior: SplitBehavior, invert = false): TrackedText[] {
  let parts = partsOf(text.text, pattern, invert);
  if (behavior === "removed") parts = parts.filter((part) => !part.matched);
  else if (behavior === "contiguous") parts = merge(parts, (part, before) => part.matched === before.matched);
  else if (behavior === "merged_with_previous") parts = merge(parts, (part, before) => part.matched && !before.matched);
  else if (behavior === "merged_with_next") parts = merge(parts, (part, before) => before.matched && !part.matched);
  return parts.map((part) => text.slice(part.from, part.to));
}
