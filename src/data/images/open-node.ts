/**
 * @module Images from wherever they lie: folders, archives, CIFAR's batches, Parquet files, and the archives of known data sets.
 */
import { dirname, join } from "node:path";
import { isText, placeAt, rowSize } from "../column.js";
import { concatenate, Dataset } from "../dataset.js";
import { readFileBytes } from "../files-node.js";
import { checkLabels, labelText } from "../labels.js";
import { holdsImages, readParquetImages } from "../readers/parquet-images-node.js";
import { isTableName, tableFormat } from "../readers/table-file-node.js";
import type { ArchivesLayout, KnownDataset, KnownFile } from "../registry.js";
import type { FindOptions } from "../registry-node.js";
import { cacheFolder, findKnownFile } from "../registry-node.js";
import { loadSafetensors, saveSafetensors } from "../safetensors-node.js";
import type { TensorData } from "../../graph/index.js";
import { makeFolders } from "../../util/folders-node.js";
import { DataError } from "../../util/errors.js";
import { ImageIndex } from "./annotated-node.js";
import { archiveFiles } from "./archive-node.js";
import { cifarPart, isCifarNames, parseCifar } from "./cifar.js";
import type { ImageOptions } from "./decode-node.js";
import { decodeRows } from "./decode-node.js";
import { imageArchive, readImageFolder } from "./class-images-node.js";
import type { FileTree } from "./file-tree-node.js";
import { manifestParts } from "./manifest.js";
import type { Parts } from "../parts.js";
import { SPLITS } from "../parts.js";
import type { TableParts } from "../table-parts-node.js";
import type { TarFile } from "./tar.js";
import { defined } from "../../util/record.js";

/** The parts of an archive: CIFAR's batches, or files in folders; undefined where it holds neither. */
export async function archiveParts(files: readonly TarFile[], where: string, notes?: string[]): Promise<Parts | undefined> {
  if (files.some(({ name }) => cifarPart(name) !== undefined))
    return parseCifar(files.map(({ name, bytes }) => [`${where}: ${name}`, bytes] as const));
  return imageArchive(files, where, notes);
}

/** The parts of a folder of images, or undefined where it holds something else; `files` are those directly in it. */
export async function imageFolderParts(
  folder: string,
  files: readonly string[],
  options: { readonly labelColumn?: string },
  notes: string[],
): Promise<Parts | undefined> {
  if (files.some((file) => cifarPart(file) === "train")) {
    const batches = files.filter((file) => cifarPart(file) !== undefined || isCifarNames(file)).map((file) => join(folder, file));
    return parseCifar(await Promise.all(batches.map(async (file) => [file, await readFileBytes(file)] as const)));
  }
  const tables = files.filter(isTableName);
  return tables.length === 0 ? readImageFolder(folder, notes) : parquetParts(folder, tables, options);
}

/** Rows that a column of images is found by. */
const FEW = 20;

/**
 * The images of a folder or an archive that its table names, with or without their endings; undefined where no column does.
 *
 * Errors: DataError, with the row, for an image that is not there (unless such are left out), and those of `manifestParts`.
 */
export function namedImages(
  read: TableParts,
  tree: FileTree,
  { labelColumn, skipBadRows = false }: { readonly labelColumn?: string; readonly skipBadRows?: boolean },
): Pick<TableParts, "parts" | "badRows" | "notes"> | undefined {
  const index = new ImageIndex(tree.names);
  const called = (table: Dataset, name: string, i: number): string => labelText(table.column(name), i) ?? "";
  const image = read.parts.train.names.find((name) => {
    const table = read.parts.train;
    const column = table.column(name);
    if (name === labelColumn || (!isText(column) && rowSize(column) !== 1)) return false;
    const some = Array.from({ length: Math.min(FEW, table.length) }, (_, i) => called(table, name, i));
    // Labels may be numbers, and so may the names of images.
    return new Set(some).size === some.length && some.some((text) => index.named(text) !== undefined);
  });
  if (image === undefined) return undefined;
  const parts = Object.entries(read.parts).map(([split, part]: [string, Dataset]) => {
    const values = Array.from({ length: part.length }, (_, i) => called(part, image, i));
    const isOfParts = read.parts.validation !== undefined || read.parts.test !== undefined;
    return part.with({ [image]: values, ...(isOfParts ? { split: values.map(() => split) } : {}) });
  });
  const table = concatenate(parts);
  const names = table.texts(image) as string[];
  const missing = names.findIndex((name) => index.named(name) === undefined);
  if (missing >= 0 && !skipBadRows)
    throw new DataError(
      `${tree.where}: column "${image}", ${placeAt(read.parts.train.column(image), missing)}: expected the name of an image, found no "${names[missing]}"; --skip-bad-rows leaves such rows out`,
    );
  const kept = Uint32Array.from(names.keys()).filter((i) => index.named(names[i] as string) !== undefined);
  const found = kept.length < names.length ? table.select(kept) : table;
  const resolve = (name: string): string | Uint8Array => tree.source(index.named(name) as string);
  const badRows = read.badRows + names.length - kept.length;
  const notes = [...read.notes, `images are those that column "${image}" names`];
  return {
    parts: manifestParts(found, { where: tree.where, image, labelColumn, resolve, notes }),
    badRows,
    notes,
  };
}

/** The parts of a folder of Parquet files with images: `train-00000-of-00002.parquet`, `test.parquet`. */
async function parquetParts(
  folder: string,
  tables: readonly string[],
  options: { readonly labelColumn?: string },
): Promise<Parts | undefined> {
  const files = tables.filter((file) => tableFormat(file) === "parquet");
  const part = (names: readonly string[]): string[] =>
    files.filter((file) => names.includes(file.split(/[-_.]/)[0] ?? "")).map((file) => join(folder, file));
  const train = part(SPLITS.train);
  if (train[0] === undefined || !(await holdsImages(train[0]))) return undefined;
  const trainPart = await readParquetImages(train, options);
  const classes = trainPart.tensor("label").classes as readonly string[];
  const others = async (names: readonly string[]): Promise<Dataset | undefined> => {
    const found = part(names);
    return found.length === 0 ? undefined : readParquetImages(found, { ...options, classes });
  };
  const [validation, test] = [await others(SPLITS.validation), await others(SPLITS.test)];
  return {
    train: trainPart,
    ...defined({ validation, test }),
  };
}

/**
 * The parts of a known data set of small JPEG files. Decoding tens of thousands of files takes a while: the pixels are kept in
 * the cache, under the checksums of the archives, and read from there from then on.
 */
export async function knownArchives(
  known: KnownDataset,
  layout: ArchivesLayout,
  options: FindOptions & ImageOptions,
): Promise<Parts> {
  const key = `${known.name}-${layout.train.sha256.slice(0, 8)}${layout.test.sha256.slice(0, 8)}`;
  const kept = join(options.cacheFolder ?? cacheFolder(), "decoded", `${key}.safetensors`);
  const part = (image: TensorData, label: TensorData): Dataset =>
    new Dataset({ image, label: checkLabels(label, layout.classes, kept) });
  try {
    const { tensors } = await loadSafetensors(kept);
    const named = (name: string): TensorData => tensors.get(name) as TensorData;
    return {
      train: part(named("train.image"), named("train.label")),
      test: part(named("test.image"), named("test.label")),
    };
  } catch {
    // Not there yet, or not whole: made below.
  }
  const [channels, height = 1, width = 1] = layout.shape;
  const decoded = async (file: KnownFile): Promise<Dataset> => {
    const { content, path } = await findKnownFile(known, file, options);
    const parts = await archiveParts(await archiveFiles(content, path), path);
    if (parts === undefined) throw new DataError(`${path}: expected images in folders (CLASS/…), found none`);
    const header = { height, width, channels: channels === 1 ? 1 : 3 } as const;
    return (await decodeRows(parts.train, { shape: layout.shape, medianPixels: height * width }, options, header)).rows;
  };
  const [train, test] = [await decoded(layout.train), await decoded(layout.test)];
  const tensors = Object.entries({ train, test }).flatMap(([name, rows]) => [
    [`${name}.image`, rows.tensor("image")] as const,
    [`${name}.label`, rows.tensor("label")] as const,
  ]);
  try {
    makeFolders(dirname(kept));
    await saveSafetensors(kept, tensors);
  } catch {
    options.note?.(`${known.name}: the decoded images could not be kept in ${dirname(kept)}`);
  }
  return { train: train.drop("file"), test: test.drop("file") };
}
