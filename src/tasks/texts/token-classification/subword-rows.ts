/**
 * @module Texts as rows of subwords: words are found among them by their offsets, a word's tag is at its first subword, and long texts are windows.
 */
import type { Dataset, LabelledText, Offsets } from "../../../data/index.js";
import { labelledTexts, raggedColumn } from "../../../data/index.js";
import { joinTokens } from "../../../data/text/labelled-text.js";
import type { TensorData } from "../../../graph/index.js";
import type { Encoding } from "../../../text/index.js";
import { tokenSpans } from "./entities.js";
import type { TagInfo } from "../tagging.js";
import { tokenOffsetsOf, tagTargets } from "../tagging.js";
import type { TextInfo } from "../texts.js";
import { encodedRows, tokenizerOf } from "../texts.js";
import { asWindows, textAt } from "../../shared/windows.js";

export interface SubwordInfo extends TagInfo, TextInfo {
  readonly stride: number;
}

export const readsSubwords = (info: TagInfo): info is SubwordInfo => "tokenizer" in info;

/** A tag that nothing is learned from, as in PyTorch's cross-entropy. */
export const IGNORED = -100;

/** Words of a text, one after another, are what the tokenizer reads: so no subword is of two words, whatever stood between them. */
const asWords = ({ text }: LabelledText, offsets: readonly Offsets[]) =>
  joinTokens(
    offsets.map(([start, end]) => text.slice(start, end)),
    " ",
  );

/** Positions in an encoding that belong to the text, not to the template. */
const textPositions = ({ textOf }: Encoding): number[] => [...textOf.keys()].filter((t) => textOf[t] === 0);

/** Finds the index of each word's first subword in the text; −1 for a word without any. */
function firstSubwords({ offsets, ...encoding }: Encoding, words: readonly Offsets[]): number[] {
  const own = textPositions({ offsets, ...encoding });
  let [at, last] = [0, -1];
  return words.map(([start, end]) => {
    while (at < own.length && (offsets[2 * (own[at] as number) + 1] as number) <= start) at++;
    const isThere = at < own.length && at > last && (offsets[2 * (own[at] as number)] as number) < end;
    if (!isThere) return -1;
    last = at;
    return at;
  });
}

/** A part of a text that a model reads at once: words `from` … `to` − 1; the predictions for `own` count. */
interface Window {
  readonly ids: Int32Array;
  /** Positions of the words' first subwords in `ids`. */
  readonly first: readonly number[];
  readonly from: number;
  readonly own: readonly [start: number, end: number];
}

/**
 * Divides a text into windows by the positions of its words. Two that overlap share the words there in halves, so that each word is read with
 * text on both sides.
 */
function windowsOf(pieces: readonly Encoding[], first: readonly number[], stride: number): Window[] {
  const own = pieces.map(textPositions);
  const step = (own[0] as number[]).length - stride;
  const ranges = own.map((offsets, k) => {
    const inside = first.flatMap((at, word) => (at >= k * step && at < k * step + offsets.length ? [word] : []));
    return { from: inside[0] ?? 0, to: (inside.at(-1) ?? -1) + 1 };
  });
  const filled = [...ranges.keys()].filter((k) => k === 0 || (ranges[k] as { from: number; to: number }).to > 0);
  let start = 0;
  return filled.map((k, i) => {
    const { from, to } = ranges[k] as { from: number; to: number };
    const next = ranges[filled[i + 1] ?? -1];
    const end = Math.max(start, next === undefined ? to : Math.ceil((next.from + to) / 2));
    const offsets = first.slice(from, to).map((at) => own[k]?.[at - k * step] as number);
    const window: Window = { ids: (pieces[k] as Encoding).ids, first: offsets, from, own: [start, end] };
    start = end;
    return window;
  });
}

/** Texts as a tokenizer sees them: the words that it has something for, and their windows. */
interface ReadText {
  readonly offsets: readonly Offsets[];
  readonly windows: readonly Window[];
  /** Words of the text that are in no window. */
  readonly cut: number;
}

async function readTexts(texts: readonly LabelledText[], info: SubwordInfo, long: "cut" | "windows"): Promise<ReadText[]> {
  const { maxLength, stride } = info;
  const tokenizer = await tokenizerOf(info);
  const all = texts.map((text) => tokenOffsetsOf(text, info.unit));
  const joined = texts.map((text, i) => asWords(text, all[i] as readonly Offsets[]));
  const whole = await tokenizer.encodeBatch(joined.map(({ text }) => text));
  return Promise.all(
    whole.map(async (encoding, i): Promise<ReadText> => {
      const { text, offsets } = joined[i] as { text: string; offsets: Offsets[] };
      const given = firstSubwords(encoding, offsets);
      const words = [...given.keys()].filter((word) => (given[word] as number) >= 0);
      const pieces = encoding.ids.length <= maxLength ? [encoding] : await tokenizer.encodeWindows(text, { maxLength, stride });
      const windows = windowsOf(
        long === "cut" ? pieces.slice(0, 1) : pieces,
        words.map((word) => given[word] as number),
        stride,
      );
      const read = windows.at(-1)?.own[1] ?? 0;
      return { offsets: words.map((word) => all[i]?.[word] as Offsets), windows, cut: words.length - read };
    }),
  );
}

/**
 * Texts as rows, each a text or a window of one: `input_ids` [N, T] of subwords; `first` [N, T], where the first of each word stands, the rest −1; `words`
 * [N], how many words those are; `window` [N, 3], the first word in the text, and the words whose predictions this row gives; `text` and `tokens`, the
 * words of the whole text. Where spans are known, `tags` [N, T] of words, the rest −100, and `gold` [N, M, 3] of the whole text.
 *
 * A text without a word is a row of one, of which nothing is learned. Words that the tokenizer has nothing for are left out.
 * Source: the alignment of transformers' `run_ner`: the first subword has the tag, others none.
 */
export async function subwordRows(texts: readonly LabelledText[], info: SubwordInfo, long: "cut" | "windows"): Promise<Dataset> {
  const read = await readTexts(texts, info, long);
  const flat = read.flatMap(({ windows, cut }, text) => windows.map((window) => ({ ...window, text, cut })));
  const wide = (row: readonly number[], { ids }: Window, filled: number): Int32Array => {
    const all = new Int32Array(Math.max(1, ids.length)).fill(filled);
    all.set(row);
    return all;
  };
  const whole = (values: readonly number[], ...inner: number[]): TensorData => ({
    dtype: "int32",
    shape: [flat.length, ...inner],
    data: Int32Array.from(values),
  });
  const rows = asWindows(
    encodedRows(flat, info).with({
      first: raggedColumn(flat.map((window) => wide(window.first, window, -1))),
      words: whole(flat.map(({ first }) => Math.max(1, first.length))),
      window: whole(
        flat.flatMap(({ from, own }) => [from, ...own]),
        3,
      ),
      cut: whole(flat.map(({ cut }) => cut)),
    }),
    read.map(({ windows }) => windows.length),
  );
  const ofRows = Array.from({ length: rows.length }, (_, row) => textAt(rows, row));
  const named = rows.with(
    labelledTexts(read.map(({ offsets }, i) => ({ text: (texts[i] as LabelledText).text, tokens: offsets }))).select(ofRows)
      .columns,
  );
  if (texts.some(({ spans }) => spans === undefined)) return named;
  const { tags, gold } = tagTargets(
    read.map(({ offsets }, i) => ({ length: offsets.length, spans: tokenSpans(texts[i]?.spans ?? [], offsets) })),
    info,
  );
  const tagRows = flat.map((window) => {
    const own = (tags[window.text] as readonly number[]).slice(window.from, window.from + window.first.length);
    return wide(own, window, IGNORED);
  });
  return named.with({ tags: raggedColumn(tagRows), gold: gold.select(ofRows).column("gold") });
}
