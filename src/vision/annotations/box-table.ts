/**
 * @module Boxes in tables, one a row, as competitions, RetinaNet, Open Images, TensorFlow and AutoML have them: corners, or a corner or the middle with
 * sides, in pixels or in fractions of the image. VIA's tables are read by `via.ts`.
 *
 * Source: github.com/fizyr/keras-retinanet, "CSV datasets"; storage.googleapis.com/openimages/web/download_v7.html; cloud.google.com/vertex-ai, "Prepare image
 * training data for object detection".
 */
import { isDecimal } from "../../util/decimal.js";
import { DataError, DescentError } from "../../util/errors.js";
import type { AnnotatedBox, Annotation, AnnotationList, BoxCorners } from "./annotation.js";
import { parseViaRows, VIA_COLUMNS } from "./via.js";

/** A record of a table, and the line on which it begins. */
export interface TableRecord {
  readonly fields: readonly string[];
  readonly line: number;
  readonly problem?: string;
}

/** Names of columns without capitals and signs, of which the first one that a table has counts. */
const NAMES = {
  image: [
    "filename",
    "imageid",
    "imageindex",
    "imagename",
    "imagepath",
    "imgname",
    "imgpath",
    "image",
    "img",
    "imgid",
    "filepath",
    "path",
    "file",
    "fname",
  ],
  label: [
    "classname",
    "labelname",
    "class",
    "label",
    "category",
    "categoryname",
    "findinglabel",
    "object",
    "name",
    "classid",
    "labelid",
    "categoryid",
  ],
  left: ["xmin", "x1", "left", "xtl", "minx", "x0"],
  top: ["ymin", "y1", "top", "ytl", "miny", "y0"],
  right: ["xmax", "x2", "right", "xbr", "maxx"],
  bottom: ["ymax", "y2", "bottom", "ybr", "maxy"],
  x: ["x", "left", "xmin"],
  y: ["y", "top", "ymin"],
  middleX: ["xcenter", "centerx", "cx", "xc"],
  middleY: ["ycenter", "centery", "cy", "yc"],
  wide: ["width", "w"],
  high: ["height", "h"],
  imageWidth: ["imagewidth", "imgwidth", "imgw", "imagew"],
  imageHeight: ["imageheight", "imgheight", "imgh", "imageh"],
  list: ["bbox", "box", "boundingbox"],
  subset: ["split", "subset", "set", "usage"],
  group: ["isgroupof"],
} as const;
type Field = keyof typeof NAMES;
type Columns = Partial<Record<Field, number>>;

/** The class of boxes that name none. */
const UNNAMED = "object";

/** Columns by what they hold; undefined for a table without images and boxes. */
interface Layout {
  readonly columns: Columns;
  /** The meaning of the columns of a box. */
  readonly form: "corners" | "sides" | "middle" | "list";
  readonly size?: readonly [width: number, height: number];
}

function layoutOf(header: readonly string[]): Layout | undefined {
  const whole = header.map((name) => name.toLowerCase().replaceAll(/[^\p{L}\p{N}]/gu, ""));
  const plain = whole.map((name) => name.replace(/^(?:bbox|boundingbox|box|roi)(?=.)/, ""));
  const columns: Columns = {};
  for (const [field, names] of Object.entries(NAMES) as [Field, readonly string[]][]) {
    const places = names.flatMap((name) => plain.flatMap((other, at) => (other === name ? [at] : [])));
    // bbox_width is the box's where the image has a width as well.
    const at = places.find((place) => plain[place] !== whole[place]) ?? places[0];
    if (at !== undefined) columns[field] = at;
  }
  for (const [field, of, name] of [
    ["imageWidth", "wide", "width"],
    ["imageHeight", "high", "height"],
  ] as const) {
    const at = whole.indexOf(name);
    if (at >= 0 && at !== columns[of]) columns[field] ??= at;
  }
  const has = (...fields: Field[]): boolean => fields.every((field) => columns[field] !== undefined);
  if (!has("image")) return undefined;
  const size = (width: Field, height: Field): Pick<Layout, "size"> =>
    has(width, height) ? { size: [columns[width] as number, columns[height] as number] } : {};
  const apart = size("imageWidth", "imageHeight");
  // Width and height beside corners are those of the image.
  const beside = apart.size === undefined ? size("wide", "high") : apart;
  if (has("left", "top", "right", "bottom")) return { columns, form: "corners", ...beside };
  if (has("middleX", "middleY", "wide", "high")) return { columns, form: "middle", ...apart };
  if (has("x", "y", "wide", "high")) return { columns, form: "sides", ...apart };
  return has("list") ? { columns, form: "list", ...beside } : undefined;
}

const IMAGE = /\.(jpe?g|png|bmp|gif|webp|tiff?)$/i;
const AUTO_ML = /^(train|test|validat(e|ion)|unassigned)$/i;

/** The layout of a table without a line of names: RetinaNet's six columns, or AutoML's eleven. */
function bareLayout(fields: readonly string[]): Layout | undefined {
  const areNumbers = (places: readonly number[]): boolean =>
    places.every((place) => isDecimal((fields[place] ?? "").trim())) ||
    places.every((place) => (fields[place] ?? "").trim() === "");
  if (fields.length === 6 && IMAGE.test(fields[0] ?? "") && areNumbers([1, 2, 3, 4]) && !isDecimal((fields[5] ?? "").trim()))
    return { columns: { image: 0, left: 1, top: 2, right: 3, bottom: 4, label: 5 }, form: "corners" };
  if (fields.length === 11 && AUTO_ML.test(fields[0] ?? "") && areNumbers([3, 4, 7, 8]))
    return { columns: { subset: 0, image: 1, label: 2, left: 3, top: 4, right: 7, bottom: 8 }, form: "corners" };
  return undefined;
}

const isViaHeader = (header: readonly string[]): boolean =>
  VIA_COLUMNS.every((name) => header.some((column) => column.trim().replace(/^#/, "") === name));

/** Tells whether the first record of a table is that of boxes of images. */
export const looksLikeBoxes = (first: readonly string[]): boolean =>
  isViaHeader(first) || layoutOf(first) !== undefined || bareLayout(first) !== undefined;

/** Numbers of a cell that holds a list. */
const numbersIn = (cell: string): string[] =>
  cell
    .replaceAll(/[[\](){}]/g, "")
    .split(/[,;\s]+/)
    .filter((part) => part !== "");

const isNone = (cell: string): boolean => /^\s*(nan|null|none|na)?\s*$/i.test(cell);

/** The corners of a row's box; undefined for a row without one. DataError, naming the row, for what is none. */
function cornersIn(fields: readonly string[], { columns, form }: Layout, where: string): BoxCorners | undefined {
  const cell = (field: Field): string => (fields[columns[field] as number] ?? "").trim();
  const names = {
    corners: ["left", "top", "right", "bottom"],
    middle: ["middleX", "middleY", "wide", "high"],
    sides: ["x", "y", "wide", "high"],
  } as const;
  const cells = form === "list" ? (isNone(cell("list")) ? [] : numbersIn(cell("list"))) : names[form].map(cell);
  if (cells.every(isNone)) return undefined;
  if (cells.length !== 4 || !cells.every(isDecimal))
    throw new DataError(`${where}: expected four numbers of a box, got ${JSON.stringify(cells.join(", ").slice(0, 80))}`);
  const [a, b, c, d] = cells.map(Number) as [number, number, number, number];
  if (form === "corners") return [a, b, c, d];
  return form === "middle" ? [a - c / 2, b - d / 2, a + c / 2, b + d / 2] : [a, b, a + c, b + d];
}

/** An image, as its rows have it. */
interface Found {
  readonly boxes: AnnotatedBox[];
  size: { readonly width: number; readonly height: number } | undefined;
  subset: string | undefined;
}

function readRow(
  { fields, problem }: TableRecord,
  layout: Layout,
  { files, names }: { readonly files: Map<string, Found>; readonly names: ReadonlyMap<string, string> },
  where: string,
): void {
  if (problem !== undefined) throw new DataError(`${where}: ${problem}`);
  const cell = (field: Field): string =>
    layout.columns[field] === undefined ? "" : (fields[layout.columns[field]] ?? "").trim();
  const image = cell("image");
  if (image === "") throw new DataError(`${where}: expected the name of an image, got none`);
  const found: Found = files.get(image) ?? { boxes: [], size: undefined, subset: undefined };
  files.set(image, found);
  const [width, height] = (layout.size ?? []).map((at) => Number(fields[at]));
  if (width !== undefined && height !== undefined && width > 1 && height > 1) found.size ??= { width, height };
  if (cell("subset") !== "") found.subset ??= cell("subset");
  const box = cornersIn(fields, layout, where);
  if (box === undefined) return;
  const label = layout.columns.label === undefined ? UNNAMED : cell("label");
  if (label === "") throw new DataError(`${where}: expected the class of a box, got none`);
  const crowd = cell("group") === "1" ? { crowd: true } : {};
  found.boxes.push({ box, label: names.get(label) ?? label, ...crowd });
}

/**
 * All images of a table with their boxes; an image whose row has no numbers has none. `names` are those of classes that the table has signs for.
 *
 * Errors: DataError, naming `where` and the line, for a row that is no box; `skip`, which is called with each, leaves such out.
 */
export function parseBoxTable(
  records: readonly TableRecord[],
  where: string,
  skip?: (message: string) => void,
  names: ReadonlyMap<string, string> = new Map(),
): AnnotationList {
  const [first] = records;
  const header = first?.fields ?? [];
  if (isViaHeader(header)) {
    const places = VIA_COLUMNS.map((name) => header.findIndex((column) => column.trim().replace(/^#/, "") === name));
    const rows = records.slice(1).map(({ fields, line }) => ({ fields: places.map((at) => fields[at] ?? ""), line }));
    return parseViaRows(rows, where, skip);
  }
  const named = layoutOf(header);
  const layout = named ?? bareLayout(header);
  if (layout === undefined)
    throw new DataError(`${where}: expected columns of images and boxes, got ${header.slice(0, 12).join(", ") || "none"}`);
  const files = new Map<string, Found>();
  for (const record of named === undefined ? records : records.slice(1)) {
    try {
      readRow(record, layout, { files, names }, `${where}, line ${record.line}`);
    } catch (error) {
      if (!(error instanceof DescentError)) throw error;
      if (skip === undefined) throw new DataError(`${error.message}; mend the row, or leave out such rows (--skip-bad-rows)`);
      skip(error.message);
    }
  }
  const sides = [...files.values()].flatMap(({ boxes }) => boxes.flatMap(({ box }) => box));
  const fractions = sides.length > 0 && sides.every((side) => side >= 0 && side <= 1) && !sides.every(Number.isInteger);
  const notes = [
    ...(fractions ? [`${where}: boxes are fractions of their images`] : []),
    ...(layout.columns.label === undefined ? [`${where}: no column of classes; all boxes are of one, "${UNNAMED}"`] : []),
  ];
  const annotations = [...files].map(([image, { boxes, size, subset }]): Annotation => ({
    image,
    ...size,
    boxes,
    ...(fractions ? { fractions } : {}),
    subset,
  }));
  return { annotations, notes };
}
