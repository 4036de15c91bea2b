/**
 * @module The binary form of CIFAR-10 and CIFAR-100: records of one or two label bytes and 3,072 pixels, plane after plane.
 *
 * Source: A. Krizhevsky, "The CIFAR-10 dataset", section "Binary version".
 */
import { Dataset } from "../dataset.js";
import { checkLabels } from "../labels.js";
import { DataError } from "../../util/errors.js";

const SIDE = 32;
const PIXELS = 3 * SIDE * SIDE;

/** A file by name, wherever it lies. */
export type NamedBytes = readonly [name: string, bytes: Uint8Array];

const baseName = (path: string): string => path.split(/[/\\]/).at(-1) ?? path;

/** Tells which part of a CIFAR data set a file holds; undefined for none. */
export function cifarPart(path: string): "train" | "test" | undefined {
  const name = baseName(path);
  if (/^data_batch_\d+\.bin$|^train\.bin$/.test(name)) return "train";
  return /^test(_batch)?\.bin$/.test(name) ? "test" : undefined;
}

/** Tells whether a file names the classes: `batches.meta.txt`, or `fine_label_names.txt` of CIFAR-100. */
export const isCifarNames = (path: string): boolean => /^(batches\.meta|fine_label_names)\.txt$/.test(baseName(path));

/**
 * Batches as images uint8 [N, 3, 32, 32] and labels; of CIFAR-100 the fine ones. Without a file of names, classes are numbers.
 *
 * Errors: DataError, naming the file, if a file holds no whole number of records, or a label is out of range.
 */
export function parseCifar(files: readonly NamedBytes[]): { readonly train: Dataset; readonly test?: Dataset } {
  const names = files.find(([name]) => isCifarNames(name));
  const isFine = files.some(([name]) => /^(train|test)\.bin$/.test(baseName(name)));
  const labelBytes = isFine ? 2 : 1;
  const listed =
    names === undefined
      ? []
      : new TextDecoder()
          .decode(names[1])
          .split(/\r?\n/)
          .map((line) => line.trim());
  const classes =
    names === undefined ? Array.from({ length: isFine ? 100 : 10 }, (_, k) => String(k)) : listed.filter((line) => line !== "");
  const part = (which: "train" | "test"): Dataset | undefined => {
    const batches = files.filter(([name]) => cifarPart(name) === which).sort(([a], [b]) => (a < b ? -1 : 1));
    const parts = batches.map(([name, bytes]) => records(name, bytes, labelBytes, classes));
    const [first, ...rest] = parts;
    return first?.concat(...rest);
  };
  const [train, test] = [part("train"), part("test")];
  if (train === undefined)
    throw new DataError(`${files[0]?.[0] ?? "CIFAR"}: expected data_batch_1.bin or train.bin beside it, found none`);
  return { train, ...(test === undefined ? {} : { test }) };
}

function records(name: string, bytes: Uint8Array, labelBytes: number, classes: readonly string[]): Dataset {
  const record = labelBytes + PIXELS;
  const count = bytes.length / record;
  if (!Number.isInteger(count) || count === 0)
    throw new DataError(`${name}: expected records of ${record} bytes, got ${bytes.length} bytes; is it truncated?`);
  const pixels = new Uint8Array(count * PIXELS);
  const labels = new Uint8Array(count);
  for (let i = 0; i < count; i++) {
    labels[i] = bytes[i * record + labelBytes - 1] as number;
    pixels.set(bytes.subarray(i * record + labelBytes, (i + 1) * record), i * PIXELS);
  }
  const label = checkLabels({ dtype: "uint8", shape: [count], data: labels }, classes, name);
  return new Dataset({ image: { dtype: "uint8", shape: [count, 3, SIDE, SIDE], data: pixels }, label });
}
