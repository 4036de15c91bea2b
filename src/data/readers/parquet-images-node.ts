/**
 * @module Parquet files with images in them: a column of bytes, or of structs with `bytes`, as data sets on hubs have them.
 */
import type { DuckDBBlobValue, DuckDBConnection } from "@duckdb/node-api";
import * as z from "zod";
import type { Dataset } from "../dataset.js";
import { concatenate } from "../dataset.js";
import { guessRoles } from "../guess.js";
import type { ImageEntry } from "../images/encoded.js";
import { entriesDataset } from "../images/encoded.js";
import { classesOf, encodeLabels } from "../labels.js";
import { DataError } from "../../util/errors.js";
import { quoteName } from "./columns-node.js";
import { hubMetadata } from "./parquet-hub-node.js";
import { literalPath, rowsOf, withConnection } from "./duckdb-node.js";
import { readTable } from "./table-node.js";

/** The entry of a file's metadata that names its classes. */
const hubSchema = z.object({
  info: z.object({ features: z.record(z.string(), z.object({ names: z.array(z.string()).optional() }).loose()) }),
});

/** The SQL of the image bytes, and the other columns; undefined where no column holds bytes. */
async function planImages(connection: DuckDBConnection, path: string): Promise<{ bytes: string; others: string[] } | undefined> {
  const described = await rowsOf(connection, `DESCRIBE SELECT * FROM read_parquet(${literalPath(path)})`);
  const columns = described.map((row) => ({ name: String(row["column_name"]), type: String(row["column_type"]) }));
  const image = columns.find(({ type }) => type === "BLOB" || /^STRUCT\(.*"?bytes"? BLOB/.test(type));
  if (image === undefined) return undefined;
  return {
    bytes: image.type === "BLOB" ? quoteName(image.name) : `${quoteName(image.name)}.bytes`,
    others: columns.filter(({ name, type }) => name !== image.name && !type.includes("BLOB")).map(({ name }) => name),
  };
}

/** Tells whether a Parquet file has a column of bytes. */
export const holdsImages = (path: string): Promise<boolean> =>
  withConnection({ files: [path] }, async (connection) => {
    try {
      return (await planImages(connection, path)) !== undefined;
    } catch {
      // What is wrong with the file is said by who reads it.
      return false;
    }
  });

/**
 * The images of Parquet files of one part, not decoded, with their labels as indices of `classes` or of those that the files name or
 * hold.
 *
 * Errors: DataError, naming the file and the row, if bytes are missing, or a label is none of the classes.
 */
export async function readParquetImages(
  paths: readonly string[],
  options: { readonly labelColumn?: string; readonly classes?: readonly string[] } = {},
): Promise<Dataset> {
  const parts: { entries: ImageEntry[]; label: Dataset }[] = [];
  let named: readonly string[] | undefined = options.classes;
  let target = options.labelColumn;
  for (const path of paths) {
    const found = await withConnection({ files: [path] }, async (connection) => {
      const plan = await planImages(connection, path);
      if (plan === undefined) throw new DataError(`${path}: expected a column of image bytes, found none`);
      const result = await connection.runAndReadAll(`SELECT ${plan.bytes} AS image FROM read_parquet(${literalPath(path)})`);
      const entries = result.getRows().map(([blob], i): ImageEntry => {
        const file = `${path}, row ${i + 1}`;
        if (blob === null) throw new DataError(`${file}: expected the bytes of an image, got none`);
        return { source: (blob as DuckDBBlobValue).bytes.slice(), label: "", file };
      });
      return { entries, others: plan.others };
    });
    const { data } = await readTable(path, { columns: found.others });
    target ??= guessRoles(data).target;
    if (target === undefined) throw new DataError(`${path}: expected a column of labels, found none; name it (--label-column)`);
    const column = target;
    named ??= hubSchema.safeParse(await hubMetadata(path)).data?.info.features[column]?.names;
    parts.push({ entries: found.entries, label: data.pick(target).rename({ [target]: "label" }) });
  }
  const label = concatenate(parts.map((part) => part.label)).column("label");
  const where = paths[0] as string;
  // A file that names its classes holds their indices.
  const numbered = named !== undefined && label.dtype !== "string" ? { ...label, classes: named } : label;
  const classes = named ?? classesOf(label, where);
  if (classes.length < 2)
    throw new DataError(`${where}: expected at least two classes in "${target}", got ${classes.join(", ")}`);
  const rows = entriesDataset(parts.flatMap((part) => part.entries));
  return rows.with({ label: encodeLabels(numbered, classes, where) });
}
