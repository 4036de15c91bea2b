/**
 * @module Images with boxes from folders and archives: Pascal VOC, COCO or YOLO annotations found, matched with their images, and
 * put into columns.
 */
import type { AnnotatedBox, Annotation } from "../../vision/annotations/index.js";
import { looksLikeCoco, parseCoco, parseVoc, parseYolo, parseYoloNames } from "../../vision/annotations/index.js";
import { ConfigError, DataError } from "../../util/errors.js";
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

/** Finds an image by what an annotation or a table calls it. */
export class ImageIndex {
  readonly #byBase = new Map<string, string[]>();
  readonly #byStem = new Map<string, string[]>();
  readonly #byPlainBase = new Map<string, string[]>();
  readonly #byPlainStem = new Map<string, string[]>();

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

  /** Finds an annotation's image: of several with one name, the one in the annotation's own part, and the nearest to it. */
  find(called: string, annotation: string): string | undefined {
    const found =
      this.#byBase.get(baseName(called)) ??
      this.#byStem.get(stemOf(annotation)) ??
      this.#byPlainBase.get(plainName(baseName(called))) ??
      this.#byPlainStem.get(plainName(stemOf(annotation))) ??
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

async function readVoc(tree: FileTree, files: readonly string[], index: ImageIndex, skip: boolean): Promise<AnnotatedImages> {
  const sets = await imageSets(tree);
  const images: AnnotatedImage[] = [];
  const missing: string[] = [];
  const notes = new Set<string>();
  const hasParts = sets !== undefined || files.some((name) => partOfPath(name) === "train");
  for (const name of files) {
    const part = sets === undefined ? (partOfPath(name) ?? (hasParts ? undefined : "train")) : sets.get(stemOf(name));
    // Of no part that was asked for.
    if (part === undefined) continue;
    const where = tree.locate(name);
    let annotation: Annotation;
    try {
      const text = await textOf(tree, name, (note) => void notes.add(note));
      if (/^\s*(?:<\?xml[^>]*>\s*)?<annotations[\s>]/.test(text))
        throw new DataError(`${where}: expected Pascal VOC, got CVAT's XML; descent data convert --from cvat makes COCO of it`);
      annotation = parseVoc(text, where);
    } catch (error) {
      missing.push(badFile(error, skip));
      continue;
    }
    const image = index.find(annotation.image, name);
    if (image === undefined) missing.push(noImage(where, annotation.image || stemOf(name)));
    else images.push({ image, where, part, ...sizeOf(annotation), boxes: () => annotation.boxes });
  }
  const unwritten = [...(sets?.keys() ?? [])].find((stem) => !files.some((name) => stemOf(name) === stem));
  if (unwritten !== undefined)
    throw new DataError(`${tree.where}: expected an annotation of ${unwritten}, which ImageSets lists, found none`);
  return { images, missing, notes: [...notes] };
}

async function readCoco(
  tree: FileTree,
  files: readonly string[],
  index: ImageIndex,
  skip: boolean,
): Promise<AnnotatedImages | undefined> {
  const read: { name: string; text: string }[] = [];
  const notes: string[] = [];
  for (const name of files) {
    const text = await textOf(tree, name, (note) => void notes.push(note));
    if (looksLikeCoco(text)) read.push({ name, text });
  }
  // COCO's own folder has captions and keypoints of the same images as well.
  const instances = read.filter(({ name }) => /instances/i.test(name));
  const chosen = instances.length > 0 ? instances : read;
  if (chosen.length === 0) return undefined;
  const images: AnnotatedImage[] = [];
  const missing: string[] = [];
  let classes: readonly string[] | undefined;
  for (const { name, text } of chosen) {
    const where = tree.locate(name);
    const part = partOfPath(name) ?? (chosen.length === 1 ? "train" : undefined);
    if (part === undefined) throw new DataError(`${where}: expected train, val or test in its name, got none`);
    const file = parseCoco(text, where, skip ? (message) => void missing.push(message) : undefined);
    notes.push(...(file.notes ?? []));
    if (classes === undefined || part === "train") ({ classes } = file);
    for (const annotation of file.annotations) {
      const image = index.find(annotation.image, name);
      if (image === undefined) missing.push(noImage(where, annotation.image));
      else images.push({ image, where, part, ...sizeOf(annotation), boxes: () => annotation.boxes });
    }
  }
  return { images, missing, notes, ...(classes === undefined ? {} : { classes }) };
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
  const voc = tree.names.filter((name) => /\.xml$/i.test(name));
  if (voc.length > 0) return readVoc(tree, voc, index, skip);
  const json = tree.names.filter((name) => /\.json(\.gz)?$/i.test(name));
  const coco = json.length === 0 ? undefined : await readCoco(tree, json, index, skip);
  if (coco !== undefined) return coco;
  const apart = tree.names.filter((name) => IN_LABELS.test(name));
  const yolo = apart.length > 0 ? apart : await labelsBeside(tree);
  if (yolo.length > 0) return readYolo(tree, yolo);
  await expectCoco(tree, json);
  return undefined;
}
