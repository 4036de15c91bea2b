/**
 * @module From the tokens of texts to what a model is given: cut to a length, or in overlapping windows, with the template's
 * special tokens around. The same for every tokenizer engine.
 */
import type { Template, TemplatePiece } from "./tokenizer-json.js";
import { ConfigError } from "../util/errors.js";

/** The tokens of one text, before any template. */
export interface TextTokens {
  readonly ids: Int32Array;
  /** Start and end of each token in the text, in UTF-16 units: [2·T]. */
  readonly offsets: Int32Array;
}

/** A model's input for a text or a pair. T is the number of tokens. */
export interface Encoding {
  readonly ids: Int32Array;
  /**
   * Start and end of each token in its original text, [2·T]: `text.slice(offsets[2 * t], offsets[2 * t + 1])`. A token of
   * the template has 0, 0. A character that became several tokens (bytes) is the span of each of them.
   */
  readonly offsets: Int32Array;
  /** 0 or 1: the segment embedding (`token_type_ids`). */
  readonly typeIds: Uint8Array;
  /** The text of each token: 0, 1, or −1 for the template's tokens. */
  readonly textOf: Int8Array;
  /** Tokens of the texts that are not in here: 0 if nothing was cut off. */
  readonly cut: number;
}

/** The text to truncate: the longer first, or only one of them. */
export type Truncation = "longest-first" | "first" | "second";

/** Options of a model's input: special tokens, the greatest length in tokens, where texts are cut. */
export interface AssembleOptions {
  /** Put the template's tokens around the texts. */
  readonly specialTokens?: boolean;
  /** The most tokens, those of the template included. */
  readonly maxLength?: number;
  readonly truncation?: Truncation;
  /** The end at which tokens are cut off. */
  readonly truncateAt?: "end" | "start";
}

/** Tokens that a template adds. */
export const templateLength = (pieces: readonly TemplatePiece[]): number =>
  pieces.reduce((sum, piece) => sum + ("ids" in piece ? piece.ids.length : 0), 0);

/** Tokens start … end − 1. */
const cutTokens = (tokens: TextTokens, start: number, end: number): TextTokens => ({
  ids: tokens.ids.subarray(start, end),
  offsets: tokens.offsets.subarray(2 * start, 2 * end),
});

/** Divides `room` between two texts, in tokens: the shorter keeps as many as it has, up to half. */
function shareRoom(first: number, second: number, room: number): [number, number] {
  const shorter = Math.min(first, second, Math.floor(room / 2));
  const longer = Math.min(Math.max(first, second), room - shorter);
  return first > second ? [longer, shorter] : [shorter, longer];
}

function join(pieces: readonly TemplatePiece[], texts: readonly TextTokens[], cut: number): Encoding {
  // A template of a stranger's may name a text twice, or not at all.
  const length = pieces.reduce(
    (sum, piece) => sum + ("ids" in piece ? piece.ids : (texts[piece.text] as TextTokens).ids).length,
    0,
  );
  const encoding = {
    ids: new Int32Array(length),
    offsets: new Int32Array(2 * length),
    typeIds: new Uint8Array(length),
    textOf: new Int8Array(length).fill(-1),
    cut,
  };
  let at = 0;
  for (const piece of pieces) {
    const source = "ids" in piece ? undefined : (texts[piece.text] as TextTokens);
    const ids = "ids" in piece ? piece.ids : (source as TextTokens).ids;
    encoding.ids.set(ids, at);
    encoding.typeIds.fill(piece.type, at, at + ids.length);
    if (source !== undefined) {
      encoding.offsets.set(source.offsets, 2 * at);
      encoding.textOf.fill((piece as { text: number }).text, at, at + ids.length);
    }
    at += ids.length;
  }
  return encoding;
}

const piecesFor = (template: Template, pair: boolean, specialTokens: boolean): readonly TemplatePiece[] => {
  const pieces = pair ? template.pair : template.single;
  return specialTokens ? pieces : pieces.filter((piece) => "text" in piece);
};

function roomFor(pieces: readonly TemplatePiece[], maxLength: number): number {
  const added = templateLength(pieces);
  if (!Number.isInteger(maxLength) || maxLength <= added)
    throw new ConfigError(`tokenizer: expected maxLength above the ${added} special tokens, got ${maxLength}`);
  return maxLength - added;
}

/**
 * One encoding of a text or a pair, cut to `maxLength` as the Rust library cuts.
 *
 * Errors: ConfigError if nothing would be left of a text that alone may give way.
 */
export function assemble(template: Template, texts: readonly TextTokens[], options: AssembleOptions = {}): Encoding {
  const { specialTokens = true, maxLength, truncation = "longest-first", truncateAt = "end" } = options;
  const pieces = piecesFor(template, texts.length === 2, specialTokens);
  const lengths = texts.map((text) => text.ids.length);
  const total = lengths.reduce((a, b) => a + b, 0);
  if (maxLength === undefined) return join(pieces, texts, 0);
  const room = roomFor(pieces, maxLength);
  if (total <= room) return join(pieces, texts, 0);
  const keep = [...lengths];
  if (texts.length === 1) keep[0] = room;
  else if (truncation === "longest-first") keep.splice(0, 2, ...shareRoom(lengths[0] as number, lengths[1] as number, room));
  else {
    const which = truncation === "first" ? 0 : 1;
    const left = (lengths[which] as number) - (total - room);
    if (left <= 0)
      throw new ConfigError(
        `tokenizer: expected the ${truncation} text to have more than ${total - room} tokens to cut off, got ${lengths[which]}`,
      );
    keep[which] = left;
  }
  const kept = texts.map((text, i) => {
    const [length, count] = [text.ids.length, keep[i] as number];
    return truncateAt === "end" ? cutTokens(text, 0, count) : cutTokens(text, length - count, length);
  });
  return join(pieces, kept, total - room);
}

/**
 * A long text as windows of `maxLength` tokens, each of which repeats the last `stride` tokens of the one before; of a pair, the
 * second text is cut into windows and the first stands whole in each (a question and its document).
 *
 * Errors: ConfigError if the windows would not go forward.
 */
export function assembleWindows(
  template: Template,
  texts: readonly TextTokens[],
  options: { readonly maxLength: number; readonly stride: number; readonly specialTokens?: boolean },
): Encoding[] {
  const { maxLength, stride, specialTokens = true } = options;
  const pieces = piecesFor(template, texts.length === 2, specialTokens);
  const whole = texts.slice(0, -1);
  const long = texts.at(-1) as TextTokens;
  const room = roomFor(pieces, maxLength) - whole.reduce((sum, text) => sum + text.ids.length, 0);
  if (!Number.isInteger(stride) || stride < 0 || room <= stride)
    throw new ConfigError(
      `tokenizer: expected a stride in 0 … ${Math.max(0, room - 1)} for windows of ${room} tokens, got ${stride}`,
    );
  const encodings: Encoding[] = [];
  const length = long.ids.length;
  for (let start = 0; ; start += room - stride) {
    const end = Math.min(start + room, length);
    encodings.push(join(pieces, [...whole, cutTokens(long, start, end)], length - (end - start)));
    if (end === length) return encodings;
  }
}
