/**
 * @module Tables that name image files: a column of paths, one of labels, and perhaps one that says which part a row is of.
 */
import type { Column } from "../column.js";
import { isMissing, isText, placeAt, rowSize } from "../column.js";
import { Dataset } from "../dataset.js";
import { guessRoles, isTargetName } from "../guess.js";
import { classesOf, encodeLabels, labelText } from "../labels.js";
import { DataError } from "../../util/errors.js";
import { encodedColumn } from "./encoded.js";
import { partNamed } from "../parts.js";
import type { Parts, PartName } from "../parts.js";
import { defined } from "../../util/record.js";

/** Names that image files have; what else lies in a folder is left alone. */
export const IMAGE_FILE = /\.(jpe?g|jpe|jfif|png|webp|tiff?|gif|avif|bmp)$/i;

const SPLIT_NAMES = ["split", "part", "subset", "set", "partition"];

/** The column of a table that names image files, or undefined. */
export const imageColumn = (table: Dataset): string | undefined =>
  table.names.find((name) => {
    const column = table.column(name);
    return isText(column) && IMAGE_FILE.test(column.values.find((value) => value !== null) ?? "");
  });

/** The class of each row of a table that has a column for each class, of which one is 1 and the others 0; undefined for another table. */
function oneHot(table: Dataset): Column | undefined {
  const columns = table.entries();
  if (columns.length < 2 || columns.some(([, column]) => isText(column) || rowSize(column) !== 1)) return undefined;
  const values = Array.from({ length: table.length }, (_, i) => {
    const cells = columns.map(([, column]) => labelText(column, i));
    const isFit = cells.every((cell) => cell === "0" || cell === "1") && cells.indexOf("1") === cells.lastIndexOf("1");
    return isFit ? columns[cells.indexOf("1")]?.[0] : undefined;
  });
  const classes = values.filter((value) => value !== undefined);
  return classes.length < values.length ? undefined : { dtype: "string", values: classes };
}

/**
 * The parts of a table of image files. `resolve` makes a path of what stands in the table.
 *
 * Errors: DataError, naming the row, if a path or a label is missing, or if there is no column of labels.
 */
export function manifestParts(
  table: Dataset,
  {
    where,
    image,
    labelColumn,
    resolve,
    notes,
  }: {
    where: string;
    image: string;
    labelColumn?: string;
    resolve: (path: string) => string | Uint8Array;
    notes?: string[];
  },
): Parts {
  const split = table.names.find((name) => SPLIT_NAMES.includes(name.toLowerCase()) && isText(table.column(name)));
  const rest = table.drop(image, ...(split === undefined ? [] : [split]));
  const parted = labelColumn === undefined ? oneHot(rest) : undefined;
  if (parted !== undefined) notes?.push(`each of the columns ${rest.names.slice(0, 8).join(", ")} is taken for a class`);
  const target = labelColumn ?? guessRoles(rest.length === 0 ? table : rest).target ?? rest.names[0];
  if (target === undefined)
    throw new DataError(`${where}: expected a column of labels beside "${image}", found none; name it (--label-column)`);
  if (labelColumn === undefined && parted === undefined && !isTargetName(target))
    notes?.push(`column "${target}" is taken for what is to be predicted; --label-column names another`);
  const paths = table.texts(image);
  const label = parted ?? table.column(target);
  const row = (i: number): string => `${where}, ${placeAt(label, i)}`;
  const files = paths.map((path, i) => {
    if (path === null) throw new DataError(`${row(i)}: expected the path of an image in "${image}", got none`);
    return path;
  });
  const byPart = new Map<PartName, number[]>();
  for (let i = 0; i < table.length; i++) {
    if (isMissing(label, i)) throw new DataError(`${row(i)}: expected a label in "${target}", got none`);
    const part = split === undefined ? "train" : partOf(table.column(split), i, row(i));
    const rows = byPart.get(part) ?? [];
    byPart.set(part, rows);
    rows.push(i);
  }
  const sources = files.map(resolve);
  const named = sources.filter((source) => typeof source === "string");
  const whole = new Dataset({
    image: named.length < sources.length ? encodedColumn(sources as Uint8Array[]) : { dtype: "string", values: named },
    label,
    file: { dtype: "string", values: files.map((path, i) => `${path} (${row(i)})`) },
  });
  const training = byPart.get("train");
  if (training === undefined) throw new DataError(`${where}: expected rows of part train in "${split}", found none`);
  const classes = classesOf(whole.select(training).column("label"), `column "${target}"`);
  if (classes.length < 2)
    throw new DataError(`${where}: expected at least two classes in "${target}", got ${classes.join(", ")}`);
  const part = (name: PartName): Dataset | undefined => {
    const rows = byPart.get(name);
    if (rows === undefined) return undefined;
    const unknown = rows.find((i) => !classes.includes(labelText(label, i) ?? ""));
    if (unknown !== undefined)
      throw new DataError(`${row(unknown)}: expected a class that train has, got "${labelText(label, unknown)}"`);
    const chosen = whole.select(rows);
    return chosen.with({ label: encodeLabels(chosen.column("label"), classes, where) });
  };
  const [validation, test] = [part("validation"), part("test")];
  return {
    train: part("train") as Dataset,
    ...defined({ validation, test }),
  };
}

function partOf(column: Column, i: number, where: string): PartName {
  const named = labelText(column, i);
  const part = named === null ? undefined : partNamed(named);
  if (part === undefined) throw new DataError(`${where}: expected train, val or test, got ${named ?? "nothing"}`);
  return part;
}
