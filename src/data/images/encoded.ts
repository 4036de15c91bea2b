/**
 * @module Images that are not decoded yet, as a column: paths of files, or ranges of bytes that threads share.
 */
import type { Column, TensorColumn } from "../column.js";
import { exampleAt, isText } from "../column.js";
import { Dataset } from "../dataset.js";
import { DataError } from "../../util/errors.js";

/** The column of masks: uint8 [N, 1, H, W], 255 where an image's evidence lies, and everywhere in images without a mask. */
export const EVIDENCE = "evidence";

/** Tells whether a column of images has yet to be decoded. */
export const isEncoded = (column: Column): boolean => isText(column) || column.encoded !== undefined;

/** Files in memory as a column: their bytes are copied once, into memory that threads share. */
export function encodedColumn(files: readonly Uint8Array[]): TensorColumn {
  const encoded = new Uint8Array(new SharedArrayBuffer(files.reduce((sum, file) => sum + file.length, 0)));
  const data = new Float64Array(files.length * 2);
  let at = 0;
  files.forEach((file, i) => {
    encoded.set(file, at);
    data.set([at, file.length], i * 2);
    at += file.length;
  });
  return { dtype: "float64", shape: [files.length, 2], data, encoded };
}

/** Row i of a column that is not decoded: the path of a file, or its bytes. */
export function imageSource(column: Column, i: number): string | Uint8Array {
  if (isText(column)) {
    const path = column.values[i];
    if (typeof path !== "string") throw new DataError(`${exampleAt(i)}: expected the path of an image, got none`);
    return path;
  }
  const start = Number(column.data[2 * i]);
  const bytes = (column.encoded ?? new Uint8Array()).subarray(start, start + Number(column.data[2 * i + 1]));
  // Decoders take no shared memory.
  return bytes.slice();
}

/** Names row i in messages: by the column `file`, or by its path. */
export function imageName(rows: Dataset, i: number): string {
  const names = rows.has("file") ? rows.texts("file") : undefined;
  const image = rows.column("image");
  return names?.[i] ?? (isText(image) ? (image.values[i] ?? exampleAt(i)) : exampleAt(i));
}

/** Images by path or as bytes, with their labels as texts, and how messages name them. */
export interface ImageEntry {
  readonly source: string | Uint8Array;
  readonly label: string;
  readonly file?: string;
}

/** Entries as columns: `image` not decoded yet, `label` as text, `file` where entries have a name of their own. */
export function entriesDataset(entries: readonly ImageEntry[]): Dataset {
  const bytes = entries.flatMap(({ source }) => (typeof source === "string" ? [] : [source]));
  const paths = entries.flatMap(({ source }) => (typeof source === "string" ? [source] : []));
  const image: Column = bytes.length > 0 ? encodedColumn(bytes) : { dtype: "string", values: paths };
  const names = entries.map(({ file }) => file ?? null);
  return new Dataset({
    image,
    label: { dtype: "string", values: entries.map(({ label }) => label) },
    ...(names.some((name) => name !== null) ? { file: { dtype: "string", values: names } } : {}),
  });
}

/** Options of `imageBatch` of `batch-node.ts`. */
export interface ImageBatchOptions {
  /** [C, H, W] of every image of the batch. */
  readonly shape: readonly number[];
  /** Changes of the images, as `parseAugment` reads them; left out, none. */
  readonly augment?: string;
  /** The value of an erased part in each channel. */
  readonly mean?: readonly number[];
  /** Number of classes, for labels of mixed images. */
  readonly classes: number;
}

/** Names `imageBatch` for the loader's threads. */
export const imageCollate = (
  options: ImageBatchOptions,
): { readonly module: string; readonly name: string; readonly options: ImageBatchOptions } => ({
  module: new URL("./batch-node.js", import.meta.url).href,
  name: "imageBatch",
  options,
});
