/**
 * @module Images with boxes from folders and archives: annotations of any format that is known found, and matched with their images.
 */
import type { AnnotatedBox, Annotation, AnnotationList, ParseAnnotations } from "../../vision/annotations/index.js";
import {
  boxesIn,
  looksLikeBoxes,
  looksLikeCoco,
  looksLikeCreateMl,
  looksLikeCvat,
  looksLikeLabelMe,
  looksLikeLabelStudio,
  looksLikeVia,
  openNotes,
  parseBoxTable,
  parseCoco,
  parseCreateMl,
  parseCvat,
  parseLabelMe,
  parseLabelStudio,
  parseVia,
  parseVoc,
  parseYolo,
  parseYoloNames,
} from "../../vision/annotations/index.js";
import { decodeHead } from "../csv/encoding.js";
import { guessDialect } from "../csv/dialect.js";
import { recordsOf } from "../csv/records.js";
import { ConfigError, DataError } from "../../util/errors.js";
import { readHead } from "../readers/table-file-node.js";
import type { FileTree } from "./file-tree-node.js";
import { textOf } from "./file-tree-node.js";
import { IMAGE_FILE } from "./manifest.js";
import type { PartName } from "../parts.js";
import { partNamed } from "../parts.js";

/** An image by its name in the tree, and what lies in it. */
export interface AnnotatedImage {
  readonly image: string;
  /** The annotation's name in messages. */
  readonly where: string;
  readonly part: PartName;
  /** As the annotation says; YOLO's says nothing. */
  readonly size?: { readonly width: number; readonly height: number };
  readonly boxes: (size: { readonly width: number; readonly height: number }) => readonly AnnotatedBox[];
}

export interface AnnotatedImages {
  readonly images: readonly AnnotatedImage[];
  /** In the order of the file that names them; undefined where only the boxes do. */
  readonly classes?: readonly string[];
  /** Annotations whose image is missing, or which cannot be read where they may be left out: each as a message. */
  readonly missing: readonly string[];
  /** The reader's decisions, in sentences. */
  readonly notes?: readonly string[];
}

/** Handling of unreadable files: skip them instead of refusing the data. */
export interface AnnotationOptions {
  readonly skipBadRows?: boolean;
  /** Whether tables of boxes count; images that have classes may have such tables beside them. True if left out. */
  readonly boxTables?: boolean;
}

const baseName = (path: string): string => path.split(/[/\\]/).at(-1) ?? path;
const stemOf = (path: string): string => baseName(path).replace(/\.[^.]*$/, "");

/** The part that a path names: `train/…`, `instances_val2017.json`. */
function partOfPath(path: string): PartName | undefined {
  for (const step of path.split("/").toReversed())
    for (const word of step.split(/[^A-Za-z]+/)) {
      const part = partNamed(word);
      if (part !== undefined) return part;
    }
  return undefined;
}

/** A name as it was before a tool encoded it for an address, or a disk took its accents apart; `.JPG` is `.jpg`, as on disks that do not tell them apart. */
function plainName(name: string): string {
  try {
    return decodeURIComponent(name).normalize("NFC").toLowerCase();
  } catch {
    return name.normalize("NFC").toLowerCase();
  }
}

/** Returns a bad file's message where bad files are left out; otherwise throws the error again. */
export function badFile(error: unknown, skip: boolean): string {
  if (skip && (error instanceof DataError || error instanceof ConfigError)) return error.message;
  throw error;
}

const UPLOADED = /^[0-9a-f]{8}-(?=.)/;

/** Finds an image by what an annotation or a table calls it. */
export class ImageIndex {
  readonly #byBase = new Map<string, string[]>();
  readonly #byStem = new Map<string, string[]>();
  readonly #byPlainBase = new Map<string, string[]>();
  readonly #byPlainStem = new Map<string, string[]>();

  get hasImages(): boolean {
    return this.#byBase.size > 0;
  }

  constructor(names: readonly string[]) {
    const add = (map: Map<string, string[]>, key: string, name: string): void => {
      const known = map.get(key);
      if (known === undefined) map.set(key, [name]);
      else known.push(name);
    };
    for (const name of names.filter((file) => IMAGE_FILE.test(file))) {
      add(this.#byBase, baseName(name), name);
      add(this.#byStem, stemOf(name), name);
      add(this.#byPlainBase, plainName(baseName(name)), name);
      add(this.#byPlainStem, plainName(stemOf(name)), name);
    }
  }

  /** Finds an image by its name, with or without its ending. */
  named(called: string): string | undefined {
    const name = baseName(called);
    return called === "" ? undefined : this.find(called, `${name}.`);
  }

  /** Finds an image that a list names, maybe without its ending, or behind the eight digits that Label Studio puts before what is uploaded. */
  listed(called: string, list: string): string | undefined {
    const name = baseName(called);
    return this.find(called, list, name) ?? (UPLOADED.test(name) ? this.listed(name.replace(UPLOADED, ""), list) : undefined);
  }

  /** Finds an annotation's image: of several with one name, the one in the annotation's own part, and the nearest to it. */
  find(called: string, annotation: string, stem = stemOf(annotation)): string | undefined {
    const found =
      this.#byBase.get(baseName(called)) ??
      this.#byStem.get(stem) ??
      this.#byPlainBase.get(plainName(baseName(called))) ??
      this.#byPlainStem.get(plainName(stem)) ??
      [];
    const part = partOfPath(annotation);
    const shared = (name: string): number => {
      const [a, b] = [name.split("/"), annotation.split("/")];
      let same = 0;
      while (same < a.length && a[same] === b[same]) same++;
      return same + (partOfPath(name) === part ? 100 : 0) + (name.endsWith(called) ? 1000 : 0);
    };
    return [...found].sort((a, b) => shared(b) - shared(a))[0];
  }
}

/** Parts of VOC images by stem, from `ImageSets/Main/train.txt` and its like; undefined where there are none. */
async function imageSets(tree: FileTree): Promise<Map<string, PartName> | undefined> {
  const lists = tree.names.filter((name) => /(^|\/)ImageSets\/Main\/[A-Za-z]+\.txt$/.test(name));
  const parts = new Map<string, PartName>();
  for (const name of lists) {
    const part = partNamed(stemOf(name));
    if (part === undefined) continue;
    for (const line of (await textOf(tree, name)).split(/\r?\n/)) {
      const stem = line.trim().split(/\s+/)[0] ?? "";
      if (stem !== "") parts.set(stem, part);
    }
  }
  return parts.size === 0 ? undefined : parts;
}

const sizeOf = ({ width, height }: Annotation): { size?: { width: number; height: number } } =>
  width === undefined || height === undefined ? {} : { size: { width, height } };

const noImage = (where: string, called: string): string => `${where}: expected its image ${called}, found none`;

interface ReadOptions {
  readonly index: ImageIndex;
  readonly skip: boolean;
}

/** Files of one image each, in the parts that lists (`sets`, by stem) or their paths name. They may hold their images, so one is read at a time. */
async function readSingles(
  tree: FileTree,
  files: readonly string[],
  parse: ParseAnnotations,
  { index, skip, sets }: ReadOptions & { readonly sets?: ReadonlyMap<string, PartName> },
): Promise<AnnotatedImages> {
  const images: AnnotatedImage[] = [];
  const missing: string[] = [];
  const notes = new Set<string>();
  let open = 0;
  const hasParts = sets !== undefined || files.some((name) => partOfPath(name) === "train");
  for (const name of files) {
    const part = sets === undefined ? (partOfPath(name) ?? (hasParts ? undefined : "train")) : sets.get(stemOf(name));
    // Of no part that was asked for.
    if (part === undefined) continue;
    const where = tree.locate(name);
    let read: AnnotationList;
    try {
      read = parse(await textOf(tree, name, (note) => void notes.add(note)), where);
    } catch (error) {
      missing.push(badFile(error, skip));
      continue;
    }
    for (const note of read.notes ?? []) notes.add(note);
    open += read.openShapes ?? 0;
    for (const annotation of read.annotations) {
      const image = index.find(annotation.image, name);
      if (image === undefined) missing.push(noImage(where, annotation.image || stemOf(name)));
      else images.push({ image, where, part, ...sizeOf(annotation), boxes: (size) => boxesIn(annotation, size) });
    }
  }
  return { images, missing, notes: [...notes, ...openNotes(open)] };
}

/** Those of some files whose texts look so. */
async function looking(tree: FileTree, names: readonly string[], looksLike: (text: string) => boolean): Promise<string[]> {
  const found: string[] = [];
  for (const name of names) if (looksLike(await textOf(tree, name, () => undefined))) found.push(name);
  return found;
}

async function readVoc(tree: FileTree, files: readonly string[], { index, skip }: ReadOptions): Promise<AnnotatedImages> {
  const sets = await imageSets(tree);
  const parse: ParseAnnotations = (text, where) => ({ annotations: [parseVoc(text, where)] });
  const read = await readSingles(tree, files, parse, { index, skip, sets });
  const unwritten = [...(sets?.keys() ?? [])].find((stem) => !files.some((name) => stemOf(name) === stem));
  if (unwritten !== undefined)
    throw new DataError(`${tree.where}: expected an annotation of ${unwritten}, which ImageSets lists, found none`);
  return read;
}

/** Files of many images, each of the part that itself says, or its file's name. */
async function readLists(
  tree: FileTree,
  files: readonly string[],
  parse: ParseAnnotations,
  { index, skip }: ReadOptions,
): Promise<AnnotatedImages> {
  const images: AnnotatedImage[] = [];
  const missing: string[] = [];
  const notes = new Set<string>();
  let classes: readonly string[] | undefined;
  let open = 0;
  for (const name of files) {
    const where = tree.locate(name);
    const text = await textOf(tree, name, (note) => void notes.add(note));
    const file = parse(text, where, skip ? (message) => void missing.push(message) : undefined);
    const isSplit = file.annotations.some(({ subset }) => subset !== undefined && partNamed(subset) === "train");
    const whole = isSplit ? undefined : (partOfPath(name) ?? (files.length === 1 ? "train" : undefined));
    if (whole === undefined && !isSplit) throw new DataError(`${where}: expected train, val or test in its name, got none`);
    for (const note of file.notes ?? []) notes.add(note);
    open += file.openShapes ?? 0;
    if (classes === undefined || whole === "train") ({ classes } = file);
    for (const annotation of file.annotations) {
      const part = whole ?? partNamed(annotation.subset ?? "");
      // Of no part that was asked for.
      if (part === undefined) continue;
      const image = index.listed(annotation.image, name);
      if (image === undefined) missing.push(noImage(where, annotation.image));
      else images.push({ image, where, part, ...sizeOf(annotation), boxes: (size) => boxesIn(annotation, size) });
    }
  }
  return { images, missing, notes: [...notes, ...openNotes(open)], classes };
}

/** Formats in JSON by what their texts look like; of one image a file where `single`. */
const JSON_FORMATS: readonly {
  readonly looksLike: (text: string) => boolean;
  readonly parse: ParseAnnotations;
  readonly single?: true;
}[] = [
  { looksLike: looksLikeCoco, parse: parseCoco },
  { looksLike: looksLikeLabelMe, parse: parseLabelMe, single: true },
  { looksLike: looksLikeVia, parse: parseVia },
  { looksLike: looksLikeLabelStudio, parse: parseLabelStudio },
  { looksLike: looksLikeCreateMl, parse: parseCreateMl },
];

/** Annotations in JSON files of the first format that any of them has. */
async function readJson(tree: FileTree, names: readonly string[], options: ReadOptions): Promise<AnnotatedImages | undefined> {
  const formats = new Map<string, (typeof JSON_FORMATS)[number] | undefined>();
  for (const name of names) {
    const text = await textOf(tree, name, () => undefined);
    formats.set(
      name,
      JSON_FORMATS.find(({ looksLike }) => looksLike(text)),
    );
  }
  const format = JSON_FORMATS.find((one) => [...formats.values()].includes(one));
  if (format === undefined) return undefined;
  const found = names.filter((name) => formats.get(name) === format);
  // COCO's own folder has captions and keypoints of the same images as well.
  const instances = found.filter((name) => /instances/i.test(name));
  const read = format.single === true ? readSingles : readLists;
  return read(tree, instances.length > 0 ? instances : found, format.parse, options);
}

const TABLE = /\.(csv|tsv)$/i;
/** Names of Open Images' classes, by the signs that its tables have for them. */
const DESCRIPTIONS = /class-descriptions[^/]*\.csv$/i;
/** Characters that the dialect of a table is seen in. */
const TABLE_HEAD = 1 << 16;

const recordsIn = (text: string): ReturnType<typeof recordsOf> => {
  const dialect = guessDialect(text.slice(0, TABLE_HEAD), text.length <= TABLE_HEAD);
  return recordsOf(text.slice(dialect.skip), dialect);
};

/** Tells whether a table is one of boxes, by its first record. A packed one is none. */
async function holdsBoxes(source: string | Uint8Array): Promise<boolean> {
  const bytes = typeof source === "string" ? await readHead(source) : source.subarray(0, TABLE_HEAD);
  return looksLikeBoxes(recordsIn(decodeHead(bytes))[0]?.fields ?? []);
}

/** Tells whether a file is a table of boxes. */
export const isBoxTable = async (path: string): Promise<boolean> => TABLE.test(path) && holdsBoxes(path);

/** Boxes in tables; undefined where no table holds any. */
async function readTables(tree: FileTree, options: ReadOptions): Promise<AnnotatedImages | undefined> {
  const names: string[] = [];
  for (const name of tree.names.filter((one) => TABLE.test(one))) if (await holdsBoxes(tree.source(name))) names.push(name);
  if (names.length === 0) return undefined;
  const classes = new Map<string, string>();
  for (const name of tree.names.filter((one) => DESCRIPTIONS.test(one)))
    for (const { fields } of recordsIn(await textOf(tree, name)))
      if (fields.length === 2) classes.set(fields[0] as string, fields[1] as string);
  return readLists(tree, names, (text, where, skip) => parseBoxTable(recordsIn(text), where, skip, classes), options);
}

const IN_LABELS = /(^|\/)labels\/.*\.txt$/i;
const YOLO_LINE = /^\s*\d+(\s+-?[\d.]+(e-?\d+)?){4,}\s*$/im;

/** Files of labels that lie beside their images, as darknet's do. */
async function labelsBeside(tree: FileTree): Promise<string[]> {
  const images = new Set(tree.names.filter((name) => IMAGE_FILE.test(name)).map((name) => name.replace(/\.[^.]*$/, "")));
  const beside = tree.names.filter((name) => /\.txt$/i.test(name) && images.has(name.replace(/\.txt$/i, "")));
  // An image of class "1" with a text about it is not an annotation.
  for (const name of beside) if (YOLO_LINE.test(await textOf(tree, name, () => undefined))) return beside;
  return [];
}

/** Refuses JSON files of boxes that lack what COCO has, rather than take their images for something else. */
async function expectCoco(tree: FileTree, files: readonly string[]): Promise<void> {
  for (const name of files) {
    const text = await textOf(tree, name, () => undefined);
    if (!text.includes('"bbox"')) continue;
    const missing = ["images", "annotations", "categories"].filter((key) => !text.includes(`"${key}"`));
    throw new DataError(
      `${tree.locate(name)}: expected COCO's "images", "annotations" and "categories", got no ${missing.map((key) => `"${key}"`).join(", ")}`,
    );
  }
}

const YOLO_NAMES = /(^|\/)(data\.ya?ml|[^/]*\.names|classes\.txt)$/i;

/** A YAML file of any name with those of classes in it. */
async function namesInYaml(tree: FileTree): Promise<string | undefined> {
  for (const name of tree.names.filter((file) => /\.ya?ml$/i.test(file)))
    if (/^names\s*:/m.test(await textOf(tree, name, () => undefined))) return name;
  return undefined;
}

async function readYolo(tree: FileTree, files: readonly string[]): Promise<AnnotatedImages> {
  const names = tree.names.find((name) => YOLO_NAMES.test(name)) ?? (await namesInYaml(tree));
  if (names === undefined)
    throw new DataError(`${tree.where}: expected the names of the classes in classes.txt or data.yaml, found neither`);
  const notes = new Set<string>();
  const classes = parseYoloNames(await textOf(tree, names, (note) => void notes.add(note)), tree.locate(names));
  const isApart = files.some((name) => IN_LABELS.test(name));
  const labels = new Map(files.map((name) => [name.replace(/(^|\/)labels\//, "$1images/").replace(/\.txt$/i, ""), name]));
  const found = tree.names.filter((name) => IMAGE_FILE.test(name) && (!isApart || /(^|\/)images\//.test(name)));
  const keyOf = (image: string): string => image.replace(/\.[^.]*$/, "");
  // Names that match as they are go first; encoded ones take what is left.
  const own = new Set(found.map(keyOf));
  const encoded = new Map([...labels.keys()].filter((key) => !own.has(key)).map((key) => [plainName(key), key]));
  const hasParts = files.some((name) => partOfPath(name) === "train");
  const images: AnnotatedImage[] = [];
  for (const image of found) {
    const plain = keyOf(image);
    const key = labels.has(plain) ? plain : (encoded.get(plainName(plain)) ?? plain);
    const name = labels.get(key);
    labels.delete(key);
    const part = partOfPath(image) ?? (hasParts ? undefined : "train");
    if (part === undefined) continue;
    const where = tree.locate(name ?? image);
    // An image without a file of labels has nothing on it.
    const text = name === undefined ? "" : await textOf(tree, name);
    images.push({ image, where, part, boxes: (size) => parseYolo(text, classes, size, where) });
  }
  const missing = [...labels].map(([key, name]) => noImage(tree.locate(name), baseName(key)));
  return { images, missing, classes, notes: [...notes] };
}

/**
 * Every annotated image below a folder or in an archive; undefined where there are no annotations of a known format.
 *
 * Errors: DataError or ConfigError, naming the file, for an annotation that cannot be read.
 */
export async function findAnnotations(tree: FileTree, options: AnnotationOptions = {}): Promise<AnnotatedImages | undefined> {
  const index = new ImageIndex(tree.names);
  const skip = options.skipBadRows === true;
  const xml = tree.names.filter((name) => /\.xml$/i.test(name));
  if (xml.length > 0) {
    const cvat = await looking(tree, xml, looksLikeCvat);
    return cvat.length > 0 ? readLists(tree, cvat, parseCvat, { index, skip }) : readVoc(tree, xml, { index, skip });
  }
  const json = tree.names.filter((name) => /\.json(\.gz)?$/i.test(name));
  const listed = json.length === 0 ? undefined : await readJson(tree, json, { index, skip });
  if (listed !== undefined) return listed;
  const apart = tree.names.filter((name) => IN_LABELS.test(name));
  const yolo = apart.length > 0 ? apart : await labelsBeside(tree);
  if (yolo.length > 0) return readYolo(tree, yolo);
  const tables = options.boxTables === false || !index.hasImages ? undefined : await readTables(tree, { index, skip });
  if (tables !== undefined) return tables;
  await expectCoco(tree, json);
  return undefined;
}
