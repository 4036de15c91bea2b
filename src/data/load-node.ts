/**
 * @module `loadData`: a known name, a file, a folder or a query becomes train, validation and test sets.
 */
import { stat } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { labelled, withTexts } from "./complete-rows.js";
import { Dataset } from "./dataset.js";
import { namesIn, readFileBytes, unwrapGzip } from "./files-node.js";
import type { ColumnRoles, RoleOptions } from "./guess.js";
import { guessRoles, guessTask, joinTexts, joinedColumns, pairRoles, roleNotes } from "./guess.js";
import type { HoldOutOptions } from "./hold-out.js";
import { holdOut } from "./hold-out.js";
import { archiveFiles, isArchiveName } from "./images/archive-node.js";
import type { AnnotationOptions } from "./images/annotated-node.js";
import { isBoxTable } from "./images/annotated-node.js";
import { boxedImages } from "./images/boxes-node.js";
import type { ImageOptions } from "./images/decode-node.js";
import { decodeParts, inspectParts, resizeParts } from "./images/decode-node.js";
import { isEncoded } from "./images/encoded.js";
import type { FileTree } from "./images/file-tree-node.js";
import { archiveTree, fileTree, folderTree } from "./images/file-tree-node.js";
import { IMAGE_FILE, imageColumn, manifestParts } from "./images/manifest.js";
import { readImageFolder } from "./images/class-images-node.js";
import { withMasks } from "./images/masks-node.js";
import { archiveParts, imageFolderParts, knownArchives, namedImages } from "./images/open-node.js";
import type { PartName, Parts } from "./parts.js";
import { mapParts, partNamed } from "./parts.js";
import { checkLabels } from "./labels.js";
import type { DataTask, IdxLayout, KnownDataset, KnownFile } from "./registry.js";
import { KNOWN_DATASETS, knownDataset } from "./registry.js";
import type { FindOptions } from "./registry-node.js";
import { findKnownFile } from "./registry-node.js";
import { parseIdx } from "./readers/idx.js";
import { holdsImages, readParquetImages } from "./readers/parquet-images-node.js";
import type { TableOptions } from "./readers/table-file-node.js";
import type { TableSchema } from "./schema/table-schema.js";
import { isTableName, tableFormat } from "./readers/table-file-node.js";
import { isQuery, refuseStatement } from "./readers/query-node.js";
import { readTable } from "./readers/table-node.js";
import { withoutStrayColumns } from "./stray-columns.js";
import type { TableParts } from "./table-parts-node.js";
import { archivedTables, hasTrainingTable, readTableParts } from "./table-parts-node.js";
import { readTextFolders, textArchive } from "./text/class-texts-node.js";
import type { TextOptions } from "./text/open-node.js";
import { knownTexts, openStandoff, openTextFile, openTextFolder } from "./text/open-node.js";
import type { TensorData } from "../graph/index.js";
import { ConfigError, DataError } from "../util/errors.js";
import { unknownName } from "../util/nearest.js";

/** Options of `loadData`: columns, format, parts that are held out. */
export interface LoadOptions
  extends
    RoleOptions,
    FindOptions,
    Omit<TableOptions, "columns">,
    ImageOptions,
    TextOptions,
    HoldOutOptions,
    Pick<AnnotationOptions, "boxTables"> {
  /** The data are pairs of texts, a source and a target: columns stay the texts that they are in the file. */
  readonly pairs?: boolean;
  /** A file is a table whatever its name says (`.txt`, `.data`): of rows, in which no column is a text to read, or of texts with labels. */
  readonly tableOf?: "rows" | "texts";
  /** The column to predict holds quantities, where it is guessed. */
  readonly quantity?: boolean;
  /** Masks of images (`withMasks`), or a column of marked spans, which plays no other role. */
  readonly evidence?: string;
}

/** Data in three parts, with what its columns are for. */
export interface LoadedData {
  /** The known name, or the file's. */
  readonly name: string;
  readonly train: Dataset;
  readonly validation: Dataset;
  readonly test: Dataset;
  readonly roles: ColumnRoles;
  /** The task that the roles and types suggest. */
  readonly task: DataTask;
  readonly known?: KnownDataset;
  /** The schema of a table's cells, learned from the training part. */
  readonly schema?: TableSchema;
  /** The largest pixel value, where the data says so. */
  readonly maximum?: number;
  /** For images: their common shape, and a decoded sample of the training part, where its images stay files. */
  readonly images?: { readonly shape: readonly number[]; readonly sample?: Dataset };
  /** Rows left out because they do not parse, and images that cannot be read. */
  readonly badRows: number;
  /** Decisions, in sentences for the user: splits, rows left out. */
  readonly notes: readonly string[];
  /** Those of the notes that count `badRows`. */
  readonly leftOut: readonly string[];
}

interface Source
  extends
    Pick<LoadedData, "name" | "known" | "schema" | "maximum" | "images" | "badRows">,
    Partial<Pick<LoadedData, "roles" | "task" | "notes">> {
  readonly parts: Parts;
}

/**
 * Loads data into memory and splits it: `loadData("fashion-mnist")`, `loadData("reviews.csv", { labelColumn: "stars" })`,
 * `loadData("SELECT … FROM 'a.parquet'")`.
 *
 * Without a test split, a seeded tenth is held out as test, and a tenth of the rest for validation, stratified by
 * class; `notes` reports it. Images come as uint8 [N, C, H, W], or, where they are too large to lie decoded in memory, as
 * paths or bytes that `imageBatch` decodes; labels as int32 [N] with their classes; tables and texts as they are in the file.
 *
 * Errors: DataError, in one line, if something is missing, empty, broken, or not what its checksum says.
 *
 * @example
 * import { loadData } from "descentjs/data/node";
 * const { train, validation, test } = await loadData("digits");
 * console.log(train.length, validation.length, test.length); // 1455 162 180
 */
export async function loadData(spec: string, options: LoadOptions = {}): Promise<LoadedData> {
  const { pairs = false } = options;
  const opened = await open(spec, readingOptions(options));
  const isImages = opened.roles?.image !== undefined && isEncoded(opened.parts.train.column("image"));
  const inspected = isImages && opened.images === undefined ? await inspectParts(opened.parts, options) : undefined;
  // Images that are not decoded have the columns that their reader gave them.
  const asked = isImages ? undefined : (options.textColumn ?? options.labelColumn ?? options.targetColumn);
  const notes: string[] = [...(opened.notes ?? []), ...(inspected?.notes ?? [])];
  const whole = inspected?.parts ?? opened.parts;
  expectIgnored(whole.train, options);
  const isTaught = options.schema !== undefined || opened.schema?.header !== true;
  const read = isTaught ? whole : withoutStrayColumns(whole, notes);
  const roles: ColumnRoles = pairs
    ? pairRoles(read.train, options)
    : opened.roles !== undefined && asked === undefined
      ? opened.roles
      : guessRoles(withoutEvidence(read.train, options), options);
  const given = await marked(read, roles, inspected?.form.shape, options, notes);
  if (!pairs && opened.roles === undefined) notes.push(...roleNotes(given.train, roles, options));
  const task = pairs
    ? "sequence-to-sequence"
    : opened.task !== undefined && asked === undefined
      ? opened.task
      : guessTask(given.train, roles);
  const parts = labelled(withTexts(joined(given, roles.text), roles.text, notes), roles.target, notes);
  const held = holdOut(parts, isClassification(task) ? roles.target : undefined, options, notes);
  const decoded = inspected === undefined ? undefined : await decodeParts(held, inspected.form, options);
  notes.push(...(decoded?.notes ?? []));
  const badRows = opened.badRows + (inspected?.badRows ?? 0) + (decoded?.badRows ?? 0);
  const leftOut =
    badRows > 0 ? [`${badRows} ${isImages ? "images that cannot be read" : "rows that do not parse"} were left out`] : [];
  notes.push(...leftOut);
  const { known, maximum, schema } = opened;
  const images = opened.images ?? (inspected && { shape: inspected.form.shape, sample: decoded?.sample });
  return {
    name: opened.name,
    ...(opened.images === undefined ? (decoded?.parts ?? resizeParts(held, roles.image, options)) : held),
    roles,
    task,
    badRows,
    notes,
    leftOut,
    images,
    known,
    schema,
    maximum,
  };
}

/** The parts with the masks of their images, where images have some; a column of marked spans must be there. */
async function marked(
  parts: Parts,
  { image }: ColumnRoles,
  shape: readonly number[] | undefined,
  { evidence }: LoadOptions,
  notes: string[],
): Promise<Parts> {
  if (evidence === undefined) return parts;
  if (image === undefined) {
    parts.train.column(evidence);
    return parts;
  }
  const { train, note } = await withMasks(parts, evidence, shape);
  notes.push(note);
  return { ...parts, train };
}

const withoutEvidence = (rows: Dataset, { evidence }: LoadOptions): Dataset =>
  evidence !== undefined && rows.has(evidence) ? rows.drop(evidence) : rows;

/** ConfigError where a column that is to be left out is not there, or is asked for by another option as well. */
function expectIgnored(rows: Dataset, { ignoreColumn = [], labelColumn, targetColumn, textColumn }: LoadOptions): void {
  const texts = textColumn === undefined ? [] : [textColumn, ...textColumn.split(",").map((name) => name.trim())];
  for (const name of ignoreColumn) {
    const other = name === (labelColumn ?? targetColumn) ? "--label-column" : texts.includes(name) ? "--text-column" : undefined;
    if (other !== undefined)
      throw new ConfigError(`--ignore-column ${name}: expected another column than that of ${other}; leave one of the two out`);
    if (!rows.has(name)) throw new ConfigError(`--ignore-column: ${unknownName("column", name, rows.names)}`);
  }
  const asked = labelColumn ?? targetColumn;
  if (asked !== undefined && texts.includes(asked))
    throw new ConfigError(`--text-column ${asked}: expected another column than that of --label-column; name that of the texts`);
}

/** Chooses how a table is read: columns of texts keep the texts of the file. */
function readingOptions(options: LoadOptions): LoadOptions {
  if (options.pairs === true) return { ...options, asText: true };
  const texts = options.textColumn === undefined ? [] : options.textColumn.split(",").map((name) => name.trim());
  if (texts.length === 0 || options.schema !== undefined) return options;
  return { ...options, textColumns: [...texts, options.textColumn as string] };
}

/** The parts with the texts of several columns as one more column. */
function joined(parts: Parts, text: string | undefined): Parts {
  if (text === undefined || parts.train.has(text)) return parts;
  return mapParts(parts, (part) =>
    part.with({ [text]: { dtype: "string", values: joinTexts(part, joinedColumns(part, text)) } }),
  );
}

/** Roles and task of images that a reader of ours has put into columns. */
const IMAGES = { roles: { image: "image", target: "label" }, task: "image-classification" } as const;

/** Roles and task of texts in folders that are called by their class. */
const TEXTS = { roles: { text: "text", target: "label" }, task: "text-classification" } as const;

/** Images with boxes in a folder or an archive, or undefined where there are no annotations. */
async function boxSource(name: string, tree: FileTree, options: LoadOptions): Promise<Source | undefined> {
  const { tableOf, boxTables = tableOf === undefined } = options;
  const found = await boxedImages(tree, { ...options, boxTables });
  return found && { ...found, name, roles: { image: "image", target: "boxes" }, task: "object-detection" };
}

async function open(spec: string, options: LoadOptions): Promise<Source> {
  if (isQuery(spec)) {
    const { data, ...read } = await readTable(spec, options);
    return { name: "query", parts: { train: data }, ...read };
  }
  const info = await stat(spec).catch(() => undefined);
  if (info?.isDirectory() === true && !KNOWN_DATASETS.some((known) => known.name === spec)) return openFolder(spec, options);
  if (info === undefined) refuseStatement(spec);
  if (info === undefined && /[/\\]$/.test(spec))
    throw new DataError(`${spec}: expected a folder that can be read, got an error: no such folder`);
  if (info?.isFile() === true || /[/\\.]/.test(spec)) return openFile(spec, options);
  return openKnown(knownDataset(spec), options);
}

async function openArchive(path: string, options: LoadOptions): Promise<Source> {
  const notes: string[] = [];
  const files = await archiveFiles(await unwrapGzip(await readFileBytes(path), path), path, notes);
  const source = await archiveSource(path, files, options);
  return { ...source, notes: [...(source.notes ?? []), ...notes] };
}

async function archiveSource(
  path: string,
  files: Awaited<ReturnType<typeof archiveFiles>>,
  options: LoadOptions,
): Promise<Source> {
  const name = basename(path);
  const tree = archiveTree(files, path);
  const boxes = await boxSource(name, tree, options);
  if (boxes !== undefined) return boxes;
  const spans = await openStandoff(tree, name, options);
  if (spans !== undefined) return spans;
  const isListed = listsImages(tree.names, options);
  const listed = isListed ? await archivedTables(files, path, options) : undefined;
  const found = listed && namedImages(listed, tree, options);
  if (found !== undefined) return { name, ...found, ...IMAGES };
  const notes: string[] = [];
  const images = await archiveParts(files, path, notes);
  if (images !== undefined) return { name, parts: images, ...IMAGES, badRows: 0, notes };
  const texts = await textArchive(files, path, options.encoding);
  if (texts !== undefined) return { name, ...texts, ...TEXTS, badRows: 0 };
  const tables = await archivedTables(files, path, options);
  if (tables !== undefined) return { name, ...tables };
  throw new DataError(`${path}: expected images or texts in folders (CLASS/…), or a table, found none`);
}

async function openFile(path: string, options: LoadOptions): Promise<Source> {
  if (/idx\d/.test(basename(path)) && options.format === undefined) {
    const labels = path.replace(/images(.)idx\d/, "labels$1idx1");
    if (labels === path)
      throw new DataError(`${path}: expected IDX images with labels beside them (…images-idx3…), got a single file`);
    const train = await idxPart(path, labels);
    return { name: basename(path), parts: { train }, badRows: 0 };
  }
  const name = basename(path);
  if (isArchiveName(path)) return openArchive(path, options);
  const mayHoldBoxes = options.tableOf === undefined && options.boxTables !== false;
  if (/\.(json|xml)$/i.test(path) || (mayHoldBoxes && (await isBoxTable(path)))) {
    const boxes = await boxSource(name, await fileTree(path), options);
    if (boxes !== undefined) return boxes;
  }
  const isOtherTable = options.tableOf !== undefined && !KNOWN_EXTENSION.test(name);
  const texts = options.format === undefined ? await openTextFile(path, options) : undefined;
  if (texts !== undefined) return texts;
  const format = options.format ?? tableFormat(path) ?? (isOtherTable ? "csv" : undefined);
  if (format === "parquet" && (await holdsImages(path)))
    return { name, parts: { train: await readParquetImages([path], options) }, ...IMAGES, badRows: 0 };
  const { data, ...read } = await readTable(path, { ...options, format });
  const image = options.tableOf === undefined ? imageColumn(data) : undefined;
  if (image === undefined) return { name, parts: { train: data }, ...read };
  const { labelColumn } = options;
  const notes = [...read.notes];
  const folder = await imagesBeside(dirname(path), data.texts(image)[0] ?? "");
  const parts = manifestParts(data, {
    where: path,
    image,
    resolve: (file) => resolve(folder, file),
    notes,
    labelColumn,
  });
  return { name, parts, ...IMAGES, badRows: read.badRows, notes };
}

/** The folder that a table's names of images lead from: its own, or one of images in it. */
async function imagesBeside(folder: string, first: string): Promise<string> {
  for (const name of ["", "images", "imgs", "img", "train"])
    if ((await stat(resolve(folder, name, first)).catch(() => undefined))?.isFile() === true) return join(folder, name);
  return folder;
}

/** Names of files that say what is in them; others may be tables. */
const KNOWN_EXTENSION = /\.(conll|bio|iob2?|bioes|bmes|conllup?|csv|tsv|tab|jsonl|ndjson|parquet)(\.gz)?$/i;

/** A folder with `train.csv` and, if it has them, `validation` (`dev`, `val`) and `test`; or with IDX files; or with one table. */
async function openFolder(folder: string, options: LoadOptions): Promise<Source> {
  const files = await namesIn(folder);
  const name = basename(folder);
  const find = (pattern: RegExp): string | undefined => files.find((file) => pattern.test(file));
  const idx = (stem: string, what: string): string | undefined => find(new RegExp(`^${stem}.*${what}.idx\\d`));
  const images = idx("train", "images");
  if (images !== undefined) {
    const pair = (stem: string): [string, string] | undefined => {
      const [a, b] = [idx(stem, "images"), idx(stem, "labels")];
      return a === undefined || b === undefined ? undefined : [join(folder, a), join(folder, b)];
    };
    const [train, test] = [pair("train"), pair("t10k") ?? pair("test")];
    if (train === undefined) throw new DataError(`${folder}: expected labels beside ${images}, found none`);
    const trainPart = await idxPart(...train);
    // A test label that training has no class for is a fault of the data, not one more class.
    const classes = trainPart.tensor("label").classes;
    const parts = { train: trainPart, ...(test === undefined ? {} : { test: await idxPart(...test, classes) }) };
    return { name, parts, badRows: 0 };
  }
  const tree = await folderTree(folder);
  const boxes = await boxSource(name, tree, options);
  if (boxes !== undefined) return boxes;
  const notes: string[] = [];
  const imageParts = await imageFolderParts(folder, files, options, notes);
  if (imageParts !== undefined) return { name, parts: imageParts, ...IMAGES, badRows: 0, notes };
  const spans = await openStandoff(tree, name, options);
  if (spans !== undefined) return spans;
  const texts = await openTextFolder(folder, files, options);
  if (texts !== undefined) return texts;
  const classes =
    options.tableOf === "rows" || hasTrainingTable(files) ? undefined : await readTextFolders(folder, options.encoding);
  if (classes !== undefined) return { name, ...classes, ...TEXTS, badRows: 0 };
  const hasImages = options.tableOf === undefined && tree.names.some((file) => IMAGE_FILE.test(file));
  const inParts = hasImages && !files.some(isTableName) ? await tablesInParts(folder, tree, options) : undefined;
  const beside = inParts && namedImages(inParts, tree, options);
  if (beside !== undefined) return { name, ...beside, ...IMAGES };
  if (hasImages && !files.some(isTableName))
    throw new DataError(
      `${folder}: expected images in a folder for each class (CLASS/…), with classes in their names (dog.1.jpg), or a table that names them, found images without a class`,
    );
  // Competitions hand out a table of answers to be filled in.
  const given = hasImages ? files.filter((file) => !/submission/i.test(file)) : files;
  const read = await readTableParts(folder, given, options);
  const listed = hasImages ? namedImages(read, tree, options) : undefined;
  if (listed !== undefined) return { name, ...listed, ...IMAGES };
  const classed = hasImages ? await readImageFolder(folder, notes) : undefined;
  return classed === undefined ? { name, ...read } : { name, parts: classed, ...IMAGES, badRows: 0, notes };
}

/** The tables in folders of parts, `train/metadata.csv`, with the folder before what they name; undefined where there is none to train on. */
async function tablesInParts(folder: string, tree: FileTree, options: LoadOptions): Promise<TableParts | undefined> {
  const found: Partial<Record<PartName, Dataset>> = {};
  let read: Awaited<ReturnType<typeof readTable>> | undefined;
  for (const file of tree.names.filter((name) => isTableName(name) && name.split("/").length === 2)) {
    const [step = ""] = file.split("/");
    const part = partNamed(step);
    if (part === undefined || found[part] !== undefined) continue;
    const table = await readTable(join(folder, file), options);
    read = part === "train" ? table : (read ?? table);
    const image = imageColumn(table.data);
    const inFolder = (name: string | null): string | null => name && `${step}/${name}`;
    found[part] = image === undefined ? table.data : table.data.with({ [image]: table.data.texts(image).map(inFolder) });
  }
  const { train, ...others } = found;
  return train === undefined || read === undefined
    ? undefined
    : { parts: { train, ...others }, badRows: read.badRows, notes: read.notes };
}

/** Tells whether images and a table lie together, of which the one may name the others. */
const listsImages = (names: readonly string[], { tableOf }: LoadOptions): boolean =>
  tableOf === undefined && names.some((name) => IMAGE_FILE.test(name)) && names.some(isTableName);

async function openKnown(known: KnownDataset, options: LoadOptions): Promise<Source> {
  const { layout, name, task } = known;
  if (layout.kind === "table") {
    const { path } = await findKnownFile(known, layout.file, options);
    const { data, notes: read, ...rest } = await readTable(path, options);
    const { target, leaks = [] } = layout;
    const notes = [...read, ...leaks.map((leak) => `column "${leak}" repeats "${target}" and was left out`)];
    return { name, parts: { train: data.drop(...leaks) }, roles: { target }, task, known, ...rest, notes };
  }
  if (layout.kind === "texts") return { ...(await knownTexts(known, layout, options)), known };
  if (layout.kind === "boxes") {
    const { content, path } = await findKnownFile(known, layout.file, options);
    const boxes = await boxSource(name, archiveTree(await archiveFiles(content, path), path), options);
    if (boxes === undefined) throw new DataError(`${path}: expected annotations of boxes, found none`);
    return { ...boxes, known };
  }
  if (layout.kind === "archives")
    return { name, parts: await knownArchives(known, layout, options), ...IMAGES, known, badRows: 0 };
  const part = async (files: IdxLayout["train"]): Promise<Dataset> => {
    const read = async (file: KnownFile): Promise<TensorData> => {
      const { content, path } = await findKnownFile(known, file, options);
      return parseIdx(content, path);
    };
    return imageDataset(await read(files.image), await read(files.label), files.label.name, layout.classes);
  };
  const test = layout.test === undefined ? {} : { test: await part(layout.test) };
  const parts = { train: await part(layout.train), ...test };
  return { name, parts, roles: { image: "image", target: "label" }, task, known, maximum: layout.maximum, badRows: 0 };
}

/** One part of images and labels; its labels must be among `classes`, or, where none are given, are 0 … the largest. */
async function idxPart(images: string, labels: string, classes?: readonly string[]): Promise<Dataset> {
  const read = async (path: string): Promise<TensorData> => parseIdx(await unwrapGzip(await readFileBytes(path), path), path);
  const label = await read(labels);
  let count = 1;
  for (const index of label.data) count = Math.max(count, Number(index) + 1);
  return imageDataset(await read(images), label, labels, classes ?? Array.from({ length: count }, (_, i) => String(i)));
}

/** Grey images [N, H, W] and labels [N] as one data set. */
function imageDataset(image: TensorData, label: TensorData, where: string, classes: readonly string[]): Dataset {
  const [count, ...size] = image.shape;
  if (count !== label.shape[0] || label.shape.length !== 1)
    throw new DataError(`${where}: expected ${count} labels, one for each image, got [${label.shape.join(", ")}]`);
  if (count === 0) throw new DataError(`${where}: expected at least one example, got none`);
  const shape = size.length === 2 ? [image.shape[0] as number, 1, ...size] : image.shape;
  return new Dataset({ image: { ...image, shape }, label: checkLabels(label, classes, where) });
}

/** Tells whether examples have one class each, which every part should have in the same proportions. */
const isClassification = (task: DataTask): boolean => task.endsWith("classification") && task !== "token-classification";
