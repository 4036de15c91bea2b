/**
 * @module The VGG Image Annotator's files, versions 1 and 2: JSON (regions by file, or a whole project) and CSV.
 *
 * Source: Dutta and Zisserman 2019, arXiv:1904.10699; robots.ox.ac.uk/~vgg/software/via.
 */
import * as z from "zod";
import { DataError, DescentError } from "../../util/errors.js";
import { isRecord, own } from "../../util/record.js";
import { parseJsonWith, parseWith } from "../../util/schema.js";
import type { AnnotatedBox, AnnotationList } from "./annotation.js";
import { aroundEllipse, outlined } from "./annotation.js";

const number = z.number();
const shapeSchema = z.discriminatedUnion("name", [
  z.looseObject({ name: z.literal("rect"), x: number, y: number, width: number, height: number }),
  z.looseObject({ name: z.literal("circle"), cx: number, cy: number, r: number }),
  z.looseObject({ name: z.literal("ellipse"), cx: number, cy: number, rx: number, ry: number, theta: number.default(0) }),
  z.looseObject({ name: z.literal("polygon"), all_points_x: z.array(number).min(3), all_points_y: z.array(number).min(3) }),
  z.looseObject({ name: z.literal("polyline") }),
  z.looseObject({ name: z.literal("point") }),
]);
const regionSchema = z.looseObject({
  shape_attributes: z.record(z.string(), z.unknown()),
  region_attributes: z.record(z.string(), z.unknown()).default({}),
});
/** The first version numbers regions in an object. */
const regionsSchema = z.union([z.array(regionSchema), z.record(z.string(), regionSchema).transform((all) => Object.values(all))]);
const filesSchema = z.record(z.string(), z.looseObject({ filename: z.string().min(1), regions: regionsSchema.default([]) }));
const fileSchema = z.union([
  z.looseObject({ _via_img_metadata: filesSchema }).transform((file) => file["_via_img_metadata"]),
  filesSchema,
]);

/** Tells whether a text looks like VIA's JSON. */
export const looksLikeVia = (text: string): boolean =>
  /^\s*\{/.test(text) &&
  (text.includes('"_via_img_metadata"') || (text.includes('"shape_attributes"') && text.includes('"filename"')));

/** Columns of VIA's CSV, of which the first stands behind a # in its first version. */
export const VIA_COLUMNS = ["filename", "region_shape_attributes", "region_attributes"] as const;

/** A region, and what messages call it. */
interface Region {
  readonly shape: unknown;
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly where: string;
}

/** Attributes whose name says that they hold the class, where regions have several. */
const CLASS = /^(class|label|name|type|object|category|class_?name|object_?name|标签|类别)$/i;

/** The value of an attribute: a text, a number, or the one that is ticked. */
function valueIn(value: unknown): string | undefined {
  if (typeof value === "number") return String(value);
  if (typeof value === "string") return value.trim() === "" ? undefined : value.trim();
  const ticked = isRecord(value) ? Object.keys(value).filter((key) => value[key] === true) : [];
  return ticked.length === 1 ? ticked[0] : undefined;
}

/** The attribute that holds the class. DataError where several may. */
function classAttribute(regions: readonly Region[], where: string): string | undefined {
  const names = [...new Set(regions.flatMap(({ attributes }) => Object.keys(attributes)))];
  const used = names.filter((name) => regions.some(({ attributes }) => valueIn(own(attributes, name)) !== undefined));
  const called = used.filter((name) => CLASS.test(name.trim()));
  const [found = used[0]] = called;
  if (used.length > 1 && called.length !== 1)
    throw new DataError(
      `${where}: expected one attribute of regions that names the class, got ${used.join(", ")}; rename the right one to "class"`,
    );
  return found;
}

/** The class of regions that have no attributes. */
const UNNAMED = "object";

/** The box of a shape; undefined for a point or a line. */
function boxOf(shape: unknown, label: string, where: string): AnnotatedBox | undefined {
  const parsed = parseWith(shapeSchema, shape, where);
  if (parsed.name === "rect") {
    const { x, y, width, height } = parsed;
    return { box: [x, y, x + width, y + height], label };
  }
  if (parsed.name === "circle")
    return { box: aroundEllipse(parsed.cx, parsed.cy, parsed.r, parsed.r, 0), label, fromOutline: true };
  if (parsed.name === "ellipse") {
    const { cx, cy, rx, ry, theta } = parsed;
    return { box: aroundEllipse(cx, cy, rx, ry, (theta * 180) / Math.PI), label, fromOutline: true };
  }
  if (parsed.name !== "polygon") return undefined;
  const { all_points_x: xs, all_points_y: ys } = parsed;
  if (xs.length !== ys.length) throw new DataError(`${where}: expected as many x as y, got ${xs.length} and ${ys.length}`);
  return outlined(
    xs.map((x, i) => [x, ys[i] as number] as const),
    label,
  );
}

function annotationsOf(
  files: ReadonlyMap<string, readonly Region[]>,
  where: string,
  skip?: (message: string) => void,
): AnnotationList {
  const regions = [...files.values()].flat();
  const attribute = classAttribute(regions, where);
  let open = 0;
  const read = ({ shape, attributes, where: place }: Region): AnnotatedBox[] => {
    try {
      const label = attribute === undefined ? UNNAMED : valueIn(own(attributes, attribute));
      const box = boxOf(shape, label ?? "", place);
      if (box === undefined) open++;
      else if (label === undefined) throw new DataError(`${place}: expected one "${attribute}", got none or several`);
      return box === undefined ? [] : [box];
    } catch (error) {
      if (skip === undefined || !(error instanceof DescentError)) throw error;
      skip(error.message);
      return [];
    }
  };
  const annotations = [...files].map(([image, all]) => ({ image, boxes: all.flatMap(read) }));
  const unnamed =
    attribute === undefined && regions.length > 0 ? [`${where}: regions name no class; all are of one, "${UNNAMED}"`] : [];
  return { annotations, notes: unnamed, openShapes: open };
}

/**
 * All images of a JSON file with their boxes; polygons, circles and ellipses as the rectangles around them.
 *
 * Errors: ConfigError, naming `where`, for another format; DataError where several attributes may name the class, and for a region without one.
 */
export function parseVia(text: string, where: string, skip?: (message: string) => void): AnnotationList {
  const files = new Map<string, Region[]>();
  for (const { filename, regions } of Object.values(parseJsonWith(fileSchema, text, where))) {
    const found = files.get(filename) ?? [];
    files.set(filename, found);
    found.push(
      ...regions.map(({ shape_attributes: shape, region_attributes: attributes }, i) => ({
        shape,
        attributes,
        where: `${where}, ${filename}, region ${i + 1}`,
      })),
    );
  }
  return annotationsOf(files, where, skip);
}

/** All images of a CSV, given as rows of `VIA_COLUMNS`. Errors: those of `parseVia`. */
export function parseViaRows(
  rows: readonly { readonly fields: readonly string[]; readonly line: number }[],
  where: string,
  skip?: (message: string) => void,
): AnnotationList {
  const files = new Map<string, Region[]>();
  for (const { fields, line } of rows) {
    const [image = "", shape = "", attributes = ""] = fields;
    const found = files.get(image) ?? [];
    files.set(image, found);
    const place = `${where}, line ${line}`;
    const record = (json: string): Record<string, unknown> =>
      parseJsonWith(z.record(z.string(), z.unknown()), json.trim() === "" ? "{}" : json, place);
    try {
      const region = { shape: record(shape), attributes: record(attributes), where: place };
      // A row of an image without a region.
      if (Object.keys(region.shape).length > 0) found.push(region);
    } catch (error) {
      if (skip === undefined || !(error instanceof DescentError)) throw error;
      skip(error.message);
    }
  }
  return annotationsOf(files, where, skip);
}
