/**
 * @module Images with boxes made ready for a detector: every image looked at, boxes cleaned, and all of it put into columns.
 */
import type { AnnotatedBox } from "../../vision/annotations/index.js";
import { faultNotes, noFaults, usableBoxes } from "../../vision/annotations/index.js";
import type { ImageHeader } from "../../vision/images-node.js";
import { endsWhole, imageHeader } from "../../vision/images-node.js";
import { DataError } from "../../util/errors.js";
import type { Dataset } from "../dataset.js";
import type { AnnotatedImage, AnnotatedImages, AnnotationOptions } from "./annotated-node.js";
import { badFile, findAnnotations } from "./annotated-node.js";
import { BOX_COLUMNS } from "./boxes.js";
import type { ImageOptions } from "./decode-node.js";
import { decodeRows, leftOutNotes } from "./decode-node.js";
import { entriesDataset } from "./encoded.js";
import type { FileTree } from "./file-tree-node.js";
import type { Parts, PartName } from "../parts.js";
import { alikeNotes } from "../../util/alike.js";
import { median } from "../../util/median.js";
import { defined } from "../../util/record.js";
import { formatNames } from "../../util/text.js";

/** Images with boxes, in parts. */
export interface BoxedImages {
  /**
   * Columns: `image` (not decoded), `boxes` float32 [N, M, 6] with rows of −1 where there are fewer than M, its classes the names; `size`
   * int32 [N, 2] (width, height); `file`.
   */
  readonly parts: Parts;
  /** [C, H, W] that the images are made to fit, and some of the training part decoded. */
  readonly images: { readonly shape: readonly number[]; readonly sample: Dataset };
  readonly badRows: number;
  readonly notes: readonly string[];
}

/** Length of the longer side that a detector sees, unless a size is asked for. */
const LONG_SIDE = 320;
/** Sides are multiples of this: the finest two levels of a pyramid then halve evenly. */
const MULTIPLE = 16;
/** Images that statistics are taken from. */
const SAMPLE = 64;
/** Headers under way at a time. */
const AT_ONCE = 16;

interface Looked {
  readonly entry: AnnotatedImage;
  readonly header: ImageHeader;
}

/** Looks at one image. DataError if it cannot be read, or is not of the size that its annotation says. */
async function look(tree: FileTree, entry: AnnotatedImage, { maxMegapixels }: ImageOptions): Promise<Looked> {
  const where = tree.locate(entry.image);
  const source = tree.source(entry.image);
  const header = await imageHeader(source, { where, maxMegapixels });
  if (!(await endsWhole(source))) throw new DataError(`${where}: expected a whole image, got a truncated one`);
  const { size } = entry;
  if (size !== undefined && (size.width !== header.width || size.height !== header.height))
    throw new DataError(
      `${entry.where}: expected the size of its image, ${header.width}×${header.height}, got ${size.width}×${size.height}`,
    );
  return { entry, header };
}

/** All images that can be read; those that cannot are counted, or raise the first complaint. */
async function lookAtAll(
  tree: FileTree,
  { images, missing }: AnnotatedImages,
  options: ImageOptions,
): Promise<{ looked: Looked[]; bad: string[] }> {
  const skip = options.skipBadRows === true;
  if (missing[0] !== undefined && !skip) throw new DataError(`${missing[0]}; --skip-bad-rows leaves such out`);
  const looked: Looked[] = [];
  const bad = [...missing];
  for (let start = 0; start < images.length; start += AT_ONCE) {
    const some = images.slice(start, start + AT_ONCE);
    const results = await Promise.allSettled(some.map((entry) => look(tree, entry, options)));
    for (const result of results) {
      if (result.status === "fulfilled") looked.push(result.value);
      else bad.push(badFile(result.reason, skip));
    }
  }
  return { looked, bad };
}

function chooseShape(headers: readonly ImageHeader[], { imageSize, imageShape }: ImageOptions): readonly number[] {
  if (imageShape !== undefined) return imageShape;
  const channels = headers.every((header) => header.channels === 1) ? 1 : 3;
  if (imageSize !== undefined) return [channels, ...imageSize];
  const [height, width] = [median(headers.map((h) => h.height)), median(headers.map((h) => h.width))];
  const scale = LONG_SIDE / Math.max(height, width);
  return [channels, ...[height, width].map((side) => Math.max(1, Math.round((side * scale) / MULTIPLE)) * MULTIPLE)];
}

/** Notes on classes that are probably not meant: names that differ in case alone, and those without a box. */
function classNotes(classes: readonly string[], used: ReadonlySet<string>): string[] {
  const unused = classes.filter((name) => !used.has(name)).map((name) => `"${name}"`);
  return [
    ...alikeNotes(classes, "classes"),
    ...(unused.length === 0 ? [] : [`no box in the training images of ${unused.join(", ")}`]),
  ];
}

/**
 * Images with boxes from a folder or an archive; undefined where there are no annotations.
 *
 * Errors: DataError or ConfigError, in one line with the file's name, for an annotation that cannot be read, or whose image is missing,
 * unreadable or of another size; for a class that training has not; where no box is left.
 */
export async function boxedImages(tree: FileTree, options: ImageOptions & AnnotationOptions): Promise<BoxedImages | undefined> {
  const found = await findAnnotations(tree, options);
  if (found === undefined) return undefined;
  const { looked, bad } = await lookAtAll(tree, found, options);
  const faults = noFaults();
  const byPart = new Map<PartName, { entry: AnnotatedImage; header: ImageHeader; boxes: AnnotatedBox[] }[]>();
  for (const { entry, header } of looked) {
    let boxes: AnnotatedBox[];
    try {
      boxes = usableBoxes(entry.boxes(header), header, faults);
    } catch (error) {
      bad.push(badFile(error, options.skipBadRows === true));
      continue;
    }
    const rows = byPart.get(entry.part) ?? [];
    byPart.set(entry.part, rows);
    rows.push({ entry, header, boxes });
  }
  const train = byPart.get("train");
  if (train === undefined) {
    const parts = [...byPart.keys()].join(" and ");
    throw new DataError(
      `${tree.where}: expected annotated images of a part train, found ${parts === "" ? "none" : `${parts} alone; rename what is to be trained on`}`,
    );
  }
  const used = new Set(train.flatMap(({ boxes }) => boxes.map(({ label }) => label)));
  const classes = found.classes ?? [...used].sort();
  if (used.size === 0) throw new DataError(`${tree.where}: expected at least one box in the training images, found none`);
  const sides = train.flatMap(({ boxes }) => boxes.flatMap(({ box }) => box));
  // Fractions of an image that stand where pixels are meant.
  if (sides.every((side) => side <= 1))
    throw new DataError(
      `${tree.where}: expected boxes in pixels, got none beyond the first pixel; are they fractions of the image?`,
    );
  const most = Math.max(...[...byPart.values()].flat().map(({ boxes }) => boxes.length));

  const dataset = (part: PartName): Dataset | undefined => {
    const rows = byPart.get(part);
    if (rows === undefined) return undefined;
    const boxes = new Float32Array(rows.length * most * BOX_COLUMNS).fill(-1);
    rows.forEach((row, i) =>
      row.boxes.forEach(({ box, label, crowd }, j) => {
        const k = classes.indexOf(label);
        if (k < 0) throw new DataError(`${row.entry.where}: expected a class of train, ${formatNames(classes)}, got "${label}"`);
        boxes.set([...box, k, crowd === true ? 1 : 0], (i * most + j) * BOX_COLUMNS);
      }),
    );
    const entries = rows.map(({ entry }) => ({
      source: tree.source(entry.image),
      label: "",
      file: tree.locate(entry.image),
    }));
    return entriesDataset(entries)
      .drop("label")
      .with({
        boxes: { dtype: "float32", shape: [rows.length, most, BOX_COLUMNS], data: boxes, classes },
        size: {
          dtype: "int32",
          shape: [rows.length, 2],
          data: Int32Array.from(rows.flatMap(({ header }) => [header.width, header.height])),
        },
      });
  };
  const trainPart = dataset("train") as Dataset;
  const [validation, test] = [dataset("validation"), dataset("test")];
  const shape = chooseShape(
    train.map(({ header }) => header),
    options,
  );
  const count = Math.min(SAMPLE, trainPart.length);
  const chosen = trainPart.select(Uint32Array.from({ length: count }, (_, i) => Math.floor((i * trainPart.length) / count)));
  const { rows: sample } = await decodeRows(chosen, { shape, medianPixels: 0 }, options);
  return {
    parts: {
      train: trainPart,
      ...defined({ validation, test }),
    },
    images: { shape, sample },
    badRows: bad.length,
    notes: [...(found.notes ?? []), ...faultNotes(faults), ...classNotes(classes, used), ...leftOutNotes(bad)],
  };
}
