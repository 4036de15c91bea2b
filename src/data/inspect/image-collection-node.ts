/**
 * @module Images in one list, whatever they come from: a folder, an archive, a data set; with their parts, classes, and the classes of their boxes.
 */
import { stat } from "node:fs/promises";
import { basename } from "node:path";
import { isText } from "../column.js";
import type { Dataset } from "../dataset.js";
import { isGzip, readFileBytes, unwrapGzip } from "../files-node.js";
import type { AnnotatedImage } from "../images/annotated-node.js";
import { findAnnotations } from "../images/annotated-node.js";
import { archiveFiles, isArchiveName } from "../images/archive-node.js";
import { BOX_COLUMNS } from "../images/boxes.js";
import { imageName, imageSource, isEncoded } from "../images/encoded.js";
import type { FileTree } from "../images/file-tree-node.js";
import { archiveTree, folderTree } from "../images/file-tree-node.js";
import { IMAGE_FILE } from "../images/manifest.js";
import { partNamed } from "../parts.js";
import { labelText } from "../labels.js";
import type { LoadOptions } from "../load-node.js";
import { loadData } from "../load-node.js";
import { DataError } from "../../util/errors.js";
import type { Pixels } from "../../vision/index.js";
import { pixelsOf, withData } from "../../vision/index.js";

/** One image of a collection. */
export interface CollectedImage {
  readonly name: string;
  readonly part?: string;
  readonly label?: string;
  /** The path of a file, its bytes, or an image that is decoded already. */
  readonly image: string | Uint8Array | Pixels;
  /** Classes of its boxes, where the collection has boxes. */
  readonly boxes?: readonly string[];
}

export interface ImageCollection {
  readonly name: string;
  readonly images: readonly CollectedImage[];
  /** Other files beside them: annotations, descriptions. */
  readonly others: readonly { readonly name: string; readonly image: string | Uint8Array }[];
  readonly notes: readonly string[];
}

/** Tells whether an image is decoded already. */
export const isPixels = (image: CollectedImage["image"]): image is Pixels =>
  typeof image === "object" && !(image instanceof Uint8Array);

/** Part and class of a file by its folders: `train/cat/1.jpg`. */
function placeOf(name: string): { part?: string; label?: string } {
  const steps = name.split("/").slice(0, -1);
  const part = partNamed(steps[0] ?? "");
  const rest = part === undefined ? steps : steps.slice(1);
  return { part, label: rest[0] };
}

async function treeOf(spec: string, notes: string[]): Promise<FileTree> {
  if (!isArchiveName(spec)) return folderTree(spec);
  const bytes = await readFileBytes(spec);
  return archiveTree(await archiveFiles(isGzip(bytes) ? await unwrapGzip(bytes, spec) : bytes, spec, notes), spec);
}

/** Classes of an image's boxes; YOLO's do not depend on the size that they are asked for. */
const boxClasses = ({ boxes, size }: AnnotatedImage): string[] =>
  boxes(size ?? { width: 1, height: 1 }).map(({ label }) => label);

async function filesOf(spec: string): Promise<ImageCollection> {
  const notes: string[] = [];
  const tree = await treeOf(spec, notes);
  const annotated = await findAnnotations(tree, { skipBadRows: true });
  const boxed = new Map((annotated?.images ?? []).map((image) => [image.image, image]));
  const images = tree.names
    .filter((name) => IMAGE_FILE.test(name))
    .map((name): CollectedImage => {
      const image = tree.source(name);
      const found = boxed.get(name);
      if (annotated !== undefined) {
        const boxes = found === undefined ? [] : boxClasses(found);
        return { name, image, boxes, part: found?.part };
      }
      return { name, image, ...placeOf(name) };
    });
  const others = tree.names.filter((name) => !IMAGE_FILE.test(name)).map((name) => ({ name, image: tree.source(name) }));
  return { name: basename(spec), images, others, notes: [...notes, ...(annotated?.missing ?? []), ...(annotated?.notes ?? [])] };
}

/** An image whose largest value is `maximum`, from 0 to 255. */
export const brightened = (image: Pixels, maximum: number): Pixels =>
  maximum === 255
    ? image
    : withData(
        image,
        image.data.map((value) => Math.min(255, Math.round((value * 255) / maximum))),
      );

/** A part of a data set of images. */
function imagesOfDataset(rows: Dataset, part: string, target: string | undefined, maximum: number): CollectedImage[] {
  const column = rows.column("image");
  const label = target !== undefined && rows.has(target) && target !== "boxes" ? rows.column(target) : undefined;
  const boxed = target === "boxes" ? rows.tensor("boxes") : undefined;
  const most = boxed?.shape[1] ?? 0;
  const boxesOf = (i: number): string[] =>
    Array.from({ length: most }, (_, j) => boxed?.classes?.[Number(boxed.data[(i * most + j) * BOX_COLUMNS + 4])] ?? "").filter(
      (name) => name !== "",
    );
  const encoded = isEncoded(column);
  return Array.from({ length: rows.length }, (_, i): CollectedImage => {
    const text = label === undefined ? null : labelText(label, i);
    const name = encoded ? imageName(rows, i) : `${part}/${i + 1}`;
    const image = encoded || isText(column) ? imageSource(column, i) : brightened(pixelsOf(column, i), maximum);
    return { name, part, image, label: text ?? undefined, boxes: boxed ? boxesOf(i) : undefined };
  });
}

/** Tells whether DATA is images in files: a folder with some, or an archive. */
export async function holdsImageFiles(spec: string): Promise<boolean> {
  const info = await stat(spec).catch(() => undefined);
  if (info?.isDirectory() === true) return (await folderTree(spec)).names.some((name) => IMAGE_FILE.test(name));
  return info?.isFile() === true && isArchiveName(spec);
}

/**
 * Collects the images of a folder, an archive or a known data set. Nothing is decoded that is a file.
 *
 * Errors: DataError where there are none.
 */
export async function collectImages(spec: string, options: LoadOptions = {}): Promise<ImageCollection> {
  if (await holdsImageFiles(spec)) {
    const found = await filesOf(spec);
    if (found.images.length > 0) return found;
    throw new DataError(`${spec}: expected images, found none`);
  }
  const whole = { ...options, testFraction: 0, validationFraction: 0 };
  const { name, train, validation, test, roles, notes, maximum = 255 } = await loadData(spec, whole);
  if (roles.image === undefined) throw new DataError(`${spec}: expected images, got a table or texts`);
  const images = (
    [
      ["train", train],
      ["validation", validation],
      ["test", test],
    ] as const
  ).flatMap(([part, rows]) => imagesOfDataset(rows, part, roles.target, maximum));
  return { name, images, others: [], notes: notes.filter((note) => !/ held out /.test(note)) };
}

/** Rows of each part, in the order of their first images; none where there is but one. */
export function partsOf(images: readonly CollectedImage[]): { name: string; rows: number }[] {
  const counts = new Map<string, number>();
  for (const { part } of images) if (part !== undefined) counts.set(part, (counts.get(part) ?? 0) + 1);
  return counts.size < 2 ? [] : [...counts].map(([name, rows]) => ({ name, rows }));
}
