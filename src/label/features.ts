/** @module Features of a project's items for the head that learns as people label: TF-IDF of words, or edges and colours of images. */
import { join } from "node:path";
import { applyTfIdf, fitTfIdf } from "../classical/tf-idf.js";
import type { TfIdf, TokenRows } from "../classical/tf-idf.js";
import { hog } from "../classical/hog.js";
import { denseMatrix } from "../classical/matrix.js";
import type { DenseMatrix, SparseMatrix } from "../classical/matrix.js";
import type { TensorData } from "../graph/index.js";
import { input, symbol, toNumbers } from "../graph/index.js";
import { compile } from "../runtime/index.js";
import { readImage } from "../vision/images-node.js";

/** A word of a text, and where it is. */
interface Word {
  readonly id: number;
  readonly start: number;
  readonly end: number;
}

const segmenter = new Intl.Segmenter(undefined, { granularity: "word" });
/** Words of a text that count: beyond, a text's class is known. */
const MOST_WORDS = 2000;

/** TF-IDF of texts, with the positions of their words, so that weights of words become marks in the text. */
export class TextFeatures {
  readonly x: SparseMatrix;
  readonly #words: readonly (readonly Word[])[];
  readonly #tfIdf: TfIdf;

  constructor(texts: readonly string[]) {
    const ids = new Map<string, number>();
    this.#words = texts.map((text) => {
      const words: Word[] = [];
      for (const { segment, index, isWordLike } of segmenter.segment(text)) {
        if (isWordLike !== true) continue;
        const word = segment.toLowerCase();
        const id = ids.get(word) ?? ids.size;
        ids.set(word, id);
        words.push({ id, start: index, end: index + segment.length });
        if (words.length === MOST_WORDS) break;
      }
      return words;
    });
    const width = this.#words.reduce((most, words) => Math.max(most, words.length), 1);
    const rows: TokenRows = {
      ids: new Uint32Array(texts.length * width),
      width,
      lengths: this.#words.map(({ length }) => length),
    };
    for (const [i, words] of this.#words.entries())
      for (const [j, { id }] of words.entries()) (rows.ids as Uint32Array)[i * width + j] = id;
    // Of few texts words that occur once count as well.
    this.#tfIdf = fitTfIdf(rows, { longest: 2, minTexts: texts.length < 200 ? 1 : 2 });
    this.x = applyTfIdf(this.#tfIdf, rows);
  }

  /** The words of a text that speak most for (or against) a class, by its weights: each n-gram's share goes to its words in equal parts. */
  reasons(row: number, weights: Float64Array, most = 12): { start: number; end: number; weight: number }[] {
    const words = this.#words[row] ?? [];
    const byGram = new Map<string, number>();
    const counts = new Map<string, number>();
    for (let e = this.x.starts[row] as number; e < (this.x.starts[row + 1] as number); e++) {
      const g = this.x.indices[e] as number;
      byGram.set((this.#tfIdf.grams[g] as readonly number[]).join(" "), (this.x.values[e] as number) * (weights[g] as number));
    }
    const gramsAt = function* (): Generator<[key: string, from: number, length: number]> {
      for (let i = 0; i < words.length; i++) {
        yield [String(words[i]?.id), i, 1];
        if (i + 1 < words.length) yield [`${words[i]?.id} ${words[i + 1]?.id}`, i, 2];
      }
    };
    for (const [key] of gramsAt()) counts.set(key, (counts.get(key) ?? 0) + 1);
    const shares = new Float64Array(words.length);
    for (const [key, from, length] of gramsAt()) {
      const share = (byGram.get(key) ?? 0) / (counts.get(key) as number) / length;
      for (let i = from; i < from + length; i++) shares[i] = (shares[i] as number) + share;
    }
    return words
      .map(({ start, end }, i) => ({ start, end, weight: shares[i] as number }))
      .filter(({ weight }) => weight !== 0)
      .sort((a, b) => Math.abs(b.weight) - Math.abs(a.weight))
      .slice(0, most)
      .sort((a, b) => a.start - b.start);
  }
}

/** Side that images get, and of the small copy whose colours count. */
const [SIDE, COLOURS] = [64, 4];
const AT_ONCE = 64;

/** Pixels of an image, cut to a square and brought to −0.5 … 0.5. */
async function scaled(path: string, side: number): Promise<Float32Array> {
  const { data } = await readImage(path, [3, side, side]);
  return Float32Array.from(data as Uint8Array, (value) => value / 255 - 0.5);
}

/** Edges (HOG) of 64 × 64 pixels and the colours of 4 × 4 parts, each image's features brought to length 1. */
export async function imageFeatures(folder: string, files: readonly string[], signal?: AbortSignal): Promise<DenseMatrix> {
  const image = input("image", [symbol("N"), 3, SIDE, SIDE]);
  await using session = await compile({ edges: hog(image) });
  let all = new Float32Array();
  let columns = 0;
  const colours = 3 * COLOURS * COLOURS;
  for (let from = 0; from < files.length; from += AT_ONCE) {
    signal?.throwIfAborted();
    const part = files.slice(from, from + AT_ONCE);
    const pixels = new Float32Array(part.length * 3 * SIDE * SIDE);
    const tints = new Float32Array(part.length * colours);
    await Promise.all(
      part.map(async (file, i) => {
        const path = join(folder, file);
        pixels.set(await scaled(path, SIDE), i * 3 * SIDE * SIDE);
        tints.set(await scaled(path, COLOURS), i * colours);
      }),
    );
    const batch: TensorData = { dtype: "float32", shape: [part.length, 3, SIDE, SIDE], data: pixels };
    const edges = toNumbers((await session.call({ image: batch })).edges as TensorData);
    const width = edges.length / part.length;
    if (columns === 0) {
      columns = width + colours;
      all = new Float32Array(files.length * columns);
    }
    for (let i = 0; i < part.length; i++) {
      const row = all.subarray((from + i) * columns, (from + i + 1) * columns);
      row.set(edges.slice(i * width, (i + 1) * width));
      row.set(tints.subarray(i * colours, (i + 1) * colours), width);
      const norm = Math.sqrt(row.reduce((sum, value) => sum + value * value, 0)) || 1;
      for (let j = 0; j < columns; j++) row[j] = (row[j] as number) / norm;
    }
  }
  return denseMatrix(all, Math.max(1, columns));
}
