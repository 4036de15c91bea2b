/**
 * @module Descriptions of data, as numbers: a table's columns, a collection of images. What makes them is in `table-profile-node.ts` and
 * `image-profile-node.ts`.
 */

/** Counts of values in equal ranges between `low` and `high`. */
export interface Histogram {
  readonly low: number;
  readonly high: number;
  readonly counts: readonly number[];
}

/** Values and how often each occurs, the most frequent first. */
export type ValueCounts = readonly { readonly value: string; readonly count: number }[];

export type ProfileType = "number" | "date" | "boolean" | "category" | "text" | "nested" | "empty";

/** A column of a table. */
export interface ColumnProfile {
  readonly name: string;
  readonly type: ProfileType;
  /** Rows with a value, and without: empty, or a mark such as `NA`. */
  readonly count: number;
  readonly missing: number;
  /** Different values: HyperLogLog's estimate, within a few percent. */
  readonly distinct: number;
  readonly number?: {
    readonly minimum: number;
    readonly maximum: number;
    readonly mean: number;
    readonly standardDeviation: number;
    /** At 5, 25, 50, 75, 95 %: estimates (t-digest). */
    readonly quantiles: readonly number[];
    /** Values further than three interquartile ranges from the middle half (Tukey's "far out"). */
    readonly outliers: number;
    readonly histogram: Histogram;
  };
  /** Values of a column of numbers or dates that are neither, by example. */
  readonly unreadable?: { readonly count: number; readonly examples: readonly string[] };
  readonly dates?: { readonly first: string; readonly last: string };
  /** Lengths of texts, in characters. */
  readonly lengths?: {
    readonly minimum: number;
    readonly maximum: number;
    readonly mean: number;
    readonly histogram: Histogram;
  };
  /** The most frequent values of a category or of yes and no. */
  readonly top?: ValueCounts;
  /** Languages of a sample of texts: shares of 1, the most frequent first; `und` where it is not clear. */
  readonly languages?: readonly { readonly language: string; readonly share: number }[];
  /** Examples of texts. */
  readonly examples?: readonly string[];
}

/** A table. */
export interface TableProfile {
  readonly kind: "table";
  readonly name: string;
  readonly rows: number;
  readonly parts: readonly { readonly name: string; readonly rows: number }[];
  readonly columns: readonly ColumnProfile[];
  /** The column of classes: given, or the one that is called so. */
  readonly label?: string;
  /** Sentences for the user. */
  readonly notes: readonly string[];
}

/** An image that deserves a look. */
export interface ImageSample {
  readonly name: string;
  readonly label?: string;
  /** A small JPEG. */
  readonly thumbnail: Uint8Array;
  /** The reason that it is shown for; none for a sample. */
  readonly reason?: "dark" | "bright" | "flat" | "blurred";
}

/** A collection of images. */
export interface ImageProfile {
  readonly kind: "images";
  readonly name: string;
  readonly images: number;
  readonly parts: readonly { readonly name: string; readonly rows: number }[];
  /** Sizes `WIDTH×HEIGHT`, formats, and classes (of images, or of boxes). */
  readonly sizes: ValueCounts;
  readonly formats: ValueCounts;
  readonly classes: ValueCounts;
  /** Boxes, where images have some: how many in all, and images without any. */
  readonly boxes?: { readonly count: number; readonly imagesWithout: number };
  readonly grey: number;
  readonly widths: Histogram;
  readonly heights: Histogram;
  /** Mean brightness of each image, 0 … 255, of a sample where there are many. */
  readonly brightness: Histogram;
  readonly contrast: Histogram;
  /** Images that were measured. */
  readonly measured: number;
  readonly dark: number;
  readonly bright: number;
  readonly flat: number;
  /** Images that cannot be read, and why. */
  readonly broken: readonly { readonly name: string; readonly reason: string }[];
  readonly samples: readonly ImageSample[];
  readonly notes: readonly string[];
}

export type DataProfile = TableProfile | ImageProfile;

/** Counts of values in `buckets` equal ranges from the least to the greatest. */
export function histogramOf(values: readonly number[], buckets = 30, range?: readonly [number, number]): Histogram {
  let [low, high] = range ?? [Infinity, -Infinity];
  if (range === undefined) for (const value of values) [low, high] = [Math.min(low, value), Math.max(high, value)];
  if (values.length === 0) return { low: 0, high: 1, counts: new Array<number>(buckets).fill(0) };
  if (low === high) return { low, high, counts: [values.length] };
  const counts = new Array<number>(buckets).fill(0);
  for (const value of values) {
    const bucket = Math.min(buckets - 1, Math.max(0, Math.floor(((value - low) / (high - low)) * buckets)));
    counts[bucket] = (counts[bucket] as number) + 1;
  }
  return { low, high, counts };
}

/** Counts of each value, the most frequent first. */
export function countValues(values: Iterable<string>): { value: string; count: number }[] {
  const counts = new Map<string, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return [...counts]
    .map(([value, count]) => ({ value, count }))
    .sort((a, b) => b.count - a.count || (a.value < b.value ? -1 : 1));
}
