/**
 * @module TF-IDF: counts of tokens and of their n-grams, weighted by how few texts have them.
 */
import { DTYPES } from "../graph/index.js";
import type { AttributeProto, ModelProto, NodeProto, TensorProto } from "../onnx/index.js";
import { OPSET } from "../onnx/index.js";
import type { SparseMatrix } from "./matrix.js";

/** Texts as token ids, [N, width] with padding behind each. */
export interface TokenRows {
  readonly ids: ArrayLike<number>;
  readonly width: number;
  readonly lengths: ArrayLike<number>;
}

/** N-grams that count, and their weights. */
export interface TfIdf {
  /** N-grams by length, each a list of ids: the columns of the matrix. */
  readonly grams: readonly (readonly number[])[];
  readonly idf: Float64Array;
}

export interface TfIdfOptions {
  /** The longest n-gram. */
  readonly longest?: number;
  /** Texts that an n-gram must be in. */
  readonly minTexts?: number;
  /** N-grams that are kept at most: those of the most texts. */
  readonly most?: number;
  /** Ids that count for nothing, and that no n-gram spans: padding, marks of the tokenizer. */
  readonly ignored?: ReadonlySet<number>;
}

/** Calls `visit` with a number for each n-gram of a row, shorter ones first, and where it begins. */
function forEachGram(
  { ids, width, lengths }: TokenRows,
  row: number,
  longest: number,
  base: number,
  ignored: ReadonlySet<number>,
  visit: (key: number, start: number, length: number) => void,
): void {
  const [begin, end] = [row * width, row * width + (lengths[row] as number)];
  for (let start = begin; start < end; start++) {
    let key = 0;
    for (let n = 1; n <= longest && start + n <= end; n++) {
      const id = ids[start + n - 1] as number;
      if (ignored.has(id)) break;
      // Ids count from 1, so that lengths differ.
      key = key * base + id + 1;
      visit(key, start, n);
    }
  }
}

/** Numbers of n-grams in the order in which they were met, by their keys: whole numbers beyond 32 bits, which are slow as keys of a Map. */
class GramTable {
  size = 0;
  #keys = new Float64Array(1 << 16).fill(-1);
  #numbers = new Uint32Array(1 << 16);

  /** The slot of a key, or the empty one where it belongs. */
  #slot(key: number): number {
    const mask = this.#keys.length - 1;
    let at = Math.imul(key ^ Math.imul((key / 2 ** 32) | 0, 0x9e3779b1), 0x85ebca6b);
    at = (at ^ (at >>> 15)) & mask;
    while (this.#keys[at] !== key && this.#keys[at] !== -1) at = (at + 1) & mask;
    return at;
  }

  /** The number of a key; −1 of one that is not there. */
  get(key: number): number {
    const at = this.#slot(key);
    return this.#keys[at] === key ? (this.#numbers[at] as number) : -1;
  }

  /** The number of a key, the next one where it was not there. */
  add(key: number): number {
    const at = this.#slot(key);
    if (this.#keys[at] === key) return this.#numbers[at] as number;
    this.#keys[at] = key;
    this.#numbers[at] = this.size++;
    if (2 * this.size > this.#keys.length) this.#grow();
    return this.size - 1;
  }

  #grow(): void {
    const [keys, numbers] = [this.#keys, this.#numbers];
    this.#keys = new Float64Array(2 * keys.length).fill(-1);
    this.#numbers = new Uint32Array(2 * keys.length);
    for (let i = 0; i < keys.length; i++) {
      const key = keys[i] as number;
      if (key < 0) continue;
      const at = this.#slot(key);
      this.#keys[at] = key;
      this.#numbers[at] = numbers[i] as number;
    }
  }
}

/** The number that n-grams' keys are built on: one more than the largest id. */
function baseOf(ids: ArrayLike<number>): number {
  let most = 0;
  for (let i = 0; i < ids.length; i++) most = Math.max(most, ids[i] as number);
  return most + 2;
}

/**
 * Learns the n-grams of texts.
 *
 *     idf = ln((1 + N) / (1 + texts that have it)) + 1
 *
 * Source: Manning, Raghavan, Schütze, Introduction to Information Retrieval, 2008, section 6.2; smoothed as in scikit-learn.
 */
export function fitTfIdf(rows: TokenRows, options: TfIdfOptions = {}): TfIdf {
  const { longest = 2, minTexts = 2, most = 30_000, ignored = new Set() } = options;
  const texts = rows.lengths.length;
  const base = baseOf(rows.ids);
  const table = new GramTable();
  // By the number of an n-gram: texts that have it, the last of them, where it first begins, and its length.
  const [counts, lasts, starts, lengths]: [number[], number[], number[], number[]] = [[], [], [], []];
  const visit =
    (i: number) =>
    (key: number, start: number, length: number): void => {
      const known = table.size;
      const g = table.add(key);
      if (g === known) {
        counts.push(1);
        lasts.push(i);
        starts.push(start);
        lengths.push(length);
      } else if (lasts[g] !== i) {
        counts[g] = (counts[g] as number) + 1;
        lasts[g] = i;
      }
    };
  for (let i = 0; i < texts; i++) forEachGram(rows, i, longest, base, ignored, visit(i));
  const frequent: number[] = [];
  for (let g = 0; g < table.size; g++) if ((counts[g] as number) >= minTexts) frequent.push(g);
  const kept = frequent
    .sort((a, b) => (counts[b] as number) - (counts[a] as number))
    .slice(0, most)
    .map((g) => ({ texts: counts[g] as number, start: starts[g] as number, length: lengths[g] as number }))
    .sort((a, b) => a.length - b.length);
  return {
    grams: kept.map(({ start, length }) => Array.from({ length }, (_, n) => rows.ids[start + n] as number)),
    idf: Float64Array.from(kept, (gram) => Math.log((1 + texts) / (1 + gram.texts)) + 1),
  };
}

/**
 * Rows of (1 + ln count)·idf, of length 1.
 *
 * Shapes: N texts, V n-grams → [N, V].
 * Checked against: scikit-learn, TfidfVectorizer(sublinear_tf=True), classical.test.ts.
 */
export function applyTfIdf({ grams, idf }: TfIdf, rows: TokenRows, ignored: ReadonlySet<number> = new Set()): SparseMatrix {
  const base = Math.max(baseOf(rows.ids), baseOf(grams.flat()));
  const table = new GramTable();
  for (const gram of grams) table.add(gram.reduce((key, id) => key * base + id + 1, 0));
  const longest = grams.reduce((most, gram) => Math.max(most, gram.length), 1);
  const count = rows.lengths.length;
  const starts = new Uint32Array(count + 1);
  let most = 0;
  for (let i = 0; i < count; i++) most += longest * (rows.lengths[i] as number);
  const indices = new Uint32Array(most);
  const values = new Float32Array(most);
  const times = new Uint32Array(grams.length);
  let end = 0;
  const visit = (key: number): void => {
    const g = table.get(key);
    if (g < 0) return;
    if (times[g] === 0) indices[end++] = g;
    times[g] = (times[g] as number) + 1;
  };
  for (let i = 0; i < count; i++) {
    const begin = end;
    forEachGram(rows, i, longest, base, ignored, visit);
    indices.subarray(begin, end).sort();
    let square = 0;
    for (let e = begin; e < end; e++) {
      const g = indices[e] as number;
      square += weightOf(times[g] as number, idf[g] as number) ** 2;
    }
    const norm = Math.sqrt(square);
    for (let e = begin; e < end; e++) {
      const g = indices[e] as number;
      values[e] = weightOf(times[g] as number, idf[g] as number) / norm;
      times[g] = 0;
    }
    starts[i + 1] = end;
  }
  return {
    kind: "sparse",
    rows: count,
    columns: grams.length,
    starts,
    indices: indices.slice(0, end),
    values: values.slice(0, end),
  };
}

/** (1 + ln count)·idf. */
const weightOf = (times: number, idf: number): number => (times === 1 ? idf : (1 + Math.log(times)) * idf);

/**
 * From `input_ids` [N, T] to `x` [N, V]: ONNX's TfIdfVectorizer counts, and of the counts only those that are not 0 are weighted: going through all columns
 * for each op would take several times as long.
 */
export function tfIdfModel({ grams, idf }: TfIdf): ModelProto {
  const longest = grams.at(-1)?.length ?? 1;
  const lengths = Array.from({ length: longest }, (_, n) =>
    grams.filter((gram) => gram.length <= n).reduce((sum, gram) => sum + gram.length, 0),
  );
  const ints = (name: string, value: readonly number[]): AttributeProto => ({ name, type: "ints", value: [...value] });
  const int = (name: string, value: number): AttributeProto => ({ name, type: "int", value });
  const node = (opType: string, inputs: readonly string[], output: string, ...attributes: AttributeProto[]): NodeProto => ({
    name: output,
    opType,
    domain: "",
    inputs: [...inputs],
    outputs: [output],
    attributes,
  });
  const indexes = grams.map((_, g) => g);
  const tensor = (name: string, dims: number[], data: Float32Array | BigInt64Array): TensorProto => {
    const { onnx } = DTYPES[data instanceof Float32Array ? "float32" : "int64"];
    return { name, dims, dataType: onnx, rawData: new Uint8Array(data.buffer) };
  };
  return {
    irVersion: 10,
    producerName: "descent",
    producerVersion: "0.1.0",
    opsets: new Map([["", OPSET]]),
    metadata: new Map(),
    functions: [],
    graph: {
      name: "tf-idf",
      nodes: [
        node(
          "TfIdfVectorizer",
          ["input_ids"],
          "counts",
          { name: "mode", type: "string", value: "TF" },
          int("min_gram_length", 1),
          int("max_gram_length", longest),
          int("max_skip_count", 0),
          ints("ngram_counts", lengths),
          ints("ngram_indexes", indexes),
          ints("pool_int64s", grams.flat()),
        ),
        node("NonZero", ["counts"], "by axis"),
        node("Transpose", ["by axis"], "positions", ints("perm", [1, 0])),
        node("Gather", ["by axis", "first"], "rows", int("axis", 0)),
        node("Gather", ["by axis", "second"], "columns", int("axis", 0)),
        // (1 + ln count)·idf
        node("GatherND", ["counts", "positions"], "count"),
        node("Log", ["count"], "logarithm"),
        node("Add", ["logarithm", "one"], "damped"),
        node("Gather", ["idf", "columns"], "own idf", int("axis", 0)),
        node("Mul", ["damped", "own idf"], "weight"),
        // Rows of length 1
        node("Mul", ["weight", "weight"], "square"),
        node("Shape", ["counts"], "row count", int("start", 0), int("end", 1)),
        node("ConstantOfShape", ["row count"], "zeros"),
        node("ScatterElements", ["zeros", "rows", "square"], "sums", int("axis", 0), {
          name: "reduction",
          type: "string",
          value: "add",
        }),
        node("Sqrt", ["sums"], "norms"),
        node("Gather", ["norms", "rows"], "norm", int("axis", 0)),
        node("Div", ["weight", "norm"], "share"),
        node("ScatterND", ["counts", "positions", "share"], "x"),
      ],
      initializers: [
        tensor("idf", [grams.length], Float32Array.from(idf)),
        tensor("one", [], Float32Array.of(1)),
        tensor("first", [], BigInt64Array.of(0n)),
        tensor("second", [], BigInt64Array.of(1n)),
      ],
      inputs: [{ name: "input_ids", elementType: DTYPES.int64.onnx, shape: ["N", "T"] }],
      outputs: [{ name: "x", elementType: DTYPES.float32.onnx, shape: ["N", grams.length] }],
    },
  };
}
